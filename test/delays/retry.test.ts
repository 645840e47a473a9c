import type { Channel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Arrivals, TestBed } from './support.ts';

let bed: TestBed;
let channel: ConfirmChannel;

beforeEach(async () => {
  bed = new TestBed();
  channel = await bed.start();
  await channel.assertQueue('dead');
});
afterEach(() => bed.remove());

const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };

async function declare(all: object): Promise<void> {
  await channel.assertQueue('q', { arguments: { ...toDead, ...all } });
}

function publish(body: string, options = {}): void {
  channel.sendToQueue('q', Buffer.from(body), { persistent: true, ...options });
}

async function errorOf(attempt: (other: Channel) => Promise<unknown>): Promise<string> {
  const other = await bed.openChannel();
  return attempt(other).then(
    () => 'no error',
    (error: Error) => error.message,
  );
}

describe.each(['classic', 'quorum'])('a %s queue with x-retry-delay', (type) => {
  const settings = { 'x-queue-type': type, 'x-retry-delay': 60 };

  test('gives a message out again after delays that double, then dead-letters it', async () => {
    await declare({ ...settings, 'x-retry-limit': 3, 'x-retry-delay-max': 150 });
    const arrivals = await Arrivals.of(channel, 'q', (message) => channel.nack(message, false, true));
    publish('x', { headers: { mine: 1 } });
    const [letter] = await (await Arrivals.of(channel, 'dead')).count(1);

    const seen = arrivals.all.map(({ message }) => message);
    expect(seen.map(({ properties }) => properties.headers?.['x-retry-count'])).toEqual([undefined, 1, 2, 3]);
    expect(seen.map(({ fields }) => fields.redelivered)).toEqual([false, true, true, true]);
    const times = arrivals.all.map(({ at }) => at);
    const delays = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    for (const [i, delayMs] of [60, 120, 150].entries()) {
      expect(delays[i]).toBeGreaterThanOrEqual(delayMs - 5);
      expect(delays[i]).toBeLessThan(delayMs + 5000);
    }
    const headers = letter?.message.properties.headers;
    expect(headers).toMatchObject({ mine: 1, 'x-retry-count': 3, 'x-first-death-reason': 'delivery_limit' });
    expect(headers?.['x-death']).toMatchObject([
      { queue: 'q', reason: 'delivery_limit', count: 1, exchange: '', 'routing-keys': ['q'] },
    ]);
  });

  test('waits with basic.reject too, and dead-letters at once what is not to be requeued', async () => {
    await declare(settings);
    const arrivals = await Arrivals.of(channel, 'q', (message) => {
      channel.reject(message, message.content.toString() === 'again' && !message.fields.redelivered);
    });
    const dead = await Arrivals.of(channel, 'dead');
    publish('never');
    publish('again');
    await dead.count(2);
    expect(arrivals.bodies).toEqual(['never', 'again', 'again']);
    expect(dead.all.map(({ message }) => message.properties.headers?.['x-first-death-reason'])).toEqual([
      'rejected',
      'rejected',
    ]);
  });

  test('starts to count anew when a dead letter comes back', async () => {
    await declare({ ...settings, 'x-retry-limit': 1 });
    const dead = await Arrivals.of(channel, 'dead');
    const arrivals = await Arrivals.of(channel, 'q', (message) => channel.nack(message, false, true));
    publish('x');
    const [letter] = await dead.count(1);
    publish('x', { headers: letter?.message.properties.headers });
    await dead.count(2);
    expect(arrivals.all).toHaveLength(4);
  });

  test('does not count a message that its consumer has left behind', async () => {
    await declare({ ...settings, 'x-retry-delay': 3_600_000 });
    const other = await bed.openChannel();
    const taken = await Arrivals.of(other, 'q', () => {});
    publish('x');
    await taken.count(1);
    await other.close();
    const [again] = await (await Arrivals.of(channel, 'q')).count(1);
    expect(again?.message.fields.redelivered).toBe(true);
    expect(again?.message.properties.headers?.['x-retry-count']).toBeUndefined();
  });

  test('knows after a restart what waits, and how often it came back', async () => {
    await declare({ ...settings, 'x-retry-delay': 1000 });
    publish('x');
    await channel.waitForConfirms();
    const message = await channel.get('q');
    if (message !== false) channel.nack(message, false, true);
    await expect.poll(() => bed.broker.countDelayed({ queue: 'q' }), { interval: 5 }).toBe(1);
    expect(bed.broker.listDelayed({ queue: 'q' })).toMatchObject([{ exchange: '', routingKey: 'q' }]);
    channel = await bed.restart();
    const [again] = await (await Arrivals.of(channel, 'q')).count(1);
    expect(again?.message.properties.headers).toMatchObject({ 'x-retry-count': 1 });
    expect(again?.message.fields.redelivered).toBe(true);
    channel = await bed.restart();
    expect(await channel.checkQueue('q')).toMatchObject({ messageCount: 0 });
    expect(bed.broker.countDelayed({ queue: 'q' })).toBe(0);
  });

  test('lets what waits go with the queue', async () => {
    await declare({ ...settings, 'x-retry-delay': 3_600_000 });
    publish('x');
    await channel.waitForConfirms();
    const message = await channel.get('q');
    if (message !== false) channel.nack(message, false, true);
    await expect.poll(() => bed.broker.countDelayed({ queue: 'q' }), { interval: 5 }).toBe(1);
    await channel.deleteQueue('q');
    await declare(settings);
    channel = await bed.restart();
    expect(bed.broker.countDelayed({ queue: 'q' })).toBe(0);
  });
});

/** How a consumer parts with its first message, by the name of what RabbitMQ calls its delayed retries. */
const waysBack = {
  returned: (on: Channel, message: ConsumeMessage) => on.nack(message, false, true),
  failed: (on: Channel, message: ConsumeMessage) => on.reject(message, true),
  gone: (on: Channel) => void on.close(),
};

describe('a quorum queue with x-delayed-retry-type', () => {
  const settings = { 'x-queue-type': 'quorum', 'x-delayed-retry-min': 3_600_000 };

  test.each([
    ['all', ['failed', 'gone', 'returned']],
    ['failed', ['failed', 'gone']],
    ['returned', ['returned']],
    ['disabled', []],
  ] as const)('%s delays %j', async (type, delayed) => {
    await declare({ ...settings, 'x-delayed-retry-type': type });
    for (const [way, giveBack] of Object.entries(waysBack)) {
      const other = await bed.openChannel();
      publish(way);
      let isFirst = true;
      const arrivals = await Arrivals.of(other, 'q', (message) => {
        if (isFirst) giveBack(other, message);
        else other.ack(message);
        isFirst = false;
      });
      await arrivals.count(1);
      if (delayed.some((each) => each === way)) {
        await expect.poll(() => bed.broker.countDelayed({ queue: 'q' }), { interval: 5 }).toBe(1);
        const [waiting] = bed.broker.listDelayed({ queue: 'q' });
        bed.broker.cancelDelayed({ queue: 'q' }, waiting?.id ?? '');
      } else {
        const again = way === 'gone' ? await Arrivals.of(channel, 'q') : arrivals;
        await again.count(way === 'gone' ? 1 : 2);
        expect(again.all.at(-1)?.message.properties.headers).not.toHaveProperty('x-retry-count');
      }
      await other.close().catch(() => {});
    }
  });

  test('adds the same delay each time, up to the longest, and ends at x-delivery-limit', async () => {
    const type = { 'x-queue-type': 'quorum', 'x-delayed-retry-type': 'failed', 'x-delivery-limit': 3 };
    await declare({ ...type, 'x-delayed-retry-min': 40, 'x-delayed-retry-max': 100 });
    const arrivals = await Arrivals.of(channel, 'q', (message) => channel.reject(message, true));
    publish('x');
    const [letter] = await (await Arrivals.of(channel, 'dead')).count(1);
    const counts = arrivals.all.map(({ message }) => message.properties.headers?.['x-delivery-count']);
    expect(counts).toEqual([undefined, 1, 2, 3]);
    const times = arrivals.all.map(({ at }) => at);
    for (const [i, delayMs] of [40, 80, 100].entries()) {
      const delay = (times[i + 1] ?? 0) - (times[i] ?? 0);
      expect(delay).toBeGreaterThanOrEqual(delayMs - 5);
      expect(delay).toBeLessThan(delayMs + 5000);
    }
    expect(letter?.message.properties.headers).toMatchObject({ 'x-first-death-reason': 'delivery_limit' });
  });

  test('may have it from a policy', async () => {
    const definition = { 'delayed-retry-type': 'returned', 'delayed-retry-min': 3_600_000 };
    await bed.broker.setPolicy({ name: 'p', pattern: '', applyTo: 'quorum_queues', definition });
    await declare({ 'x-queue-type': 'quorum' });
    publish('x');
    await channel.waitForConfirms();
    const message = await channel.get('q');
    if (message !== false) channel.nack(message, false, true);
    await expect.poll(() => bed.broker.countDelayed({ queue: 'q' }), { interval: 5 }).toBe(1);
  });
});

describe('retries', () => {
  test('are a matter of policies, too', async () => {
    await bed.broker.setPolicy({
      name: 'p',
      pattern: '^q$',
      definition: { 'retry-delay': 30, 'retry-limit': 1 },
    });
    await declare({});
    const arrivals = await Arrivals.of(channel, 'q', (message) => channel.nack(message, false, true));
    publish('x');
    await (await Arrivals.of(channel, 'dead')).count(1);
    expect(arrivals.all).toHaveLength(2);
  });

  test('of a priority queue go to their priority', async () => {
    await declare({ 'x-retry-delay': 30, 'x-max-priority': 5 });
    publish('high', { priority: 5 });
    const message = await channel.get('q');
    if (message !== false) channel.nack(message, false, true);
    publish('low');
    await expect.poll(async () => (await channel.checkQueue('q')).messageCount, { interval: 5 }).toBe(2);
    const arrivals = await Arrivals.of(channel, 'q');
    await arrivals.count(2);
    expect(arrivals.bodies).toEqual(['high', 'low']);
  });

  test('end with the time to live of the message', async () => {
    await declare({ 'x-retry-delay': 150 });
    publish('x', { expiration: '80' });
    const message = await channel.get('q');
    if (message !== false) channel.nack(message, false, true);
    const [letter] = await (await Arrivals.of(channel, 'dead')).count(1);
    expect(letter?.message.properties.headers?.['x-first-death-reason']).toBe('expired');
  });

  test.each([
    [
      { 'x-retry-limit': 3 },
      "invalid arg 'x-retry-limit' for queue 'bad' in vhost '/': \"x-retry-delay is missing\"",
    ],
    [{ 'x-retry-delay-max': 3 }, '"x-retry-delay is missing"'],
    [{ 'x-retry-delay': 10, 'x-retry-delay-max': 9 }, '"smaller than x-retry-delay"'],
    [{ 'x-retry-delay': 0 }, '{value_zero,0}'],
    [{ 'x-retry-delay': -1 }, '{value_negative,-1}'],
    [{ 'x-retry-delay': 2 ** 32 }, '{value_too_large,4294967296}'],
    [{ 'x-retry-delay': 'soon' }, '"expected integer, got longstr"'],
    [{ 'x-retry-delay': 10, 'x-retry-limit': -1 }, '{value_negative,-1}'],
    [
      { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 1 },
      "invalid arg 'x-delayed-retry-type' for queue 'bad' in vhost '/' of queue type rabbit_classic_queue",
    ],
    [{ 'x-queue-type': 'quorum', 'x-delayed-retry-type': 'all' }, '"x-delayed-retry-min is missing"'],
    [
      { 'x-queue-type': 'quorum', 'x-delayed-retry-type': 'some', 'x-delayed-retry-min': 1 },
      "unsupported delayed retry type 'some'",
    ],
    [
      { 'x-queue-type': 'quorum', 'x-delayed-retry-min': 2, 'x-delayed-retry-max': 1 },
      '"smaller than x-delayed-retry-min"',
    ],
    [
      {
        'x-queue-type': 'quorum',
        'x-delayed-retry-type': 'all',
        'x-delayed-retry-min': 1,
        'x-retry-delay': 1,
      },
      '"x-retry-delay is there, too"',
    ],
  ])('refuse %j', async (all, text) => {
    const error = await errorOf((other) => other.assertQueue('bad', { arguments: all }));
    expect(error).toContain('PRECONDITION_FAILED');
    expect(error).toContain(text);
  });

  test('refuse policies that make no sense', async () => {
    const set = (definition: Record<string, number | string>) =>
      bed.broker.setPolicy({ name: 'p', pattern: '', definition });
    await expect(set({ 'retry-limit': 1 })).rejects.toThrow('retry-delay must be specified');
    await expect(set({ 'retry-delay': 5, 'retry-delay-max': 4 })).rejects.toThrow('must not be smaller');
    await expect(set({ 'delayed-retry-type': 'all' })).rejects.toThrow('delayed-retry-min must be specified');
    await expect(set({ 'delayed-retry-min': 5, 'delayed-retry-max': 4 })).rejects.toThrow(
      'must not be smaller',
    );
    await expect(
      set({ 'delayed-retry-type': 'all', 'delayed-retry-min': 5, 'retry-delay': 4 }),
    ).rejects.toThrow('cannot be specified together');
    await expect(set({ 'retry-delay': 0 })).rejects.toThrow('0 is not a valid retry delay');
  });
});
