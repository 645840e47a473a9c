import { Readable } from 'node:stream';
import type { QueuedMessage } from '../../broker/queues/peek.ts';
import { type PassingMessage, PassingMessages } from '../../broker/taps/passing-messages.ts';
import type { Tap } from '../../broker/taps/taps.ts';
import { payloadView } from './message-view.ts';
import { propertiesView } from './properties.ts';

/** Between two looks at what has come: as often as eyes can follow. */
const intervalMs = 50;
/** An empty line at least this often, so that both sides notice when the other one is gone. */
const silenceMs = 5_000;

/** Which messages are shown, and how much of them. */
export interface TailOptions {
  /** Bytes of each payload. */
  readonly truncate: number;
  readonly where: ((message: QueuedMessage) => boolean) | undefined;
}

/**
 * What passes a queue or an exchange as lines for one client. Costs the publisher a copy of the bytes that are
 * shown and nothing else: they are decoded, filtered and written in between, at most 10,000 messages a second. What
 * is too much, for that or for the client, is counted and the client told: `{"missed": 12}`.
 */
export class Tail extends Readable {
  readonly #options: TailOptions;
  /** Ends the watch. */
  #leave: () => void = () => {};
  readonly #passing: PassingMessages;
  #timer: NodeJS.Timeout | undefined;
  readonly #heartbeat: NodeJS.Timeout;
  /** The client can take more. */
  #isAwaited = false;

  constructor(options: TailOptions) {
    super();
    this.#options = options;
    this.#passing = new PassingMessages(options.truncate, () => this.#schedule());
    // The first one carries the head of the answer, so that the client knows it is there.
    this.push('\n');
    this.#heartbeat = setInterval(() => this.#showLife(), silenceMs);
  }

  /** `watch` begins it and returns what ends it. */
  begin(watch: (tap: Tap) => () => void): void {
    this.#leave = watch(this.#passing);
  }

  override _read(): void {
    this.#isAwaited = true;
    if (this.#passing.hasNews) this.#schedule();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#timer);
    this.#leave();
    this.#passing.take();
    callback(error);
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#write(), intervalMs);
  }

  #write(): void {
    this.#timer = undefined;
    // Otherwise _read comes back to it.
    if (!this.#isAwaited) return;
    const { where = () => true } = this.#options;
    const { messages, missed } = this.#passing.take();
    const lines = messages.filter(where).map(line);
    if (missed > 0) lines.push(JSON.stringify({ missed }));
    if (this.#passing.isOver) lines.push(JSON.stringify({ ended: 'deleted' }));
    if (lines.length > 0) this.#isAwaited = this.push(`${lines.join('\n')}\n`);
    if (this.#passing.isOver) this.push(null);
  }

  #showLife(): void {
    if (this.#isAwaited) this.#isAwaited = this.push('\n');
  }
}

function line({ enqueuedAt, exchange, routingKey, bodySize, properties, body }: PassingMessage): string {
  return JSON.stringify({
    at: enqueuedAt,
    exchange,
    routing_key: routingKey,
    payload_bytes: bodySize,
    properties: propertiesView(properties),
    ...payloadView(body, { encoding: 'auto', truncate: undefined }),
  });
}
