import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import amqplib, { type Channel, type ChannelModel, type ConfirmChannel, type ConsumeMessage } from 'amqplib';
import { type RunningBroker, startBroker } from '../../src/index.ts';

/** A broker with a data directory, and a client at it. */
export class TestBed {
  readonly #dataDir = mkdtempSync(join(tmpdir(), 'leveret-delays-'));
  #broker: RunningBroker | undefined;
  #client: ChannelModel | undefined;
  readonly #channels: ConfirmChannel[] = [];

  get broker(): RunningBroker {
    if (this.#broker === undefined) throw new Error('not started');
    return this.#broker;
  }

  async start(): Promise<ConfirmChannel> {
    this.#broker = await startBroker({ port: 0, dataDir: this.#dataDir });
    return this.openChannel();
  }

  async stop(): Promise<void> {
    // The client lets connection.close overtake acknowledgements, channel.close not.
    for (const channel of this.#channels.splice(0)) await channel.close().catch(() => {});
    await this.#client?.close();
    this.#client = undefined;
    await this.#broker?.close();
    this.#broker = undefined;
  }

  async restart(): Promise<ConfirmChannel> {
    await this.stop();
    return this.start();
  }

  async openChannel(): Promise<ConfirmChannel> {
    if (this.#client === undefined) {
      this.#client = await amqplib.connect(this.broker.url);
      this.#client.on('error', () => {});
    }
    const channel = await this.#client.createConfirmChannel();
    channel.on('error', () => {});
    this.#channels.push(channel);
    return channel;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }
}

export interface Arrival {
  readonly message: ConsumeMessage;
  readonly body: string;
  /** When it came, in milliseconds since the epoch. */
  readonly at: number;
}

/** What comes out of a queue, one after the other. */
export class Arrivals {
  readonly all: Arrival[] = [];
  #wanted = 0;
  #enough: () => void = () => {};

  /** @param settle what becomes of each message; default: it is acknowledged. */
  static async of(
    channel: Channel,
    queue: string,
    settle: (message: ConsumeMessage) => void = (message) => channel.ack(message),
  ): Promise<Arrivals> {
    const arrivals = new Arrivals();
    await channel.consume(queue, (message) => {
      if (message === null) return;
      arrivals.all.push({ message, body: message.content.toString(), at: Date.now() });
      settle(message);
      if (arrivals.all.length >= arrivals.#wanted) arrivals.#enough();
    });
    return arrivals;
  }

  get bodies(): readonly string[] {
    return this.all.map(({ body }) => body);
  }

  /** Resolves when so many have come, counted from the beginning. */
  async count(wanted: number): Promise<readonly Arrival[]> {
    this.#wanted = wanted;
    if (this.all.length < wanted) {
      await new Promise<void>((resolve) => {
        this.#enough = resolve;
      });
    }
    return this.all;
  }
}
