import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { CLIENT_CAPABILITIES, openChannel, openConnection, scenarios } from '../harness/broker.ts';
import { CONTROL_TIMEOUT_MS, controllable, setMemoryAlarm } from '../harness/control.ts';
import { barrier, queueCounts } from '../harness/expectations.ts';
import { consume, declareQueue } from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';

vi.setConfig({ testTimeout: CONTROL_TIMEOUT_MS });

/** How long the broker gets to do something that it should not do, in ms. */
const WRONG_MS = 300;

function nothingMore(): Promise<void> {
  return delay(WRONG_MS);
}

function blockedReason(channel: RawChannel): Promise<string> {
  return channel.connection.next('connection.blocked').then((blocked) => blocked.string('reason'));
}

scenarios('1.20 resource alarms', () => {
  afterEach(() => setMemoryAlarm(false));

  const withAlarm = test.skipIf(!controllable);

  withAlarm('a connection that publishes is told and not read from until the alarm is cleared', async () => {
    const [publisher, consumer] = [await openChannel(), await openChannel()];
    const queue = await declareQueue(consumer);
    await consume(consumer, queue, { 'no-ack': true });
    await setMemoryAlarm(true);
    publisher.publish({ routingKey: queue, body: 'kept back' });
    publisher.publish({ routingKey: queue, body: 'the next one' });
    expect(await blockedReason(publisher)).toBe('low on memory');
    await nothingMore();
    expect(consumer.arrived).toEqual([]);
    await setMemoryAlarm(false);
    await publisher.connection.next('connection.unblocked');
    expect((await consumer.next('basic.deliver')).text).toBe('kept back');
    expect((await consumer.next('basic.deliver')).text).toBe('the next one');
    expect(publisher.connection.arrived(0)).toEqual([]);
  });

  withAlarm('a message without a body is still taken: the block follows its content header', async () => {
    const [publisher, consumer] = [await openChannel(), await openChannel()];
    const queue = await declareQueue(consumer);
    await consume(consumer, queue, { 'no-ack': true });
    await setMemoryAlarm(true);
    publisher.publish({ routingKey: queue });
    publisher.publish({ routingKey: queue });
    await consumer.next('basic.deliver');
    await nothingMore();
    expect(consumer.arrived).toEqual([]);
  });

  withAlarm('who does not publish is left alone, and new connections open (trap 43)', async () => {
    const before = await openChannel();
    const queue = await declareQueue(before);
    before.publish({ routingKey: queue, body: 'x' });
    await barrier(before);
    await setMemoryAlarm(true);
    expect((await before.call('basic.get', { queue, 'no-ack': true })).text).toBe('x');
    const after = await openChannel();
    await consume(after, queue);
    expect(await queueCounts(before, queue)).toEqual({ messages: 0, consumers: 1 });
    expect([...before.connection.arrived(0), ...after.connection.arrived(0)]).toEqual([]);
    after.publish({ routingKey: queue, body: 'y' });
    expect(await blockedReason(after)).toBe('low on memory');
  });

  withAlarm('nothing is answered to a blocked connection, not even connection.close', async () => {
    const channel = await openChannel();
    await setMemoryAlarm(true);
    channel.publish({ routingKey: 'nowhere' });
    await blockedReason(channel);
    const { connection } = channel;
    connection.send(0, 'connection.close', { 'reply-code': 200, 'reply-text': 'Goodbye' });
    await nothingMore();
    expect(connection.arrived(0)).toEqual([]);
    await setMemoryAlarm(false);
    await connection.next('connection.close-ok');
  });

  withAlarm('clients without the capability are blocked in silence (trap 43)', async () => {
    const capabilities = { ...CLIENT_CAPABILITIES, 'connection.blocked': false };
    const connection = await openConnection({ capabilities });
    const [publisher, consumer] = [await connection.channel(), await openChannel()];
    const queue = await declareQueue(consumer);
    await consume(consumer, queue, { 'no-ack': true });
    await setMemoryAlarm(true);
    publisher.publish({ routingKey: queue, body: 'x' });
    await nothingMore();
    expect(consumer.arrived).toEqual([]);
    await setMemoryAlarm(false);
    expect((await consumer.next('basic.deliver')).text).toBe('x');
    expect(connection.arrived(0)).toEqual([]);
  });

  withAlarm('a blocked client may be silent for as long as it takes', async () => {
    const connection = await openConnection({ heartbeat: 1 });
    const channel = await connection.channel();
    await setMemoryAlarm(true);
    channel.publish({ routingKey: 'nowhere', body: 'x' });
    await blockedReason(channel);
    await delay(4_000);
    expect(connection.heartbeats.length).toBeGreaterThan(3);
    await setMemoryAlarm(false);
    await connection.next('connection.unblocked');
    await barrier(channel);
  });
});
