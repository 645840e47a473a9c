import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, ConfirmChannel, Message } from 'amqplib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Arrivals, TestBed } from './support.ts';

/** So late that it comes in no test. */
const neverMs = 3_600_000;

let bed: TestBed;
let channel: ConfirmChannel;

beforeEach(async () => {
  bed = new TestBed();
  channel = await bed.start();
});
afterEach(() => bed.remove());

async function declare(exchange: string, type: string, bindings: Record<string, string>): Promise<void> {
  await channel.assertExchange(exchange, 'x-delayed-message', { arguments: { 'x-delayed-type': type } });
  for (const [queue, key] of Object.entries(bindings)) {
    await channel.assertQueue(queue);
    await channel.bindQueue(queue, exchange, key);
  }
}

function publish(exchange: string, key: string, body: string, delayMs?: unknown, options = {}): void {
  const headers = delayMs === undefined ? {} : { 'x-delay': delayMs };
  channel.publish(exchange, key, Buffer.from(body), { persistent: true, headers, ...options });
}

async function errorOf(attempt: (other: Channel) => Promise<unknown>): Promise<string> {
  const other = await bed.openChannel();
  return attempt(other).then(
    () => 'no error',
    (error: Error) => error.message,
  );
}

describe('an exchange of type x-delayed-message', () => {
  test('keeps messages for as long as they say, and no longer', async () => {
    await declare('later', 'direct', { q: 'k' });
    const arrivals = await Arrivals.of(channel, 'q');
    const start = Date.now();
    for (const delayMs of [500, 100, 300, 200, 100, 400]) publish('later', 'k', String(delayMs), delayMs);
    await channel.waitForConfirms();
    for (const { body, at } of await arrivals.count(6)) {
      expect(at - start).toBeGreaterThanOrEqual(Number(body));
      // 50 ms on a quiet machine: see the benchmark.
      expect(at - start).toBeLessThan(Number(body) + 5000);
    }
    expect(arrivals.bodies).toEqual(['100', '100', '200', '300', '400', '500']);
  });

  test('turns the delay round, so that others can tell, and changes nothing else', async () => {
    await declare('later', 'direct', { q: 'k' });
    const arrivals = await Arrivals.of(channel, 'q');
    publish('later', 'k', 'x', 20, {
      headers: { b: 'two', 'x-delay': 20, a: 1 },
      messageId: 'm',
      priority: 3,
    });
    const [first] = await arrivals.count(1);
    expect(first?.message.properties.headers).toEqual({ a: 1, b: 'two', 'x-delay': -20 });
    expect(first?.message.properties).toMatchObject({ messageId: 'm', priority: 3, deliveryMode: 2 });
    expect(first?.message.fields).toMatchObject({ exchange: 'later', routingKey: 'k', redelivered: false });
  });

  test.each([
    ['short', { '!': 'short', value: 20 }],
    ['int', { '!': 'int', value: 20 }],
    ['long', { '!': 'long', value: 20 }],
    ['text', '20'],
  ])('turns round a delay that is of type %s', async (_type, delayMs) => {
    await declare('later', 'fanout', { q: '' });
    const arrivals = await Arrivals.of(channel, 'q');
    publish('later', '', 'x', delayMs, { headers: { a: 'one', 'x-delay': delayMs, z: [1] } });
    const [first] = await arrivals.count(1);
    expect(first?.message.properties.headers).toEqual({ a: 'one', 'x-delay': -20, z: [1] });
  });

  test.each([
    ['no header', undefined],
    ['zero', 0],
    ['a negative number', -1000],
    ['more than 2^32 - 1', 2 ** 32],
    ['no number', 'soon'],
    ['a boolean', true],
  ])('routes at once what has %s as a delay', async (_what, delayMs) => {
    await declare('later', 'direct', { q: 'k' });
    publish('later', 'k', 'x', delayMs);
    await channel.waitForConfirms();
    expect(await channel.checkQueue('q')).toMatchObject({ messageCount: 1 });
    const message = await channel.get('q', { noAck: true });
    expect(message === false ? message : message.properties.headers?.['x-delay']).toEqual(delayMs);
  });

  test.each([
    ['a decimal string', '3600000'],
    ['a float', 3_600_000.7],
    ['2^32 - 1', 2 ** 32 - 1],
  ])('takes %s as a delay', async (_what, delayMs) => {
    await declare('later', 'direct', { q: 'k' });
    publish('later', 'k', 'x', delayMs);
    await channel.waitForConfirms();
    expect(bed.broker.countDelayed({ exchange: 'later' })).toBe(1);
    const [waiting] = bed.broker.listDelayed({ exchange: 'later' });
    expect(waiting?.dueAt).toBeGreaterThan(Date.now() + Math.trunc(Number(delayMs)) - 60_000);
    expect(waiting?.dueAt).toBeLessThanOrEqual(Date.now() + Math.trunc(Number(delayMs)));
  });

  test.each([
    ['topic', { q: 'a.*' }, 'a.b', 'b.b'],
    ['fanout', { q: '' }, 'any', undefined],
    ['x-consistent-hash', { q: '1' }, 'any', undefined],
  ])('routes as %s', async (type, bindings, matching, other) => {
    await declare('later', type, bindings);
    if (other !== undefined) publish('later', other, 'other', 10);
    publish('later', matching, 'matching', 20);
    const arrivals = await Arrivals.of(channel, 'q');
    await arrivals.count(1);
    expect(arrivals.bodies).toEqual(['matching']);
    expect(bed.broker.countDelayed({ exchange: 'later' })).toBe(0);
  });

  test('routes by the bindings there are when the time has come', async () => {
    await declare('later', 'direct', {});
    publish('later', 'k', 'x', 1500);
    await channel.waitForConfirms();
    await channel.assertQueue('q');
    await channel.bindQueue('q', 'later', 'k');
    const arrivals = await Arrivals.of(channel, 'q');
    await arrivals.count(1);
  });

  test('delays what other exchanges pass on, once', async () => {
    await declare('later', 'fanout', {});
    await declare('even-later', 'fanout', { q: '' });
    await channel.assertExchange('front', 'fanout');
    await channel.bindExchange('later', 'front', '');
    await channel.bindExchange('even-later', 'later', '');
    const arrivals = await Arrivals.of(channel, 'q');
    const start = Date.now();
    publish('front', 'k', 'x', 50);
    const [first] = await arrivals.count(1);
    expect(first?.at).toBeGreaterThanOrEqual(start + 50);
    expect(first?.message.fields).toMatchObject({ exchange: 'front', routingKey: 'k' });
    expect(first?.message.properties.headers).toEqual({ 'x-delay': -50 });
  });

  test('gives mandatory messages back, since nobody knows yet where they go', async () => {
    await declare('later', 'direct', { q: 'k' });
    const returned = new Promise<Message>((resolve) => channel.once('return', resolve));
    publish('later', 'k', 'x', 50, { mandatory: true });
    expect((await returned).fields).toMatchObject({ replyCode: 312, replyText: 'NO_ROUTE' });
    const arrivals = await Arrivals.of(channel, 'q');
    await arrivals.count(1);
  });

  test('starts the time to live when the message comes to its queue', async () => {
    await declare('later', 'direct', { q: 'k' });
    publish('later', 'k', 'x', 100, { expiration: '60000' });
    const arrivals = await Arrivals.of(channel, 'q');
    await arrivals.count(1);
  });

  test('copies to CC and hides BCC', async () => {
    await declare('later', 'direct', { q: 'k', cc: 'cc', bcc: 'bcc' });
    channel.publish('later', 'k', Buffer.from('x'), {
      headers: { 'x-delay': 30, CC: ['cc'], BCC: ['bcc'] },
    });
    for (const queue of ['q', 'cc', 'bcc']) {
      const [first] = await (await Arrivals.of(channel, queue)).count(1);
      expect(first?.message.properties.headers).toEqual({ CC: ['cc'], 'x-delay': -30 });
    }
  });

  test('takes messages of any size', async () => {
    await declare('later', 'direct', { q: 'k' });
    const body = Buffer.alloc(3_000_001, 'leveret');
    channel.publish('later', 'k', body, { persistent: true, headers: { 'x-delay': 200 } });
    await channel.waitForConfirms();
    channel = await bed.restart();
    const [first] = await (await Arrivals.of(channel, 'q')).count(1);
    expect(first?.message.content.equals(body)).toBe(true);
  });

  test('needs an existing type other than its own', async () => {
    const declaring = (all: object) =>
      errorOf((other) => other.assertExchange('x', 'x-delayed-message', { arguments: all }));
    const noType =
      "406 (PRECONDITION-FAILED) with message \"PRECONDITION_FAILED - Invalid argument, 'x-delayed-type'";
    expect(await declaring({})).toContain(noType);
    expect(await declaring({ 'x-delayed-type': 1 })).toContain(noType);
    expect(await declaring({ 'x-delayed-type': 'x-delayed-message' })).toContain(noType);
    expect(await declaring({ 'x-delayed-type': 'x-nothing' })).toContain(
      "PRECONDITION_FAILED - unknown exchange type 'x-nothing'",
    );
    expect(await declaring({ 'x-delayed-type': 'topic' })).toBe('no error');
  });

  test('checks bindings as its inner type does', async () => {
    await declare('later', 'headers', {});
    await channel.assertQueue('q');
    const binding = errorOf((other) => other.bindQueue('q', 'later', '', { 'x-match': 'some' }));
    expect(await binding).toContain('Invalid x-match field value');
  });
});

describe('delayed messages', () => {
  test('outlive a restart, and leave at once when they are overdue', async () => {
    await declare('later', 'direct', { q: 'k' });
    publish('later', 'k', 'overdue', 200);
    publish('later', 'k', 'overdue too', 201);
    publish('later', 'k', 'later', 1000);
    publish('later', 'k', 'much later', neverMs, { persistent: false });
    await channel.waitForConfirms();
    const due = Date.now() + 201;
    await bed.stop();
    await delay(due - Date.now());
    channel = await bed.start();
    const arrivals = await Arrivals.of(channel, 'q');
    await arrivals.count(3);
    expect(arrivals.bodies).toEqual(['overdue', 'overdue too', 'later']);
    channel = await bed.restart();
    const waiting = bed.broker.listDelayed({ exchange: 'later' });
    expect(waiting.map(({ body }) => body.toString())).toEqual(['much later']);
    expect(bed.broker.countDelayed({ exchange: 'later' })).toBe(1);
    expect(await channel.checkQueue('q')).toMatchObject({ messageCount: 0 });
  });

  test('are counted, listed in order, later ones by ten minutes, and cancelled', async () => {
    await declare('later', 'direct', { q: 'k' });
    const place = { exchange: 'later' };
    for (let i = 0; i < 2000; i++) publish('later', 'k', String(i), neverMs - 1000 * i);
    // Seconds apart: however long publishing takes.
    for (let i = 2000; i < 2500; i++) publish('later', 'k', String(i), 599_000 - 1000 * (i - 2000));
    await channel.waitForConfirms();
    const { broker } = bed;
    expect(broker.countDelayed(place)).toBe(2500);
    const listed: string[] = [];
    const slots: number[] = [];
    for (let after: string | undefined; ; ) {
      const page = broker.listDelayed(place, after === undefined ? {} : { after });
      if (page.length === 0) break;
      expect(page.length).toBeLessThanOrEqual(1000);
      listed.push(...page.map(({ body }) => body.toString()));
      slots.push(...page.map(({ dueAt }) => Math.floor(dueAt / 600_000)));
      after = page.at(-1)?.id;
    }
    expect(listed.slice(0, 500)).toEqual(Array.from({ length: 500 }, (_, i) => String(2499 - i)));
    expect(new Set(listed).size).toBe(2500);
    expect(slots).toEqual(slots.toSorted((a, b) => a - b));

    const [first, second] = broker.listDelayed(place, { limit: 2 });
    expect(first).toMatchObject({ exchange: 'later', routingKey: 'k', properties: { deliveryMode: 2 } });
    expect(await broker.cancelDelayed(place, first?.id ?? '')).toBe(true);
    expect(await broker.cancelDelayed(place, first?.id ?? '')).toBe(false);
    expect(await broker.cancelDelayed(place, 'no such id')).toBe(false);
    expect(broker.countDelayed(place)).toBe(2499);
    channel = await bed.restart();
    expect(bed.broker.countDelayed(place)).toBe(2499);
    expect(bed.broker.listDelayed(place, { limit: 1 })[0]?.id).toBe(second?.id);
  });

  test('cannot be asked for where there is nothing', () => {
    const { broker } = bed;
    expect(() => broker.countDelayed({ exchange: 'nowhere' })).toThrow("no exchange 'nowhere' in vhost '/'");
    expect(() => broker.listDelayed({ queue: 'nowhere' })).toThrow("no queue 'nowhere' in vhost '/'");
    expect(() => broker.countDelayed({ vhost: 'v', exchange: 'x' })).toThrow("vhost 'v' not found");
    expect(broker.countDelayed({ exchange: 'amq.direct' })).toBe(0);
  });

  test('go with their exchange, and do not come back with its name', async () => {
    await declare('later', 'direct', { q: 'k' });
    for (let i = 0; i < 3000; i++) publish('later', 'k', String(i), neverMs);
    await channel.waitForConfirms();
    await channel.deleteExchange('later');
    await declare('later', 'direct', { q: 'k' });
    expect(bed.broker.countDelayed({ exchange: 'later' })).toBe(0);
    channel = await bed.restart();
    expect(bed.broker.countDelayed({ exchange: 'later' })).toBe(0);
    expect(bed.broker.listDelayed({ exchange: 'later' })).toEqual([]);
    publish('later', 'k', 'new', 20);
    const arrivals = await Arrivals.of(channel, 'q');
    await arrivals.count(1);
    expect(arrivals.bodies).toEqual(['new']);
  });

  test('of a transaction wait from its commit on', async () => {
    await declare('later', 'direct', { q: 'k' });
    const { AMQPClient } = await import('@cloudamqp/amqp-client');
    const client = new AMQPClient(bed.broker.url);
    await client.connect();
    const transaction = await client.channel();
    await transaction.txSelect();
    const properties = { headers: { 'x-delay': neverMs } };
    await transaction.basicPublish('later', 'k', 'rolled back', properties);
    await transaction.txRollback();
    await transaction.basicPublish('later', 'k', 'committed', properties);
    expect(bed.broker.countDelayed({ exchange: 'later' })).toBe(0);
    await transaction.txCommit();
    expect(bed.broker.listDelayed({ exchange: 'later' }).map(({ body }) => body.toString())).toEqual([
      'committed',
    ]);
    await client.close();
  });
});
