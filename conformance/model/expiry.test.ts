import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openChannel, queueName, scenarios } from '../harness/broker.ts';
import { barrier, drain, eventually, getText, queueCounts } from '../harness/expectations.ts';
import { consume, declareQueue, nack, publishTexts } from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';

function publishExpiring(channel: RawChannel, queue: string, body: string, expiration: string): void {
  channel.publish({ routingKey: queue, properties: { expiration }, body });
}

async function exists(channel: RawChannel, queue: string): Promise<boolean> {
  const probe = await channel.connection.channel();
  try {
    await probe.call('queue.declare', { queue, passive: true });
    return true;
  } catch {
    return false;
  }
}

scenarios(
  '2.2 message TTL (trap 27)',
  () => {
    test('a queue TTL removes messages', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-message-ttl': 100 } });
      publishTexts(channel, queue, 'a', 'b');
      await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(2));
      await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(0));
    });

    test('a message TTL removes that message', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel);
      publishExpiring(channel, queue, 'short', '50');
      publishTexts(channel, queue, 'long');
      // The broker has both when it answers.
      await queueCounts(channel, queue);
      await delay(150);
      expect(await drain(channel, queue)).toEqual(['long']);
    });

    test('the smaller of both counts', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-message-ttl': 60 } });
      publishExpiring(channel, queue, 'a', '60000');
      const other = await declareQueue(channel, { arguments: { 'x-message-ttl': 60_000 } });
      publishExpiring(channel, other, 'b', '60');
      await delay(200);
      expect([await getText(channel, queue), await getText(channel, other)]).toEqual([undefined, undefined]);
    });

    test('messages leave only at the head, but none is delivered late', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel);
      publishTexts(channel, queue, 'head');
      publishExpiring(channel, queue, 'short', '50');
      publishTexts(channel, queue, 'tail');
      await delay(200);
      expect((await queueCounts(channel, queue)).messages).toBe(3);
      expect(await drain(channel, queue)).toEqual(['head', 'tail']);
    });

    test('basic.get counts no message that expired behind the one it takes', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel);
      publishTexts(channel, queue, 'head');
      publishExpiring(channel, queue, 'short', '0');
      await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(2));
      const message = await channel.call('basic.get', { queue });
      expect([message.text, message.number('message-count')]).toEqual(['head', 0]);
    });

    test('TTL 0 without a consumer: gone at once', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel);
      publishExpiring(channel, queue, 'now or never', '0');
      expect(await getText(channel, queue)).toBeUndefined();
    });

    test('TTL 0 with a consumer that can take it: delivered', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-message-ttl': 0 } });
      await consume(channel, queue);
      publishTexts(channel, queue, 'now');
      expect((await channel.next('basic.deliver')).text).toBe('now');
    });

    test('TTL 0 with a consumer that can take all of a burst: none is lost', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-message-ttl': 0 } });
      await consume(channel, queue, { 'no-ack': true });
      for (let burst = 0; burst < 20; burst++) {
        const texts = Array.from({ length: 50 }, (_, i) => `${burst}.${i}`);
        publishTexts(channel, queue, ...texts);
        for (const text of texts) expect((await channel.next('basic.deliver')).text).toBe(text);
      }
    });

    test('a requeued message keeps its time', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel);
      publishExpiring(channel, queue, 'a', '400');
      const message = await channel.call('basic.get', { queue });
      await delay(450);
      nack(channel, message.deliveryTag);
      await barrier(channel);
      expect(await getText(channel, queue)).toBeUndefined();
    });

    test('what a consumer holds does not expire', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-message-ttl': 80 } });
      await consume(channel, queue);
      publishTexts(channel, queue, 'held');
      const held = await channel.next('basic.deliver');
      await delay(250);
      channel.send('basic.ack', { 'delivery-tag': held.deliveryTag });
      await barrier(channel);
    });

    test('the expiration property reaches the consumer', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel);
      publishExpiring(channel, queue, 'a', '60000');
      expect((await channel.call('basic.get', { queue })).properties).toEqual({ expiration: '60000' });
    });
  },
  { concurrent: true },
);

scenarios(
  '2.2 queue expiry (trap 41)',
  () => {
    test('an unused queue goes, with its messages', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { durable: true, arguments: { 'x-expires': 150 } });
      publishTexts(channel, queue, 'a');
      await delay(500);
      expect(await exists(channel, queue)).toBe(false);
    });

    test('publishing does not keep it', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-expires': 500 } });
      for (let turn = 0; turn < 8; turn++) {
        publishTexts(channel, queue, 'x');
        await delay(100);
      }
      expect(await exists(channel, queue)).toBe(false);
    });

    test('declaring keeps it', async () => {
      const channel = await openChannel();
      const queue = queueName();
      for (let turn = 0; turn < 8; turn++) {
        await channel.call('queue.declare', { queue, arguments: { 'x-expires': 500 } });
        publishTexts(channel, queue, `${turn}`);
        await delay(100);
      }
      expect(await getText(channel, queue)).toBe('0');
    });

    test('basic.get keeps it', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-expires': 500 } });
      for (let turn = 0; turn < 8; turn++) {
        await channel.call('basic.get', { queue });
        await delay(100);
      }
      expect(await exists(channel, queue)).toBe(true);
    });

    test('a consumer keeps it; the clock starts when the last one leaves', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-expires': 300 } });
      const tag = await consume(channel, queue);
      await delay(600);
      publishTexts(channel, queue, 'still there');
      await channel.next('basic.deliver');
      await channel.call('basic.cancel', { 'consumer-tag': tag });
      expect(await exists(channel, queue)).toBe(true);
      await delay(700);
      expect(await exists(channel, queue)).toBe(false);
    });
  },
  { concurrent: true },
);

scenarios(
  '2.2 message TTL beside other features',
  () => {
    test('TTL 0 with a consumer that is full: gone at once', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-message-ttl': 0 } });
      await channel.call('basic.qos', { 'prefetch-count': 1 });
      await consume(channel, queue);
      publishTexts(channel, queue, 'held', 'gone');
      const { deliveryTag } = await channel.next('basic.deliver');
      await barrier(channel);
      channel.send('basic.ack', { 'delivery-tag': deliveryTag });
      await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(0));
      publishTexts(channel, queue, 'next');
      expect((await channel.next('basic.deliver')).text).toBe('next');
    });

    test('a message TTL of 0 beside a longer one of the queue', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-message-ttl': 60_000 } });
      publishExpiring(channel, queue, 'never', '0');
      publishTexts(channel, queue, 'there');
      expect(await drain(channel, queue)).toEqual(['there']);
    });

    test('TTL 0 behind a higher priority waits for its turn and is not delivered', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-max-priority': 5 } });
      channel.publish({ routingKey: queue, properties: { priority: 5 }, body: 'high' });
      channel.publish({ routingKey: queue, properties: { priority: 1, expiration: '0' }, body: 'never' });
      expect(await drain(channel, queue)).toEqual(['high']);
    });

    test('what has expired behind the head counts in get-ok, purge and delete', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel);
      const other = await declareQueue(channel);
      for (const name of [queue, other]) {
        publishTexts(channel, name, 'first', 'second');
        publishExpiring(channel, name, 'expired', '20');
      }
      await delay(100);
      expect((await channel.call('basic.get', { queue })).number('message-count')).toBe(2);
      expect((await channel.call('queue.purge', { queue })).number('message-count')).toBe(2);
      expect((await channel.call('queue.delete', { queue: other })).number('message-count')).toBe(3);
    });

    test('a queue whose messages have expired is empty for if-empty', async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel, { arguments: { 'x-message-ttl': 30 } });
      publishTexts(channel, queue, 'a', 'b');
      await delay(150);
      const ok = await channel.call('queue.delete', { queue, 'if-empty': true });
      expect(ok.number('message-count')).toBe(0);
    });

    test('expired by the queue before its own time: the property still leaves', async () => {
      const channel = await openChannel();
      const graveyard = await declareQueue(channel);
      const queue = await declareQueue(channel, {
        arguments: {
          'x-message-ttl': 30,
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': graveyard,
        },
      });
      publishExpiring(channel, queue, 'a', '60000');
      await eventually(async () => expect((await queueCounts(channel, graveyard)).messages).toBe(1));
      const letter = await channel.call('basic.get', { queue: graveyard });
      expect(letter.properties['expiration']).toBeUndefined();
      expect(letter.headers?.['x-death']).toMatchObject([{ 'original-expiration': '60000' }]);
    });
  },
  { concurrent: true },
);
