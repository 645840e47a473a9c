import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openChannel, openConnection, scenarios } from '../harness/broker.ts';
import { barrier, drain, eventually, expectChannelError, queueCounts } from '../harness/expectations.ts';
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
import type { Table } from '../raw-codec.ts';

function declarePriorityQueue(channel: RawChannel, highest: number, args: Table = {}): Promise<string> {
  return declareQueue(channel, { arguments: { 'x-max-priority': highest, ...args } });
}

/** Publishes `[priority, body]` pairs; undefined: without the property. */
function publishRanked(
  channel: RawChannel,
  queue: string,
  ...messages: (readonly [number | undefined, string])[]
): void {
  for (const [priority, body] of messages) {
    channel.publish({ routingKey: queue, properties: priority === undefined ? {} : { priority }, body });
  }
}

scenarios('2.6 priorities of messages', () => {
  test('highest first, first come first served within one, clamped, absent is 0', async () => {
    const channel = await openChannel();
    const queue = await declarePriorityQueue(channel, 5);
    publishRanked(
      channel,
      queue,
      [1, '1'],
      [undefined, 'none'],
      [5, '5a'],
      [0, '0'],
      [9, '9'],
      [3, '3'],
      [5, '5b'],
      [255, '255'],
    );
    expect(await drain(channel, queue)).toEqual(['5a', '9', '5b', '255', '3', '1', 'none', '0']);
  });

  test('a queue without the argument ignores priorities', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishRanked(channel, queue, [1, 'a'], [9, 'b'], [5, 'c']);
    expect(await drain(channel, queue)).toEqual(['a', 'b', 'c']);
  });

  test('x-max-priority 0 is one priority', async () => {
    const channel = await openChannel();
    const queue = await declarePriorityQueue(channel, 0);
    publishRanked(channel, queue, [1, 'a'], [9, 'b']);
    expect(await drain(channel, queue)).toEqual(['a', 'b']);
  });

  test('255 priorities', async () => {
    const channel = await openChannel();
    const queue = await declarePriorityQueue(channel, 255);
    publishRanked(channel, queue, [254, 'a'], [255, 'b'], [0, 'c'], [1, 'd']);
    expect(await drain(channel, queue)).toEqual(['b', 'a', 'd', 'c']);
  });

  test('the property reaches the consumer as it was', async () => {
    const channel = await openChannel();
    const queue = await declarePriorityQueue(channel, 3);
    publishRanked(channel, queue, [9, 'x']);
    expect((await channel.call('basic.get', { queue })).properties).toEqual({ priority: 9 });
  });

  test('a consumer gets the highest first, and what it holds is not reordered', async () => {
    const channel = await openChannel();
    const queue = await declarePriorityQueue(channel, 5);
    await channel.call('basic.qos', { 'prefetch-count': 1 });
    publishRanked(channel, queue, [1, 'low'], [2, 'middle']);
    await barrier(channel);
    await consume(channel, queue);
    const [first] = await deliveries(channel, 1);
    publishRanked(channel, queue, [5, 'high']);
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(2));
    ack(channel, first?.deliveryTag ?? 0);
    const [second] = await deliveries(channel, 1);
    ack(channel, second?.deliveryTag ?? 0);
    const [third] = await deliveries(channel, 1);
    expect([first?.text, second?.text, third?.text]).toEqual(['middle', 'high', 'low']);
  });

  test('a requeued message takes its old place in its priority', async () => {
    const channel = await openChannel();
    const queue = await declarePriorityQueue(channel, 5);
    publishRanked(channel, queue, [2, 'a'], [2, 'b'], [1, 'c']);
    const held = await channel.call('basic.get', { queue });
    expect(held.text).toBe('a');
    publishRanked(channel, queue, [3, 'd']);
    nack(channel, held.deliveryTag);
    await barrier(channel);
    expect(await drain(channel, queue)).toEqual(['d', 'a', 'b', 'c']);
  });

  test('counts, purge and delete see all priorities', async () => {
    const channel = await openChannel();
    const queue = await declarePriorityQueue(channel, 3);
    publishRanked(channel, queue, [0, 'a'], [1, 'b'], [2, 'c'], [3, 'd']);
    const got = await channel.call('basic.get', { queue });
    expect([got.text, got.number('message-count')]).toEqual(['d', 3]);
    expect((await channel.call('queue.purge', { queue })).number('message-count')).toBe(3);
    nack(channel, got.deliveryTag);
    publishRanked(channel, queue, [0, 'e']);
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(2));
    expect((await channel.call('queue.delete', { queue })).number('message-count')).toBe(2);
  });

  test('over the length limit the highest leaves first', async () => {
    const channel = await openChannel();
    const queue = await declarePriorityQueue(channel, 5, { 'x-max-length': 2 });
    publishRanked(channel, queue, [5, '5'], [1, '1'], [3, '3']);
    expect(await drain(channel, queue)).toEqual(['3', '1']);
  });

  test('the oldest of the highest is dead-lettered', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'fanout');
    const graveyard = await boundQueue(channel, exchange);
    const queue = await declarePriorityQueue(channel, 5, {
      'x-max-length': 2,
      'x-dead-letter-exchange': exchange,
    });
    publishRanked(channel, queue, [1, 'a'], [4, 'b'], [4, 'c'], [0, 'd']);
    await eventually(async () => expect((await queueCounts(channel, graveyard)).messages).toBe(2));
    expect(await drain(channel, graveyard)).toEqual(['b', 'c']);
    expect(await drain(channel, queue)).toEqual(['a', 'd']);
  });

  test('reject-publish refuses whatever comes, high or low', async () => {
    const channel = await openChannel();
    const queue = await declarePriorityQueue(channel, 5, {
      'x-max-length': 1,
      'x-overflow': 'reject-publish',
    });
    publishRanked(channel, queue, [1, 'a'], [5, 'b'], [0, 'c']);
    expect(await drain(channel, queue)).toEqual(['a']);
  });

  test('expired messages behind a higher priority stay and are not delivered', async () => {
    const channel = await openChannel();
    const queue = await declarePriorityQueue(channel, 5);
    channel.publish({ routingKey: queue, properties: { priority: 1, expiration: '50' }, body: 'brief' });
    publishRanked(channel, queue, [5, 'high']);
    await delay(200);
    expect((await queueCounts(channel, queue)).messages).toBe(2);
    expect(await drain(channel, queue)).toEqual(['high']);
  });

  test('an expired message at the head leaves', async () => {
    const channel = await openChannel();
    const queue = await declarePriorityQueue(channel, 5);
    // In the other order RabbitMQ 3.10 does not look before the next get or delivery.
    channel.publish({ routingKey: queue, properties: { priority: 5, expiration: '100' }, body: 'brief' });
    publishRanked(channel, queue, [1, 'low']);
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(2));
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(1));
    expect(await drain(channel, queue)).toEqual(['low']);
  });

  test.each([
    [256, '{max_value_exceeded,256}'],
    [-1, '{value_negative,-1}'],
    ['high', '"expected integer, got longstr"'],
  ])('x-max-priority %s is refused', async (value, fault) => {
    const channel = await openChannel();
    const queue = 'conformance-refused-priority';
    await expectChannelError(
      channel.call('queue.declare', { queue, arguments: { 'x-max-priority': value } }),
      {
        code: 406,
        text: `PRECONDITION_FAILED - invalid arg 'x-max-priority' for queue '${queue}' in vhost '/': ${fault}`,
        method: 'queue.declare',
      },
    );
  });
});

scenarios('1.15 priorities of consumers (trap 26)', () => {
  /** Consumers named after their priority, each on a channel of its own. */
  async function ranked(prefetch: number, ...priorities: number[]) {
    const connection = await openConnection();
    const publisher = await connection.channel();
    const queue = await declareQueue(publisher);
    const channels = new Map<number, RawChannel>();
    for (const priority of priorities) {
      const channel = await connection.channel();
      await channel.call('basic.qos', { 'prefetch-count': prefetch });
      await consume(channel, queue, { arguments: { 'x-priority': priority } });
      channels.set(priority, channel);
    }
    const of = (priority: number): RawChannel => {
      const channel = channels.get(priority);
      if (channel === undefined) throw new Error(`no consumer with priority ${priority}`);
      return channel;
    };
    return { publisher, queue, of };
  }

  test('three levels, each fed when those above are full', async () => {
    const { publisher, queue, of } = await ranked(2, 0, 10, -5);
    publishTexts(publisher, queue, 'a', 'b', 'c', 'd', 'e', 'f', 'g');
    expect(textsOf(await deliveries(of(10), 2))).toEqual(['a', 'b']);
    expect(textsOf(await deliveries(of(0), 2))).toEqual(['c', 'd']);
    expect(textsOf(await deliveries(of(-5), 2))).toEqual(['e', 'f']);
  });

  test('capacity higher up is used first again', async () => {
    const { publisher, queue, of } = await ranked(1, 1, 2);
    publishTexts(publisher, queue, 'a', 'b');
    const [high] = await deliveries(of(2), 1);
    await deliveries(of(1), 1);
    ack(of(2), high?.deliveryTag ?? 0);
    await barrier(of(2));
    publishTexts(publisher, queue, 'c');
    expect(textsOf(await deliveries(of(2), 1))).toEqual(['c']);
  });

  test('without prefetch the highest takes all', async () => {
    const { publisher, queue, of } = await ranked(0, 1, 2);
    publishTexts(publisher, queue, ...'abcdefgh');
    expect(textsOf(await deliveries(of(2), 8))).toEqual([...'abcdefgh']);
  });

  test('equals take turns', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    for (const tag of ['one', 'two']) {
      await consume(channel, queue, { 'consumer-tag': tag, arguments: { 'x-priority': 7 } });
    }
    publishTexts(channel, queue, 'a', 'b', 'c', 'd');
    const tags = (await deliveries(channel, 4)).map((delivery) => delivery.string('consumer-tag'));
    expect(tags.toSorted()).toEqual(['one', 'one', 'two', 'two']);
  });

  test.each([
    ['x-priority', true, '"expected integer, got bool"'],
    ['x-cancel-on-ha-failover', 1, '{unacceptable_type,signedint}'],
  ])('%s: %s is refused, before exclusive use is looked at', async (key, value, fault) => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await consume(channel, queue, { exclusive: true });
    await expectChannelError(channel.call('basic.consume', { queue, arguments: { [key]: value } }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg '${key}' for queue '${queue}' in vhost '/': ${fault}`,
      method: 'basic.consume',
    });
  });

  test('an argument for streams is refused, an unknown one is not', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await consume(channel, queue, { arguments: { 'x-whatever': 1 } });
    await expectChannelError(
      channel.call('basic.consume', { queue, arguments: { 'x-stream-offset': 'first' } }),
      {
        code: 406,
        text: `PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue '${queue}' in vhost '/' of queue type rabbit_classic_queue`,
        method: 'basic.consume',
      },
    );
  });
});
