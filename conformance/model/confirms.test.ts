import { expect, test } from 'vitest';
import { openChannel, openConnection, scenarios } from '../harness/broker.ts';
import { barrier, drain, expectChannelError, getText, settled } from '../harness/expectations.ts';
import {
  ack,
  boundQueue,
  consume,
  declareExchange,
  declareQueue,
  deliveries,
  nack,
  publishTexts,
  textsOf,
} from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';

scenarios('1.13 publisher confirms', () => {
  test('numbers begin at 1 with the first publish after confirm.select (trap 18)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'before');
    await channel.call('confirm.select');
    publishTexts(channel, queue, 'after');
    expect((await channel.next('basic.ack')).deliveryTag).toBe(1);
  });

  test('confirm.select may be repeated and does not restart the numbers', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('confirm.select');
    publishTexts(channel, queue, 'a');
    expect((await channel.next('basic.ack')).deliveryTag).toBe(1);
    await channel.call('confirm.select');
    publishTexts(channel, queue, 'b');
    expect((await channel.next('basic.ack')).deliveryTag).toBe(2);
  });

  test('no-wait', async () => {
    const channel = await openChannel();
    channel.send('confirm.select', { 'no-wait': true });
    channel.publish({ routingKey: 'nowhere' });
    expect((await channel.next()).name).toBe('basic.ack');
  });

  test.each([
    ['transient to transient queue', false, 1],
    ['persistent to durable queue', true, 2],
  ])('every message is confirmed exactly once: %s', async (_, durable, mode) => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { durable });
    await channel.call('confirm.select');
    for (let i = 0; i < 500; i++) {
      channel.publish({ routingKey: queue, properties: { 'delivery-mode': mode }, body: `${i}` });
    }
    const outcome = await settled(channel, 500);
    expect(outcome.size).toBe(500);
    expect(new Set(outcome.values())).toEqual(new Set(['ack']));
  });

  test('routed, unroutable and returned messages mixed', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { durable: true });
    await channel.call('confirm.select');
    for (let i = 0; i < 50; i++) {
      channel.publish({ routingKey: queue, properties: { 'delivery-mode': 2 } });
      channel.publish({ routingKey: 'nowhere' });
      channel.publish({ routingKey: 'nowhere', mandatory: true });
    }
    expect((await settled(channel, 150)).size).toBe(150);
    expect(channel.arrived.filter(({ name }) => name === 'basic.return')).toHaveLength(50);
  });

  test('a message to several queues is confirmed once', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'fanout');
    const queues = [await boundQueue(channel, exchange), await boundQueue(channel, exchange)];
    await channel.call('confirm.select');
    channel.publish({ exchange, body: 'x' });
    await settled(channel, 1);
    for (const queue of queues) expect(await drain(channel, queue)).toEqual(['x']);
    expect(channel.arrived).toEqual([]);
  });

  test('a message is delivered and acknowledged before or after its confirm, never lost', async () => {
    const connection = await openConnection();
    const [publisher, consumer] = [await connection.channel(), await connection.channel()];
    const queue = await declareQueue(publisher, { durable: true });
    await consume(consumer, queue);
    await publisher.call('confirm.select');
    publisher.publish({ routingKey: queue, properties: { 'delivery-mode': 2 }, body: 'x' });
    ack(consumer, (await consumer.next('basic.deliver')).deliveryTag);
    await settled(publisher, 1);
  });

  test('messages whose queue is deleted meanwhile count as confirmed (trap 18)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { durable: true });
    await channel.call('confirm.select');
    for (let i = 0; i < 200; i++) channel.publish({ routingKey: queue, properties: { 'delivery-mode': 2 } });
    await channel.call('queue.delete', { queue });
    const outcome = await settled(channel, 200);
    expect(new Set(outcome.values())).toEqual(new Set(['ack']));
  });

  test('a message that expires at once is confirmed', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-message-ttl': 0 } });
    await channel.call('confirm.select');
    publishTexts(channel, queue, 'x');
    expect((await channel.next()).name).toBe('basic.ack');
    expect(await getText(channel, queue)).toBeUndefined();
  });

  test('confirms and deliveries of one channel have numbers of their own', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await consume(channel, queue);
    await channel.call('confirm.select');
    publishTexts(channel, queue, 'a', 'b');
    expect(textsOf(await deliveries(channel, 2))).toEqual(['a', 'b']);
    expect([...(await settled(channel, 2)).keys()].sort()).toEqual([1, 2]);
    ack(channel, 2, true);
    await barrier(channel);
  });

  test('confirm.select on a transactional channel', async () => {
    const channel = await openChannel();
    await channel.call('tx.select');
    await expectChannelError(channel.call('confirm.select'), {
      code: 406,
      text: 'PRECONDITION_FAILED - cannot switch from tx to confirm mode',
      method: 'confirm.select',
    });
  });

  test('tx.select on a confirming channel', async () => {
    const channel = await openChannel();
    await channel.call('confirm.select');
    await expectChannelError(channel.call('tx.select'), {
      code: 406,
      text: 'PRECONDITION_FAILED - cannot switch from confirm to tx mode',
      method: 'tx.select',
    });
  });
});

scenarios('1.14 transactions', () => {
  async function transactional(): Promise<[tx: RawChannel, other: RawChannel, queue: string]> {
    const connection = await openConnection();
    const [tx, other] = [await connection.channel(), await connection.channel()];
    await tx.call('tx.select');
    await tx.call('tx.select');
    return [tx, other, await declareQueue(other)];
  }

  test('publishes are seen after commit, in order', async () => {
    const [tx, other, queue] = await transactional();
    publishTexts(tx, queue, 'a', 'b');
    await barrier(tx);
    expect(await getText(other, queue)).toBeUndefined();
    await tx.call('tx.commit');
    expect(await drain(other, queue)).toEqual(['a', 'b']);
  });

  test('a mandatory message whose queue was deleted before the commit comes back', async () => {
    const [tx, , queue] = await transactional();
    tx.publish({ routingKey: queue, mandatory: true, body: 'late' });
    await tx.call('queue.delete', { queue });
    tx.send('tx.commit');
    expect([(await tx.next()).name, (await tx.next()).name]).toEqual(['basic.return', 'tx.commit-ok']);
  });

  test('a queue that was deleted and declared again before the commit gets the message', async () => {
    const [tx, other, queue] = await transactional();
    tx.publish({ routingKey: queue, mandatory: true, body: 'late' });
    await tx.call('queue.delete', { queue });
    await tx.call('queue.declare', { queue });
    await tx.call('tx.commit');
    expect(await drain(other, queue)).toEqual(['late']);
    expect(tx.arrived).toEqual([]);
  });

  test('rollback forgets publishes', async () => {
    const [tx, other, queue] = await transactional();
    publishTexts(tx, queue, 'a');
    await tx.call('tx.rollback');
    publishTexts(tx, queue, 'b');
    await tx.call('tx.commit');
    expect(await drain(other, queue)).toEqual(['b']);
  });

  test('closing the channel forgets publishes and requeues what was acknowledged but not committed', async () => {
    const [tx, other, queue] = await transactional();
    publishTexts(other, queue, 'held');
    await barrier(other);
    const held = await tx.call('basic.get', { queue });
    ack(tx, held.deliveryTag);
    publishTexts(tx, queue, 'a');
    await tx.close();
    expect(await drain(other, queue)).toEqual(['held']);
  });

  test('an acknowledgement counts from the commit on', async () => {
    const [tx, other, queue] = await transactional();
    publishTexts(other, queue, 'a');
    await barrier(other);
    ack(tx, (await tx.call('basic.get', { queue })).deliveryTag);
    await tx.call('tx.commit');
    await tx.close();
    expect(await drain(other, queue)).toEqual([]);
  });

  test('rollback gives acknowledgements back: the message stays with the channel', async () => {
    const [tx, other, queue] = await transactional();
    publishTexts(other, queue, 'a');
    await barrier(other);
    const { deliveryTag } = await tx.call('basic.get', { queue });
    ack(tx, deliveryTag);
    await tx.call('tx.rollback');
    expect(await getText(other, queue)).toBeUndefined();
    ack(tx, deliveryTag);
    await tx.call('tx.commit');
  });

  test('a reject with requeue takes effect at commit', async () => {
    const [tx, other, queue] = await transactional();
    publishTexts(other, queue, 'a');
    await barrier(other);
    nack(tx, (await tx.call('basic.get', { queue })).deliveryTag);
    await barrier(tx);
    expect(await getText(other, queue)).toBeUndefined();
    await tx.call('tx.commit');
    expect(await getText(other, queue)).toBe('a');
  });

  test('an unroutable message is returned at commit, before commit-ok (trap 19)', async () => {
    const [tx] = await transactional();
    tx.publish({ routingKey: 'nowhere', mandatory: true });
    await barrier(tx);
    expect(tx.arrived).toEqual([]);
    tx.send('tx.commit');
    expect([(await tx.next()).name, (await tx.next()).name]).toEqual(['basic.return', 'tx.commit-ok']);
  });

  test('messages are routed when published, not when committed (trap 19)', async () => {
    const [tx, other, queue] = await transactional();
    const exchange = await declareExchange(other, 'direct');
    tx.publish({ exchange, routingKey: 'k', body: 'early' });
    await barrier(tx);
    await other.call('queue.bind', { exchange, queue, 'routing-key': 'k' });
    tx.publish({ exchange, routingKey: 'k', body: 'late' });
    await tx.call('tx.commit');
    expect(await drain(other, queue)).toEqual(['late']);
  });

  test('a publish to a missing exchange fails at once', async () => {
    const [tx] = await transactional();
    tx.publish({ exchange: 'nope' });
    await expectChannelError(tx.closedByServer(), {
      code: 404,
      text: "NOT_FOUND - no exchange 'nope' in vhost '/'",
      method: 'basic.publish',
    });
  });

  test.each(['tx.commit', 'tx.rollback'] as const)(
    '%s on a channel that is not transactional',
    async (method) => {
      const channel = await openChannel();
      await expectChannelError(channel.call(method), {
        code: 406,
        text: 'PRECONDITION_FAILED - channel is not transactional',
        method,
      });
    },
  );

  test('an empty commit and an empty rollback', async () => {
    const [tx] = await transactional();
    await tx.call('tx.commit');
    await tx.call('tx.rollback');
  });

  test('a persistent message to a durable queue', async () => {
    const [tx, other] = await transactional();
    const queue = await declareQueue(other, { durable: true });
    tx.publish({ routingKey: queue, properties: { 'delivery-mode': 2 }, body: 'kept' });
    await tx.call('tx.commit');
    expect(await drain(other, queue)).toEqual(['kept']);
  });
});
