import { expect, test } from 'vitest';
import { openChannel, openConnection, scenarios } from '../harness/broker.ts';
import {
  barrier,
  eventually,
  expectChannelError,
  expectOn,
  getText,
  queueCounts,
} from '../harness/expectations.ts';
import { ack, consume, declareQueue, deliveries, nack, publishTexts, textsOf } from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';

interface Setting {
  readonly publisher: RawChannel;
  readonly queue: string;
  /** A further channel with a consumer on the queue. */
  subscribe(fields?: { readonly priority?: number; readonly prefetch?: number }): Promise<Subscriber>;
}

interface Subscriber {
  readonly channel: RawChannel;
  readonly tag: string;
}

async function setting(): Promise<Setting> {
  const connection = await openConnection();
  const publisher = await connection.channel();
  const queue = await declareQueue(publisher, { arguments: { 'x-single-active-consumer': true } });
  return {
    publisher,
    queue,
    async subscribe({ priority, prefetch } = {}) {
      const channel = await connection.channel();
      if (prefetch !== undefined) await channel.call('basic.qos', { 'prefetch-count': prefetch });
      const args = priority === undefined ? {} : { 'x-priority': priority };
      return { channel, tag: await consume(channel, queue, { arguments: args }) };
    },
  };
}

function noDeliveries(channel: RawChannel): boolean {
  return !channel.arrived.some(({ name }) => name === 'basic.deliver');
}

scenarios('2.7 single active consumer (trap 45)', () => {
  test('only the first consumer is fed', async () => {
    const { publisher, queue, subscribe } = await setting();
    const [first, second] = [await subscribe(), await subscribe()];
    publishTexts(publisher, queue, 'a', 'b', 'c');
    expect(textsOf(await deliveries(first.channel, 3))).toEqual(['a', 'b', 'c']);
    await barrier(second.channel);
    expect(noDeliveries(second.channel)).toBe(true);
  });

  test('a full active consumer does not let others in', async () => {
    const { publisher, queue, subscribe } = await setting();
    const [first, second] = [await subscribe({ prefetch: 1 }), await subscribe()];
    publishTexts(publisher, queue, 'a', 'b');
    const [held] = await deliveries(first.channel, 1);
    await barrier(second.channel);
    expect(noDeliveries(second.channel)).toBe(true);
    ack(first.channel, held?.deliveryTag ?? 0);
    expect(textsOf(await deliveries(first.channel, 1))).toEqual(['b']);
  });

  test('a higher priority that comes later waits all the same', async () => {
    const { publisher, queue, subscribe } = await setting();
    const [first, second] = [await subscribe(), await subscribe({ priority: 10 })];
    publishTexts(publisher, queue, 'a');
    expect(textsOf(await deliveries(first.channel, 1))).toEqual(['a']);
    await barrier(second.channel);
    expect(noDeliveries(second.channel)).toBe(true);
  });

  test('the next in order takes over when the active one is cancelled', async () => {
    const { publisher, queue, subscribe } = await setting();
    const [first, second, third] = [await subscribe(), await subscribe(), await subscribe()];
    await first.channel.call('basic.cancel', { 'consumer-tag': first.tag });
    publishTexts(publisher, queue, 'a', 'b');
    expect(textsOf(await deliveries(second.channel, 2))).toEqual(['a', 'b']);
    expect(noDeliveries(third.channel)).toBe(true);
  });

  test('the next by priority takes over', async () => {
    const { publisher, queue, subscribe } = await setting();
    const [first, second, third] = [await subscribe(), await subscribe(), await subscribe({ priority: 5 })];
    await first.channel.call('basic.cancel', { 'consumer-tag': first.tag });
    publishTexts(publisher, queue, 'a');
    expect(textsOf(await deliveries(third.channel, 1))).toEqual(['a']);
    expect(noDeliveries(second.channel)).toBe(true);
  });

  test('when a waiting consumer leaves, nothing changes', async () => {
    const { publisher, queue, subscribe } = await setting();
    const [first, second] = [await subscribe(), await subscribe()];
    await second.channel.call('basic.cancel', { 'consumer-tag': second.tag });
    publishTexts(publisher, queue, 'a');
    expect(textsOf(await deliveries(first.channel, 1))).toEqual(['a']);
  });

  test('when its channel closes, the next gets back what it held', async () => {
    const { publisher, queue, subscribe } = await setting();
    const [first, second] = [await subscribe(), await subscribe()];
    publishTexts(publisher, queue, 'a', 'b');
    await deliveries(first.channel, 2);
    await first.channel.close();
    const taken = await deliveries(second.channel, 2);
    expect(taken.map(({ text, fields }) => [text, fields['redelivered']])).toEqual([
      ['a', true],
      ['b', true],
    ]);
  });

  test('after basic.cancel what it held stays with its channel', async () => {
    const { publisher, queue, subscribe } = await setting();
    const [first, second] = [await subscribe(), await subscribe()];
    publishTexts(publisher, queue, 'a');
    const [held] = await deliveries(first.channel, 1);
    await first.channel.call('basic.cancel', { 'consumer-tag': first.tag });
    publishTexts(publisher, queue, 'b');
    expect(textsOf(await deliveries(second.channel, 1))).toEqual(['b']);
    ack(first.channel, held?.deliveryTag ?? 0);
    await barrier(first.channel);
  });

  test('the one that takes over is fed at once', async () => {
    const { publisher, queue, subscribe } = await setting();
    const [first, second] = [await subscribe({ prefetch: 1 }), await subscribe()];
    publishTexts(publisher, queue, 'a', 'b');
    const [held] = await deliveries(first.channel, 1);
    await eventually(async () => expect((await queueCounts(publisher, queue)).messages).toBe(1));
    await first.channel.call('basic.cancel', { 'consumer-tag': first.tag });
    // RabbitMQ 3.10 waits until something happens in the queue: here, that a message comes back.
    nack(first.channel, held?.deliveryTag ?? 0);
    const order = expectOn({ rabbitmq: ['a', 'b'], leveret: ['b', 'a'] });
    expect(textsOf(await deliveries(second.channel, 2))).toEqual(order);
  });

  test('both consumers on the channel that closes', async () => {
    const { publisher, queue, subscribe } = await setting();
    const first = await subscribe();
    await consume(first.channel, queue);
    const third = await subscribe();
    publishTexts(publisher, queue, 'a');
    await deliveries(first.channel, 1);
    await first.channel.close();
    expect(textsOf(await deliveries(third.channel, 1))).toEqual(['a']);
  });

  test('basic.get is served as ever', async () => {
    const { publisher, queue, subscribe } = await setting();
    const first = await subscribe({ prefetch: 1 });
    publishTexts(publisher, queue, 'a', 'b');
    await deliveries(first.channel, 1);
    expect(await getText(publisher, queue)).toBe('b');
  });

  test.each([
    ['the first', false],
    ['the second', true],
  ])('an exclusive consumer is refused, as %s', async (_, another) => {
    const { publisher, queue, subscribe } = await setting();
    if (another) await subscribe();
    await expectChannelError(publisher.call('basic.consume', { queue, exclusive: true }), {
      code: 403,
      text: `ACCESS_REFUSED - queue '${queue}' in vhost '/' in exclusive use`,
      method: 'basic.consume',
    });
  });

  test('false asks for nothing', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-single-active-consumer': false } });
    const tags = [await consume(channel, queue), await consume(channel, queue)];
    publishTexts(channel, queue, 'a', 'b');
    const seen = (await deliveries(channel, 2)).map((delivery) => delivery.string('consumer-tag'));
    expect(seen.toSorted()).toEqual(tags.toSorted());
  });

  test('the argument must be a boolean', async () => {
    const channel = await openChannel();
    const queue = 'conformance-refused-single';
    const args = { 'x-single-active-consumer': 'true' };
    await expectChannelError(channel.call('queue.declare', { queue, arguments: args }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg 'x-single-active-consumer' for queue '${queue}' in vhost '/': {unacceptable_type,longstr}`,
      method: 'queue.declare',
    });
  });
});
