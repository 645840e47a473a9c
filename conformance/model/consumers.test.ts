import { expect, test } from 'vitest';
import { CLIENT_CAPABILITIES, openChannel, openConnection, scenarios } from '../harness/broker.ts';
import {
  barrier,
  drain,
  eventually,
  expectChannelError,
  expectConnectionError,
  getText,
  queueCounts,
} from '../harness/expectations.ts';
import { ack, consume, declareQueue, deliveries, publishTexts, textsOf } from '../harness/model.ts';

const NO_QUEUE = "NOT_FOUND - no queue 'nope' in vhost '/'";

scenarios('1.15 basic.consume', () => {
  test('a delivery carries tag, number, exchange and key', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const tag = await consume(channel, queue, { 'consumer-tag': 'reader' });
    expect(tag).toBe('reader');
    publishTexts(channel, queue, 'x');
    expect((await channel.next('basic.deliver')).fields).toEqual({
      'consumer-tag': 'reader',
      'delivery-tag': 1,
      redelivered: false,
      exchange: '',
      'routing-key': queue,
    });
  });

  test('an empty tag gives amq.ctag- and 22 characters', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    expect(await consume(channel, queue)).toMatch(/^amq\.ctag-[A-Za-z0-9_-]{22}$/);
  });

  test('consume-ok comes before the first delivery', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'waiting');
    channel.send('basic.consume', { queue });
    expect([(await channel.next()).name, (await channel.next()).name]).toEqual([
      'basic.consume-ok',
      'basic.deliver',
    ]);
  });

  test('no-wait', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    channel.send('basic.consume', { queue, 'consumer-tag': 'quiet', 'no-wait': true });
    publishTexts(channel, queue, 'x');
    expect((await channel.next()).name).toBe('basic.deliver');
  });

  test('what was published before a consumer came or went is for those who were there', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const first = await consume(channel, queue, { 'no-ack': true });
    publishTexts(channel, queue, 'a', 'b');
    const second = { queue, 'no-ack': true, 'consumer-tag': 'second', arguments: { 'x-priority': 1 } };
    channel.send('basic.consume', second);
    publishTexts(channel, queue, 'c', 'd');
    channel.send('basic.cancel', { 'consumer-tag': 'second' });
    publishTexts(channel, queue, 'e');
    const arrived = await deliveries(channel, 5);
    expect(arrived.map(({ text, fields }) => [text, fields['consumer-tag']])).toEqual([
      ['a', first],
      ['b', first],
      ['c', 'second'],
      ['d', 'second'],
      ['e', first],
    ]);
  });

  test('a tag used twice on a channel ends the connection (trap 4)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await consume(channel, queue, { 'consumer-tag': 't' });
    await expectConnectionError(channel.call('basic.consume', { queue, 'consumer-tag': 't' }), {
      code: 530,
      text: "NOT_ALLOWED - attempt to reuse consumer tag 't'",
      method: 'basic.consume',
    });
  });

  test('the same tag on another channel is fine', async () => {
    const connection = await openConnection();
    const [one, two] = [await connection.channel(), await connection.channel()];
    const queue = await declareQueue(one);
    await consume(one, queue, { 'consumer-tag': 't' });
    await consume(two, queue, { 'consumer-tag': 't' });
  });

  test.each(['basic.consume', 'basic.get'] as const)('%s on a missing queue', async (method) => {
    const channel = await openChannel();
    await expectChannelError(channel.call(method, { queue: 'nope' }), { code: 404, text: NO_QUEUE, method });
  });

  test.each([
    ['an exclusive consumer comes second', false, true],
    ['an exclusive consumer was first', true, false],
  ])('%s', async (_, first, second) => {
    const connection = await openConnection();
    const [one, two] = [await connection.channel(), await connection.channel()];
    const queue = await declareQueue(one);
    await consume(one, queue, { exclusive: first });
    await expectChannelError(two.call('basic.consume', { queue, exclusive: second }), {
      code: 403,
      text: `ACCESS_REFUSED - queue '${queue}' in vhost '/' in exclusive use`,
      method: 'basic.consume',
    });
  });

  test('exclusive use ends with the consumer', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const tag = await consume(channel, queue, { exclusive: true });
    await channel.call('basic.cancel', { 'consumer-tag': tag });
    await consume(channel, queue, { exclusive: true });
  });

  test('an exclusive consumer keeps messages from nobody: basic.get is served', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('basic.qos', { 'prefetch-count': 1 });
    await consume(channel, queue, { exclusive: true });
    publishTexts(channel, queue, 'a', 'b');
    await channel.next('basic.deliver');
    expect(await getText(channel, queue)).toBe('b');
  });

  test('no_local is ignored', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await consume(channel, queue, { 'no-local': true });
    publishTexts(channel, queue, 'own');
    expect((await channel.next('basic.deliver')).text).toBe('own');
  });

  test('a priority that is no integer', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const args = { 'x-priority': 'high' };
    await expectChannelError(channel.call('basic.consume', { queue, arguments: args }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg 'x-priority' for queue '${queue}' in vhost '/': "expected integer, got longstr"`,
      method: 'basic.consume',
    });
  });

  test('deliveries take turns between consumers', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const tags = [await consume(channel, queue), await consume(channel, queue)];
    publishTexts(channel, queue, 'a', 'b', 'c', 'd');
    const seen = (await deliveries(channel, 4)).map((delivery) => delivery.string('consumer-tag'));
    expect(seen.filter((tag) => tag === tags[0])).toHaveLength(2);
    expect(seen.filter((tag) => tag === tags[1])).toHaveLength(2);
  });

  test('higher priorities come first while they have credit (trap 26)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('basic.qos', { 'prefetch-count': 2 });
    await consume(channel, queue, { 'consumer-tag': 'low', arguments: { 'x-priority': -1 } });
    await consume(channel, queue, { 'consumer-tag': 'high', arguments: { 'x-priority': 10 } });
    publishTexts(channel, queue, 'a', 'b', 'c');
    const seen = (await deliveries(channel, 3)).map((delivery) => delivery.string('consumer-tag'));
    expect(seen).toEqual(['high', 'high', 'low']);
  });

  test('without acknowledgement the message is gone once sent; numbers go on (trap 24)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const tag = await consume(channel, queue, { 'no-ack': true });
    publishTexts(channel, queue, 'a', 'b');
    expect((await deliveries(channel, 2)).map(({ deliveryTag }) => deliveryTag)).toEqual([1, 2]);
    await channel.call('basic.cancel', { 'consumer-tag': tag });
    publishTexts(channel, queue, 'c');
    expect((await channel.call('basic.get', { queue })).deliveryTag).toBe(3);
    await channel.call('basic.recover', { requeue: true });
    expect(await drain(channel, queue)).toEqual(['c']);
  });

  test('an empty queue name is the last declared queue', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await consume(channel, '');
    publishTexts(channel, queue, 'x');
    expect((await channel.next('basic.deliver')).text).toBe('x');
  });
});

scenarios('1.15 basic.cancel', () => {
  test('nothing is delivered after cancel-ok', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const tag = await consume(channel, queue);
    expect((await channel.call('basic.cancel', { 'consumer-tag': tag })).string('consumer-tag')).toBe(tag);
    publishTexts(channel, queue, 'x');
    expect(await getText(channel, queue)).toBe('x');
    expect(channel.arrived).toEqual([]);
  });

  test('an unknown tag: cancel-ok', async () => {
    const channel = await openChannel();
    expect((await channel.call('basic.cancel', { 'consumer-tag': 'who' })).string('consumer-tag')).toBe(
      'who',
    );
  });

  test('unacknowledged messages stay with the channel (trap 21)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const tag = await consume(channel, queue);
    publishTexts(channel, queue, 'a', 'b');
    await deliveries(channel, 2);
    await channel.call('basic.cancel', { 'consumer-tag': tag });
    ack(channel, 1);
    expect(await getText(channel, queue)).toBeUndefined();
    await channel.call('basic.recover', { requeue: true });
    expect(await drain(channel, queue)).toEqual(['b']);
  });

  test('no-wait', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const tag = await consume(channel, queue);
    channel.send('basic.cancel', { 'consumer-tag': tag, 'no-wait': true });
    await eventually(async () => expect((await queueCounts(channel, queue)).consumers).toBe(0));
    expect(channel.arrived).toEqual([]);
  });

  test('the server cancels consumers of a deleted queue (trap 44)', async () => {
    const connection = await openConnection();
    const [one, two] = [await connection.channel(), await connection.channel()];
    const queue = await declareQueue(one);
    const tag = await consume(one, queue);
    await two.call('queue.delete', { queue });
    const cancel = await one.next('basic.cancel');
    expect(cancel.fields).toEqual({ 'consumer-tag': tag, 'no-wait': true });
  });

  test('also the consumer on the channel that deletes', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const tag = await consume(channel, queue);
    await channel.call('queue.delete', { queue });
    expect((await channel.next('basic.cancel')).string('consumer-tag')).toBe(tag);
  });

  test('but not of clients without consumer_cancel_notify (trap 44)', async () => {
    const channel = await openChannel({
      capabilities: { ...CLIENT_CAPABILITIES, consumer_cancel_notify: false },
    });
    const queue = await declareQueue(channel);
    await consume(channel, queue);
    await channel.call('queue.delete', { queue });
    await barrier(channel);
    expect(channel.arrived).toEqual([]);
  });

  test('the tag is free again after cancel', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await consume(channel, queue, { 'consumer-tag': 't' });
    await channel.call('basic.cancel', { 'consumer-tag': 't' });
    await consume(channel, queue, { 'consumer-tag': 't' });
  });
});

scenarios('1.15 basic.get', () => {
  test('tells how many ready messages are left', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'a', 'b', 'c');
    const message = await channel.call('basic.get', { queue });
    expect(message.fields).toEqual({
      'delivery-tag': 1,
      redelivered: false,
      exchange: '',
      'routing-key': queue,
      'message-count': 2,
    });
  });

  test('an empty queue: get-empty', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    expect((await channel.call('basic.get', { queue })).name).toBe('basic.get-empty');
  });

  test('prefetch does not limit it', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('basic.qos', { 'prefetch-count': 1, global: true });
    publishTexts(channel, queue, 'a', 'b');
    expect((await channel.call('basic.get', { queue })).text).toBe('a');
    expect((await channel.call('basic.get', { queue })).text).toBe('b');
  });

  test('numbers are shared with deliveries (trap 24)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'a');
    expect((await channel.call('basic.get', { queue })).deliveryTag).toBe(1);
    await consume(channel, queue);
    publishTexts(channel, queue, 'b');
    expect((await channel.next('basic.deliver')).deliveryTag).toBe(2);
    ack(channel, 2, true);
    await barrier(channel);
  });
});

scenarios('1.16 basic.qos', () => {
  test('prefetch_size is not implemented (trap 5)', async () => {
    const channel = await openChannel();
    await expectConnectionError(channel.call('basic.qos', { 'prefetch-size': 10 }), {
      code: 540,
      text: 'NOT_IMPLEMENTED - prefetch_size!=0 (10)',
      method: 'basic.qos',
    });
  });

  test('a consumer gets as many as it may hold, and one more per acknowledgement', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('basic.qos', { 'prefetch-count': 2 });
    await consume(channel, queue);
    publishTexts(channel, queue, 'a', 'b', 'c', 'd');
    await deliveries(channel, 2);
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(2));
    ack(channel, 1);
    expect((await channel.next('basic.deliver')).text).toBe('c');
    ack(channel, 3, true);
    expect((await channel.next('basic.deliver')).text).toBe('d');
  });

  test('the limit is per consumer and taken when it starts (trap 25)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('basic.qos', { 'prefetch-count': 2 });
    await consume(channel, queue, { 'consumer-tag': 'two' });
    await channel.call('basic.qos', { 'prefetch-count': 1 });
    await consume(channel, queue, { 'consumer-tag': 'one' });
    publishTexts(channel, queue, 'a', 'b', 'c', 'd', 'e');
    const tags = (await deliveries(channel, 3)).map((delivery) => delivery.string('consumer-tag'));
    expect(tags.sort()).toEqual(['one', 'two', 'two']);
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(2));
    expect(channel.arrived).toEqual([]);
  });

  test('global: one limit for all consumers of the channel, beside their own (trap 25)', async () => {
    const connection = await openConnection();
    const [channel, other] = [await connection.channel(), await connection.channel()];
    const queue = await declareQueue(channel);
    await channel.call('basic.qos', { 'prefetch-count': 2 });
    await channel.call('basic.qos', { 'prefetch-count': 3, global: true });
    await consume(channel, queue);
    await consume(channel, queue);
    publishTexts(channel, queue, 'a', 'b', 'c', 'd', 'e');
    expect(textsOf(await deliveries(channel, 3))).toEqual(['a', 'b', 'c']);
    await eventually(async () => expect((await queueCounts(other, queue)).messages).toBe(2));
    expect(channel.arrived).toEqual([]);
    ack(channel, 1);
    expect((await channel.next('basic.deliver')).text).toBe('d');
  });

  test('without acknowledgement there is no limit (trap 25)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('basic.qos', { 'prefetch-count': 1 });
    await consume(channel, queue, { 'no-ack': true });
    publishTexts(channel, queue, 'a', 'b', 'c');
    expect(textsOf(await deliveries(channel, 3))).toEqual(['a', 'b', 'c']);
  });

  test('global: a consumer without acknowledgements waits when the others have reached the limit', async () => {
    const connection = await openConnection();
    const [channel, other] = [await connection.channel(), await connection.channel()];
    const [held, free] = [await declareQueue(channel), await declareQueue(channel)];
    await channel.call('basic.qos', { 'prefetch-count': 1, global: true });
    await consume(channel, held);
    await consume(channel, free, { 'no-ack': true });
    publishTexts(channel, free, 'a', 'b');
    expect(textsOf(await deliveries(channel, 2))).toEqual(['a', 'b']);
    publishTexts(channel, held, 'c');
    expect((await channel.next('basic.deliver')).text).toBe('c');
    publishTexts(channel, free, 'd');
    await eventually(async () => expect((await queueCounts(other, free)).messages).toBe(1));
    expect(channel.arrived).toEqual([]);
    ack(channel, 3);
    expect((await channel.next('basic.deliver')).text).toBe('d');
  });

  test('global: every queue of the channel is consumed from', async () => {
    const channel = await openChannel();
    const queues = [await declareQueue(channel), await declareQueue(channel), await declareQueue(channel)];
    for (const queue of queues) publishTexts(channel, queue, ...Array<string>(100).fill(queue));
    await channel.call('basic.qos', { 'prefetch-count': 1, global: true });
    for (const queue of queues) await consume(channel, queue);
    const served = new Set<string>();
    for (let count = 0; count < 99; count++) {
      const { text, deliveryTag } = await channel.next('basic.deliver');
      served.add(text);
      ack(channel, deliveryTag);
    }
    expect(served).toEqual(new Set(queues));
  });

  test('global: consumers of one queue take turns', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('basic.qos', { 'prefetch-count': 1, global: true });
    await consume(channel, queue, { 'consumer-tag': 'one' });
    await consume(channel, queue, { 'consumer-tag': 'two' });
    publishTexts(channel, queue, 'a', 'b', 'c', 'd');
    const tags: unknown[] = [];
    for (let count = 0; count < 4; count++) {
      const delivery = await channel.next('basic.deliver');
      tags.push(delivery.fields['consumer-tag']);
      ack(channel, delivery.deliveryTag);
    }
    expect(tags).toEqual(['one', 'two', 'one', 'two']);
  });

  test('a raised global limit lets waiting messages go', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('basic.qos', { 'prefetch-count': 1, global: true });
    await consume(channel, queue);
    publishTexts(channel, queue, 'a', 'b', 'c');
    await channel.next('basic.deliver');
    await channel.call('basic.qos', { 'prefetch-count': 0, global: true });
    expect(textsOf(await deliveries(channel, 2))).toEqual(['b', 'c']);
  });

  test('a lowered limit recalls nothing', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('basic.qos', { 'prefetch-count': 3, global: true });
    await consume(channel, queue);
    publishTexts(channel, queue, 'a', 'b', 'c', 'd');
    await deliveries(channel, 3);
    await channel.call('basic.qos', { 'prefetch-count': 1, global: true });
    ack(channel, 1);
    ack(channel, 2);
    await barrier(channel);
    expect(channel.arrived).toEqual([]);
    ack(channel, 3);
    expect((await channel.next('basic.deliver')).text).toBe('d');
  });
});
