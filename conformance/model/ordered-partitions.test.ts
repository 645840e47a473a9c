import { expect, test } from 'vitest';
import { openChannel, openConnection, scenarios } from '../harness/broker.ts';
import { eventually } from '../harness/expectations.ts';
import { ack, consume, declareExchange, declareQueue, publishConfirmed } from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';

const partitionCount = 4;
const keyCount = 20;

/** A worker of docs/ordered-partitions.md: it consumes every partition, one message at a time from each. */
class Worker {
  readonly channel: RawChannel;
  readonly #seen: string[];
  #isStopped = false;

  private constructor(channel: RawChannel, seen: string[]) {
    this.channel = channel;
    this.#seen = seen;
  }

  static async start(partitions: readonly string[], seen: string[]): Promise<Worker> {
    const channel = await (await openConnection()).channel();
    await channel.call('basic.qos', { 'prefetch-count': 1 });
    const worker = new Worker(channel, seen);
    for (const queue of partitions) await worker.consume(queue);
    worker.#work().catch(() => undefined);
    return worker;
  }

  async consume(partition: string): Promise<void> {
    await consume(this.channel, partition);
  }

  async #work(): Promise<void> {
    for (;;) {
      const delivery = await this.channel.next('basic.deliver');
      if (this.#isStopped) return;
      this.#seen.push(delivery.text);
      ack(this.channel, delivery.deliveryTag);
    }
  }

  /** It goes without a word: what it was given and has not acknowledged goes to another one. */
  die(): void {
    this.#isStopped = true;
    this.channel.connection.destroy();
  }
}

async function addPartition(channel: RawChannel, exchange: string): Promise<string> {
  const queue = await declareQueue(channel, { arguments: { 'x-single-active-consumer': true } });
  await channel.call('queue.bind', { queue, exchange, 'routing-key': '1', arguments: {} });
  return queue;
}

/** Publishes messages that are numbered for each key: `key/number`. */
class Publisher {
  readonly #channel: RawChannel;
  readonly #exchange: string;
  published = 0;

  constructor(channel: RawChannel, exchange: string) {
    this.#channel = channel;
    this.#exchange = exchange;
  }

  async publish(count: number): Promise<void> {
    const next = Array.from({ length: count }, (_, i) => this.published + i);
    this.published += count;
    await publishConfirmed(
      this.#channel,
      next.map((i) => ({
        exchange: this.#exchange,
        routingKey: `key-${i % keyCount}`,
        body: `${i % keyCount}/${Math.floor(i / keyCount)}`,
      })),
    );
  }
}

/** A message that a dying worker had is worked on again, before any later one of its key. */
function expectOrder(seen: readonly string[], countOfEach: number): void {
  const last = new Map<string, number>();
  for (const text of seen) {
    const [key = '', turn = ''] = text.split('/');
    const before = last.get(key) ?? -1;
    expect([before, before + 1]).toContain(Number(turn));
    last.set(key, Number(turn));
  }
  expect([...last.values()]).toEqual(Array.from({ length: keyCount }, () => countOfEach - 1));
}

scenarios('docs/ordered-partitions.md', () => {
  test('consumers come and go, and every key keeps its order', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'x-consistent-hash');
    const partitions: string[] = [];
    while (partitions.length < partitionCount) partitions.push(await addPartition(channel, exchange));
    const seen: string[] = [];
    const total = 30 * keyCount;
    const publisher = new Publisher(channel, exchange);
    const workers = [await Worker.start(partitions, seen)];
    while (publisher.published < total) {
      await publisher.publish(total / 6);
      workers.push(await Worker.start(partitions, seen));
      if (workers.length > 2) workers.shift()?.die();
    }
    await eventually(async () => expect(new Set(seen).size).toBe(total));
    expectOrder(seen, 30);
  });

  test('partitions come and go while nothing waits in them, and every key keeps its order', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'x-consistent-hash');
    const partitions = [await addPartition(channel, exchange), await addPartition(channel, exchange)];
    const seen: string[] = [];
    const publisher = new Publisher(channel, exchange);
    const workers = [await Worker.start(partitions, seen), await Worker.start(partitions, seen)];
    const publishAndDrain = async (): Promise<void> => {
      await publisher.publish(5 * keyCount);
      await eventually(async () => expect(seen.length).toBe(publisher.published));
    };
    for (let i = 0; i < 3; i++) {
      await publishAndDrain();
      const added = await addPartition(channel, exchange);
      partitions.push(added);
      for (const worker of workers) await worker.consume(added);
    }
    while (partitions.length > 1) {
      await publishAndDrain();
      const queue = partitions.shift() ?? '';
      await channel.call('queue.unbind', { queue, exchange, 'routing-key': '1', arguments: {} });
      await channel.call('queue.delete', { queue });
    }
    await publishAndDrain();
    expectOrder(seen, 40);
  });
});
