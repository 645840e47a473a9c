import { setTimeout as delay } from 'node:timers/promises';
import amqplib, { type ChannelModel, type ConfirmChannel, type ConsumeMessage } from 'amqplib';
import { startBroker } from '../../src/index.ts';
import { bodyOf, numberOf } from './bodies.ts';
import { QueueLedger, Tally } from './ledger.ts';
import { ServerProcess } from './server-process.ts';

export interface DelayOptions {
  readonly dataDir: string;
  readonly random: () => number;
  readonly kills: number;
  /** Environment of the server. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the broker dead, before the next one starts. */
  readonly afterKill?: () => void;
}

const flags = ['--generation-size', '16MiB'];

/** The longest delay; the last of a number of messages is not due before any other. */
const delayMsMax = 300;
const retryDelayMs = 60;

/** What is due so late is not put into order before. */
const laterMs = 2 * 3_600_000;
const retryLimit = 2;

const messagesPerRound = 25;

/** Body of what is sent after all others, to see that these have come. */
const marker = Buffer.from('marker');

/**
 * Publishes with delays, and gives messages back for another attempt, to a broker that is killed again and again.
 *
 * @throws Error when a confirmed message is missing, or one that waited is there twice.
 */
export async function delayThroughKills(options: DelayOptions): Promise<Tally> {
  const { dataDir, random, kills, env, afterKill } = options;
  const client = new DelayingClient(random);
  const start = () => ServerProcess.start({ dataDir, flags, ...(env !== undefined && { env }) });
  for (let kill = 0; kill < kills; kill++) {
    const { server, url } = await start();
    if (kill > 0) await client.inspect(url);
    const work = client.work(url);
    await delay(50 + random() * 500);
    await server.kill();
    await work;
    afterKill?.();
    client.tally.kills++;
  }
  const { server, url } = await start();
  await client.inspect(url);
  const exitCode = await server.stop();
  if (exitCode !== 0) throw new Error(`exit code ${exitCode} at the end:\n${server.log}`);
  await client.inspectLater(dataDir);
  return client.tally;
}

class DelayingClient {
  readonly tally = new Tally();
  readonly #random: () => number;
  readonly #delayed = new QueueLedger('delayed', 'any');
  /** In the queue `work`, or given up after its last attempt. */
  readonly #tried = new QueueLedger('work', 'any');
  /** In the exchange still. */
  readonly #later = new QueueLedger('later', 'any');
  #lastNumber = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Publishes and consumes until the broker is gone. */
  async work(url: string): Promise<void> {
    try {
      const { connection, channel } = await open(url);
      let isOpen = true;
      connection.on('close', () => {
        isOpen = false;
      });
      await channel.prefetch(50);
      await channel.consume('work', (message) => this.#attempt(channel, message));
      while (isOpen) {
        await Promise.all(Array.from({ length: messagesPerRound }, () => this.#publish(channel)));
      }
    } catch {
      // It died.
    }
  }

  #attempt(channel: ConfirmChannel, message: ConsumeMessage | null): void {
    if (message === null) return;
    const number = numberOf(message.content);
    this.#tried.delivered(number);
    if (this.#random() < 0.6) {
      channel.nack(message, false, true);
    } else {
      this.#tried.acknowledged(number);
      this.tally.acknowledged++;
      channel.ack(message);
    }
  }

  async #publish(channel: ConfirmChannel): Promise<void> {
    const number = ++this.#lastNumber;
    this.tally.published++;
    const isLater = this.#random() < 0.2;
    const delayMs = Math.floor(this.#random() * (isLater ? laterMs : delayMsMax));
    const headers = { 'x-delay': 1 + delayMs + (isLater ? laterMs : 0) };
    const isTried = !isLater && this.#random() < 0.5;
    const ledger = isLater ? this.#later : isTried ? this.#tried : this.#delayed;
    ledger.published(number);
    await (isTried
      ? confirmed(channel, '', 'work', bodyOf(number), headers)
      : confirmed(channel, 'later', 'k', bodyOf(number), headers));
    ledger.confirmed(number, 'perhaps');
    this.tally.confirmed++;
  }

  /** Waits for everything that waits, and compares it with what was confirmed. */
  async inspect(url: string): Promise<void> {
    const { connection, channel } = await open(url);
    await confirmed(channel, 'later', 'k', marker, { 'x-delay': delayMsMax });
    const delayed = await takeUpToMarker(channel, 'delayed', 1);
    requireOnce('delayed', delayed);
    this.#check(this.#delayed, delayed);

    await confirmed(channel, '', 'work', marker, {});
    // Delays do not grow here: what was given back before the marker comes back before it.
    const tried = await takeUpToMarker(channel, 'work', 2);
    requireOnce('retried', tried);
    await confirmed(channel, '', 'given-up', marker, {});
    tried.push(...(await takeUpToMarker(channel, 'given-up', 1)));
    this.#check(this.#tried, tried);
    for (const [ledger, messages] of [
      [this.#delayed, delayed],
      [this.#tried, tried],
    ] as const) {
      for (const { content } of messages) {
        ledger.acknowledged(numberOf(content));
        ledger.acknowledgementReceived(numberOf(content));
      }
    }
    channel.ackAll();
    await channel.close();
    await connection.close();
  }

  /** Compares what waits in the exchange with what was confirmed. */
  async inspectLater(dataDir: string): Promise<void> {
    const broker = await startBroker({ port: 0, dataDir });
    const messages = [];
    for (let after: string | undefined; ; after = messages.at(-1)?.id) {
      const page = broker.listDelayed({ exchange: 'later' }, { limit: 100, ...(after && { after }) });
      if (page.length === 0) break;
      messages.push(...page);
    }
    await broker.close();
    const numbers = messages.map(({ body }) => numberOf(body));
    if (new Set(numbers).size < numbers.length) throw new Error('a later message is there twice');
    const found = numbers.map((number) => ({ number, redelivered: false, persistent: true }));
    this.#later.check(found, this.tally, true);
  }

  #check(ledger: QueueLedger, messages: readonly ConsumeMessage[]): void {
    const found = messages.map(({ content, fields, properties }) => ({
      number: numberOf(content),
      redelivered: fields.redelivered,
      persistent: properties.deliveryMode === 2,
    }));
    ledger.check(found, this.tally, true);
  }
}

function requireOnce(kind: string, messages: readonly ConsumeMessage[]): void {
  const numbers = new Set(messages.map(({ content }) => numberOf(content)));
  const extra = messages.length - numbers.size;
  if (extra > 0) throw new Error(`of ${numbers.size} ${kind} messages ${extra} are there twice`);
}

async function open(url: string): Promise<{ connection: ChannelModel; channel: ConfirmChannel }> {
  const connection = await amqplib.connect(`${url}?heartbeat=0`);
  connection.on('error', () => {});
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => {});
  const fanout = { 'x-delayed-type': 'fanout' };
  await channel.assertExchange('later', 'x-delayed-message', { arguments: fanout });
  await channel.assertQueue('delayed');
  await channel.bindQueue('delayed', 'later', '');
  await channel.assertQueue('given-up');
  const retries = {
    'x-retry-delay': retryDelayMs,
    'x-retry-delay-max': retryDelayMs,
    'x-retry-limit': retryLimit,
  };
  await channel.assertQueue('work', {
    deadLetterExchange: '',
    deadLetterRoutingKey: 'given-up',
    arguments: retries,
  });
  return { connection, channel };
}

/** Takes messages until the marker has come so many times; until then it is given back. */
async function takeUpToMarker(
  channel: ConfirmChannel,
  queue: string,
  times: number,
): Promise<ConsumeMessage[]> {
  const messages: ConsumeMessage[] = [];
  let markers = 0;
  await new Promise<void>((resolve, reject) => {
    const take = (message: ConsumeMessage | null) => {
      if (message === null) {
        reject(new Error(`queue ${queue} went away`));
      } else if (!message.content.equals(marker)) {
        messages.push(message);
      } else if (++markers < times) {
        channel.nack(message, false, true);
      } else {
        channel.ack(message);
        resolve();
      }
    };
    channel.consume(queue, take, { consumerTag: queue }).catch(reject);
  });
  await channel.cancel(queue);
  return messages;
}

function confirmed(
  channel: ConfirmChannel,
  exchange: string,
  key: string,
  body: Buffer,
  headers: object,
): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.publish(exchange, key, body, { persistent: true, headers }, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}
