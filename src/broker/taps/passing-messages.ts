import { decodeProperties } from '../../protocol/basic-properties.ts';
import type { Message } from '../message.ts';
import type { QueuedMessage } from '../queues/peek.ts';
import { withoutBlindCopies } from '../routing/copy-headers.ts';
import type { Tap } from './taps.ts';

/** Kept from one look to the next; one message may be larger. */
const keptBytesMax = 2 ** 20;
const keptMax = 500;
/** What a message takes besides its bytes, about. */
const overheadBytes = 200;

/** A message that went to a queue or through an exchange, at the time in `enqueuedAt`. */
export interface PassingMessage extends QueuedMessage {
  /** Bytes of the whole body: `body` is cut off where the watcher has seen enough. */
  readonly bodySize: number;
}

/** Copied while the message passed by; not decoded yet. */
interface Seen {
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: Buffer;
  readonly body: Buffer;
  readonly bodySize: number;
  readonly at: number;
}

/**
 * Keeps what passes by for one watcher, up to 1 MiB and 500 messages. It costs the publisher a copy of the bytes that
 * are kept and nothing else: they are decoded when the watcher takes them. What is too much is counted.
 */
export class PassingMessages implements Tap {
  readonly #bodyBytesMax: number;
  readonly #news: () => void;
  #kept: Seen[] = [];
  #keptBytes = 0;
  #missed = 0;
  #isOver = false;

  /** `news` is called on the way of the message: it has to put off what it does. */
  constructor(bodyBytesMax: number, news: () => void) {
    this.#bodyBytesMax = bodyBytesMax;
    this.#news = news;
  }

  /** There is something to take. */
  get hasNews(): boolean {
    return this.#kept.length > 0 || this.#isOver;
  }

  /** The queue or exchange is gone. */
  get isOver(): boolean {
    return this.#isOver;
  }

  saw(passing: Message, now: number): void {
    const bodyShown = Math.min(passing.bodySize, this.#bodyBytesMax);
    const bytes = overheadBytes + bodyShown + passing.propertiesEnd - passing.propertiesStart;
    const isFull = this.#kept.length === keptMax || this.#keptBytes + bytes > keptBytesMax;
    if (isFull && this.#kept.length > 0) {
      this.#missed++;
      return;
    }
    const message = withoutBlindCopies(passing);
    this.#kept.push({
      exchange: message.exchange,
      routingKey: message.routingKey,
      properties: Buffer.from(message.frames.subarray(message.propertiesStart, message.propertiesEnd)),
      body: Buffer.from(message.body.subarray(0, bodyShown)),
      bodySize: message.bodySize,
      at: now,
    });
    this.#keptBytes += bytes;
    this.#news();
  }

  ended(): void {
    this.#isOver = true;
    this.#news();
  }

  /** What has come since the last time, and how many messages were too much. */
  take(): { readonly messages: readonly PassingMessage[]; readonly missed: number } {
    const taken = { messages: this.#kept.map(decoded), missed: this.#missed };
    this.#kept = [];
    this.#keptBytes = 0;
    this.#missed = 0;
    return taken;
  }
}

function decoded({ exchange, routingKey, properties, body, bodySize, at }: Seen): PassingMessage {
  return {
    exchange,
    routingKey,
    properties: decodeProperties(properties, 0, properties.length),
    body,
    bodySize,
    enqueuedAt: at,
    redelivered: false,
  };
}
