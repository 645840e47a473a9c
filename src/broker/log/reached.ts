import type { UnsettledRange } from '../store.ts';
import { type RecordPlace, ReturnedRecords } from './returned-records.ts';
import { RecordState, type Segment } from './segment.ts';

/**
 * The segments of a log that its reader has reached: those with records that are still owed, delivered or returned,
 * and as the last one that with the read position.
 */
export class Reached {
  readonly segments: Segment[] = [];
  /** The one with the read position. */
  last: Segment | undefined;
  /** Index of the next record to read in the last segment. */
  readIndex = 0;
  /** Where the reader stands: on the record to deliver, or the one that was delivered last. */
  at: Segment | undefined;
  atIndex = 0;
  /** Records that were given back and are ready again. */
  returnedCount = 0;
  /** Their order, and how often each came back: only where deliveries are counted. */
  readonly returned: ReturnedRecords | undefined;

  constructor(countsDeliveries: boolean) {
    this.returned = countsDeliveries ? new ReturnedRecords() : undefined;
  }

  /** Nothing is owed of what was read. */
  get isSettled(): boolean {
    return this.segments.every((segment) => segment.isSettled);
  }

  /** Sequence of the next record to read; undefined when it lies behind these segments. */
  get readPosition(): number | undefined {
    const { last } = this;
    return last !== undefined && this.readIndex < last.count
      ? last.firstSequence + this.readIndex
      : undefined;
  }

  /** The reader goes on to another segment. */
  add(segment: Segment): void {
    this.segments.push(segment);
    this.last = segment;
    this.readIndex = 0;
  }

  /** False when the segment is none of these. */
  remove(segment: Segment): boolean {
    const at = this.segments.indexOf(segment);
    if (at < 0) return false;
    this.segments.splice(at, 1);
    if (at < this.segments.length) return true;
    this.last = this.segments.at(-1);
    this.readIndex = this.last?.count ?? 0;
    return true;
  }

  /** The record to deliver next: the first returned one, or that at the read position. Undefined: it lies behind. */
  next(): RecordPlace | undefined {
    if (this.returnedCount > 0) return this.firstReturned();
    const { last } = this;
    const index = last?.nextUnsettled(this.readIndex) ?? 0;
    return last !== undefined && index < last.count ? { segment: last, index } : undefined;
  }

  /** The returned record that goes out next; there must be one, in memory or not. */
  firstReturned(): RecordPlace | undefined {
    const record = this.returned?.first();
    if (record !== undefined) return record;
    const segment = this.segments.find((candidate) => candidate.returnedCount > 0);
    return segment && { segment, index: segment.firstReturned() };
  }

  /** The reader has come to a record: it stays in memory until the reader goes on. */
  standOn(segment: Segment, index: number): void {
    this.at = segment;
    this.atIndex = index;
  }

  /** Moves the read position over settled records; false when it is behind the last segment then. */
  skipSettled(): boolean {
    const { last } = this;
    if (last === undefined) return false;
    this.readIndex = last.nextUnsettled(this.readIndex);
    return this.readIndex < last.count;
  }

  /** Adds a segment as a restart finds it, in memory: what is owed of it is ready again. */
  restore(segment: Segment, { settled, deliveryCounts }: UnsettledRange): void {
    const counts = new Map(deliveryCounts);
    for (let i = 0; i < segment.count; i++) {
      if (((settled?.[i >>> 3] ?? 0) & (1 << (i & 7))) !== 0) segment.markSettled(i);
      if (segment.state(i) === RecordState.Settled) continue;
      segment.restoreReturned(i);
      this.returned?.restore(segment, i, counts.get(i) ?? 1);
    }
    if (segment.isSettled) return;
    this.returnedCount += segment.returnedCount;
    this.segments.push(segment);
    this.last = segment;
    this.readIndex = segment.count;
  }

  /** Of these and the segments behind, all but what is with consumers was settled. */
  purge(): void {
    this.readIndex = this.last?.count ?? 0;
    this.returnedCount = 0;
  }

  clear(): void {
    this.segments.length = 0;
    this.last = undefined;
    this.at = undefined;
    this.returned?.clear();
  }

  /** What is owed of the records that were read, for the store. */
  unsettledRanges(): readonly UnsettledRange[] {
    const { last } = this;
    const ranges: UnsettledRange[] = [];
    for (const segment of this.segments) {
      const count = segment === last ? this.readIndex : segment.count;
      const range = segment.unsettledRange(count);
      if (range === undefined) continue;
      const deliveryCounts = this.returned?.countsOf(segment, count) ?? [];
      ranges.push(deliveryCounts.length === 0 ? range : { ...range, deliveryCounts });
    }
    return ranges;
  }
}
