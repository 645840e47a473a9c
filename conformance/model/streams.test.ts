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
import { ack, bindQueue, consume, declareExchange, declareQueue, deliveries } from '../harness/model.ts';
import { setPolicy } from '../harness/policies.ts';
import type { Command, RawChannel } from '../raw-client.ts';
import { type Fields, type Table, Typed } from '../raw-codec.ts';

const stream = { 'x-queue-type': 'stream' };

/** A channel with a new stream and a prefetch that scenarios do not reach. */
async function newStream(args: Table = {}): Promise<[channel: RawChannel, queue: string]> {
  const channel = await openChannel();
  const queue = await declareQueue(channel, { durable: true, arguments: { ...stream, ...args } });
  await channel.call('basic.qos', { 'prefetch-count': 1000 });
  return [channel, queue];
}

/** Publishes one by one, each when the one before is confirmed: in RabbitMQ each becomes a chunk of its own. */
async function append(queue: string, ...bodies: string[]): Promise<void> {
  const channel = await openChannel();
  await channel.call('confirm.select');
  for (const body of bodies) {
    channel.publish({ routingKey: queue, body });
    await channel.next('basic.ack');
  }
}

/** Bodies m0 to m(count-1), filled up to `size` bytes. */
function bodies(count: number, size = 0): string[] {
  return Array.from({ length: count }, (_, i) => `m${i} `.padEnd(size, '.'));
}

function offsetOf(message: Command): unknown {
  return message.headers?.['x-stream-offset'];
}

/** Offset and first word of the body. */
function brief(message: Command): string {
  return `${offsetOf(message)}:${message.text.split(' ')[0]}`;
}

/** A new channel that reads the stream from there. */
async function reader(queue: string, offset: unknown, prefetch = 1000): Promise<RawChannel> {
  const channel = await openChannel();
  await channel.call('basic.qos', { 'prefetch-count': prefetch });
  await consume(channel, queue, offset === undefined ? {} : { arguments: { 'x-stream-offset': offset } });
  return channel;
}

/** The next `count` messages, each acknowledged. */
async function take(channel: RawChannel, count: number): Promise<string[]> {
  const taken = await deliveries(channel, count);
  for (const { deliveryTag } of taken) ack(channel, deliveryTag);
  return taken.map(brief);
}

/** Offset of the first message there is. */
async function firstOffset(queue: string): Promise<number> {
  const channel = await reader(queue, 'first');
  const [first] = await deliveries(channel, 1);
  return Number(first && offsetOf(first));
}

scenarios('2.8 streams: declaration', () => {
  test.each<[string, Fields, Table, string]>([
    ['non-durable', { durable: false }, {}, "invalid property 'non-durable' for queue 'Q' in vhost '/'"],
    ['exclusive', { exclusive: true }, {}, "invalid property 'exclusive-owner' for queue 'Q' in vhost '/'"],
    ['auto-delete', { 'auto-delete': true }, {}, "invalid property 'auto-delete' for queue 'Q' in vhost '/'"],
    [
      'a property before the segment size',
      { 'auto-delete': true },
      { 'x-stream-max-segment-size-bytes': 3_000_000_001 },
      "invalid property 'auto-delete' for queue 'Q' in vhost '/'",
    ],
    [
      'too large segments',
      {},
      { 'x-stream-max-segment-size-bytes': 3_000_000_001 },
      'Exceeded max value for x-stream-max-segment-size-bytes',
    ],
    [
      'segments of a negative size',
      {},
      { 'x-stream-max-segment-size-bytes': -1 },
      "invalid arg 'x-stream-max-segment-size-bytes' for queue 'Q' in vhost '/': {value_negative,-1}",
    ],
    [
      'a segment size that is no number',
      {},
      { 'x-stream-max-segment-size-bytes': 'foo' },
      `invalid arg 'x-stream-max-segment-size-bytes' for queue 'Q' in vhost '/': "expected integer, got longstr"`,
    ],
    [
      'a negative length',
      {},
      { 'x-max-length-bytes': -1 },
      "invalid arg 'x-max-length-bytes' for queue 'Q' in vhost '/': {value_negative,-1}",
    ],
    [
      'an age that is a number',
      {},
      { 'x-max-age': 5 },
      "invalid arg 'x-max-age' for queue 'Q' in vhost '/': {unacceptable_type,signedint}",
    ],
    [
      'no age',
      {},
      { 'x-max-age': '0h' },
      "invalid arg 'x-max-age' for queue 'Q' in vhost '/': invalid_max_age",
    ],
    [
      'weeks',
      {},
      { 'x-max-age': '1w' },
      "invalid arg 'x-max-age' for queue 'Q' in vhost '/': invalid_max_age",
    ],
    [
      'a cluster of nobody',
      {},
      { 'x-initial-cluster-size': 0 },
      "invalid arg 'x-initial-cluster-size' for queue 'Q' in vhost '/': {value_zero,0}",
    ],
    [
      'an unknown leader locator',
      {},
      { 'x-queue-leader-locator': 'bogus' },
      "invalid arg 'x-queue-leader-locator' for queue 'Q' in vhost '/': invalid_queue_locator_arg",
    ],
  ])('refused: %s', async (_title, fields, args, text) => {
    const channel = await openChannel();
    const queue = queueName();
    const declared = channel.call('queue.declare', {
      queue,
      durable: true,
      ...fields,
      arguments: { ...stream, ...args },
    });
    await expectChannelError(declared, {
      code: 406,
      text: `PRECONDITION_FAILED - ${text.replace('Q', queue)}`,
      method: 'queue.declare',
    });
  });

  test.each([
    'x-dead-letter-exchange',
    'x-dead-letter-routing-key',
    'x-dead-letter-strategy',
    'x-delivery-limit',
    'x-expires',
    'x-max-in-memory-length',
    'x-max-length',
    'x-max-priority',
    'x-message-ttl',
    'x-overflow',
    'x-queue-master-locator',
    'x-queue-mode',
    'x-queue-version',
    'x-quorum-initial-group-size',
    'x-single-active-consumer',
  ])('%s is no argument of a stream', async (key) => {
    const channel = await openChannel();
    const queue = queueName();
    // Whether the value is right is not asked, but for the dead letters' exchange, which is looked at first.
    const args = { ...stream, [key]: key === 'x-dead-letter-exchange' ? '' : 1 };
    await expectChannelError(channel.call('queue.declare', { queue, durable: true, arguments: args }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg '${key}' for queue '${queue}' in vhost '/' of queue type rabbit_stream_queue`,
      method: 'queue.declare',
    });
  });

  test('all its own arguments at once, and the same again', async () => {
    const args = {
      'x-max-length-bytes': 1_000_000,
      'x-max-age': '7D',
      'x-stream-max-segment-size-bytes': 3_000_000_000,
      'x-initial-cluster-size': 1,
      'x-queue-leader-locator': 'balanced',
    };
    const [channel, queue] = await newStream(args);
    await channel.call('queue.declare', { queue, durable: true, arguments: { ...stream, ...args } });
  });

  test.each<[string, Table, Table, string]>([
    ['x-max-age', { 'x-max-age': '1h' }, { 'x-max-age': '2h' }, "received '2h' but current is '1h'"],
    [
      'x-stream-max-segment-size-bytes',
      { 'x-stream-max-segment-size-bytes': 10_000 },
      {},
      "received none but current is the value '10000' of type 'signedint'",
    ],
    [
      'x-max-length-bytes',
      {},
      { 'x-max-length-bytes': 10_000 },
      "received the value '10000' of type 'signedint' but current is none",
    ],
    [
      'x-queue-leader-locator',
      { 'x-queue-leader-locator': 'balanced' },
      {},
      "received none but current is the value 'balanced' of type 'longstr'",
    ],
    ['x-queue-type', {}, { 'x-queue-type': 'classic' }, "received 'classic' but current is 'stream'"],
  ])('another %s is not the same stream', async (key, first, second, text) => {
    const [channel, queue] = await newStream(first);
    const again = channel.call('queue.declare', {
      queue,
      durable: true,
      arguments: { ...stream, ...second },
    });
    await expectChannelError(again, {
      code: 406,
      text: `PRECONDITION_FAILED - inequivalent arg '${key}' for queue '${queue}' in vhost '/': ${text}`,
      method: 'queue.declare',
    });
  });

  test('x-max-age that does not even begin like one', async () => {
    const connection = await openConnection();
    const channel = await connection.channel();
    const queue = queueName();
    const declared = channel.call('queue.declare', {
      queue,
      durable: true,
      arguments: { ...stream, 'x-max-age': 'bogus' },
    });
    const text = `PRECONDITION_FAILED - invalid arg 'x-max-age' for queue '${queue}' in vhost '/': invalid_max_age`;
    await expectOn({
      rabbitmq: () => expectConnectionError(declared, { code: 541, text: 'INTERNAL_ERROR', method: '0/0' }),
      leveret: () => expectChannelError(declared, { code: 406, text, method: 'queue.declare' }),
    })();
  });
});

scenarios('2.8 streams: what they refuse', () => {
  test.each<['basic.get' | 'queue.purge', string]>([
    ['basic.get', 'basic.get'],
    ['queue.purge', 'queue.purge'],
  ])('%s', async (method, word) => {
    const [channel, queue] = await newStream();
    await expectConnectionError(channel.call(method, { queue }), {
      code: 540,
      text: `NOT_IMPLEMENTED - ${word} not supported by stream queues queue '${queue}' in vhost '/'`,
      method,
    });
  });

  test.each([false, true])('a consumer without a prefetch (no-ack: %s)', async (noAck) => {
    const [, queue] = await newStream();
    const channel = await openChannel();
    await expectChannelError(channel.call('basic.consume', { queue, 'no-ack': noAck }), {
      code: 406,
      text: `PRECONDITION_FAILED - consumer prefetch count is not set for 'queue '${queue}' in vhost '/''`,
      method: 'basic.consume',
    });
  });

  test('a consumer that does not acknowledge', async () => {
    const [channel, queue] = await newStream();
    await expectConnectionError(channel.call('basic.consume', { queue, 'no-ack': true }), {
      code: 540,
      text: `NOT_IMPLEMENTED - automatic acknowledgement not supported by stream queues queue '${queue}' in vhost '/'`,
      method: 'basic.consume',
    });
  });

  test('a prefetch for the whole channel', async () => {
    const [channel, queue] = await newStream();
    await channel.call('basic.qos', { 'prefetch-count': 5, global: true });
    await expectConnectionError(channel.call('basic.consume', { queue }), {
      code: 540,
      text: `NOT_IMPLEMENTED - queue '${queue}' in vhost '/' does not support global qos`,
      method: 'basic.consume',
    });
  });

  test.each(['x-priority', 'x-cancel-on-ha-failover'])('%s as argument of a consumer', async (key) => {
    const [channel, queue] = await newStream();
    await expectChannelError(channel.call('basic.consume', { queue, arguments: { [key]: 1 } }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg '${key}' for queue '${queue}' in vhost '/' of queue type rabbit_stream_queue`,
      method: 'basic.consume',
    });
  });

  test.each<['basic.nack' | 'basic.reject', boolean]>([
    ['basic.nack', true],
    ['basic.nack', false],
    ['basic.reject', true],
    ['basic.reject', false],
  ])('%s (requeue: %s)', async (method, requeue) => {
    const [, queue] = await newStream();
    await append(queue, 'a');
    const channel = await reader(queue, 'first');
    const [first] = await deliveries(channel, 1);
    channel.send(method, { 'delivery-tag': first?.deliveryTag ?? 0, requeue });
    await expectConnectionError(barrier(channel), {
      code: 540,
      text: `NOT_IMPLEMENTED - basic.nack and basic.reject not supported by stream queues queue '${queue}' in vhost '/'`,
      method,
    });
  });

  test('x-stream-offset for any other queue', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const args = { 'x-stream-offset': 'first' };
    await expectChannelError(channel.call('basic.consume', { queue, arguments: args }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue '${queue}' in vhost '/' of queue type rabbit_classic_queue`,
      method: 'basic.consume',
    });
  });

  test.each(['0h', '1w', '1d', '1.5h'])('an interval of %s', async (interval) => {
    const [channel, queue] = await newStream();
    const args = { 'x-stream-offset': interval };
    await expectChannelError(channel.call('basic.consume', { queue, arguments: args }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue '${queue}' in vhost '/': {invalid_stream_offset_arg,{longstr,<<"${interval}">>}}`,
      method: 'basic.consume',
    });
  });

  test.each<[string, unknown, string]>([
    ['a word', 'bogus', '{longstr,<<"bogus">>}'],
    ['an empty text', '', '{longstr,<<>>}'],
    ['a boolean', true, '{bool,true}'],
    ['a fraction', new Typed('d', 2.5), '{double,2.5}'],
    ['an interval without a number', 'h', '{longstr,<<"h">>}'],
    ['a negative interval', '-1h', '{longstr,<<"-1h">>}'],
    ['nothing', null, '{void,undefined}'],
  ])('%s as offset', async (_title, offset, term) => {
    const [channel, queue] = await newStream();
    const args = { 'x-stream-offset': offset };
    const consumed = channel.call('basic.consume', { queue, arguments: args });
    const text = `PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue '${queue}' in vhost '/': {invalid_stream_offset_arg,${term}}`;
    await expectOn({
      rabbitmq: () => expectConnectionError(consumed, { code: 541, text: 'INTERNAL_ERROR', method: '0/0' }),
      leveret: () => expectChannelError(consumed, { code: 406, text, method: 'basic.consume' }),
    })();
  });
});

scenarios('2.8 streams: reading', () => {
  test.each<[string, unknown, string[]]>([
    ['first', 'first', ['0:m0', '1:m1', '2:m2', '3:m3', '4:m4', '5:new']],
    ['last', 'last', ['4:m4', '5:new']],
    ['next', 'next', ['5:new']],
    ['nothing', undefined, ['5:new']],
    ['first as bytes', Buffer.from('first'), ['0:m0', '1:m1', '2:m2', '3:m3', '4:m4', '5:new']],
    ['an offset', 3, ['3:m3', '4:m4', '5:new']],
    ['a long offset', new Typed('l', 3n), ['3:m3', '4:m4', '5:new']],
    ['a negative offset', -3, ['0:m0', '1:m1', '2:m2', '3:m3', '4:m4', '5:new']],
    ['an interval', '1h', ['0:m0', '1:m1', '2:m2', '3:m3', '4:m4', '5:new']],
    ['an interval of years', '2Y', ['0:m0', '1:m1', '2:m2', '3:m3', '4:m4', '5:new']],
    ['an interval of months', '1M', ['0:m0', '1:m1', '2:m2', '3:m3', '4:m4', '5:new']],
    ['an interval of days', '7D', ['0:m0', '1:m1', '2:m2', '3:m3', '4:m4', '5:new']],
    ['an interval of minutes', '30m', ['0:m0', '1:m1', '2:m2', '3:m3', '4:m4', '5:new']],
    ['an interval of seconds', '90s', ['0:m0', '1:m1', '2:m2', '3:m3', '4:m4', '5:new']],
    ['a time long ago', new Typed('T', 0n), ['0:m0', '1:m1', '2:m2', '3:m3', '4:m4', '5:new']],
    ['a time to come', new Typed('T', 4_000_000_000n), ['5:new']],
  ])('from %s', async (_title, offset, expected) => {
    const [, queue] = await newStream();
    await append(queue, ...bodies(5));
    const channel = await reader(queue, offset);
    await append(queue, 'new');
    expect(await take(channel, expected.length)).toEqual(expected);
  });

  // Timestamps are whole seconds.
  test('from a time in between', async () => {
    const [, queue] = await newStream();
    await append(queue, 'before');
    const seconds = Math.floor(Date.now() / 1000) + 1;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000 + 20 - Date.now()));
    await append(queue, 'after');
    expect(await take(await reader(queue, new Typed('T', BigInt(seconds))), 1)).toEqual(['1:after']);
  });

  test('an offset beyond the end is waited for', async () => {
    const [, queue] = await newStream();
    await append(queue, ...bodies(2));
    const channel = await reader(queue, 4);
    await append(queue, 'm2', 'm3', 'm4', 'm5');
    expect(await take(channel, 2)).toEqual(['4:m4', '5:m5']);
  });

  test('reading destroys nothing, and nobody reads for another', async () => {
    const [, queue] = await newStream();
    await append(queue, ...bodies(5));
    const expected = ['0:m0', '1:m1', '2:m2', '3:m3', '4:m4'];
    const [one, other] = [await reader(queue, 'first'), await reader(queue, 'first')];
    expect(await take(one, 5)).toEqual(expected);
    expect(await take(other, 5)).toEqual(expected);
    await one.close();
    expect(await take(await reader(queue, 'first'), 5)).toEqual(expected);
  });

  test('what a channel had when it closed is nothing to anybody', async () => {
    const [, queue] = await newStream();
    await append(queue, ...bodies(3));
    const channel = await reader(queue, 'first', 2);
    await deliveries(channel, 2);
    await channel.close();
    const again = await reader(queue, 'first');
    const seen = await deliveries(again, 3);
    expect(seen.map(({ fields }) => fields['redelivered'])).toEqual([false, false, false]);
  });

  test('acknowledging makes room for more', async () => {
    const [, queue] = await newStream();
    await append(queue, ...bodies(5));
    const channel = await reader(queue, 'first', 2);
    const [first, second] = await deliveries(channel, 2);
    await barrier(channel);
    expect(channel.arrived.filter(({ name }) => name === 'basic.deliver')).toEqual([]);
    ack(channel, first?.deliveryTag ?? 0);
    expect((await deliveries(channel, 1)).map(brief)).toEqual(['2:m2']);
    ack(channel, second?.deliveryTag ?? 0);
    expect((await deliveries(channel, 1)).map(brief)).toEqual(['3:m3']);
  });

  test('exclusive consumers are not exclusive', async () => {
    const [channel, queue] = await newStream();
    await append(queue, 'a');
    await consume(channel, queue, { exclusive: true, arguments: { 'x-stream-offset': 'first' } });
    const other = await openChannel();
    await other.call('basic.qos', { 'prefetch-count': 1 });
    await consume(other, queue, { exclusive: true, arguments: { 'x-stream-offset': 'first' } });
    expect(await take(other, 1)).toEqual(['0:a']);
  });

  test('a consumer that was cancelled gets no more, and may acknowledge what it has', async () => {
    const [channel, queue] = await newStream();
    await append(queue, 'a');
    const tag = await consume(channel, queue, { arguments: { 'x-stream-offset': 'first' } });
    const [first] = await deliveries(channel, 1);
    await channel.call('basic.cancel', { 'consumer-tag': tag });
    await append(queue, 'b');
    ack(channel, first?.deliveryTag ?? 0);
    await barrier(channel);
    expect(channel.arrived.filter(({ name }) => name === 'basic.deliver')).toEqual([]);
  });

  test('the consumers of a stream that is deleted are told', async () => {
    const [channel, queue] = await newStream();
    const tag = await consume(channel, queue);
    await (await openChannel()).call('queue.delete', { queue });
    expect((await channel.next('basic.cancel')).fields['consumer-tag']).toBe(tag);
  });
});

scenarios('2.8 streams: messages', () => {
  test('the offset is the last of the headers, the rest is as it was', async () => {
    const [channel, queue] = await newStream();
    const properties = {
      'content-type': 'text/plain',
      'content-encoding': 'utf-8',
      headers: { a: 1, 'x-stream-offset': 'mine', b: 'two' },
      'delivery-mode': 1,
      priority: 4,
      'correlation-id': 'c',
      'message-id': 'id',
      type: 't',
      'app-id': 'app',
    };
    channel.publish({ routingKey: queue, body: 'x', properties });
    channel.publish({ routingKey: queue, body: '', properties: { 'content-type': 'text/plain' } });
    channel.publish({ routingKey: queue, body: 'y' });
    const [first, second, third] = await deliveries(await reader(queue, 'first'), 3);
    expect(first?.properties).toMatchObject({ ...properties, headers: expect.anything() });
    expect(Object.entries(first?.headers ?? {}).at(-1)).toEqual(['x-stream-offset', 0]);
    expect(first?.headers).toEqual({ a: 1, b: 'two', 'x-stream-offset': 0 });
    expect(second?.properties).toMatchObject({ 'content-type': 'text/plain' });
    expect([second?.headers, second?.text]).toEqual([{ 'x-stream-offset': 1 }, '']);
    expect([third?.headers, third?.text]).toEqual([{ 'x-stream-offset': 2 }, 'y']);
    expect(third?.fields).toMatchObject({ exchange: '', 'routing-key': queue, redelivered: false });
  });

  test('a message larger than a frame', async () => {
    const [, queue] = await newStream();
    const body = 'x'.repeat(300_000);
    await append(queue, body);
    const [message] = await deliveries(await reader(queue, 'first'), 1);
    expect([message?.text === body, message && offsetOf(message)]).toEqual([true, 0]);
  });

  test('expiration means nothing', async () => {
    const [channel, queue] = await newStream();
    channel.publish({ routingKey: queue, body: 'x', properties: { expiration: '1' } });
    await delay(20);
    expect(await take(await reader(queue, 'first'), 1)).toEqual(['0:x']);
  });

  test('a stream behind an exchange, beside a classic queue', async () => {
    const [channel, queue] = await newStream();
    const exchange = await declareExchange(channel, 'topic');
    const other = await declareQueue(channel);
    await bindQueue(channel, exchange, queue, 'a.#');
    await bindQueue(channel, exchange, other, 'a.#');
    channel.publish({ exchange, routingKey: 'a.b', body: 'x', mandatory: true });
    const [message] = await deliveries(await reader(queue, 'first'), 1);
    expect(message?.fields).toMatchObject({ exchange, 'routing-key': 'a.b' });
    await eventually(async () => expect((await queueCounts(channel, other)).messages).toBe(1));
    expect((await channel.call('basic.get', { queue: other })).headers).toBeUndefined();
  });

  test('a transaction', async () => {
    const [, queue] = await newStream();
    const channel = await openChannel();
    await channel.call('tx.select');
    channel.publish({ routingKey: queue, body: 'a' });
    await channel.call('tx.rollback');
    channel.publish({ routingKey: queue, body: 'b' });
    await channel.call('tx.commit');
    expect(await take(await reader(queue, 'first'), 1)).toEqual(['0:b']);
  });

  // RabbitMQ's counts lag by seconds, and there are never any consumers.
  test('messages are counted', async () => {
    const [channel, queue] = await newStream();
    await append(queue, ...bodies(7));
    await consume(channel, queue);
    await eventually(
      async () =>
        expect(await queueCounts(channel, queue)).toEqual({
          messages: 7,
          consumers: expectOn({ rabbitmq: 0, leveret: 1 }),
        }),
      8_000,
    );
  }, 10_000);

  test('deletion only if empty or unused', async () => {
    const [channel, queue] = await newStream();
    await append(queue, 'a');
    const deleted = channel.call('queue.delete', { queue, 'if-empty': true });
    await expectOn({
      rabbitmq: async () => expect((await deleted).fields).toEqual({ 'message-count': 0 }),
      leveret: () =>
        expectChannelError(deleted, {
          code: 406,
          text: `PRECONDITION_FAILED - queue '${queue}' in vhost '/' not empty`,
          method: 'queue.delete',
        }),
    })();
  });
});

scenarios('2.8 streams: retention', () => {
  test('whole segments leave when there are too many bytes', async () => {
    const [, queue] = await newStream({
      'x-max-length-bytes': 4_000,
      'x-stream-max-segment-size-bytes': 1_000,
    });
    await append(queue, ...bodies(40, 300));
    await eventually(async () => expect(await firstOffset(queue)).toBeGreaterThan(10));
    const channel = await reader(queue, 3);
    const [first] = await deliveries(channel, 1);
    expect(first && offsetOf(first)).toBe(await firstOffset(queue));
  });

  test('the last segment stays, however long it is', async () => {
    const [, queue] = await newStream({ 'x-max-length-bytes': 100 });
    await append(queue, ...bodies(5, 300));
    expect(await firstOffset(queue)).toBe(0);
  });

  test('what is too old leaves when a segment is full', async () => {
    const [, queue] = await newStream({ 'x-max-age': '1s', 'x-stream-max-segment-size-bytes': 1_000 });
    await append(queue, ...bodies(20, 300));
    await delay(1_500);
    expect(await firstOffset(queue)).toBe(0);
    await append(queue, ...bodies(10, 300));
    await eventually(async () => expect(await firstOffset(queue)).toBeGreaterThan(10));
  });

  test('a policy takes the place of the arguments', async () => {
    const [, queue] = await newStream({
      'x-max-length-bytes': 1_000_000,
      'x-stream-max-segment-size-bytes': 1_000,
    });
    await append(queue, ...bodies(20, 300));
    await setPolicy(`^${queue}$`, { 'max-length-bytes': 3_000 }, { applyTo: 'queues' });
    await append(queue, ...bodies(10, 300));
    await eventually(async () => expect(await firstOffset(queue)).toBeGreaterThan(10));
  });
});
