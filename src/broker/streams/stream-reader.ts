import type { ReadAhead } from '../log/read-ahead.ts';
import type { Segment } from '../log/segment.ts';
import type { Consumer } from '../queues/consumer.ts';
import type { StreamFilter } from './stream-filter.ts';

/** A consumer's place in a stream. */
export class StreamReader {
  readonly consumer: Consumer;
  readonly filter: StreamFilter | undefined;
  /** Offset of the next message to look at. */
  position: number;
  /** Where {@link position} was found last. */
  segment: Segment | undefined;
  /** With a filter: up to here there may be messages for it, as far as the stream's index knows. */
  mayMatchUntil = 0;
  /** Messages that were looked at since its turn began. */
  looked = 0;
  readonly readAhead: ReadAhead;

  /** Offsets that the consumer has and did not settle, ascending; undefined when nobody keeps track. */
  readonly #unsettled: Set<number> | undefined;
  /** The lowest offset that was taken from the consumer unsettled. */
  #abandonedAt = Number.POSITIVE_INFINITY;

  constructor(
    consumer: Consumer,
    position: number,
    options: {
      readonly filter: StreamFilter | undefined;
      readonly isTracked: boolean;
      readonly readAhead: ReadAhead;
    },
  ) {
    this.consumer = consumer;
    this.position = position;
    this.filter = options.filter;
    this.readAhead = options.readAhead;
    this.#unsettled = options.isTracked ? new Set() : undefined;
  }

  get isTracked(): boolean {
    return this.#unsettled !== undefined;
  }

  /** The message before {@link position} goes to the consumer. */
  delivered(offset: number): void {
    this.#unsettled?.add(offset);
  }

  settled(offset: number): void {
    this.#unsettled?.delete(offset);
  }

  /** The consumer will not settle it any more. */
  abandoned(offset: number): void {
    this.#unsettled?.delete(offset);
    this.#abandonedAt = Math.min(this.#abandonedAt, offset);
  }

  /** The consumer has messages that count for {@link settledBelow}. */
  get isOwed(): boolean {
    return this.#unsettled !== undefined && this.#unsettled.size > 0;
  }

  /** Everything below this offset is settled. */
  get settledBelow(): number {
    for (const oldest of this.#unsettled ?? []) return Math.min(oldest, this.#abandonedAt);
    return Math.min(this.position, this.#abandonedAt);
  }
}
