import { expect, test } from 'vitest';
import { openChannel, openConnection, scenarios } from '../harness/broker.ts';
import { eventually, expectChannelError, expectConnectionError } from '../harness/expectations.ts';
import { consume, declareQueue } from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';

const REPLY_TO = 'amq.rabbitmq.reply-to';

/** A request in a queue, and the reply address the server has written into it. */
async function requested(): Promise<[client: RawChannel, server: RawChannel, address: string]> {
  const connection = await openConnection();
  const [client, server] = [await connection.channel(), await openChannel()];
  const queue = await declareQueue(server);
  await consume(client, REPLY_TO, { 'consumer-tag': 'replies', 'no-ack': true });
  await consume(server, queue, { 'no-ack': true });
  client.publish({
    routingKey: queue,
    properties: { 'reply-to': REPLY_TO, 'correlation-id': '1' },
    body: 'ping',
  });
  const request = await server.next('basic.deliver');
  return [client, server, String(request.properties['reply-to'])];
}

scenarios('1.19 direct reply-to (trap 42)', () => {
  test('the request carries an address of its own, the reply comes back', async () => {
    const [client, server, address] = await requested();
    expect(address).toMatch(/^amq\.rabbitmq\.reply-to\..+/);
    server.publish({
      routingKey: address,
      properties: { 'correlation-id': '1' },
      body: 'pong',
      mandatory: true,
    });
    const reply = await client.next('basic.deliver');
    expect(reply.fields).toMatchObject({
      'consumer-tag': 'replies',
      redelivered: false,
      exchange: '',
      'routing-key': address,
    });
    expect([reply.text, reply.properties['correlation-id']]).toEqual(['pong', '1']);
  });

  test('replies are confirmed', async () => {
    const [client, server, address] = await requested();
    await server.call('confirm.select');
    server.publish({ routingKey: address, body: 'pong' });
    expect((await server.next()).name).toBe('basic.ack');
    expect((await client.next('basic.deliver')).text).toBe('pong');
  });

  test('acknowledging consumers are refused', async () => {
    const channel = await openChannel();
    await expectChannelError(channel.call('basic.consume', { queue: REPLY_TO }), {
      code: 406,
      text: 'PRECONDITION_FAILED - reply consumer cannot acknowledge',
      method: 'basic.consume',
    });
  });

  test('one per channel', async () => {
    const channel = await openChannel();
    await consume(channel, REPLY_TO, { 'no-ack': true });
    await expectChannelError(channel.call('basic.consume', { queue: REPLY_TO, 'no-ack': true }), {
      code: 406,
      text: 'PRECONDITION_FAILED - reply consumer already set',
      method: 'basic.consume',
    });
  });

  test('the channel that publishes must be the one that consumes', async () => {
    const connection = await openConnection();
    const [consumer, publisher] = [await connection.channel(), await connection.channel()];
    await consume(consumer, REPLY_TO, { 'no-ack': true });
    publisher.publish({ routingKey: 'x', properties: { 'reply-to': REPLY_TO } });
    await expectChannelError(publisher.closedByServer(), {
      code: 406,
      text: 'PRECONDITION_FAILED - fast reply consumer does not exist',
      method: 'basic.publish',
    });
  });

  test('a reply to a channel that is gone is returned if mandatory', async () => {
    const [client, server, address] = await requested();
    await client.close();
    server.publish({ routingKey: address, mandatory: true, body: 'too late' });
    expect((await server.next('basic.return')).fields).toMatchObject({
      'reply-code': 312,
      'routing-key': address,
    });
  });

  test('after cancel there is nobody', async () => {
    const [client, server, address] = await requested();
    await client.call('basic.cancel', { 'consumer-tag': 'replies' });
    server.publish({ routingKey: address, body: 'too late' });
    await consume(client, REPLY_TO, { 'no-ack': true });
    await client.call('basic.cancel', { 'consumer-tag': 'unknown' });
  });

  test('declaring the pseudo-queue, and asking whether a requester still lives', async () => {
    const [client, server, address] = await requested();
    const pseudo = await server.call('queue.declare', { queue: REPLY_TO, passive: true });
    expect(pseudo.fields).toEqual({ queue: REPLY_TO, 'message-count': 0, 'consumer-count': 1 });
    const alive = await server.call('queue.declare', { queue: address, passive: true });
    expect(alive.fields).toEqual({ queue: address, 'message-count': 0, 'consumer-count': 1 });
    await client.connection.close();
    await eventually(async () => {
      const probe = await server.connection.channel();
      await expectChannelError(probe.call('queue.declare', { queue: address, passive: true }), {
        code: 404,
        text: `NOT_FOUND - no queue '${address}' in vhost '/'`,
        method: 'queue.declare',
      });
    });
  });

  test('a reply is no routed message: if mandatory, it is delivered and returned', async () => {
    const [client, server, address] = await requested();
    await server.call('confirm.select');
    server.publish({ routingKey: address, mandatory: true, body: 'pong' });
    expect((await client.next('basic.deliver')).text).toBe('pong');
    const returned = await server.next('basic.return');
    expect([returned.fields['reply-code'], returned.text]).toEqual([312, 'pong']);
    expect((await server.next()).name).toBe('basic.ack');
  });

  test('replies take no delivery tag', async () => {
    const [client, server, address] = await requested();
    const queue = await declareQueue(server);
    server.publish({ routingKey: address, body: 'one' });
    server.publish({ routingKey: address, body: 'two' });
    server.publish({ routingKey: queue, body: 'other' });
    expect((await client.next('basic.deliver')).deliveryTag).toBe(1);
    expect((await client.next('basic.deliver')).deliveryTag).toBe(1);
    await eventually(async () => {
      expect((await client.call('basic.get', { queue, 'no-ack': true })).deliveryTag).toBe(1);
    });
  });

  test('an address may stand in CC', async () => {
    const [client, server, address] = await requested();
    server.publish({ routingKey: 'nowhere', properties: { headers: { CC: [address] } }, body: 'copy' });
    const reply = await client.next('basic.deliver');
    expect([reply.fields['routing-key'], reply.text]).toEqual(['nowhere', 'copy']);
  });

  test('other exchanges do not know the address', async () => {
    const [client, server, address] = await requested();
    server.publish({ exchange: 'amq.fanout', routingKey: address, mandatory: true, body: 'lost' });
    expect((await server.next('basic.return')).text).toBe('lost');
    expect(client.arrived).toEqual([]);
  });

  test('a consumer tag in use is not for replies', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await consume(channel, queue, { 'consumer-tag': 't' });
    const again = channel.call('basic.consume', { queue: REPLY_TO, 'no-ack': true, 'consumer-tag': 't' });
    await expectConnectionError(again, {
      code: 530,
      text: "NOT_ALLOWED - attempt to reuse consumer tag 't'",
      method: 'basic.consume',
    });
  });

  test.each([
    ['queue.bind', { exchange: 'amq.direct' }],
    ['queue.purge', {}],
    ['basic.get', {}],
  ] as const)('%s finds no such queue', async (method, fields) => {
    const channel = await openChannel();
    await expectChannelError(channel.call(method, { queue: REPLY_TO, ...fields }), {
      code: 404,
      text: `NOT_FOUND - no queue '${REPLY_TO}' in vhost '/'`,
      method,
    });
  });

  test('any declaration of the pseudo-queue is fine, deleting it does nothing', async () => {
    const channel = await openChannel();
    const declared = await channel.call('queue.declare', { queue: REPLY_TO, durable: true, exclusive: true });
    expect(declared.fields).toEqual({ queue: REPLY_TO, 'message-count': 0, 'consumer-count': 1 });
    expect((await channel.call('queue.delete', { queue: '' })).number('message-count')).toBe(0);
    await consume(channel, REPLY_TO, { 'no-ack': true });
  });
});
