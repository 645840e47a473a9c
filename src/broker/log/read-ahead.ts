import type { Store } from '../store.ts';
import type { Segment } from './segment.ts';

/** How far ahead of a reader the disk is read, in lengths of the segment just read. */
const segmentsAhead = 8;

/** After a read that had to wait for the disk so many are read ahead of, before one is tried without. */
const coldSegmentsMax = 64;

/** A segment that is in the kernel's memory takes less than this and {@link slowMsPerByte} to copy and check. */
const slowMs = 0.5;
const slowMsPerByte = 1 / 2 ** 20;

/**
 * Keeps the disk ahead of somebody who reads a log: what is not in memory when it is read holds up the whole broker.
 * What was written lately is, and asking for it costs up to half as much as reading it. So reads are made ahead only
 * where one was found to be slow.
 */
export class ReadAhead {
  readonly #store: Store;
  /** The store has been told that sequences below will be read. */
  #announcedTo = 0;
  #coldSegments = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Reading a segment took `ms`; what follows it, up to `to`, will be read next. */
  wasRead({ log, count, endSequence, slab }: Segment, ms: number, to: number): void {
    if (ms > slowMs + (slab?.buffer.length ?? 0) * slowMsPerByte) this.#coldSegments = coldSegmentsMax;
    if (this.#coldSegments === 0) return;
    this.#coldSegments--;
    const from = Math.max(this.#announcedTo, endSequence);
    const until = Math.min(endSequence + segmentsAhead * count, to);
    // In halves, so that not every segment costs a call.
    if (from >= until || (until < to && (until - from) * 2 < segmentsAhead * count)) return;
    this.#announcedTo = until;
    void this.#store.prefetch(log.id, from, until);
  }
}
