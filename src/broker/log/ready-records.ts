import { uint32At } from '../../protocol/bytes.ts';
import type { Store, StoredEntry } from '../store.ts';
import type { LogParts } from './log-parts.ts';
import { RecordFlag, RecordOffset } from './record.ts';
import { RecordState, type Segment } from './segment.ts';

/** Bytes of a backlog on disk that are read at a time. */
const readBytes = 256 * 1024;

/** A ready record where it lies; valid until the next one is asked for. */
export interface ReadyRecord {
  readonly sequence: number;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** It was given back by a consumer. */
  readonly isReturned: boolean;
}

/** A log whose records are looked at. */
interface LookedAt {
  readonly id: number;
  readonly store: Store;
  readonly parts: LogParts;
}

/**
 * The ready records of a log with sequences from `first` on. Looks only: nothing is delivered, loaded or marked, and
 * what lies before is not read.
 */
export function* readyRecords(log: LookedAt, first: number): Iterable<ReadyRecord> {
  for (const record of recordsAround(log, first)) if (record.sequence >= first) yield record;
}

/** Begins with whatever lies together with record `first`. */
function* recordsAround({ id, store, parts: { reached, gap, tail } }: LookedAt, first: number) {
  for (const segment of reached.segments) {
    if (segment.endSequence <= first) continue;
    const isReading = segment === reached.last;
    yield* ofSegment(id, store, segment, isReading ? reached.readIndex : segment.count);
  }
  for (let from = Math.max(gap.from, first); from < gap.to; ) {
    const entries = store.read(id, from, gap.to, readBytes);
    const last = entries.at(-1);
    if (last === undefined) break;
    for (const entry of entries) yield* ofEntry(entry, from, gap.to);
    from = last.firstSequence + last.count;
  }
  for (const segment of tail.segments) {
    if (segment.endSequence > first) yield* ofSegment(id, store, segment, 0);
  }
}

/** Records below `readIndex` have been delivered: what is ready of them was returned. */
function* ofSegment(id: number, store: Store, segment: Segment, readIndex: number): Iterable<ReadyRecord> {
  const isReady = (index: number): boolean => {
    const state = segment.state(index);
    return state === RecordState.Returned || (state === RecordState.Ready && index >= readIndex);
  };
  const { firstSequence, slab } = segment;
  if (slab === undefined) {
    const entries = store.read(id, firstSequence, segment.endSequence, Number.MAX_SAFE_INTEGER);
    for (const entry of entries) {
      for (const record of ofEntry(entry, firstSequence, segment.endSequence)) {
        const index = record.sequence - firstSequence;
        const isReturned = segment.state(index) === RecordState.Returned;
        if (isReady(index)) yield { ...record, isReturned };
      }
    }
    return;
  }
  for (let index = 0; index < segment.count; index++) {
    if (!isReady(index)) continue;
    yield {
      sequence: firstSequence + index,
      buffer: slab.buffer,
      start: slab.offsets[index] ?? 0,
      end: slab.offsets[index + 1] ?? 0,
      isReturned: segment.state(index) === RecordState.Returned,
    };
  }
}

/** Those of `[from, to)` that are still there: transient ones of an earlier run are not. */
function* ofEntry({ bytes, firstSequence, count, recovered }: StoredEntry, from: number, to: number) {
  for (let i = 0, start = 0; i < count; i++) {
    const end = start + uint32At(bytes, start + RecordOffset.Size);
    const sequence = firstSequence + i;
    const isPersistent = ((bytes[start + RecordOffset.Flags] ?? 0) & RecordFlag.Persistent) !== 0;
    if (sequence >= from && sequence < to && (isPersistent || !recovered)) {
      yield { sequence, buffer: bytes, start, end, isReturned: false };
    }
    start = end;
  }
}
