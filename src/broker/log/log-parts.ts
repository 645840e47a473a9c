import type { Message } from '../message.ts';
import { Amount } from './amount.ts';
import { Gap } from './gap.ts';
import { Reached } from './reached.ts';
import type { Segment } from './segment.ts';
import { Tail } from './tail.ts';

/**
 * The records of a log in order:
 *
 *     reached                      gap                 tail
 *     [segment] … [being read]     on disk only        [segment] … [open]
 *
 * `reached` segments hold records that are still owed (delivered or returned) and the read position.
 * Behind it lies what nobody has asked for yet; when memory is short its front moves into the gap,
 * which costs nothing but a few numbers however long it is, and is read back in order.
 */
export class LogParts {
  readonly reached: Reached;
  readonly gap = new Gap();
  readonly tail = new Tail();
  /** What can be delivered: never was, or was given back. */
  readonly ready = new Amount();
  /** What the next record will have. */
  nextSequence: number;
  /** Everything below was given up by {@link trim}. */
  #trimmedTo = 0;

  constructor(countsDeliveries: boolean, nextSequence: number) {
    this.reached = new Reached(countsDeliveries);
    this.nextSequence = nextSequence;
  }

  /** All segments that are known of, whether in memory or not. */
  get segments(): readonly Segment[] {
    return [...this.reached.segments, ...this.tail.segments];
  }

  /** The lowest sequence that is owed and was never taken; {@link nextSequence} when there is none. */
  get readPosition(): number {
    return Math.max(this.#trimmedTo, this.#readPosition);
  }

  get #readPosition(): number {
    const { readPosition } = this.reached;
    if (readPosition !== undefined) return readPosition;
    if (!this.gap.isEmpty) return this.gap.from;
    return this.tail.segments[0]?.firstSequence ?? this.nextSequence;
  }

  /** True when nothing is ready and nothing is owed. */
  get isEmpty(): boolean {
    return this.ready.count === 0 && this.reached.isSettled;
  }

  /** The record that would be delivered next, if it is in memory; nothing is read or moved. */
  headInMemory(): Message | undefined {
    if (this.ready.count === 0) return undefined;
    const at = this.reached.next();
    if (at !== undefined) return inMemory(at.segment, at.index);
    const [first] = this.tail.segments;
    return this.gap.isEmpty && first !== undefined ? inMemory(first, first.nextUnsettled(0)) : undefined;
  }

  /** Where the record that would be delivered next is, if that is on disk only. */
  headOnDisk(): { readonly from: number; readonly to: number } | undefined {
    if (this.ready.count === 0) return undefined;
    const { segment } = this.reached.next() ?? {};
    if (segment === undefined) return this.gap.isEmpty ? undefined : this.gap;
    return segment.slab === undefined ? { from: segment.firstSequence, to: segment.endSequence } : undefined;
  }

  /** Forgets a segment. False when it was forgotten before. */
  remove(segment: Segment): boolean {
    return this.reached.remove(segment) || this.tail.remove(segment);
  }

  /**
   * Gives up everything below a sequence, none of which was taken: `bodyBytes` bytes of bodies. Returns the segments
   * in memory that this concerns.
   */
  trim(sequence: number, bodyBytes: number): readonly Segment[] {
    this.#trimmedTo = sequence;
    const trimmed = this.tail.segments.filter(({ firstSequence }) => firstSequence < sequence);
    let gapBytes = bodyBytes;
    for (const segment of trimmed) {
      gapBytes -= segment.owed.bytes;
      const count = Math.min(segment.count, sequence - segment.firstSequence);
      for (let i = 0; i < count; i++) segment.markSettled(i);
      gapBytes += segment.owed.bytes;
    }
    this.gap.trim(sequence, gapBytes);
    this.ready.count = this.nextSequence - sequence;
    this.ready.bytes -= bodyBytes;
    return trimmed;
  }

  clear(): void {
    this.ready.clear();
    this.reached.clear();
    this.tail.clear();
  }
}

function inMemory(segment: Segment, index: number): Message | undefined {
  return segment.slab === undefined || index >= segment.count ? undefined : segment.message(index);
}
