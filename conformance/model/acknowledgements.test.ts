import { expect, test } from 'vitest';
import { openChannel, openConnection, scenarios } from '../harness/broker.ts';
import {
  barrier,
  drain,
  expectChannelError,
  expectConnectionError,
  getText,
} from '../harness/expectations.ts';
import { ack, consume, declareQueue, deliveries, nack, publishTexts, textsOf } from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';

/** A channel holding the given messages unacknowledged under tags 1, 2, …; another channel; the queue. */
async function holding(...bodies: string[]): Promise<[holder: RawChannel, other: RawChannel, queue: string]> {
  const connection = await openConnection();
  const [holder, other] = [await connection.channel(), await connection.channel()];
  const queue = await declareQueue(holder);
  publishTexts(holder, queue, ...bodies);
  for (const body of bodies) expect((await holder.call('basic.get', { queue })).text).toBe(body);
  return [holder, other, queue];
}

scenarios('1.17 ack, nack, reject', () => {
  test.each(['basic.ack', 'basic.nack', 'basic.reject'] as const)('%s of an unknown tag', async (method) => {
    const channel = await openChannel();
    channel.send(method, { 'delivery-tag': 7 });
    await expectChannelError(channel.closedByServer(), {
      code: 406,
      text: 'PRECONDITION_FAILED - unknown delivery tag 7',
      method,
    });
  });

  test('a second ack of the same tag', async () => {
    const [channel] = await holding('a');
    ack(channel, 1);
    ack(channel, 1);
    await expectChannelError(channel.closedByServer(), {
      code: 406,
      text: 'PRECONDITION_FAILED - unknown delivery tag 1',
      method: 'basic.ack',
    });
  });

  test('a tag of another channel is unknown', async () => {
    const [, other] = await holding('a');
    ack(other, 1);
    await expectChannelError(other.closedByServer(), {
      code: 406,
      text: 'PRECONDITION_FAILED - unknown delivery tag 1',
      method: 'basic.ack',
    });
  });

  test('multiple takes everything up to the tag', async () => {
    const [holder, other, queue] = await holding('a', 'b', 'c');
    ack(holder, 2, true);
    await holder.close();
    expect(await drain(other, queue)).toEqual(['c']);
  });

  test('multiple of tag 0 takes everything, also nothing (trap 20)', async () => {
    const [holder, other, queue] = await holding('a', 'b');
    ack(holder, 0, true);
    ack(holder, 0, true);
    await holder.close();
    expect(await drain(other, queue)).toEqual([]);
  });

  test('tag 0 alone is unknown', async () => {
    const [holder] = await holding('a');
    ack(holder, 0);
    await expectChannelError(holder.closedByServer(), {
      code: 406,
      text: 'PRECONDITION_FAILED - unknown delivery tag 0',
      method: 'basic.ack',
    });
  });

  test('multiple of a settled tag fails though lower ones are outstanding (trap 20)', async () => {
    const [holder] = await holding('a', 'b', 'c');
    ack(holder, 2);
    ack(holder, 2, true);
    await expectChannelError(holder.closedByServer(), {
      code: 406,
      text: 'PRECONDITION_FAILED - unknown delivery tag 2',
      method: 'basic.ack',
    });
  });

  test('multiple reaches over gaps', async () => {
    const [holder, other, queue] = await holding('a', 'b', 'c', 'd');
    ack(holder, 2);
    ack(holder, 3, true);
    await holder.close();
    expect(await drain(other, queue)).toEqual(['d']);
  });

  test('nack multiple requeues everything up to the tag', async () => {
    const [holder, other, queue] = await holding('a', 'b', 'c');
    nack(holder, 2, { multiple: true });
    await barrier(holder);
    expect(await drain(other, queue)).toEqual(['a', 'b']);
  });

  test('nack multiple of tag 0 requeues everything', async () => {
    const [holder, other, queue] = await holding('a', 'b');
    nack(holder, 0, { multiple: true });
    await barrier(holder);
    expect(await drain(other, queue)).toEqual(['a', 'b']);
  });

  test.each(['basic.nack', 'basic.reject'] as const)(
    '%s without requeue drops the message',
    async (method) => {
      const [holder, other, queue] = await holding('a');
      holder.send(method, { 'delivery-tag': 1, requeue: false });
      await holder.close();
      expect(await drain(other, queue)).toEqual([]);
    },
  );

  test('requeued messages return to their original place, whatever the order (trap 22)', async () => {
    const [holder, other, queue] = await holding('0', '1', '2', '3');
    publishTexts(holder, queue, '4', '5');
    nack(holder, 4);
    nack(holder, 2);
    await barrier(holder);
    expect(await drain(other, queue)).toEqual(['1', '3', '4', '5']);
  });

  test('acknowledgements on a channel the server closed are ignored', async () => {
    const connection = await openConnection({ answerClose: false });
    const channel = await connection.channel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'a');
    await channel.call('basic.get', { queue });
    channel.send('queue.declare', { queue: 'nope', passive: true });
    ack(channel, 1);
    ack(channel, 99);
    await channel.closedByServer();
    nack(channel, 1);
    channel.send('channel.close-ok');
    const other = await connection.channel();
    expect(await getText(other, queue)).toBe('a');
  });
});

scenarios('1.15 redelivered (trap 23)', () => {
  async function redelivered(channel: RawChannel, queue: string): Promise<unknown> {
    return (await channel.call('basic.get', { queue })).fields['redelivered'];
  }

  test('get and nack marks', async () => {
    const [holder, other, queue] = await holding('a');
    nack(holder, 1);
    await barrier(holder);
    expect(await redelivered(other, queue)).toBe(true);
  });

  test('a closed channel marks', async () => {
    const [holder, other, queue] = await holding('a');
    await holder.close();
    expect(await redelivered(other, queue)).toBe(true);
  });

  test('only what was delivered is marked', async () => {
    const [holder, other, queue] = await holding('a');
    publishTexts(holder, queue, 'b');
    nack(holder, 1);
    await barrier(holder);
    expect([await redelivered(other, queue), await redelivered(other, queue)]).toEqual([true, false]);
  });

  test('delivery to a consumer marks', async () => {
    const connection = await openConnection();
    const [one, two] = [await connection.channel(), await connection.channel()];
    const queue = await declareQueue(one);
    await consume(one, queue);
    publishTexts(one, queue, 'a');
    await one.next('basic.deliver');
    await one.close();
    expect(await redelivered(two, queue)).toBe(true);
  });
});

scenarios('1.17 basic.recover', () => {
  test('requeues everything, recover-ok first seen, then deliveries with new numbers', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await consume(channel, queue);
    publishTexts(channel, queue, 'a', 'b');
    await deliveries(channel, 2);
    await channel.call('basic.recover', { requeue: true });
    const again = await deliveries(channel, 2);
    expect(textsOf(again)).toEqual(['a', 'b']);
    expect(again.map(({ fields }) => [fields['delivery-tag'], fields['redelivered']])).toEqual([
      [3, true],
      [4, true],
    ]);
  });

  test('recover-async does the same without an answer', async () => {
    const [holder, other, queue] = await holding('a', 'b');
    holder.send('basic.recover-async', { requeue: true });
    await barrier(holder);
    expect(await drain(other, queue)).toEqual(['a', 'b']);
    expect(holder.arrived).toEqual([]);
  });

  test('nothing outstanding', async () => {
    const channel = await openChannel();
    await channel.call('basic.recover', { requeue: true });
  });

  test.each(['basic.recover', 'basic.recover-async'] as const)(
    '%s without requeue: 540 (trap 5)',
    async (method) => {
      const channel = await openChannel();
      channel.send(method, { requeue: false });
      await expectConnectionError(channel.connection.closedByServer(), {
        code: 540,
        text: 'NOT_IMPLEMENTED - requeue=false',
        method,
      });
    },
  );
});

scenarios('1.18 order', () => {
  test('one publisher, one queue, one consumer: first in, first out, across requeues', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const bodies = Array.from({ length: 300 }, (_, index) => `${index}`);
    publishTexts(channel, queue, ...bodies);
    await channel.call('basic.qos', { 'prefetch-count': 50 });
    const tag = await consume(channel, queue);
    await deliveries(channel, 50);
    await channel.call('basic.cancel', { 'consumer-tag': tag });
    nack(channel, 0, { multiple: true });
    await barrier(channel);
    expect(await drain(channel, queue)).toEqual(bodies);
  });
});
