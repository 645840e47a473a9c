import { FieldTable } from '../../protocol/field-table.ts';
import { int64, integerOf } from '../../protocol/field-value.ts';
import { rewriteProperties } from '../../protocol/properties.ts';
import { decodedHeaders, sortedByName } from '../dead-letter.ts';
import { deliveryCountHeader } from '../delivery-count.ts';
import type { Message } from '../message.ts';
import { readTime } from '../queues/record-bytes.ts';
import type { Segment } from '../queues/segment.ts';
import { RecordOffset } from '../record.ts';
import type { DelayLine, DelayOwner } from './delay-line.ts';
import { recordMessage, recordOf } from './delayed-record.ts';
import type { Delays } from './delays.ts';

/** Header that tells consumers, and readers of dead letters, how often a queue has given a message out again. */
export const retryCountHeader = 'x-retry-count';

/** x-retry-delay and its kin: what becomes of messages that consumers give back. */
export interface RetrySettings {
  /** The first delay, in milliseconds; each one is twice the one before. */
  readonly delayMs: number;
  readonly delayMsMax: number;
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

  constructor(delays: Delays, lineId: number, queue: RetryingQueue) {
    this.#queue = queue;
    this.line = delays.open(lineId, this);
  }

  /**
   * Keeps a delivered record of the queue, which is in memory, for its next attempt; the caller takes it out of its
   * log. False: it has come back as often as it may.
   */
  keep(segment: Segment, index: number, { delayMs, delayMsMax, limit }: RetrySettings, now: number): boolean {
    const message = segment.message(index);
    const retryCount = 1 + (segment.wasReturned(index) ? writtenRetryCount(message) : 0);
    if (limit !== undefined && retryCount > limit) return false;
    let headers = (decodedHeaders(message) ?? FieldTable.empty).with(retryCountHeader, int64(retryCount));
    if (segment.log.countsDeliveries) {
      headers = headers.with(deliveryCountHeader, int64(segment.log.deliveryCount(segment, index) + 1));
    }
    const { frames, propertiesStart, propertiesEnd } = message;
    const changes = { headers: sortedByName(headers) };
    message.replaceProperties(rewriteProperties(frames, propertiesStart, propertiesEnd, changes));
    const record = recordOf(message, segment.enqueuedAt(index), segment.expiresAt(index));
    this.line.add(record, now + retryDelayMs(retryCount, delayMs, delayMsMax));
    return true;
  }

  release(record: Buffer): void {
    const message = recordMessage(record);
    const enqueuedAt = readTime(record, RecordOffset.EnqueuedAt);
    this.#queue.takeBack(message, enqueuedAt, readTime(record, RecordOffset.ExpiresAt));
  }
}

/** The delay before the given retry, counted from 1. */
function retryDelayMs(retryCount: number, delayMs: number, delayMsMax: number): number {
  return Math.min(delayMs * 2 ** Math.min(retryCount - 1, 52), delayMsMax);
}

function writtenRetryCount(message: Message): number {
  return Number(integerOf(decodedHeaders(message)?.get(retryCountHeader)) ?? 0);
}
