import { MethodId } from '../../protocol/methods.ts';
import { Client, type ClientEvents, channel } from './client.ts';
import { type MessageTemplate, messageTemplate, nowUs, writeStamp } from './message.ts';
import type { Meters } from './meters.ts';
import type { PerfOptions } from './options.ts';

/** Messages go to the socket in pieces of about this size, two at a time. */
const batchBytes = 65_536;
const batchesMax = 2;

/** Where a producer's messages go; each target has sequence numbers of its own. */
export interface Target {
  readonly routingKey: string;
  published: number;
}

/** One connection that publishes. */
export class Producer implements ClientEvents {
  readonly #options: PerfOptions;
  readonly #id: number;
  readonly #run: number;
  readonly #targets: readonly Target[];
  readonly #meters: Meters;
  #templates: readonly MessageTemplate[] = [];
  #client: Client | undefined;
  #startedUs = 0;
  #published = 0;
  #batches = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  /** Confirms: the oldest unconfirmed delivery tag; send times by tag, 0 once confirmed. */
  #lowestTag = 1;
  readonly #sentUs: Float64Array;
  #idle: (() => void) | undefined;

  constructor(options: PerfOptions, id: number, run: number, targets: readonly Target[], meters: Meters) {
    this.#options = options;
    this.#id = id;
    this.#run = run;
    this.#targets = targets;
    this.#meters = meters;
    this.#sentUs = new Float64Array(options.confirmWindow);
  }

  /** Connects; rejects `lost` of the returned client when the connection breaks later. */
  async open(): Promise<Client> {
    const { exchange, bodyBytes, persistent, confirmWindow, uri } = this.#options;
    const client = await Client.open(uri, this);
    const { frameMaxBytes } = client;
    this.#client = client;
    this.#templates = this.#targets.map(({ routingKey }) =>
      messageTemplate({ channel, exchange, routingKey, bodyBytes, persistent, frameMaxBytes }),
    );
    if (confirmWindow > 0) {
      await client.call({ id: MethodId.ConfirmSelect, noWait: false }, MethodId.ConfirmSelectOk);
    }
    return client;
  }

  start(): void {
    this.#startedUs = nowUs();
    this.#publish();
  }

  /** Publishes nothing more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#whenIdle();
  }

  /** Resolves when all is published and, with confirms, confirmed. */
  finished(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle = resolve;
      this.#whenIdle();
    });
  }

  method(id: number, buffer: Buffer, start: number): void {
    if (id !== MethodId.BasicAck && id !== MethodId.BasicNack) return;
    const tag = buffer.readUIntBE(start + 2, 6);
    const multiple = ((buffer[start + 8] ?? 0) & 1) === 1;
    const acked = id === MethodId.BasicAck;
    const now = nowUs();
    for (let each = multiple ? this.#lowestTag : tag; each <= tag; each++) this.#settle(each, acked, now);
    while (this.#lowestTag <= this.#published && this.#sentUs[this.#slot(this.#lowestTag)] === 0) {
      this.#lowestTag++;
    }
  }

  /** Returned messages carry content; it is of no interest. */
  header(): void {}
  body(): void {}

  chunkEnd(): void {
    this.#publish();
    this.#whenIdle();
  }

  #slot(tag: number): number {
    return tag % this.#options.confirmWindow;
  }

  #settle(tag: number, acked: boolean, now: number): void {
    const sent = this.#sentUs[this.#slot(tag)] ?? 0;
    if (sent === 0) return;
    this.#sentUs[this.#slot(tag)] = 0;
    if (acked) this.#meters.confirmed++;
    else this.#meters.nacked++;
    this.#meters.confirm.record(now - sent);
  }

  #whenIdle(): void {
    const confirmed = this.#options.confirmWindow === 0 || this.#lowestTag > this.#published;
    if (this.#isDone() && confirmed && this.#batches === 0) this.#idle?.();
  }

  #isDone(): boolean {
    const { messages } = this.#options;
    return this.#stopped || (messages > 0 && this.#published >= messages);
  }

  /** How many messages may go out now. */
  #allowance(): number {
    if (this.#isDone()) return 0;
    const { confirmWindow, messages, rate } = this.#options;
    let allowance = Number.POSITIVE_INFINITY;
    if (messages > 0) allowance = messages - this.#published;
    if (confirmWindow > 0) {
      allowance = Math.min(allowance, confirmWindow - (this.#published + 1 - this.#lowestTag));
    }
    if (rate > 0) {
      const due = Math.floor(((nowUs() - this.#startedUs) * rate) / 1e6) + 1;
      allowance = Math.min(allowance, due - this.#published);
    }
    return Math.max(0, allowance);
  }

  #publish(): void {
    if (this.#startedUs === 0) return;
    for (let allowance = this.#allowance(); allowance > 0 && this.#batches < batchesMax; ) {
      this.#writeBatch(allowance);
      allowance = this.#allowance();
    }
    if (this.#options.rate > 0 && !this.#isDone()) this.#wakeUpLater();
  }

  #wakeUpLater(): void {
    clearTimeout(this.#timer);
    const nextUs = this.#startedUs + (this.#published * 1e6) / this.#options.rate;
    this.#timer = setTimeout(() => this.#publish(), Math.max(1, (nextUs - nowUs()) / 1000));
  }

  /** Up to `allowance` messages in one write. */
  #writeBatch(allowance: number): void {
    const first = this.#templates[0];
    if (first === undefined || this.#client === undefined) return;
    const size = Math.max(batchBytes, first.bytes.length + 255);
    const buffer = Buffer.allocUnsafe(size);
    const now = nowUs();
    let length = 0;
    for (let left = allowance; left > 0; left--) {
      const index = this.#published % this.#templates.length;
      const template = this.#templates[index];
      const target = this.#targets[index];
      if (template === undefined || target === undefined) break;
      if (length + template.bytes.length > size) break;
      template.bytes.copy(buffer, length);
      writeStamp(buffer, length + template.stampAt, now, this.#run, this.#id, target.published++);
      length += template.bytes.length;
      this.#published++;
      this.#meters.published++;
      if (this.#options.confirmWindow > 0) this.#sentUs[this.#slot(this.#published)] = now;
    }
    this.#batches++;
    this.#client.socket.write(buffer.subarray(0, length), this.#written);
  }

  readonly #written = (): void => {
    this.#batches--;
    this.#publish();
    this.#whenIdle();
  };
}
