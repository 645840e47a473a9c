import { RecordState, type Segment } from './segment.ts';

/** Where a record lies. */
export interface RecordPlace {
  readonly segment: Segment;
  readonly index: number;
}

/**
 * What the log of a quorum queue remembers of records that were given back: in which order, which is the
 * order in which they go out again, and how often. Records that never came back are not in here.
 */
export class ReturnedRecords {
  /** By sequence, all above zero. */
  readonly #counts = new Map<number, number>();
  /** Oldest return first, from {@link #head} on. Some may have been settled since. */
  #order: RecordPlace[] = [];
  #head = 0;

  /** A record came back. */
  add(segment: Segment, index: number): void {
    this.restore(segment, index, this.count(segment, index) + 1);
  }

  /** A record that waits since before a restart. */
  restore(segment: Segment, index: number, count: number): void {
    this.#counts.set(segment.firstSequence + index, count);
    this.#order.push({ segment, index });
  }

  /** The returned record that goes out next; undefined when none is left. */
  first(): RecordPlace | undefined {
    for (;;) {
      const record = this.#order[this.#head];
      if (record === undefined || record.segment.state(record.index) === RecordState.Returned) return record;
      this.shift();
    }
  }

  /** The one {@link first} gave out is on its way. */
  shift(): void {
    this.#head++;
    if (this.#head * 2 < this.#order.length) return;
    this.#order = this.#order.slice(this.#head);
    this.#head = 0;
  }

  /** How often a record came back. */
  count(segment: Segment, index: number): number {
    return this.#counts.get(segment.firstSequence + index) ?? 0;
  }

  /** A record is settled. */
  forget(segment: Segment, index: number): void {
    this.#counts.delete(segment.firstSequence + index);
  }

  /** Nothing of the log is left. */
  clear(): void {
    this.#counts.clear();
    this.#order = [];
    this.#head = 0;
  }

  /**
   * Pairs [index, count] for the first `recordCount` records of a segment, as a restart is to find them:
   * what is with a consumer now comes back then. A count of 1 goes without saying.
   */
  countsOf(segment: Segment, recordCount: number): (readonly [number, number])[] {
    const pairs: (readonly [number, number])[] = [];
    if (this.#counts.size === 0) return pairs;
    for (let index = 0; index < recordCount; index++) {
      const count = this.#counts.get(segment.firstSequence + index);
      if (count === undefined) continue;
      const isOut = segment.state(index) === RecordState.Delivered;
      const countThen = isOut ? count + 1 : count;
      if (countThen > 1) pairs.push([index, countThen]);
    }
    return pairs;
  }
}
