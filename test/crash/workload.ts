import { setTimeout as delay } from 'node:timers/promises';
import { AMQPClient } from '@cloudamqp/amqp-client';
import amqplib, { type Channel, type ChannelModel, type ConfirmChannel } from 'amqplib';
import { bodyOf, numberOf } from './bodies.ts';
import type { Books } from './books.ts';
import type { Delivered, QueueLedger } from './ledger.ts';
import { declareStream, publishToStream, readStream } from './stream-workload.ts';

/** Time to live in the queue `ttl`. */
export const ttlMs = 60;

/** Messages published in one go. With a window up to twice that, every other publisher does not wait for confirms. */
const batchMax = 20;

/** Definitions that exist at a time. */
const definitionsMax = 12;

/** Numbers of messages that nobody counts: see {@link bodyOf}. */
const longNumber = 0;
const shortNumber = 1;
const longTransientShare = 0.2;

/** Clients at work on a broker until its connections break. Everything they learn goes into the books. */
export class Workload {
  readonly #url: string;
  readonly #books: Books;
  readonly #random: () => number;
  readonly #connections: ChannelModel[] = [];
  #txClient: AMQPClient | undefined;
  #isOver = false;

  constructor(url: string, books: Books, random: () => number) {
    this.#url = url;
    this.#books = books;
    this.#random = random;
  }

  /** Resolves when all clients are at work. */
  async start(): Promise<void> {
    await declareTopology(this.#url);
    this.#books.hasTopology = true;
    const { plain, fanA, fanB, ttl, work } = this.#books;
    const producer = await this.#connect();
    await readStream(await this.#connect(), this.#books);
    await this.#consume();
    this.#run(this.#publish(producer, '', 'plain', [plain], 'never'));
    this.#run(this.#publish(producer, 'fan', '', [fanA, fanB], 'never'));
    this.#run(this.#publish(producer, '', 'ttl', [ttl], 'never'));
    this.#run(this.#publish(producer, '', 'work', [work], 'perhaps'));
    this.#run(publishToStream(producer, this.#books, this.#random));
    this.#run(this.#publishTransient(await this.#connect()));
    this.#run(this.#define(await this.#connect()));
    this.#txClient = new AMQPClient(this.#url);
    this.#txClient.onerror = () => {};
    await this.#txClient.connect();
    this.#run(this.#transact(this.#txClient));
  }

  /** Lets go of the connections of a broker that is no more. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.allSettled(this.#connections.map((connection) => connection.close()));
    this.#txClient?.socket?.destroy();
  }

  async #connect(): Promise<ChannelModel> {
    const connection = await amqplib.connect(`${this.#url}?heartbeat=0`);
    connection.on('error', () => {});
    connection.on('close', () => {
      this.#isOver = true;
    });
    this.#connections.push(connection);
    return connection;
  }

  /** A client whose connection breaks is done. */
  #run(client: Promise<void>): void {
    client.catch((error) => {
      if (!this.#isOver && !/clos|ended|ECONNRESET|EPIPE/i.test(String(error))) throw error;
    });
  }

  /** Publishes with confirms, a random number of messages ahead of them. */
  async #publish(
    connection: ChannelModel,
    exchange: string,
    routingKey: string,
    queues: readonly QueueLedger[],
    delivered: Delivered,
  ): Promise<void> {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    const window = 1 + Math.floor(this.#random() * 2 * batchMax);
    while (!this.#isOver) {
      const batch: Promise<void>[] = [];
      for (let i = 0; i < Math.min(window, batchMax); i++) {
        batch.push(this.#publishOne(channel, exchange, routingKey, queues, delivered));
      }
      if (window < batchMax) await Promise.allSettled(batch);
      else await delay(this.#random() * 4);
    }
  }

  #publishOne(
    channel: ConfirmChannel,
    exchange: string,
    routingKey: string,
    queues: readonly QueueLedger[],
    delivered: Delivered,
  ): Promise<void> {
    const number = this.#books.nextNumber();
    for (const queue of queues) queue.published(number);
    return new Promise((resolve) => {
      channel.publish(exchange, routingKey, bodyOf(number), { persistent: true }, (error) => {
        resolve();
        if (error !== null) return;
        this.#books.tally.confirmed++;
        if (this.#books.rejected.has(number)) this.#books.rejected.set(number, true);
        for (const queue of queues) queue.confirmed(number, delivered);
      });
    });
  }

  /** What no restart may leave behind: transient messages in a durable queue, and a queue that is not. */
  async #publishTransient(connection: ChannelModel): Promise<void> {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    await channel.assertQueue('transient', { durable: false });
    while (!this.#isOver) {
      // Long ones now and then, so that queues leave memory, these messages included.
      const number = this.#random() < longTransientShare ? longNumber : shortNumber;
      channel.publish('', 'plain', bodyOf(number), { persistent: false });
      channel.publish('', 'transient', bodyOf(shortNumber), { persistent: true });
      await delay(2);
    }
  }

  /** Acknowledges, requeues, rejects or keeps what comes out of `work`. */
  async #consume(): Promise<void> {
    const connection = await this.#connect();
    for (let i = 0; i < 2; i++) {
      const channel = await connection.createChannel();
      channel.on('error', () => {});
      await channel.prefetch(40);
      let kept = 0;
      const acknowledged: number[] = [];
      await channel.consume('work', (message) => {
        if (message === null) return;
        const number = numberOf(message.content);
        this.#books.work.delivered(number);
        const dice = this.#random();
        if (dice < 0.6) {
          this.#books.tally.acknowledged++;
          this.#books.work.acknowledged(number);
          acknowledged.push(number);
          channel.ack(message);
        } else if (dice < 0.8) channel.nack(message, false, true);
        else if (dice < 0.95) this.#reject(number, () => channel.nack(message, false, false));
        else if (++kept > 30) channel.nack(message, false, true);
      });
      this.#run(this.#askForAcknowledgements(channel, acknowledged));
    }
  }

  /** The answer to a request says that the acknowledgements before it have arrived. */
  async #askForAcknowledgements(channel: Channel, acknowledged: number[]): Promise<void> {
    while (!this.#isOver) {
      const sent = acknowledged.splice(0);
      await channel.checkQueue('work');
      for (const number of sent) this.#books.work.acknowledgementReceived(number);
      await delay(5);
    }
  }

  #reject(number: number, reject: () => void): void {
    this.#books.rejected.set(number, this.#books.work.owes(number));
    this.#books.work.leaves(number);
    this.#books.rejects.mayCome(number);
    reject();
  }

  /** Sends groups of messages in transactions. */
  async #transact(client: AMQPClient): Promise<void> {
    const channel = await client.channel();
    channel.onerror = () => {};
    await channel.txSelect();
    const { tx, tally } = this.#books;
    while (!this.#isOver) {
      const numbers = Array.from({ length: 1 + Math.floor(this.#random() * 8) }, () =>
        this.#books.nextNumber(),
      );
      for (const number of numbers) {
        tx.published(number);
        await channel.basicPublish('', 'tx', bodyOf(number), { deliveryMode: 2 });
      }
      this.#books.openGroup = { numbers };
      await channel.txCommit();
      this.#books.openGroup = undefined;
      tally.confirmed += numbers.length;
      for (const number of numbers) tx.confirmed(number, 'never');
    }
  }

  /** Declares and deletes durable queues and exchanges, with a binding from one to the other. */
  async #define(connection: ChannelModel): Promise<void> {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    const { definitions, tally } = this.#books;
    while (!this.#isOver) {
      const existing = [...definitions].filter(([, existence]) => existence === 'there');
      const [name] = existing[Math.floor(this.#random() * existing.length)] ?? [];
      if (name === undefined || (existing.length < definitionsMax && this.#random() < 0.6)) {
        const fresh = this.#books.nextName();
        definitions.set(fresh, 'unknown');
        await channel.assertQueue(fresh);
        await channel.assertExchange(fresh, 'topic');
        await channel.bindQueue(fresh, fresh, 'a.#');
        definitions.set(fresh, 'there');
      } else {
        definitions.set(name, 'unknown');
        await channel.deleteQueue(name);
        await channel.deleteExchange(name);
        definitions.set(name, 'gone');
      }
      tally.definitions++;
      await delay(this.#random() * 20);
    }
  }
}

/** Queues and exchanges of the workload; they are there after the first time. */
async function declareTopology(url: string): Promise<void> {
  const connection = await amqplib.connect(`${url}?heartbeat=0`);
  connection.on('error', () => {});
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  for (const queue of ['plain', 'fan-a', 'fan-b', 'dead', 'rejects', 'tx']) await channel.assertQueue(queue);
  await channel.assertExchange('fan', 'fanout');
  await channel.bindQueue('fan-a', 'fan', '');
  await channel.bindQueue('fan-b', 'fan', '');
  await channel.assertExchange('letters', 'direct');
  await channel.bindQueue('dead', 'letters', 'ttl');
  await channel.bindQueue('rejects', 'letters', 'work');
  await channel.assertQueue('ttl', { messageTtl: ttlMs, deadLetterExchange: 'letters' });
  await channel.assertQueue('work', { deadLetterExchange: 'letters' });
  await declareStream(connection);
  await connection.close();
}
