import { bodyOf } from './bodies.ts';

/** A message as it is found in the stream. */
export interface Streamed {
  readonly offset: number;
  readonly number: number;
}

export const streamBytesMax = 1_000_000;
export const streamSegmentBytes = 150_000;

/** What has to be in a stream that one client publishes to, with rising numbers, and several read. */
export class StreamLedger {
  readonly name = 'stream';
  /** Ascending. */
  readonly #confirmed: number[] = [];
  #highestPublished = 0;
  /** What readers were shown, by offset. */
  readonly #shown = new Map<number, number>();
  /** Where the stream began when it was last inspected. */
  #firstOffset = 0;
  /** Everything below was acknowledged by the consumer whose offset is kept. */
  settledBelow = 0;
  #fault: Error | undefined;

  published(number: number): void {
    this.#highestPublished = number;
  }

  confirmed(number: number): void {
    this.#confirmed.push(number);
  }

  /** A reader was given it. What is wrong is said by {@link check}. */
  shown({ offset, number }: Streamed): void {
    const before = this.#shown.get(offset);
    if (before !== undefined && before !== number)
      this.#fault ??= this.#error(`shows ${number} at offset ${offset}, which was ${before}`);
    this.#shown.set(offset, number);
  }

  /** The consumer whose offset is kept is back. */
  resumed(offset: number): void {
    const latest = Math.max(this.settledBelow, this.#firstOffset);
    if (offset > latest) this.#fault ??= this.#error(`goes on at ${offset} instead of ${latest}`);
    this.settledBelow = offset;
  }

  /**
   * Compares with all that is there after a restart.
   *
   * @throws Error saying what is lost, too much, out of order or moved.
   */
  check(found: readonly Streamed[]): void {
    for (const message of found) this.shown(message);
    if (this.#fault !== undefined) throw this.#fault;
    this.#checkOrder(found);
    const first = found[0];
    const end = (first?.offset ?? 0) + found.length;
    for (const offset of this.#shown.keys())
      if (offset >= end) throw this.#error(`had a message at ${offset} and ends at ${end}`);
    const numbers = new Set(found.map(({ number }) => number));
    const oldest = first?.number ?? 0;
    const lost = this.#confirmed.filter((number) => number > oldest && !numbers.has(number));
    if (lost.length > 0)
      throw this.#error(`has lost ${lost.length} confirmed messages: ${lost.slice(0, 10)}`);
    if (first === undefined && this.#confirmed.length > 0) throw this.#error('is empty');
    this.#checkRetention(found);
    this.#firstOffset = first?.offset ?? 0;
  }

  #checkOrder(found: readonly Streamed[]): void {
    for (const [i, { offset, number }] of found.entries()) {
      const before = found[i - 1];
      if (number > this.#highestPublished) throw this.#error(`has ${number}, which was never published`);
      if (before === undefined) continue;
      if (offset !== before.offset + 1) throw this.#error(`has ${offset} behind ${before.offset}`);
      if (number <= before.number) throw this.#error(`has message ${number} behind ${before.number}`);
    }
  }

  /** What is gone was too much. */
  #checkRetention(found: readonly Streamed[]): void {
    if ((found[0]?.offset ?? 0) === 0) {
      const [oldest] = this.#confirmed;
      if (oldest !== undefined && (found[0]?.number ?? 0) > oldest) throw this.#error(`has lost ${oldest}`);
      return;
    }
    const bytes = found.reduce((sum, { number }) => sum + bodyOf(number).length, 0);
    if (bytes < streamBytesMax - 3 * streamSegmentBytes) throw this.#error(`has kept only ${bytes} bytes`);
  }

  #error(text: string): Error {
    return new Error(`the stream ${text}`);
  }
}
