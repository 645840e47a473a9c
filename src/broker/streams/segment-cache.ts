import { setImmediate } from 'node:timers/promises';
import type { MessageLog } from '../log/message-log.ts';
import { ReadAhead } from '../log/read-ahead.ts';
import { Segment } from '../log/segment.ts';
import { type SlabPool, segmentBytes } from '../log/slab.ts';
import type { Store } from '../store.ts';

/** A segment for each of a hundred readers at different places: most have up to 256 KiB. */
export const cacheBytesMax = 32 * 1024 * 1024;

/** Segments of streams that were written in small pieces are small: so many are looked through at most. */
const cachedSegmentsMax = 512;

/** What a record has beside its body, roughly. */
const recordOverheadBytes = 100;

/** Sequences without a record that one segment read back may span; a longer hole starts the next one. */
const holeRecordsMax = 4096;

/**
 * Segments of streams that were read back from the store, shared by all readers of all streams: readers that
 * follow each other closely read the disk once, and however many there are, they use bounded memory.
 */
export class SegmentCache {
  readonly #store: Store;
  readonly #slabs: SlabPool;
  /** Least recently used first. */
  readonly #segments = new Set<Segment>();
  #bytes = 0;

  constructor(store: Store, slabs: SlabPool) {
    this.#store = store;
    this.#slabs = slabs;
  }

  /** The segment in memory that has the record with that sequence; undefined when the store has to be asked. */
  find(log: MessageLog, sequence: number): Segment | undefined {
    for (const segment of this.#segments) {
      if (segment.log !== log || sequence < segment.firstSequence || sequence >= segment.endSequence)
        continue;
      this.#segments.delete(segment);
      this.#segments.add(segment);
      return segment;
    }
    return undefined;
  }

  /** For somebody who {@link read}s one segment after the other. */
  newReadAhead(): ReadAhead {
    return new ReadAhead(this.#store);
  }

  /**
   * Resolves, in another turn of the event loop, when the segment with a record can be {@link read} without waiting
   * for the disk.
   */
  async prepare(log: MessageLog, sequence: number): Promise<void> {
    const recordBytes = log.readyBytes / Math.max(1, log.readyCount) + recordOverheadBytes;
    // It begins before the record, or there.
    const count = Math.ceil(segmentBytes / recordBytes);
    const turn = setImmediate();
    await this.#store.prefetch(log.id, Math.max(0, sequence - count), sequence + count);
    await turn;
  }

  /** Reads the segment that has the first record in `[from, to)`; undefined when the store has none there. */
  read(log: MessageLog, from: number, to: number): Segment | undefined {
    const entries = this.#store.read(log.id, from, to, segmentBytes, this.#slabs.spaceForSegment());
    const first = entries[0];
    if (first === undefined) return undefined;
    let end = first.firstSequence;
    let taken = 0;
    for (const entry of entries) {
      if (entry.firstSequence - end > holeRecordsMax) break;
      end = entry.firstSequence + entry.count;
      taken++;
    }
    const count = end - first.firstSequence;
    const segment = Segment.fromEntries(
      log,
      first.firstSequence,
      count,
      entries.slice(0, taken),
      this.#slabs,
    );
    this.#add(segment);
    return segment;
  }

  #add(segment: Segment): void {
    this.#segments.add(segment);
    this.#bytes += segment.expectSlab().buffer.length;
    for (const oldest of this.#segments) {
      if (oldest === segment) return;
      if (this.#bytes <= cacheBytesMax && this.#segments.size <= cachedSegmentsMax) return;
      this.#evict(oldest);
    }
  }

  #evict(segment: Segment): void {
    this.#segments.delete(segment);
    this.#bytes -= segment.expectSlab().buffer.length;
    segment.evict(this.#slabs);
  }

  /** The stream is gone. */
  forget(log: MessageLog): void {
    for (const segment of [...this.#segments]) if (segment.log === log) this.#evict(segment);
  }
}
