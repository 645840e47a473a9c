import { setTimeout as delay } from 'node:timers/promises';
import { AMQPClient } from '@cloudamqp/amqp-client';
import type { Channel, ConfirmChannel } from 'amqplib';
import { bodyOf, checkBody } from './bodies.ts';
import type { Client } from './client.ts';
import { type LaneKind, ownQueue } from './lane-kinds.ts';

/** Messages that wait in a lane before its publisher does. */
const backlogMax = 1_500;

const batchMax = 60;

/** Requests that are sent without waiting for an answer. */
const getsMax = 50;

/** Unacknowledged messages that a consumer keeps before it gives them all back. */
const keptMax = 25;

/** How often a client breaks off, per batch or message. */
const publisherBreaks = 1 / 120;
const consumerBreaks = 1 / 1_500;

/** What a lane needs of the run around it. */
export interface LaneHost {
  readonly random: () => number;
  /** The broker that runs now. */
  readonly url: string;
  connect(): Promise<Client>;
  /** Something is wrong with the broker. */
  failed(error: Error): void;
}

/** Figures of all lanes. */
export interface LaneTally {
  published: number;
  confirmed: number;
  refused: number;
  received: number;
  givenBack: number;
  breaks: number;
}

/** A publisher and a consumer of one queue who compare notes: nothing confirmed is lost, nothing overtakes. */
export class Lane {
  readonly name: string;
  readonly #kind: LaneKind;
  readonly #host: LaneHost;
  readonly #tally: LaneTally;
  /** Confirmed and not acknowledged: it has to come. */
  readonly #owed = new Set<number>();
  /** Published and not confirmed: it may come. */
  readonly #possible = new Set<number>();
  /** Acknowledged before it was confirmed. */
  readonly #early = new Set<number>();
  /** By publisher and priority: the highest number that came for the first time. */
  #highest = new Map<string, number>();
  #lastNumber = 0;
  #received = 0;
  #publisher = 0;
  #isOpen = false;
  #isPublishing = false;
  #work: Promise<unknown> = Promise.resolve();

  constructor(kind: LaneKind, host: LaneHost, tally: LaneTally) {
    this.name = `soak-${kind.name}`;
    this.#kind = kind;
    this.#host = host;
    this.#tally = tally;
  }

  /** Starts publishing and consuming. */
  start(): void {
    this.#isOpen = true;
    this.#isPublishing = true;
    this.#work =
      this.#kind.session === undefined
        ? Promise.all([
            this.#repeat((client) => this.#publish(client)),
            this.#repeat((client) => this.#take(client)),
          ])
        : this.#repeat((client) => this.#session(client));
  }

  /** The broker was restarted. */
  restarted(): void {
    if (this.#kind.isTransient) this.#forget();
  }

  /** Takes out all that is there. @throws Error when something confirmed does not come */
  async drain(noProgressMs: number): Promise<void> {
    this.#isPublishing = false;
    let before = this.#received;
    let deadline = performance.now() + noProgressMs;
    while (!(await this.#isDrained())) {
      await delay(20);
      if (this.#received !== before) deadline = performance.now() + noProgressMs;
      before = this.#received;
      if (performance.now() > deadline) {
        throw this.#error(`is not empty, or ${some(this.#owed)} are missing`);
      }
    }
    this.#possible.clear();
    this.#early.clear();
    this.#highest = new Map();
  }

  async #isDrained(): Promise<boolean> {
    if (this.#kind.session !== undefined) return this.#owed.size === 0;
    if (this.#owed.size > 0) return false;
    const client = await this.#host.connect();
    await this.#declare(client);
    const channel = await client.connection.createChannel();
    let count = 0;
    for (const name of this.#queueNames) count += (await channel.checkQueue(name)).messageCount;
    await client.close();
    return count === 0;
  }

  /** Resolves when the clients have gone. */
  async stop(): Promise<void> {
    this.#isOpen = false;
    this.#isPublishing = false;
    await this.#work;
  }

  get #queueNames(): readonly string[] {
    return this.#kind.entrance === undefined ? [this.name] : [this.name, `${this.name}-entrance`];
  }

  #forget(): void {
    this.#owed.clear();
    this.#possible.clear();
    this.#early.clear();
  }

  /** Connects again and again; connections break, because a client breaks them or the broker dies. */
  async #repeat(run: (client: Client) => Promise<void>): Promise<void> {
    while (this.#isOpen) {
      let client: Client | undefined;
      try {
        client = await this.#host.connect();
        await run(client);
        await client.close();
      } catch (error) {
        if (client?.isClosed === false) client.tear();
        if (!isBroken(error)) this.#host.failed(this.#error(String(error)));
        await delay(10 + this.#host.random() * 40);
      }
    }
  }

  async #session(client: Client): Promise<void> {
    this.#forget();
    const taking = this.#take(client);
    taking.catch(() => {});
    await this.#publish(client);
    await taking;
  }

  async #declare(client: Client): Promise<void> {
    const channel = await client.connection.createChannel();
    const { arguments: given, entrance, isQueueTransient = false, session } = this.#kind;
    const all = Object.entries(given ?? {}).map(([key, value]) => [
      key,
      value === ownQueue ? this.name : value,
    ]);
    await channel.assertQueue(this.name, {
      durable: !isQueueTransient,
      exclusive: session === 'exclusive',
      autoDelete: session === 'auto-delete',
      arguments: Object.fromEntries(all),
    });
    if (entrance !== undefined) {
      const deadLetters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': this.name };
      await channel.assertQueue(`${this.name}-entrance`, { arguments: { ...entrance, ...deadLetters } });
    }
    await client.close(channel);
  }

  // ---- publishing

  async #publish(client: Client): Promise<void> {
    await this.#declare(client);
    this.#publisher++;
    if (this.#kind.publish === 'transaction') {
      await this.#publishTransactions();
      return;
    }
    const channel = await client.connection.createConfirmChannel();
    channel.on('error', () => {});
    const { random } = this.#host;
    while (this.#isOpen) {
      if (!this.#mayPublish) {
        await this.#wait(client);
        continue;
      }
      const confirmed = this.#publishBatch(channel);
      // Whoever does not wait notices with the next batch.
      confirmed.catch(() => {});
      if (random() < 0.5) await Promise.race([confirmed, client.closed]);
      else await delay(random() * 20);
      if (random() < publisherBreaks) {
        this.#tally.breaks++;
        if (this.#kind.session === undefined && random() < 0.5) await client.close(channel);
        else client.tear();
        return;
      }
    }
  }

  get #mayPublish(): boolean {
    return this.#isPublishing && this.#owed.size + this.#possible.size - this.#early.size < backlogMax;
  }

  async #wait(client: Client): Promise<void> {
    client.check();
    // What a broken connection left in doubt does not come any more once all else has come.
    if (this.#isPublishing && this.#owed.size === 0) this.#possible.clear();
    await delay(10);
  }

  async #publishBatch(channel: ConfirmChannel): Promise<void> {
    const all: Promise<void>[] = [];
    for (let left = 1 + this.#host.random() * batchMax; left > 0; left--) all.push(this.#publishOne(channel));
    await Promise.all(all);
  }

  #publishOne(channel: ConfirmChannel): Promise<void> {
    const number = this.#next();
    const { entrance, priorities, isTransient = false } = this.#kind;
    const priority = priorities === undefined ? 0 : number % (priorities + 1);
    const options = {
      persistent: !isTransient,
      messageId: `${number}`,
      appId: `${this.#publisher}`,
      ...(priorities !== undefined && { priority }),
    };
    const name = entrance === undefined ? this.name : `${this.name}-entrance`;
    return new Promise((resolve) => {
      channel.sendToQueue(name, bodyOf(number), options, (error) => {
        if (error === null) this.#confirmed(number);
        else if (this.#possible.delete(number)) this.#tally.refused++;
        resolve();
      });
    });
  }

  #next(): number {
    const number = ++this.#lastNumber;
    this.#possible.add(number);
    this.#tally.published++;
    return number;
  }

  #confirmed(number: number): void {
    if (!this.#possible.delete(number)) return;
    this.#tally.confirmed++;
    if (!this.#early.delete(number) && !this.#kind.mayDrop) this.#owed.add(number);
  }

  async #publishTransactions(): Promise<void> {
    const connection = new AMQPClient(this.#host.url);
    connection.onerror = () => {};
    const { random } = this.#host;
    try {
      await connection.connect();
      const channel = await connection.channel();
      channel.onerror = () => {};
      await channel.txSelect();
      while (this.#isOpen) {
        if (!this.#mayPublish) {
          if (connection.closed) return;
          if (this.#isPublishing && this.#owed.size === 0) this.#possible.clear();
          await delay(10);
          continue;
        }
        const numbers = Array.from({ length: 1 + Math.floor(random() * 20) }, () => this.#next());
        for (const number of numbers) {
          const properties = { deliveryMode: 2, messageId: `${number}`, appId: `${this.#publisher}` };
          await channel.basicPublish('', this.name, bodyOf(number), properties);
        }
        if (random() < 0.1) {
          await channel.txRollback();
          for (const number of numbers) this.#possible.delete(number);
        } else {
          await channel.txCommit();
          for (const number of numbers) this.#confirmed(number);
        }
      }
    } finally {
      connection.socket?.destroy();
    }
  }

  // ---- consuming

  async #take(client: Client): Promise<void> {
    await this.#declare(client);
    while (this.#isOpen) {
      const channel = await client.connection.createChannel();
      channel.on('error', () => {});
      const taker = new Taker(channel);
      if (this.#kind.take === 'get') await this.#get(taker, client);
      else await this.#consume(taker, client);
      client.check();
      await client.close(channel);
    }
  }

  async #get(taker: Taker, client: Client): Promise<void> {
    while (this.#isOpen && !taker.isOver) {
      const gets = Array.from({ length: getsMax }, () => taker.channel.get(this.name));
      for (const message of await Promise.all(gets)) {
        if (message !== false && !taker.isOver) this.#receive(taker, client, message);
        else if (message === false && !this.#isPublishing) taker.giveBack();
      }
      await this.#waitForMessages(client);
    }
  }

  async #consume(taker: Taker, client: Client): Promise<void> {
    await taker.channel.prefetch(1 + Math.floor(this.#host.random() * 200));
    await taker.channel.consume(this.name, (message) => {
      if (message !== null && !taker.isOver) this.#receive(taker, client, message);
    });
    while (this.#isOpen && !taker.isOver) {
      if (!this.#isPublishing) taker.giveBack();
      await this.#waitForMessages(client);
    }
  }

  async #waitForMessages(client: Client): Promise<void> {
    client.check();
    await delay(10);
  }

  #receive(taker: Taker, client: Client, message: Message): void {
    const number = this.#check(message);
    this.#received++;
    this.#tally.received++;
    const { random } = this.#host;
    const dice = this.#isPublishing ? random() : 1;
    if (dice < 0.02) {
      this.#tally.givenBack++;
      taker.kept.push(message);
      if (taker.kept.length > keptMax) taker.giveBack();
    } else if (dice < 0.06) {
      this.#tally.givenBack++;
      taker.channel.nack(message, false, true);
    } else if (dice < 0.15 && this.#kind.rejects) {
      taker.channel.nack(message, false, false);
    } else {
      if (!this.#owed.delete(number) && this.#possible.has(number)) this.#early.add(number);
      taker.channel.ack(message);
    }
    if (this.#isPublishing && random() < consumerBreaks) {
      this.#tally.breaks++;
      taker.isOver = true;
      if (this.#kind.session !== undefined || random() < 0.5) client.tear();
    }
  }

  #check({ content, fields, properties }: Message): number {
    const number = Number(properties.messageId);
    try {
      checkBody(number, content);
    } catch (error) {
      this.#host.failed(this.#error(String(error)));
    }
    if (this.#kind.isUnordered || fields.redelivered) return number;
    const row = `${properties.appId} ${properties.priority}`;
    const highest = this.#highest.get(row) ?? 0;
    if (number <= highest) this.#host.failed(this.#error(`delivers ${number} behind ${highest}`));
    this.#highest.set(row, number);
    return number;
  }

  #error(text: string): Error {
    return new Error(`lane ${this.name} ${text}`);
  }
}

type Message = Parameters<Channel['ack']>[0];

/** A channel that takes messages, and those it keeps for a while. */
class Taker {
  readonly channel: Channel;
  kept: Message[] = [];
  isOver = false;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  giveBack(): void {
    for (const message of this.kept.splice(0)) this.channel.nack(message, false, true);
  }
}

/** True for what a client is told when its connection goes. */
function isBroken(error: unknown): boolean {
  return /clos|ended|ECONN|EPIPE|hang up|destroyed|forced|timeout/i.test(String(error));
}

function some(numbers: ReadonlySet<number>): string {
  return `${numbers.size} messages (${[...numbers].slice(0, 10).join(' ')})`;
}
