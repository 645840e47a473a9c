import { FieldTable } from '../../protocol/field-table.ts';
import { int64, integerOf } from '../../protocol/field-value.ts';
import { rewriteProperties } from '../../protocol/properties.ts';
import { sortedByName } from '../dead-letters/dead-letter.ts';
import { decodedHeaders } from '../decoded-headers.ts';
import { deliveryCountHeader } from '../delivery-count.ts';
import { RecordOffset } from '../log/record.ts';
import { readTime } from '../log/record-bytes.ts';
import type { Segment } from '../log/segment.ts';
import type { Message } from '../message.ts';
import type { DelayLine, DelayOwner } from './delay-line.ts';
import { recordMessage, recordOf } from './delayed-record.ts';
import type { Delays } from './delays.ts';
import type { Departures } from './departures.ts';
import type { ReturnReason } from './return-reason.ts';

/** Header that tells consumers, and readers of dead letters, how often a queue has given a message out again. */
export const retryCountHeader = 'x-retry-count';

/** x-retry-delay, x-delayed-retry-type and their kin: what becomes of messages that come back from consumers. */
export interface RetrySettings {
  /** The first delay, in milliseconds. */
  readonly delayMs: number;
  readonly delayMsMax: number;
  /** Each delay is twice the one before, or the first one times the number of deliveries that came back. */
  readonly growth: 'doubling' | 'linear';
  /** What is delayed; the rest goes back to its place at once. */
  readonly reasons: readonly ReturnReason[];
  /** A message comes back this often; then it is dead-lettered. */
  readonly limit: number | undefined;
}

/** The queue behind a {@link QueueRetry}. */
export interface RetryingQueue {
  /** Takes a message back behind all others; for the times see `RecordOffset`. */
  takeBack(message: Message, enqueuedAt: number, expiresAt: number): void;
}

/** Messages that consumers gave back to a queue, on their way to be given out again. */
export class QueueRetry implements DelayOwner {
  readonly line: DelayLine;
  readonly #queue: RetryingQueue;
  readonly #departures: Departures;

  constructor(delays: Delays, lineId: number, queue: RetryingQueue) {
    this.#queue = queue;
    this.#departures = delays.departures;
    this.line = delays.open(lineId, this);
  }

  /**
   * Keeps a delivered record of the queue, which is in memory, for its next attempt; the caller takes it out of its
   * log in the same turn. False: it has come back as often as it may.
   */
  keep(segment: Segment, index: number, settings: RetrySettings, now: number): boolean {
    const { delayMs, delayMsMax, growth, limit } = settings;
    const message = segment.message(index);
    const retryCount = 1 + (segment.wasReturned(index) ? writtenRetryCount(message) : 0);
    if (limit !== undefined && retryCount > limit) return false;
    let headers = (decodedHeaders(message) ?? FieldTable.empty).with(retryCountHeader, int64(retryCount));
    let deliveryCount = retryCount;
    if (segment.log.countsDeliveries) {
      deliveryCount = segment.log.deliveryCount(segment, index) + 1;
      headers = headers.with(deliveryCountHeader, int64(deliveryCount));
    }
    const { frames, propertiesStart, propertiesEnd } = message;
    const changes = { headers: sortedByName(headers) };
    message.replaceProperties(rewriteProperties(frames, propertiesStart, propertiesEnd, changes));
    const record = recordOf(message, segment.enqueuedAt(index), segment.expiresAt(index));
    const factor = growth === 'linear' ? deliveryCount : 2 ** Math.min(retryCount - 1, 52);
    this.line.add(record, now + Math.min(delayMs * factor, delayMsMax));
    this.#departures.note(segment.log.id, segment.firstSequence + index);
    return true;
  }

  release(record: Buffer): void {
    const message = recordMessage(record);
    const enqueuedAt = readTime(record, RecordOffset.EnqueuedAt);
    this.#queue.takeBack(message, enqueuedAt, readTime(record, RecordOffset.ExpiresAt));
  }
}

function writtenRetryCount(message: Message): number {
  return Number(integerOf(decodedHeaders(message)?.get(retryCountHeader)) ?? 0);
}
