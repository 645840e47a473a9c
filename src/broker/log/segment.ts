import { uint32At } from '../../protocol/bytes.ts';
import { Message } from '../message.ts';
import type { LogEntry, StoredEntry, UnsettledRange, WrittenAhead } from '../store.ts';
import { Amount } from './amount.ts';
import { RecordFlag, RecordOffset } from './record.ts';
import { type FrameStamp, readTime, writeRecord } from './record-bytes.ts';
import { RecordSizes } from './record-sizes.ts';
import { type Slab, type SlabPool, slabOf } from './slab.ts';

/** What has become of a record. */
export const RecordState = {
  /** Never delivered. */
  Ready: 0,
  /** With a consumer that has not acknowledged it yet. */
  Delivered: 1,
  /** Given back: ready again, in its old place, and redelivered when it goes out the next time. */
  Returned: 2,
  /** Acknowledged, dropped, expired or purged. */
  Settled: 3,
} as const;

/** The log a segment belongs to, for those who hold records of it. */
export interface RecordKeeper {
  readonly id: number;
  readonly countsDeliveries: boolean;
  load(segment: Segment): boolean;
  settle(segment: Segment, index: number): void;
  giveBack(segment: Segment, index: number): void;
  deliveryCount(segment: Segment, index: number): number;
  appendReturned(message: Message, segment: Segment, index: number): void;
  appendRetried(message: Message, enqueuedAt: number, expiresAt: number): void;
}

/**
 * Consecutive records of one log: record i has sequence `firstSequence + i`. Its slab may be let go
 * while all of it is on disk (the records that are still owed are read back when they are needed);
 * the states stay.
 */
export class Segment {
  readonly log: RecordKeeper;
  readonly firstSequence: number;
  count = 0;
  /** Not settled. */
  readonly owed = new Amount();
  /** Of these, with consumers. */
  readonly delivered = new Amount();
  returnedCount = 0;
  /** No returned record lies below this index. */
  returnedFrom = 0;
  /** Records below are on disk, or were settled before they had to be. */
  stored = 0;
  /** Nothing is appended any more. */
  sealed = false;
  /** Commits under way that hold the slab. */
  writing = 0;
  slab: Slab | undefined;
  /** Its one record has been written ahead of its commit. */
  ahead: WrittenAhead | undefined;
  readonly #states: Uint8Array;
  /** While {@link putAside} holds. */
  #sizes: RecordSizes | undefined;
  #spill = false;
  /** {@link stored} before the commit under way. */
  #storedBefore = 0;

  constructor(log: RecordKeeper, firstSequence: number, slab: Slab) {
    this.log = log;
    this.firstSequence = firstSequence;
    this.slab = slab;
    this.#states = new Uint8Array(slab.offsets.length - 1);
  }

  /** Sequence behind the last record. */
  get endSequence(): number {
    return this.firstSequence + this.count;
  }

  get isSettled(): boolean {
    return this.owed.count === 0;
  }

  state(index: number): number {
    return this.#states[index] ?? RecordState.Settled;
  }

  /** True when a record of that size can still be appended. */
  fits(recordBytes: number): boolean {
    const slab = this.slab;
    return (
      slab !== undefined &&
      !this.sealed &&
      this.count < this.#states.length &&
      (slab.offsets[this.count] ?? 0) + recordBytes <= slab.buffer.length
    );
  }

  /** Copies a message behind the last record; the caller has checked that it fits. */
  append(message: Message, enqueuedAt: number, expiresAt: number, flags: number, stamp?: FrameStamp): void {
    const { buffer, offsets } = this.expectSlab();
    const start = offsets[this.count] ?? 0;
    const sequence = this.firstSequence + this.count;
    const at = writeRecord(buffer, start, message, sequence, enqueuedAt, expiresAt, flags, stamp);
    offsets[++this.count] = at;
    this.owed.add(message.bodySize, (flags & RecordFlag.Persistent) !== 0);
  }

  bodySize(index: number): number {
    const { buffer, offsets } = this.expectSlab();
    return uint32At(buffer, (offsets[index] ?? 0) + RecordOffset.BodySize);
  }

  /** Milliseconds since the epoch, 0 = never. */
  expiresAt(index: number): number {
    const { buffer, offsets } = this.expectSlab();
    return readTime(buffer, (offsets[index] ?? 0) + RecordOffset.ExpiresAt);
  }

  enqueuedAt(index: number): number {
    const { buffer, offsets } = this.expectSlab();
    return readTime(buffer, (offsets[index] ?? 0) + RecordOffset.EnqueuedAt);
  }

  isPersistent(index: number): boolean {
    return (this.#flags(index) & RecordFlag.Persistent) !== 0;
  }

  /** The record was appended by a consumer's giving it back. */
  wasReturned(index: number): boolean {
    return (this.#flags(index) & RecordFlag.Returned) !== 0;
  }

  #flags(index: number): number {
    const { buffer, offsets } = this.expectSlab();
    return buffer[(offsets[index] ?? 0) + RecordOffset.Flags] ?? 0;
  }

  /** A view of a record, valid while the segment stays in memory. */
  message(index: number): Message {
    const { buffer, offsets } = this.expectSlab();
    return Message.fromRecord(buffer, offsets[index] ?? 0, offsets[index + 1] ?? 0);
  }

  /** The record was one of `ready` and goes to a consumer. It is in memory. */
  markDelivered(index: number, ready: Amount): void {
    if (this.#states[index] === RecordState.Returned) this.returnedCount--;
    this.#states[index] = RecordState.Delivered;
    const bodySize = this.bodySize(index);
    const isPersistent = this.isPersistent(index);
    ready.remove(bodySize, isPersistent);
    this.delivered.add(bodySize, isPersistent);
  }

  /** The record was with a consumer and is one of `ready` again. */
  markReturned(index: number, ready: Amount): void {
    this.restoreReturned(index);
    const { sizes } = this;
    const bodySize = sizes.bodySize(index);
    const isPersistent = sizes.isPersistent(index);
    this.delivered.remove(bodySize, isPersistent);
    ready.add(bodySize, isPersistent);
  }

  /** The record may have been with a consumer before a restart. */
  restoreReturned(index: number): void {
    this.#states[index] = RecordState.Returned;
    this.returnedCount++;
    if (index < this.returnedFrom) this.returnedFrom = index;
  }

  /** False when it was settled before. */
  markSettled(index: number): boolean {
    const state = this.#states[index];
    if (state === RecordState.Settled) return false;
    this.#states[index] = RecordState.Settled;
    const { sizes } = this;
    const bodySize = sizes.bodySize(index);
    const isPersistent = sizes.isPersistent(index);
    this.owed.remove(bodySize, isPersistent);
    if (state === RecordState.Delivered) this.delivered.remove(bodySize, isPersistent);
    else if (state === RecordState.Returned) this.returnedCount--;
    return true;
  }

  /** Index of the first returned record; there must be one. */
  firstReturned(): number {
    const index = this.#states.indexOf(RecordState.Returned, this.returnedFrom);
    this.returnedFrom = index;
    return index;
  }

  /** First record at or above `index` that is not settled, or `count`. */
  nextUnsettled(index: number): number {
    let next = index;
    while (next < this.count && this.#states[next] === RecordState.Settled) next++;
    return next;
  }

  /** Of its records, in memory. */
  get byteLength(): number {
    return this.slab?.offsets[this.count] ?? 0;
  }

  /** Asks for transient records to be written too, so that the slab can be let go. False: not needed (any more). */
  requestSpill(): boolean {
    if (this.#spill || this.stored === this.count) return false;
    this.#spill = true;
    return true;
  }

  /**
   * What has to be written of this segment now, or undefined. Records that were settled already are
   * left out at both ends; transient ones go along when they lie beside persistent ones, so that what
   * is on disk never overlaps.
   */
  takeUnwritten(logId: number): LogEntry | undefined {
    const from = this.nextUnsettled(this.stored);
    if (from === this.count) {
      this.stored = this.count;
      return undefined;
    }
    let to = this.count;
    while (this.#states[to - 1] === RecordState.Settled) to--;
    const { buffer, offsets } = this.expectSlab();
    let persistentCount = 0;
    let persistentBodyBytes = 0;
    for (let i = from; i < to; i++) {
      const at = offsets[i] ?? 0;
      if (((buffer[at + RecordOffset.Flags] ?? 0) & RecordFlag.Persistent) === 0) continue;
      persistentCount++;
      persistentBodyBytes += uint32At(buffer, at + RecordOffset.BodySize);
    }
    if (persistentCount === 0 && !this.#spill) return undefined;
    this.#storedBefore = this.stored;
    this.stored = this.count;
    return {
      logId,
      firstSequence: this.firstSequence + from,
      count: to - from,
      persistentCount,
      persistentBodyBytes,
      bytes: buffer.subarray(offsets[from], offsets[to]),
      ahead: this.ahead,
    };
  }

  /** What {@link takeUnwritten} gave out last was not stored. False when nothing of it is needed any more. */
  putBackUnwritten(): boolean {
    if (this.isSettled) return false;
    this.stored = this.#storedBefore;
    return true;
  }

  /** What is still owed of the first `count` records, or undefined when nothing is. */
  unsettledRange(count: number): UnsettledRange | undefined {
    const { firstSequence } = this;
    if (this.owed.count === this.count) return count === 0 ? undefined : { firstSequence, count };
    const states = this.#states;
    const settled = new Uint8Array((count + 7) >>> 3);
    let settledCount = 0;
    for (let i = 0; i < count; i++) {
      if (states[i] !== RecordState.Settled) continue;
      settled[i >>> 3] = (settled[i >>> 3] ?? 0) | (1 << (i & 7));
      settledCount++;
    }
    if (settledCount === count) return undefined;
    const range = { firstSequence, count };
    return settledCount === 0 ? range : { ...range, settled };
  }

  /** True when the slab can be let go: everything still owed is on disk. */
  get isEvictable(): boolean {
    return this.sealed && this.slab !== undefined && this.stored === this.count && this.writing === 0;
  }

  evict(pool: SlabPool): void {
    if (this.slab !== undefined) pool.release(this.slab);
    this.slab = undefined;
    this.ahead?.discard();
    this.ahead = undefined;
  }

  /** Lets go of the slab of a segment that is still owed: the sizes of its records stay known. */
  putAside(pool: SlabPool): void {
    if (this.slab !== undefined) this.#sizes = new RecordSizes(this);
    this.evict(pool);
  }

  /** What is known of its records whether they are in memory or not. */
  get sizes(): Pick<Segment, 'bodySize' | 'isPersistent'> {
    return this.#sizes ?? this;
  }

  /** Brings back the records of a segment that was put aside from the entries that hold them. */
  restore(entries: readonly StoredEntry[], pool: SlabPool): void {
    this.slab = slabOf(this.firstSequence, this.count, entries, pool);
    for (let i = 0; i < this.count; i++) if (this.#isMissing(i)) this.markSettled(i);
    this.#settleForgotten(entries);
    this.#sizes = undefined;
  }

  /**
   * A segment over the `count` sequences from `firstSequence` on, as they lie in the store. Records that
   * are not there (settled before they were written, or transient ones of an earlier run) are settled.
   */
  static fromEntries(
    log: RecordKeeper,
    firstSequence: number,
    count: number,
    entries: readonly StoredEntry[],
    pool: SlabPool,
  ): Segment {
    const segment = new Segment(log, firstSequence, slabOf(firstSequence, count, entries, pool));
    segment.count = count;
    segment.stored = count;
    segment.sealed = true;
    for (let i = 0; i < count; i++) {
      if (segment.#isMissing(i)) segment.#states[i] = RecordState.Settled;
      else segment.owed.add(segment.bodySize(i), segment.isPersistent(i));
    }
    segment.#settleForgotten(entries);
    return segment;
  }

  /** The entries it was read from do not have the record. */
  #isMissing(index: number): boolean {
    const { offsets } = this.expectSlab();
    return offsets[index] === offsets[index + 1];
  }

  /** Transient records of an earlier run were forgotten. */
  #settleForgotten(entries: readonly StoredEntry[]): void {
    for (const entry of entries) {
      if (!entry.recovered) continue;
      const from = Math.max(0, entry.firstSequence - this.firstSequence);
      const to = Math.min(this.count, entry.firstSequence + entry.count - this.firstSequence);
      for (let i = from; i < to; i++) {
        if (!this.#isMissing(i) && !this.isPersistent(i)) this.markSettled(i);
      }
    }
  }

  /** @throws Error when the records are not in memory: the log loads a segment before it hands it out. */
  expectSlab(): Slab {
    if (this.slab === undefined) throw new Error(`segment at ${this.firstSequence} is not in memory`);
    return this.slab;
  }
}
