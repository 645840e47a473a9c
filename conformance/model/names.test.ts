import { expect, test } from 'vitest';
import { exchangeName, openChannel, queueName, scenarios } from '../harness/broker.ts';
import { expectChannelError, expectConnectionError } from '../harness/expectations.ts';
import { bindQueue, declareExchange, declareQueue } from '../harness/model.ts';
import {
  encodeContentHeader,
  encodeFrame,
  encodeMethod,
  FRAME_HEADER,
  FRAME_METHOD,
  type MethodName,
} from '../raw-codec.ts';

const NOT_UTF_8 = Buffer.from([0x61, 0xff, 0xfe, 0x62]);

scenarios('1.7 names that are not UTF-8', () => {
  test('the routing key of a message may be any bytes', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'topic');
    const queue = await declareQueue(channel);
    await bindQueue(channel, exchange, queue, '*');
    channel.publish({ exchange, routingKey: NOT_UTF_8 });
    const message = await channel.call('basic.get', { queue, 'no-ack': true });
    expect(message.payload.includes(NOT_UTF_8)).toBe(true);
  });

  test('message properties may be any bytes', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    channel.publish({
      routingKey: queue,
      properties: { 'correlation-id': NOT_UTF_8, 'message-id': NOT_UTF_8 },
    });
    const message = await channel.call('basic.get', { queue, 'no-ack': true });
    expect(message.headerPayload.includes(NOT_UTF_8)).toBe(true);
  });

  const refused: readonly [MethodName, string, object][] = [
    ['queue.declare', 'queue', {}],
    ['queue.declare', 'queue', { passive: true }],
    ['queue.delete', 'queue', {}],
    ['queue.purge', 'queue', {}],
    ['queue.bind', 'queue', { exchange: 'amq.direct' }],
    ['queue.bind', 'exchange', {}],
    ['queue.bind', 'routing-key', { exchange: 'amq.direct' }],
    ['queue.unbind', 'routing-key', { exchange: 'amq.direct' }],
    ['exchange.bind', 'routing-key', { source: 'amq.direct', destination: 'amq.fanout' }],
    ['exchange.declare', 'exchange', { type: 'direct' }],
    ['exchange.delete', 'exchange', {}],
    ['exchange.bind', 'source', { destination: 'amq.direct' }],
    ['exchange.bind', 'destination', { source: 'amq.direct' }],
    ['basic.consume', 'queue', {}],
    ['basic.get', 'queue', {}],
  ];
  test.each(refused)('%s refuses %s (%o)', async (method, field, others) => {
    const channel = await openChannel();
    await expectConnectionError(channel.call(method, { ...others, [field]: NOT_UTF_8 }), {
      code: 501,
      text: 'FRAME_ERROR - Malformed UTF-8 in shortstr',
      method: '0/0',
    });
  });

  test('basic.consume refuses such a consumer tag', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await expectConnectionError(channel.call('basic.consume', { queue, 'consumer-tag': NOT_UTF_8 }), {
      code: 501,
      text: 'FRAME_ERROR - Malformed UTF-8 in shortstr',
      method: '0/0',
    });
  });

  test('basic.publish does not look: no such exchange', async () => {
    const channel = await openChannel();
    const method = encodeMethod('basic.publish', { exchange: NOT_UTF_8 });
    channel.connection.write(
      Buffer.concat([
        encodeFrame(FRAME_METHOD, channel.id, method),
        encodeFrame(FRAME_HEADER, channel.id, encodeContentHeader(0)),
      ]),
    );
    await expectChannelError(channel.closedByServer(), {
      code: 404,
      text: /^NOT_FOUND - no exchange 'a.+b' in vhost '\/'$/,
      method: 'basic.publish',
    });
  });

  test('names in any script are fine', async () => {
    const channel = await openChannel();
    const [exchange, queue] = [exchangeName('обмен'), queueName('兎-🐇')];
    await channel.call('exchange.declare', { exchange, type: 'direct' });
    await channel.call('queue.declare', { queue });
    await bindQueue(channel, exchange, queue, 'ключ');
    channel.publish({ exchange, routingKey: 'ключ' });
    const message = await channel.call('basic.get', { queue, 'no-ack': true });
    expect(message.fields).toMatchObject({ exchange, 'routing-key': 'ключ' });
  });
});
