import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { exchangeName, openChannel, scenarios } from '../harness/broker.ts';
import { barrier, drain, eventually, getText, queueCounts } from '../harness/expectations.ts';
import {
  ack,
  boundQueue,
  consume,
  declareExchange,
  declareQueue,
  nack,
  publishTexts,
} from '../harness/model.ts';
import type { Command, RawChannel } from '../raw-client.ts';
import { type Table, Typed } from '../raw-codec.ts';

interface DeadLetterSetting {
  readonly channel: RawChannel;
  /** Fanout exchange for dead letters. */
  readonly exchange: string;
  /** Bound to it. */
  readonly graveyard: string;
  /** Dead-letters into it. */
  readonly queue: string;
}

async function setting(args: Table = {}): Promise<DeadLetterSetting> {
  const channel = await openChannel();
  const exchange = await declareExchange(channel, 'fanout');
  const graveyard = await boundQueue(channel, exchange);
  const queue = await declareQueue(channel, { arguments: { 'x-dead-letter-exchange': exchange, ...args } });
  return { channel, exchange, graveyard, queue };
}

/** Takes a message out of a queue to which it is on its way. */
async function arrival(channel: RawChannel, queue: string): Promise<Command> {
  let message: Command | undefined;
  await eventually(async () => {
    message = await channel.call('basic.get', { queue, 'no-ack': true });
    expect(message.name).toBe('basic.get-ok');
  });
  if (!message) throw new Error('no message');
  return message;
}

async function rejectNext(channel: RawChannel, queue: string): Promise<void> {
  const { deliveryTag } = await channel.call('basic.get', { queue });
  nack(channel, deliveryTag, { requeue: false });
  await barrier(channel);
}

function deathsOf(message: Command): unknown {
  return message.headers?.['x-death'];
}

scenarios('2.4 dead-lettering', () => {
  test('a rejected message carries x-death and x-first-death-*, exactly (trap 28)', async () => {
    const { channel, exchange, graveyard, queue } = await setting();
    const before = Math.floor(Date.now() / 1000);
    channel.publish({
      routingKey: queue,
      properties: { headers: { mine: 1 }, 'message-id': 'id' },
      body: 'x',
    });
    await rejectNext(channel, queue);
    const message = await arrival(channel, graveyard);
    expect(message.fields).toMatchObject({ exchange, 'routing-key': queue, redelivered: false });
    expect([message.text, message.properties['message-id']]).toEqual(['x', 'id']);
    expect(message.headers).toEqual({
      mine: 1,
      'x-death': [
        {
          count: 1,
          reason: 'rejected',
          queue,
          time: expect.any(Number),
          exchange: '',
          'routing-keys': [queue],
        },
      ],
      'x-first-death-exchange': '',
      'x-first-death-queue': queue,
      'x-first-death-reason': 'rejected',
    });
    const [death] = message.properties['headers'] instanceof Object ? typedDeaths(message) : [];
    expect(Object.entries(death ?? {}).map(([key, value]) => [key, value.tag])).toEqual([
      ['count', 'l'],
      ['reason', 'S'],
      ['queue', 'S'],
      ['time', 'T'],
      ['exchange', 'S'],
      ['routing-keys', 'A'],
    ]);
    const time = Number(death?.['time']?.value);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000));
  });

  test('basic.reject does it too, and multiple nacks keep their order', async () => {
    const { channel, graveyard, queue } = await setting();
    publishTexts(channel, queue, 'a', 'b', 'c');
    channel.send('basic.reject', {
      'delivery-tag': (await channel.call('basic.get', { queue })).deliveryTag,
    });
    await channel.call('basic.get', { queue });
    await channel.call('basic.get', { queue });
    nack(channel, 0, { multiple: true, requeue: false });
    const texts = [];
    for (let i = 0; i < 3; i++) texts.push((await arrival(channel, graveyard)).text);
    expect(texts).toEqual(['a', 'b', 'c']);
  });

  test('expired by the queue: reason expired', async () => {
    const { channel, graveyard, queue } = await setting({ 'x-message-ttl': 50 });
    publishTexts(channel, queue, 'x');
    expect(deathsOf(await arrival(channel, graveyard))).toEqual([
      { count: 1, reason: 'expired', queue, time: expect.any(Number), exchange: '', 'routing-keys': [queue] },
    ]);
  });

  test('expired by the message: the expiration property moves to original-expiration (trap 27)', async () => {
    const { channel, graveyard, queue } = await setting();
    channel.publish({ routingKey: queue, properties: { expiration: '40', priority: 2 } });
    const message = await arrival(channel, graveyard);
    expect(message.properties['expiration']).toBeUndefined();
    expect(message.properties['priority']).toBe(2);
    expect(deathsOf(message)).toEqual([
      {
        count: 1,
        reason: 'expired',
        queue,
        time: expect.any(Number),
        exchange: '',
        'routing-keys': [queue],
        'original-expiration': '40',
      },
    ]);
  });

  test('a rejected message loses its expiration too', async () => {
    const { channel, graveyard, queue } = await setting();
    channel.publish({ routingKey: queue, properties: { expiration: '60000' } });
    await rejectNext(channel, queue);
    const message = await arrival(channel, graveyard);
    expect(message.properties['expiration']).toBeUndefined();
    expect(message.headers).toMatchObject({ 'x-death': [{ 'original-expiration': '60000' }] });
  });

  test('TTL 0 dead-letters at once', async () => {
    const { channel, graveyard, queue } = await setting({ 'x-message-ttl': 0 });
    publishTexts(channel, queue, 'x');
    expect((await arrival(channel, graveyard)).text).toBe('x');
  });

  test('x-dead-letter-routing-key replaces the key', async () => {
    const { channel, graveyard, queue } = await setting({ 'x-dead-letter-routing-key': 'grave' });
    publishTexts(channel, queue, 'x');
    await rejectNext(channel, queue);
    expect((await arrival(channel, graveyard)).fields['routing-key']).toBe('grave');
  });

  test('an empty dead-letter exchange is the default exchange (trap 31)', async () => {
    const channel = await openChannel();
    const graveyard = await declareQueue(channel);
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': graveyard };
    const queue = await declareQueue(channel, { arguments: args });
    publishTexts(channel, queue, 'x');
    await rejectNext(channel, queue);
    expect((await arrival(channel, graveyard)).fields).toMatchObject({
      exchange: '',
      'routing-key': graveyard,
    });
  });

  test('CC and BCC route the dead letter, but only CC is shown in routing-keys (trap 28)', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct');
    const [main, cc, bcc] = [
      await boundQueue(channel, exchange, 'main'),
      await boundQueue(channel, exchange, 'cc'),
      await boundQueue(channel, exchange, 'bcc'),
    ];
    const source = await declareExchange(channel, 'direct');
    const queue = await declareQueue(channel, { arguments: { 'x-dead-letter-exchange': exchange } });
    await channel.call('queue.bind', { exchange: source, queue, 'routing-key': 'main' });
    channel.publish({
      exchange: source,
      routingKey: 'main',
      properties: { headers: { CC: ['cc'], BCC: ['bcc'] } },
    });
    await rejectNext(channel, queue);
    const message = await arrival(channel, main);
    expect(message.headers).toMatchObject({
      CC: ['cc'],
      'x-death': [{ exchange: source, 'routing-keys': ['main', 'cc'] }],
    });
    expect(message.headers?.['BCC']).toBeUndefined();
    expect((await arrival(channel, cc)).fields['routing-key']).toBe('main');
    expect(await getText(channel, bcc)).toBe('');
  });

  test('with a dead-letter key the CC header is gone', async () => {
    const { channel, graveyard, queue } = await setting({ 'x-dead-letter-routing-key': 'grave' });
    channel.publish({ routingKey: queue, properties: { headers: { CC: ['cc'] } } });
    await rejectNext(channel, queue);
    const message = await arrival(channel, graveyard);
    expect(message.headers?.['CC']).toBeUndefined();
    expect(deathsOf(message)).toMatchObject([{ 'routing-keys': [queue, 'cc'] }]);
  });

  test('the same queue and reason again: one entry, counted up, time and exchange of the first (trap 28)', async () => {
    const channel = await openChannel();
    const retry = exchangeName();
    await channel.call('exchange.declare', { exchange: retry, type: 'fanout' });
    const args = { 'x-dead-letter-exchange': retry };
    const queue = await declareQueue(channel, { arguments: args });
    await channel.call('queue.bind', { exchange: retry, queue });
    publishTexts(channel, queue, 'x');
    for (let turn = 0; turn < 3; turn++) await rejectNext(channel, queue);
    const message = await arrival(channel, queue);
    expect(message.fields).toMatchObject({ exchange: retry, redelivered: false });
    expect(deathsOf(message)).toEqual([
      {
        count: 3,
        reason: 'rejected',
        queue,
        time: expect.any(Number),
        exchange: '',
        'routing-keys': [queue],
      },
    ]);
  });

  test('two queues: newest first, x-first-death-* of the first (trap 28)', async () => {
    const { channel, exchange, graveyard, queue } = await setting({ 'x-dead-letter-routing-key': 'second' });
    const last = await declareQueue(channel);
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': last, 'x-message-ttl': 30 };
    const second = await declareQueue(channel, { arguments: args });
    await channel.call('queue.unbind', { exchange, queue: graveyard });
    await channel.call('queue.bind', { exchange, queue: second });
    publishTexts(channel, queue, 'x');
    await rejectNext(channel, queue);
    const message = await arrival(channel, last);
    expect(message.headers).toMatchObject({
      'x-death': [
        { count: 1, reason: 'expired', queue: second, exchange, 'routing-keys': ['second'] },
        { count: 1, reason: 'rejected', queue, exchange: '', 'routing-keys': [queue] },
      ],
      'x-first-death-exchange': '',
      'x-first-death-queue': queue,
      'x-first-death-reason': 'rejected',
    });
  });

  test('a retry loop with a reject goes on: rejected, expired, rejected … (trap 29)', async () => {
    const channel = await openChannel();
    const [work, wait] = [await exchangeOfType(channel), await exchangeOfType(channel)];
    const queue = await declareQueue(channel, { arguments: { 'x-dead-letter-exchange': wait } });
    await channel.call('queue.bind', { exchange: work, queue });
    const args = { 'x-dead-letter-exchange': work, 'x-message-ttl': 30 };
    const waiting = await declareQueue(channel, { arguments: args });
    await channel.call('queue.bind', { exchange: wait, queue: waiting });
    publishTexts(channel, queue, 'job');
    for (let turn = 0; turn < 2; turn++) {
      await consumeOnce(channel, queue, (tag) => nack(channel, tag, { requeue: false }));
    }
    await consumeOnce(channel, queue, (tag, message) => {
      expect(message.headers?.['x-death']).toMatchObject([
        { count: 2, reason: 'expired', queue: waiting, exchange: wait },
        { count: 2, reason: 'rejected', queue, exchange: '' },
      ]);
      ack(channel, tag);
    });
  });

  test('a fully automatic loop is cut (trap 29)', async () => {
    const channel = await openChannel();
    const args = { 'x-dead-letter-exchange': '', 'x-message-ttl': 30 };
    const queue = await declareQueue(channel, { arguments: args });
    publishTexts(channel, queue, 'x');
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(0));
    await delay(120);
    expect(await drain(channel, queue)).toEqual([]);
  });

  test('a fully automatic loop over two queues is cut at the first repetition (trap 29)', async () => {
    const channel = await openChannel();
    const [there, back] = [await exchangeOfType(channel), await exchangeOfType(channel)];
    const one = await declareQueue(channel, {
      arguments: { 'x-dead-letter-exchange': there, 'x-message-ttl': 20 },
    });
    const two = await declareQueue(channel, {
      arguments: { 'x-dead-letter-exchange': back, 'x-message-ttl': 20 },
    });
    await channel.call('queue.bind', { exchange: there, queue: two });
    await channel.call('queue.bind', { exchange: back, queue: one });
    const witness = await boundQueue(channel, back);
    publishTexts(channel, one, 'x');
    expect((await arrival(channel, witness)).text).toBe('x');
    await delay(120);
    expect(await drain(channel, witness)).toEqual([]);
  });

  test('entries of one queue and reason without a count, as before 3.6, become one and are counted', async () => {
    const { channel, graveyard, queue } = await setting();
    const death = (name: string) => ({ queue: name, reason: 'rejected', exchange: 'x' });
    const deaths = [
      death('other'),
      death(queue),
      death('other'),
      death(queue),
      death('once'),
      death('other'),
    ];
    channel.publish({ routingKey: queue, properties: { headers: { 'x-death': deaths } } });
    await rejectNext(channel, queue);
    const entries = deathsOf(await arrival(channel, graveyard));
    expect(new Set(Array.isArray(entries) ? entries : [])).toEqual(
      new Set([
        { ...death(queue), count: 3 },
        { ...death('other'), count: 3 },
        { ...death('once'), count: 1 },
      ]),
    );
  });

  test('counts go on from an x-death header that a client published', async () => {
    const { channel, graveyard, queue } = await setting();
    publishTexts(channel, queue, 'x');
    await rejectNext(channel, queue);
    const first = await arrival(channel, graveyard);
    channel.publish({ routingKey: queue, properties: first.properties });
    await rejectNext(channel, queue);
    expect(deathsOf(await arrival(channel, graveyard))).toMatchObject([{ count: 2, reason: 'rejected' }]);
  });

  test('a missing dead-letter exchange: the message is dropped', async () => {
    const channel = await openChannel();
    const args = { 'x-dead-letter-exchange': 'nope' };
    const queue = await declareQueue(channel, { arguments: args });
    publishTexts(channel, queue, 'x');
    await rejectNext(channel, queue);
    expect(await drain(channel, queue)).toEqual([]);
  });

  test('purge and delete dead-letter nothing (trap 30)', async () => {
    const { channel, graveyard, queue } = await setting();
    publishTexts(channel, queue, 'a', 'b');
    await channel.call('queue.purge', { queue });
    publishTexts(channel, queue, 'c');
    await channel.call('queue.delete', { queue });
    await delay(100);
    expect(await drain(channel, graveyard)).toEqual([]);
  });

  test('queue expiry dead-letters nothing (trap 30)', async () => {
    const { channel, graveyard, queue } = await setting({ 'x-expires': 80 });
    publishTexts(channel, queue, 'a');
    await delay(300);
    expect(await drain(channel, graveyard)).toEqual([]);
  });

  test('an alternate exchange serves dead letters too', async () => {
    const channel = await openChannel();
    const alternate = await declareExchange(channel, 'fanout');
    const graveyard = await boundQueue(channel, alternate);
    const exchange = await declareExchange(channel, 'direct', {
      arguments: { 'alternate-exchange': alternate },
    });
    const queue = await declareQueue(channel, { arguments: { 'x-dead-letter-exchange': exchange } });
    publishTexts(channel, queue, 'x');
    await rejectNext(channel, queue);
    expect((await arrival(channel, graveyard)).text).toBe('x');
  });

  test('a headers exchange sees x-death headers of the dead letter', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'headers');
    const queue = await declareQueue(channel, { arguments: { 'x-dead-letter-exchange': exchange } });
    const args = { 'x-match': 'all-with-x', 'x-first-death-queue': queue };
    const graveyard = await boundQueue(channel, exchange, '', args);
    publishTexts(channel, queue, 'x');
    await rejectNext(channel, queue);
    expect((await arrival(channel, graveyard)).text).toBe('x');
  });

  test('the body and other properties are left alone', async () => {
    const { channel, graveyard, queue } = await setting();
    const body = Buffer.alloc(200_000, 'ab');
    channel.publish({ routingKey: queue, body, properties: { 'delivery-mode': 2, type: 't', timestamp: 7 } });
    await rejectNext(channel, queue);
    const message = await arrival(channel, graveyard);
    expect(message.body.equals(body)).toBe(true);
    expect(message.properties).toMatchObject({ 'delivery-mode': 2, type: 't', timestamp: 7 });
  });
});

function exchangeOfType(channel: RawChannel): Promise<string> {
  return declareExchange(channel, 'fanout');
}

/** The x-death entries with their wire types. */
function typedDeaths(message: Command): Record<string, Typed>[] {
  const headers: unknown = message.properties['headers'];
  if (typeof headers !== 'object' || headers === null || !('x-death' in headers)) return [];
  const deaths = headers['x-death'];
  if (!(deaths instanceof Typed) || !Array.isArray(deaths.value)) return [];
  return deaths.value.map((death: unknown) => {
    const entries =
      death instanceof Typed && death.value instanceof Object ? Object.entries(death.value) : [];
    return Object.fromEntries(entries.filter((entry): entry is [string, Typed] => entry[1] instanceof Typed));
  });
}

async function consumeOnce(
  channel: RawChannel,
  queue: string,
  settle: (deliveryTag: number, message: Command) => void,
): Promise<void> {
  const tag = await consume(channel, queue);
  const message = await channel.next('basic.deliver');
  settle(message.deliveryTag, message);
  await channel.call('basic.cancel', { 'consumer-tag': tag });
}
