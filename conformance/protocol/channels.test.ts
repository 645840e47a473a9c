import { expect, test } from 'vitest';
import { openChannel, openConnection, queueName, scenarios } from '../harness/broker.ts';
import { expectChannelError, expectConnectionError, getText, queueCounts } from '../harness/expectations.ts';

const NOT_FOUND = (queue: string) =>
  ({ code: 404, text: `NOT_FOUND - no queue '${queue}' in vhost '/'`, method: 'queue.declare' }) as const;

scenarios('1.9 channel life-cycle', () => {
  test('a channel error leaves other channels and their consumers alone', async () => {
    const connection = await openConnection();
    const bystander = await connection.channel();
    const culprit = await connection.channel();
    const queue = queueName();
    await bystander.call('queue.declare', { queue });
    await bystander.call('basic.consume', { queue, 'consumer-tag': 'witness' });
    await expectChannelError(
      culprit.call('queue.declare', { queue: 'nope', passive: true }),
      NOT_FOUND('nope'),
    );
    bystander.publish({ routingKey: queue, body: 'still here' });
    expect((await bystander.next('basic.deliver')).text).toBe('still here');
  });

  test('the number is free again after close-ok', async () => {
    const connection = await openConnection();
    const channel = await connection.channel(7);
    await expectChannelError(
      channel.call('queue.declare', { queue: 'nope', passive: true }),
      NOT_FOUND('nope'),
    );
    const again = await connection.channel(7);
    await again.close();
    await (await connection.channel(7)).close();
  });

  test('opening the number before close-ok: 504 (trap 10)', async () => {
    const connection = await openConnection({ answerClose: false });
    const channel = await connection.channel();
    channel.send('queue.declare', { queue: 'nope', passive: true });
    await channel.closedByServer();
    channel.send('channel.open');
    await expectConnectionError(connection.closedByServer(), {
      code: 504,
      text: "CHANNEL_ERROR - second 'channel.open' seen",
      method: 'channel.open',
    });
  });

  test('methods and content after a channel error are dropped until close-ok (trap 11)', async () => {
    const connection = await openConnection({ answerClose: false });
    const channel = await connection.channel();
    const other = await connection.channel();
    const queue = queueName();
    await other.call('queue.declare', { queue });
    channel.send('queue.declare', { queue: 'nope', passive: true });
    channel.publish({ routingKey: queue, body: 'lost' });
    channel.send('basic.ack', { 'delivery-tag': 99 });
    channel.send('queue.declare', { queue });
    await channel.closedByServer();
    channel.publish({ routingKey: queue, body: 'lost too' });
    channel.send('channel.close-ok');
    await connection.channel(channel.id);
    expect(await queueCounts(other, queue)).toEqual({ messages: 0, consumers: 0 });
  });

  test("the client's close is answered while the server's own is pending", async () => {
    const connection = await openConnection({ answerClose: false });
    const channel = await connection.channel();
    channel.send('queue.declare', { queue: 'nope', passive: true });
    await channel.next('channel.close');
    channel.send('channel.close', { 'reply-code': 200 });
    await connection.next(channel.id, 'channel.close-ok');
    channel.send('channel.close-ok');
    await connection.channel(channel.id);
  });

  test('channel.open twice: 504', async () => {
    const channel = await openChannel();
    channel.send('channel.open');
    await expectConnectionError(channel.connection.closedByServer(), {
      code: 504,
      text: "CHANNEL_ERROR - second 'channel.open' seen",
      method: 'channel.open',
    });
  });

  test.each(['queue.declare', 'channel.close'] as const)(
    '%s on a channel never opened: 504',
    async (method) => {
      const connection = await openConnection();
      connection.send(5, method);
      await expectConnectionError(connection.closedByServer(), {
        code: 504,
        text: "CHANNEL_ERROR - expected 'channel.open'",
        method,
      });
    },
  );

  test('channel.close requeues what was unacknowledged before close-ok', async () => {
    const connection = await openConnection();
    const [one, two] = [await connection.channel(), await connection.channel()];
    const queue = queueName();
    await one.call('queue.declare', { queue });
    one.publish({ routingKey: queue, body: 'held' });
    expect((await one.call('basic.get', { queue })).text).toBe('held');
    expect((await queueCounts(two, queue)).messages).toBe(0);
    await one.close();
    expect(await getText(two, queue)).toBe('held');
  });

  test('channel.close removes consumers before close-ok', async () => {
    const connection = await openConnection();
    const [one, two] = [await connection.channel(), await connection.channel()];
    const queue = queueName();
    await one.call('queue.declare', { queue });
    await one.call('basic.consume', { queue });
    expect((await queueCounts(two, queue)).consumers).toBe(1);
    await one.close();
    expect((await queueCounts(two, queue)).consumers).toBe(0);
  });

  test('channel.flow(true) is answered, channel.flow(false) is 540 (trap 5)', async () => {
    const channel = await openChannel();
    expect((await channel.call('channel.flow', { active: true })).fields['active']).toBe(true);
    await expectConnectionError(channel.call('channel.flow', { active: false }), {
      code: 540,
      text: 'NOT_IMPLEMENTED - active=false',
      method: 'channel.flow',
    });
  });

  test('access.request is granted ticket 1', async () => {
    const channel = await openChannel();
    expect((await channel.call('access.request', { realm: '/data' })).number('ticket')).toBe(1);
  });

  test('a connection error takes all its channels and no other connection', async () => {
    const connection = await openConnection();
    const other = await openChannel();
    const channel = await connection.channel();
    const queue = queueName();
    await channel.call('queue.declare', { queue });
    channel.publish({ routingKey: queue, body: 'held' });
    await channel.call('basic.get', { queue });
    channel.send('basic.recover', { requeue: false });
    await expectConnectionError(connection.closedByServer(), {
      code: 540,
      text: 'NOT_IMPLEMENTED - requeue=false',
      method: 'basic.recover',
    });
    await connection.ended;
    expect(await getText(other, queue)).toBe('held');
  });

  test('a reply text never exceeds 255 bytes and ends in dots when it was cut (trap 3)', async () => {
    const channel = await openChannel();
    const queue = 'x'.repeat(250);
    await expectChannelError(channel.call('queue.declare', { queue, passive: true }), {
      code: 404,
      text: `NOT_FOUND - no queue '${'x'.repeat(255 - 22 - 3)}...`,
      method: 'queue.declare',
    });
  });

  test('a dropped TCP connection requeues everything', async () => {
    const channel = await openChannel();
    const other = await openChannel();
    const queue = queueName();
    await other.call('queue.declare', { queue });
    await other.call('basic.consume', { queue, 'no-ack': false });
    channel.publish({ routingKey: queue, body: 'again' });
    expect((await other.next('basic.deliver')).fields['redelivered']).toBe(false);
    await channel.call('basic.consume', { queue });
    other.connection.destroy();
    const delivery = await channel.next('basic.deliver');
    expect([delivery.text, delivery.fields['redelivered']]).toEqual(['again', true]);
  });

  test('after its own connection.close the server ignores everything but close and close-ok', async () => {
    const connection = await openConnection({ answerClose: false });
    const channel = await connection.channel();
    channel.send('channel.flow', { active: false });
    expect((await connection.closedByServer()).code).toBe(540);
    channel.send('queue.declare', { queue: 'ignored' });
    channel.publish({ routingKey: 'ignored' });
    connection.send(0, 'connection.close', { 'reply-code': 200 });
    await connection.next('connection.close-ok');
    expect(channel.arrived).toEqual([]);
    connection.send(0, 'connection.close-ok');
    await connection.ended;
  });

  test('after close-ok it is the client that closes the socket; connection.close is answered again', async () => {
    const connection = await openConnection();
    const channel = await connection.channel();
    await connection.call(0, 'connection.close', { 'reply-code': 200 });
    channel.send('queue.declare', { queue: 'ignored' });
    await connection.call(0, 'connection.close', { 'reply-code': 200 });
    expect(channel.arrived).toEqual([]);
    connection.destroy();
  });

  test('after close-ok the server drops a socket that the client keeps', async () => {
    const connection = await openConnection({ heartbeat: 1 });
    await connection.channel();
    await connection.call(0, 'connection.close', { 'reply-code': 200 });
    expect((await connection.ended).afterMs).toBeLessThan(4_000);
  });
});
