import { Readable } from 'node:stream';
import type { Message } from '../../broker/message.ts';
import type { QueuedMessage } from '../../broker/queues/peek.ts';
import { withoutBlindCopies } from '../../broker/routing/copy-headers.ts';
import type { Tap } from '../../broker/taps/taps.ts';
import { decodeProperties } from '../../protocol/basic-properties.ts';
import { payloadView } from './message-view.ts';
import { propertiesView } from './properties.ts';

/** Between two looks at what has come: as often as eyes can follow. */
const intervalMs = 50;
/** Kept from one look to the next, or until the client has read what was sent; one message may be larger. */
const keptBytesMax = 2 ** 20;
const keptMax = 500;
/** What a message takes besides its bytes, about. */
const overheadBytes = 200;
/** An empty line at least this often, so that both sides notice when the other one is gone. */
const silenceMs = 5_000;

export interface TailOptions {
  /** Bytes of each payload. */
  readonly truncate: number;
  readonly where: ((message: QueuedMessage) => boolean) | undefined;
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
 * What passes a queue or an exchange as lines for one client. Costs the publisher a copy of the bytes that are
 * shown and nothing else: they are decoded, filtered and written in between, at most 10,000 messages a second. What
 * is too much, for that or for the client, is counted and the client told: `{"missed": 12}`.
 */
export class Tail extends Readable implements Tap {
  readonly #options: TailOptions;
  /** Ends the watch. */
  #leave: () => void = () => {};
  #kept: Seen[] = [];
  #keptBytes = 0;
  #missed = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #heartbeat: NodeJS.Timeout;
  /** The client can take more. */
  #isAwaited = false;
  #isOver = false;

  constructor(options: TailOptions) {
    super();
    this.#options = options;
    // The first one carries the head of the answer, so that the client knows it is there.
    this.push('\n');
    this.#heartbeat = setInterval(() => this.#showLife(), silenceMs);
  }

  /** `watch` begins it and returns what ends it. */
  begin(watch: (tap: Tap) => () => void): void {
    this.#leave = watch(this);
  }

  saw(passing: Message, now: number): void {
    const bodyShown = Math.min(passing.bodySize, this.#options.truncate);
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
    this.#schedule();
  }

  ended(): void {
    this.#isOver = true;
    this.#schedule();
  }

  override _read(): void {
    this.#isAwaited = true;
    if (this.#kept.length > 0 || this.#isOver) this.#schedule();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#timer);
    this.#leave();
    this.#kept = [];
    callback(error);
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#write(), intervalMs);
  }

  #write(): void {
    this.#timer = undefined;
    // Otherwise _read comes back to it.
    if (!this.#isAwaited) return;
    const lines = this.#kept.flatMap((seen) => this.#lines(seen));
    this.#kept = [];
    this.#keptBytes = 0;
    if (this.#missed > 0) lines.push(JSON.stringify({ missed: this.#missed }));
    this.#missed = 0;
    if (this.#isOver) lines.push(JSON.stringify({ ended: 'deleted' }));
    if (lines.length > 0) this.#isAwaited = this.push(`${lines.join('\n')}\n`);
    if (this.#isOver) this.push(null);
  }

  /** None, if it is not wanted. */
  #lines({ exchange, routingKey, properties: encoded, body, bodySize, at }: Seen): readonly string[] {
    const properties = decodeProperties(encoded, 0, encoded.length);
    const { where } = this.#options;
    const message = { exchange, routingKey, properties, body, enqueuedAt: at, redelivered: false };
    if (where !== undefined && !where(message)) return [];
    const view = {
      at,
      exchange,
      routing_key: routingKey,
      payload_bytes: bodySize,
      properties: propertiesView(properties),
      ...payloadView(body, { encoding: 'auto', truncate: undefined }),
    };
    return [JSON.stringify(view)];
  }

  #showLife(): void {
    if (this.#isAwaited) this.#isAwaited = this.push('\n');
  }
}
