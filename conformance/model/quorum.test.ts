import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openChannel, openConnection, queueName, scenarios } from '../harness/broker.ts';
import {
  barrier,
  eventually,
  expectChannelError,
  expectConnectionError,
  expectOn,
  queueCounts,
} from '../harness/expectations.ts';
import { ack, consume, declareQueue, nack, publishTexts } from '../harness/model.ts';
import type { Command, RawChannel } from '../raw-client.ts';
import type { Fields, Table } from '../raw-codec.ts';

const quorum = { 'x-queue-type': 'quorum' };

/** A channel with a new quorum queue. */
async function quorumQueue(args: Table = {}): Promise<[channel: RawChannel, queue: string]> {
  const channel = await openChannel();
  const queue = await declareQueue(channel, { durable: true, arguments: { ...quorum, ...args } });
  return [channel, queue];
}

/** Publishes and waits until the messages are ready. */
async function publishReady(channel: RawChannel, queue: string, ...bodies: string[]): Promise<void> {
  publishTexts(channel, queue, ...bodies);
  await settled(channel);
}

/**
 * What the channel has published and settled has arrived in the queue. RabbitMQ gives no sign of that: its
 * quorum queues work behind the channel's back, and their counts lag by seconds.
 */
async function settled(channel: RawChannel): Promise<void> {
  await barrier(channel);
  await delay(expectOn({ rabbitmq: 250, leveret: 0 }));
}

/** Waits for messages in a classic queue. */
async function ready(channel: RawChannel, queue: string, count: number): Promise<void> {
  await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(count));
}

function get(channel: RawChannel, queue: string): Promise<Command> {
  return channel.call('basic.get', { queue });
}

/** Body, `r` if redelivered, delivery count. */
function brief(message: Command): string {
  const count = message.headers?.['x-delivery-count'] ?? '';
  return `${message.text}${message.fields['redelivered'] === true ? 'r' : ''}${count}`;
}

/** All ready messages, briefly. */
async function drainBriefly(channel: RawChannel, queue: string): Promise<string> {
  const all: string[] = [];
  for (let next = await get(channel, queue); next.name === 'basic.get-ok'; next = await get(channel, queue)) {
    all.push(brief(next));
  }
  return all.join(' ');
}

scenarios('2.1 quorum queues: declaration', () => {
  test.each<[string, Fields, Table, string]>([
    ['non-durable', { durable: false }, {}, "invalid property 'non-durable' for queue 'Q' in vhost '/'"],
    ['exclusive', { exclusive: true }, {}, "invalid property 'exclusive-owner' for queue 'Q' in vhost '/'"],
    ['auto-delete', { 'auto-delete': true }, {}, "invalid property 'auto-delete' for queue 'Q' in vhost '/'"],
    [
      'all three',
      { durable: false, exclusive: true, 'auto-delete': true },
      {},
      "invalid property 'auto-delete' for queue 'Q' in vhost '/'",
    ],
    [
      'arguments before properties',
      { durable: false },
      { 'x-max-length': -1 },
      "invalid arg 'x-max-length' for queue 'Q' in vhost '/': {value_negative,-1}",
    ],
  ])('refused: %s', async (_title, fields, args, text) => {
    const channel = await openChannel();
    const queue = queueName();
    const declared = channel.call('queue.declare', {
      queue,
      durable: true,
      ...fields,
      arguments: { ...quorum, ...args },
    });
    await expectChannelError(declared, {
      code: 406,
      text: `PRECONDITION_FAILED - ${text.replace('Q', queue)}`,
      method: 'queue.declare',
    });
  });

  test.each(['quorum', 'stream'])('no server-given name for type %s', async (type) => {
    const channel = await openChannel();
    const args = { 'x-queue-type': type };
    await expectChannelError(channel.call('queue.declare', { queue: '', durable: true, arguments: args }), {
      code: 406,
      text: `PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_${type}_queue`,
      method: 'queue.declare',
    });
  });

  test.each([
    'x-max-priority',
    'x-queue-mode',
    'x-queue-version',
    'x-queue-master-locator',
    'x-max-age',
    'x-initial-cluster-size',
    'x-stream-max-segment-size-bytes',
  ])('%s is no argument of a quorum queue', async (key) => {
    const channel = await openChannel();
    const queue = queueName();
    const args = { ...quorum, [key]: 1 };
    await expectChannelError(channel.call('queue.declare', { queue, durable: true, arguments: args }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg '${key}' for queue '${queue}' in vhost '/' of queue type rabbit_quorum_queue`,
      method: 'queue.declare',
    });
  });

  test.each([
    'x-dead-letter-strategy',
    'x-delivery-limit',
    'x-max-in-memory-bytes',
    'x-max-in-memory-length',
    'x-queue-leader-locator',
    'x-quorum-initial-group-size',
  ])('%s is no argument of a classic queue', async (key) => {
    const channel = await openChannel();
    const queue = queueName();
    await expectChannelError(channel.call('queue.declare', { queue, arguments: { [key]: 1 } }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg '${key}' for queue '${queue}' in vhost '/' of queue type rabbit_classic_queue`,
      method: 'queue.declare',
    });
  });

  test.each<[string, string | number, string]>([
    ['x-queue-leader-locator', 'foo', 'invalid_queue_locator_arg'],
    ['x-queue-leader-locator', 4, '{unacceptable_type,signedint}'],
    ['x-quorum-initial-group-size', 0, '{value_zero,0}'],
    ['x-quorum-initial-group-size', -1, '{value_negative,-1}'],
    ['x-quorum-initial-group-size', 'a', '"expected integer, got longstr"'],
    ['x-max-in-memory-length', -1, '{value_negative,-1}'],
    ['x-max-in-memory-bytes', 'a', '"expected integer, got longstr"'],
    ['x-dead-letter-strategy', 'foo', 'invalid_dlx_strategy'],
    ['x-dead-letter-strategy', 4, '{unacceptable_type,signedint}'],
  ])('refused in a quorum queue: %s = %s', async (key, value, reason) => {
    const channel = await openChannel();
    const queue = queueName();
    const args = { ...quorum, [key]: value };
    await expectChannelError(channel.call('queue.declare', { queue, durable: true, arguments: args }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg '${key}' for queue '${queue}' in vhost '/': ${reason}`,
      method: 'queue.declare',
    });
  });

  test.each<[string, string | number]>([
    ['x-queue-leader-locator', 'client-local'],
    ['x-queue-leader-locator', 'balanced'],
    ['x-queue-leader-locator', 'random'],
    ['x-queue-leader-locator', 'least-leaders'],
    ['x-quorum-initial-group-size', 3],
    ['x-max-in-memory-length', 0],
    ['x-max-in-memory-bytes', 5],
    ['x-dead-letter-strategy', 'at-least-once'],
    ['x-delivery-limit', 'a'],
    ['x-overflow', 'reject-publish-dlx'],
    ['x-consumer-timeout', 'a'],
  ])('taken: %s = %s', async (key, value) => {
    await quorumQueue({ [key]: value });
  });

  test.each<[string, Table, Table, string]>([
    [
      'x-delivery-limit',
      { 'x-delivery-limit': 3 },
      { 'x-delivery-limit': 4 },
      "received '4' but current is '3'",
    ],
    [
      'x-quorum-initial-group-size',
      {},
      { 'x-quorum-initial-group-size': 1 },
      "received the value '1' of type 'signedint' but current is none",
    ],
    ['x-queue-type', {}, { 'x-queue-type': 'classic' }, "received 'classic' but current is 'quorum'"],
  ])('declared again with another %s', async (key, first, second, difference) => {
    const [channel, queue] = await quorumQueue(first);
    const args = { ...quorum, ...second };
    await expectChannelError(channel.call('queue.declare', { queue, durable: true, arguments: args }), {
      code: 406,
      text: `PRECONDITION_FAILED - inequivalent arg '${key}' for queue '${queue}' in vhost '/': ${difference}`,
      method: 'queue.declare',
    });
  });

  test.each(['if-unused', 'if-empty'])('queue.delete with %s', async (flag) => {
    const [channel, queue] = await quorumQueue();
    await expectConnectionError(channel.call('queue.delete', { queue, [flag]: true }), {
      code: 540,
      text: `NOT_IMPLEMENTED - cannot delete queue '${queue}' in vhost '/'. queue.delete operations with ${flag} flag set are not supported by quorum queues`,
      method: 'queue.delete',
    });
  });
});

scenarios('2.5 quorum queues: consumers', () => {
  test('no consumer while basic.qos global is in force', async () => {
    const [channel, queue] = await quorumQueue();
    await channel.call('basic.qos', { 'prefetch-count': 5, global: true });
    await expectConnectionError(channel.call('basic.consume', { queue }), {
      code: 540,
      text: `NOT_IMPLEMENTED - queue '${queue}' in vhost '/' does not support global qos`,
      method: 'basic.consume',
    });
  });

  test('a consumer that is there does not mind basic.qos global; nor does one after it was lifted', async () => {
    const [channel, queue] = await quorumQueue();
    await consume(channel, queue);
    await channel.call('basic.qos', { 'prefetch-count': 5, global: true });
    await channel.call('basic.qos', { 'prefetch-count': 0, global: true });
    await consume(channel, queue);
  });

  test('exclusive consumers are not exclusive', async () => {
    const [channel, queue] = await quorumQueue();
    await consume(channel, queue, { exclusive: true });
    await consume(channel, queue);
    await consume(channel, queue, { exclusive: true });
  });

  test('x-stream-offset is not for them', async () => {
    const [channel, queue] = await quorumQueue();
    const args = { 'x-stream-offset': 'first' };
    await expectChannelError(channel.call('basic.consume', { queue, arguments: args }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue '${queue}' in vhost '/' of queue type rabbit_quorum_queue`,
      method: 'basic.consume',
    });
  });

  test('basic.get with a single active consumer', async () => {
    const [channel, queue] = await quorumQueue({ 'x-single-active-consumer': true });
    await expectChannelError(get(channel, queue), {
      code: 405,
      text: `RESOURCE_LOCKED - cannot obtain access to locked queue '${queue}' in vhost '/'. basic.get operations are not supported by quorum queues with single active consumer`,
      method: 'basic.get',
    });
  });
});

scenarios('2.5 quorum queues: x-delivery-count', () => {
  test('basic.get always says it, as a long', async () => {
    const [channel, queue] = await quorumQueue();
    await publishReady(channel, queue, 'a');
    for (const expected of ['a0', 'ar1', 'ar2']) {
      const message = await get(channel, queue);
      expect(brief(message)).toBe(expected);
      expect(message.properties['headers']).toMatchObject({ 'x-delivery-count': { tag: 'l' } });
      nack(channel, message.deliveryTag);
      await settled(channel);
    }
  });

  test('basic.deliver says it from the second time on; other headers and properties stay', async () => {
    const [channel, queue] = await quorumQueue();
    const headers = { z: 1, a: 's', 'x-delivery-count': 'mine' };
    channel.publish({
      routingKey: queue,
      body: 'a',
      properties: { headers, 'content-type': 'text/x', type: 't' },
    });
    await consume(channel, queue);
    for (const count of ['mine', 1, 2]) {
      const message = await channel.next('basic.deliver');
      expect(message.fields['redelivered']).toBe(count !== 'mine');
      expect(message.headers).toEqual({ ...headers, 'x-delivery-count': count });
      expect(message.properties).toMatchObject({ 'content-type': 'text/x', type: 't' });
      nack(channel, message.deliveryTag);
    }
  });

  test('a large message without headers comes back whole, in frames of the right size', async () => {
    const connection = await openConnection({ frameMax: 4096 });
    const channel = await connection.channel();
    const queue = await declareQueue(channel, {
      durable: true,
      arguments: { ...quorum, 'x-delivery-limit': 5 },
    });
    const body = Buffer.alloc(20_000, 'xyz');
    channel.publish({ routingKey: queue, body });
    await consume(channel, queue);
    nack(channel, (await channel.next('basic.deliver')).deliveryTag);
    const again = await channel.next('basic.deliver');
    expect(again.headers).toEqual({ 'x-delivery-count': 1 });
    expect(again.body.equals(body)).toBe(true);
    expect(Math.max(...again.bodyFrames)).toBeLessThanOrEqual(4088);
  });

  test('a lost channel counts too', async () => {
    const [channel, queue] = await quorumQueue();
    await publishReady(channel, queue, '0', '1', '2');
    const other = await channel.connection.channel();
    for (let i = 0; i < 2; i++) await get(other, queue);
    await other.close();
    await settled(channel);
    expect(await drainBriefly(channel, queue)).toBe('0r1 1r1 20');
  });

  test('a dead letter does not carry it', async () => {
    const graveyard = await declareQueue(await openChannel());
    const [channel, queue] = await quorumQueue({
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': graveyard,
    });
    await publishReady(channel, queue, 'a');
    nack(channel, (await get(channel, queue)).deliveryTag);
    await settled(channel);
    nack(channel, (await get(channel, queue)).deliveryTag, { requeue: false });
    await ready(channel, graveyard, 1);
    const letter = await get(channel, graveyard);
    expect(Object.keys(letter.headers ?? {})).not.toContain('x-delivery-count');
  });
});

scenarios('1.17 quorum queues: where messages go that are given back', () => {
  const bodies = ['0', '1', '2', '3', '4', '5'];

  async function holdingFour(args: Table): Promise<[channel: RawChannel, queue: string]> {
    const [channel, queue] = await quorumQueue(args);
    await publishReady(channel, queue, ...bodies);
    for (let i = 0; i < 4; i++) await get(channel, queue);
    return [channel, queue];
  }

  const limit = { 'x-delivery-limit': 10 };

  test.each<[string, Table, string]>([
    ['without x-delivery-limit: behind the others', {}, '40 50 2r1 0r1'],
    ['with x-delivery-limit: before the others', limit, '2r1 0r1 40 50'],
  ])('basic.nack %s, in the order of their return', async (_title, args, expected) => {
    const [channel, queue] = await holdingFour(args);
    nack(channel, 3);
    nack(channel, 1);
    await settled(channel);
    expect(await drainBriefly(channel, queue)).toBe(expected);
  });

  test.each<[string, Table, string]>([
    ['without x-delivery-limit', {}, '40 50 0r1 1r1 2r1'],
    ['with x-delivery-limit', limit, '0r1 1r1 2r1 40 50'],
  ])('basic.nack multiple %s', async (_title, args, expected) => {
    const [channel, queue] = await holdingFour(args);
    nack(channel, 3, { multiple: true });
    await settled(channel);
    expect(await drainBriefly(channel, queue)).toBe(expected);
  });

  test.each<[string, Table, string]>([
    ['without x-delivery-limit', {}, '40 50 0r1 1r1 2r1 3r1'],
    ['with x-delivery-limit', limit, '0r1 1r1 2r1 3r1 40 50'],
  ])('basic.recover %s', async (_title, args, expected) => {
    const [channel, queue] = await holdingFour(args);
    await channel.call('basic.recover', { requeue: true });
    await settled(channel);
    expect(await drainBriefly(channel, queue)).toBe(expected);
  });

  test.each<[string, Table, string]>([
    ['without x-delivery-limit', {}, '0r1 1r1 3r1 40 50 2r1'],
    ['with x-delivery-limit', limit, '2r1 0r1 1r1 3r1 40 50'],
  ])('a closed channel gives back to the front, %s', async (_title, args, expected) => {
    const [channel, queue] = await quorumQueue(args);
    await publishReady(channel, queue, ...bodies);
    const other = await channel.connection.channel();
    for (let i = 0; i < 4; i++) await get(other, queue);
    nack(other, 3);
    await settled(other);
    await other.close();
    await settled(channel);
    expect(await drainBriefly(channel, queue)).toBe(expected);
  });
});

scenarios('2.5 quorum queues: x-delivery-limit', () => {
  test.each([0, 1, 2])('limit %i: one delivery more, then dead-lettered as delivery_limit', async (limit) => {
    const graveyard = await declareQueue(await openChannel());
    const [channel, queue] = await quorumQueue({
      'x-delivery-limit': limit,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': graveyard,
    });
    publishTexts(channel, queue, 'a');
    await consume(channel, queue);
    for (let turn = 0; turn <= limit; turn++)
      nack(channel, (await channel.next('basic.deliver')).deliveryTag);
    await ready(channel, graveyard, 1);
    const letter = await get(channel, graveyard);
    expect(letter.headers).toMatchObject({
      'x-death': [{ reason: 'delivery_limit', queue, count: 1 }],
      'x-first-death-reason': 'delivery_limit',
    });
    expect(letter.headers?.['x-delivery-count']).toBeUndefined();
  });

  test('a lost channel may be one time too many', async () => {
    const [channel, queue] = await quorumQueue({ 'x-delivery-limit': 0 });
    await publishReady(channel, queue, 'a');
    const other = await channel.connection.channel();
    await get(other, queue);
    await other.close();
    await barrier(channel);
    await delay(200);
    expect(await drainBriefly(channel, queue)).toBe('');
  });

  test('a negative limit', async () => {
    const [channel, queue] = await quorumQueue({ 'x-delivery-limit': -1 });
    await publishReady(channel, queue, 'a');
    nack(channel, (await get(channel, queue)).deliveryTag);
    await delay(200);
    // Since 4.0 it means what a reader takes it for: no limit.
    expect(await drainBriefly(channel, queue)).toBe(expectOn({ rabbitmq: '', leveret: 'ar1' }));
  });
});

scenarios('2.4 quorum queues: dead letters at least once', () => {
  const atLeastOnce = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };

  test('arrive like others', async () => {
    const graveyard = await declareQueue(await openChannel());
    const [channel, queue] = await quorumQueue({
      ...atLeastOnce,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': graveyard,
    });
    await publishReady(channel, queue, 'a');
    nack(channel, (await get(channel, queue)).deliveryTag, { requeue: false });
    await ready(channel, graveyard, 1);
    expect((await get(channel, graveyard)).headers).toMatchObject({
      'x-death': [{ reason: 'rejected', queue, count: 1 }],
    });
  });

  test('that reach no queue are not ready any more', async () => {
    const [channel, queue] = await quorumQueue({ ...atLeastOnce, 'x-dead-letter-exchange': 'nope' });
    await publishReady(channel, queue, 'a', 'b');
    nack(channel, (await get(channel, queue)).deliveryTag, { requeue: false });
    await settled(channel);
    expect(await drainBriefly(channel, queue)).toBe('b0');
  });
});

scenarios('2.5 quorum queues: the rest', () => {
  test('purge and delete count ready messages', async () => {
    const [channel, queue] = await quorumQueue();
    await publishReady(channel, queue, 'a', 'b', 'c');
    const held = await get(channel, queue);
    expect((await channel.call('queue.purge', { queue })).fields['message-count']).toBe(2);
    nack(channel, held.deliveryTag);
    await settled(channel);
    expect((await channel.call('queue.delete', { queue })).fields['message-count']).toBe(1);
  });

  test('a message given back with no-ack consumers around is theirs', async () => {
    const [channel, queue] = await quorumQueue();
    await publishReady(channel, queue, 'a');
    const { deliveryTag } = await get(channel, queue);
    const other = await channel.connection.channel();
    await consume(other, queue, { 'no-ack': true });
    nack(channel, deliveryTag);
    const message = await other.next('basic.deliver');
    expect(brief(message)).toBe('ar1');
    ack(channel, 0, true);
    await barrier(channel);
  });
});
