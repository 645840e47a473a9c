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
    for (const queue of partitions) await consume(channel, queue);
    worker.#work().catch(() => undefined);
    return worker;
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

scenarios('docs/ordered-partitions.md', () => {
  test('consumers come and go, and every key keeps its order', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'x-consistent-hash');
    const partitions: string[] = [];
    while (partitions.length < partitionCount) {
      const queue = await declareQueue(channel, { arguments: { 'x-single-active-consumer': true } });
      await channel.call('queue.bind', { queue, exchange, 'routing-key': '1', arguments: {} });
      partitions.push(queue);
    }
    const seen: string[] = [];
    const total = 30 * keyCount;
    let published = 0;
    const publish = async (count: number): Promise<void> => {
      const next = Array.from({ length: count }, (_, i) => published + i);
      published += count;
      await publishConfirmed(
        channel,
        next.map((i) => ({
          exchange,
          routingKey: `key-${i % keyCount}`,
          body: `${i % keyCount}/${Math.floor(i / keyCount)}`,
        })),
      );
    };
    const workers = [await Worker.start(partitions, seen)];
    while (published < total) {
      await publish(total / 6);
      workers.push(await Worker.start(partitions, seen));
      if (workers.length > 2) workers.shift()?.die();
    }
    await eventually(async () => expect(new Set(seen).size).toBe(total));
    // A message that a dying worker had is worked on again, before any later one of its key.
    const last = new Map<string, number>();
    for (const text of seen) {
      const [key = '', turn = ''] = text.split('/');
      const before = last.get(key) ?? -1;
      expect([before, before + 1]).toContain(Number(turn));
      last.set(key, Number(turn));
    }
    expect([...last.values()]).toEqual(Array.from({ length: keyCount }, () => 29));
  });
});
