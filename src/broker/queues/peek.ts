import { type BasicProperties, decodeProperties } from '../../protocol/basic-properties.ts';
import { RecordOffset } from '../log/record.ts';
import { readTime } from '../log/record-bytes.ts';
import { Message } from '../message.ts';
import { withoutBlindCopies } from '../routing/copy-headers.ts';
import type { Queue } from './queue.ts';

/** Bytes of messages that one look may take into memory. */
const bytesMax = 16 * 1024 * 1024;
/** Messages that one look goes through, wanted or not, before others get their turn. */
const examinedMax = 20_000;

/** A message as it lies in its queue. */
export interface QueuedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: BasicProperties;
  readonly body: Buffer;
  /** When it came to the queue, in milliseconds since the epoch. */
  readonly enqueuedAt: number;
  /** A consumer had it and gave it back. */
  readonly redelivered: boolean;
}

/** Part of a queue. */
export interface QueuePage {
  readonly messages: readonly QueuedMessage[];
  /** Where the next page begins; undefined: this was the last one. */
  readonly next: string | undefined;
}

/** Which messages are looked at. */
export interface PageOptions {
  /** `next` of the page before. Default: from the head of the queue. */
  readonly from?: string | undefined;
  readonly limit: number;
  /** Only messages for which this is true. */
  readonly where?: ((message: QueuedMessage) => boolean) | undefined;
}

/**
 * The ready messages of a queue in the order in which consumers would get them, a page of them: they stay as they are.
 * A page may be short, or empty, although more follow: it looks at 20,000 messages and takes 16 MiB at most.
 *
 * @throws Error when `from` is no page of this queue
 */
export function peek(queue: Queue, { from, limit, where }: PageOptions): QueuePage {
  // The last one has the highest priority.
  const logs = queue.backlog.logs.toReversed();
  const start = positionOf(from, logs.length);
  const messages: QueuedMessage[] = [];
  let examined = 0;
  let bytes = 0;
  for (let level = start.level; level < logs.length; level++) {
    for (const record of logs[level]?.readyRecords(level === start.level ? start.sequence : 0) ?? []) {
      if (messages.length >= limit || bytes >= bytesMax || examined >= examinedMax) {
        return { messages, next: `${level}.${record.sequence}` };
      }
      examined++;
      const { buffer, start: at, end, isReturned } = record;
      const message = describe(buffer, at, end, isReturned);
      if (where !== undefined && !where(message)) continue;
      bytes += end - at;
      messages.push(message);
    }
  }
  return { messages, next: undefined };
}

/** A record as a message in memory of its own. */
export function describe(buffer: Buffer, start: number, end: number, redelivered: boolean): QueuedMessage {
  const message = withoutBlindCopies(Message.fromRecord(buffer, start, end));
  const { exchange, routingKey, frames, propertiesStart, propertiesEnd } = message;
  return {
    exchange,
    routingKey,
    properties: decodeProperties(frames, propertiesStart, propertiesEnd),
    body: Buffer.from(message.body),
    enqueuedAt: readTime(buffer, start + RecordOffset.EnqueuedAt),
    redelivered,
  };
}

function positionOf(from: string | undefined, levels: number): { level: number; sequence: number } {
  if (from === undefined) return { level: 0, sequence: 0 };
  const [level = Number.NaN, sequence = Number.NaN] = /^\d{1,3}\.\d{1,16}$/.test(from)
    ? from.split('.').map(Number)
    : [];
  if (level < levels) return { level, sequence };
  throw new Error(`'${from}' is no page of this queue: give the 'next' of the page before`);
}
