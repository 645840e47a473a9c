import { setTimeout as delay } from 'node:timers/promises';
import amqplib, { type ConfirmChannel } from 'amqplib';
import { ServerProcess } from './server-process.ts';

export interface RepeatOptions {
  readonly dataDir: string;
  readonly random: () => number;
  readonly kills: number;
  /** Environment of the server. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the broker dead, before the next one starts. */
  readonly afterKill?: () => void;
}

interface Way {
  readonly exchange: string;
  readonly queue: string;
}

/** Each drops duplicates in its own manner. */
const ways: readonly Way[] = [
  { exchange: 'once', queue: 'of-exchange' },
  { exchange: '', queue: 'window' },
  { exchange: '', queue: 'present' },
];
const messagesPerRound = 40;
const flags = ['--generation-size', '16MiB'];

/**
 * A publisher that sets x-deduplication-header and repeats whatever was not confirmed when the broker died, and now
 * and then what was.
 *
 * @throws Error when a message is missing in the end or is there twice.
 */
export async function repeatThroughKills(
  options: RepeatOptions,
): Promise<{ published: number; repeated: number }> {
  const { dataDir, random, kills, env, afterKill } = options;
  const publisher = new RepeatingPublisher(random);
  const started = () => ServerProcess.start({ dataDir, flags, ...(env !== undefined && { env }) });
  for (let kill = 0; kill < kills; kill++) {
    const { server, url } = await started();
    const work = publisher.work(url);
    await delay(50 + random() * 400);
    await server.kill();
    await work;
    afterKill?.();
  }
  // A clean stop in between: ids and messages are kept over both kinds of ends.
  for (const isLast of [false, true]) {
    const { server, url } = await started();
    await publisher.finish(url, isLast);
    const exitCode = await server.stop();
    if (exitCode !== 0) throw new Error(`exit code ${exitCode}:\n${server.log}`);
  }
  return publisher.tally;
}

class RepeatingPublisher {
  readonly tally = { published: 0, repeated: 0 };
  readonly #random: () => number;
  readonly #unconfirmed = new Set<number>();
  readonly #confirmed: number[] = [];
  #next = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Publishes until the broker is gone. */
  async work(url: string): Promise<void> {
    try {
      const connection = await amqplib.connect(url);
      connection.on('error', () => {});
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => {});
      let isOpen = true;
      connection.on('close', () => {
        isOpen = false;
      });
      await declare(channel);
      await this.#publishAll(channel, [...this.#unconfirmed]);
      while (isOpen) await this.#round(channel);
    } catch {
      // It died.
    }
  }

  /** Has everything confirmed, repeats some of it and, in the end, looks at what the queues hold. */
  async finish(url: string, looks: boolean): Promise<void> {
    const connection = await amqplib.connect(url);
    const channel = await connection.createConfirmChannel();
    await declare(channel);
    await this.#publishAll(channel, [...this.#unconfirmed]);
    for (let i = 0; i < 5; i++) await this.#round(channel);
    if (looks) for (const { queue } of ways) await this.#check(channel, queue);
    await connection.close();
  }

  async #round(channel: ConfirmChannel): Promise<void> {
    const ids: number[] = [];
    while (ids.length < messagesPerRound) {
      const isRepeat = this.#confirmed.length > 0 && this.#random() < 0.3;
      const known = this.#confirmed[Math.floor(this.#random() * this.#confirmed.length)];
      ids.push(isRepeat && known !== undefined ? known : this.#next++);
    }
    await this.#publishAll(channel, ids);
  }

  async #publishAll(channel: ConfirmChannel, ids: readonly number[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#publish(channel, id)));
  }

  async #publish(channel: ConfirmChannel, id: number): Promise<void> {
    const isNew = !this.#unconfirmed.has(id) && !this.#confirmed.includes(id);
    if (isNew) this.#unconfirmed.add(id);
    if (isNew) this.tally.published++;
    else this.tally.repeated++;
    await Promise.all(ways.map((way) => confirmed(channel, way, id)));
    if (this.#unconfirmed.delete(id)) this.#confirmed.push(id);
  }

  async #check(channel: ConfirmChannel, queue: string): Promise<void> {
    const counts = new Map<number, number>();
    for (;;) {
      const message = await channel.get(queue, { noAck: true });
      if (message === false) break;
      const id = Number(message.content.toString());
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    const twice = [...counts].filter(([, count]) => count > 1).map(([id]) => id);
    const missing = Array.from({ length: this.#next }, (_, id) => id).filter((id) => !counts.has(id));
    if (twice.length + missing.length === 0) return;
    throw new Error(`in ${queue} twice: ${twice.join(' ')}; missing: ${missing.join(' ')}`);
  }
}

async function declare(channel: ConfirmChannel): Promise<void> {
  await channel.assertExchange('once', 'x-message-deduplication', {
    arguments: { 'x-cache-size': 1_000_000 },
  });
  await channel.assertQueue('of-exchange');
  await channel.bindQueue('of-exchange', 'once', '');
  await channel.assertQueue('window', {
    arguments: { 'x-message-deduplication': true, 'x-cache-size': 1_000_000 },
  });
  await channel.assertQueue('present', { arguments: { 'x-message-deduplication': true } });
}

function confirmed(channel: ConfirmChannel, { exchange, queue }: Way, id: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'x-deduplication-header': `message ${id}` };
    const options = { persistent: true, headers };
    channel.publish(exchange, queue, Buffer.from(String(id)), options, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}
