import { expect, test } from 'vitest';
import { openChannel, openConnection, queueName, scenarios } from '../harness/broker.ts';
import {
  barrier,
  drain,
  eventually,
  expectChannelError,
  getText,
  queueCounts,
} from '../harness/expectations.ts';
import { ack, bindQueue, consume, declareExchange, declareQueue, publishTexts } from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';
import { type Fields, type Table, Typed } from '../raw-codec.ts';

/** Whether a queue exists, asked on a channel that may die of it. */
async function exists(channel: RawChannel, queue: string): Promise<boolean> {
  const probe = await channel.connection.channel();
  try {
    await probe.call('queue.declare', { queue, passive: true });
    await probe.close();
    return true;
  } catch {
    return false;
  }
}

const LOCKED = (queue: string): string =>
  `RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${queue}' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`;

scenarios('1.11 queue.declare', () => {
  test('answers with name and counts', async () => {
    const channel = await openChannel();
    const queue = queueName();
    const ok = await channel.call('queue.declare', { queue });
    expect(ok.fields).toEqual({ queue, 'message-count': 0, 'consumer-count': 0 });
  });

  test('a second declaration counts ready messages and consumers (trap 7)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'a', 'b', 'c');
    await channel.call('basic.get', { queue });
    const ok = await channel.call('queue.declare', { queue });
    expect(ok.fields).toEqual({ queue, 'message-count': 2, 'consumer-count': 0 });
    const other = await channel.connection.channel();
    await consume(other, queue);
    expect(await queueCounts(channel, queue)).toEqual({ messages: 0, consumers: 1 });
  });

  test('passive on a missing queue', async () => {
    const channel = await openChannel();
    await expectChannelError(channel.call('queue.declare', { queue: 'nope', passive: true }), {
      code: 404,
      text: "NOT_FOUND - no queue 'nope' in vhost '/'",
      method: 'queue.declare',
    });
  });

  test('passive ignores every other field (trap 7)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const args = { 'x-message-ttl': 'nonsense' };
    await channel.call('queue.declare', {
      queue,
      passive: true,
      durable: true,
      'auto-delete': true,
      arguments: args,
    });
  });

  test('new names may not begin with amq.', async () => {
    const channel = await openChannel();
    await expectChannelError(channel.call('queue.declare', { queue: 'amq.foo' }), {
      code: 403,
      text: "ACCESS_REFUSED - queue name 'amq.foo' contains reserved prefix 'amq.*'",
      method: 'queue.declare',
    });
  });

  test('an empty name gives amq.gen- and 22 characters', async () => {
    const channel = await openChannel();
    const queue = (await channel.call('queue.declare', { exclusive: true })).string('queue');
    expect(queue).toMatch(/^amq\.gen-[A-Za-z0-9_-]{22}$/);
    expect((await channel.call('queue.declare', { exclusive: true })).string('queue')).not.toBe(queue);
    await channel.call('queue.declare', { queue, passive: true });
  });

  test('a server-given name is reserved too: not even its owner declares it again', async () => {
    const channel = await openChannel();
    const queue = (await channel.call('queue.declare', { exclusive: true })).string('queue');
    await expectChannelError(channel.call('queue.declare', { queue, exclusive: true }), {
      code: 403,
      text: `ACCESS_REFUSED - queue name '${queue}' contains reserved prefix 'amq.*'`,
      method: 'queue.declare',
    });
  });

  test('passively an empty name is a name like any other', async () => {
    const channel = await openChannel();
    await declareQueue(channel);
    await expectChannelError(channel.call('queue.declare', { passive: true }), {
      code: 404,
      text: "NOT_FOUND - no queue '' in vhost '/'",
      method: 'queue.declare',
    });
  });

  test('CR and LF are stripped from names (trap 37)', async () => {
    const channel = await openChannel();
    const queue = queueName();
    const ok = await channel.call('queue.declare', { queue: `${queue.slice(0, 5)}\r\n${queue.slice(5)}` });
    expect(ok.string('queue')).toBe(queue);
  });

  test('a name of 255 bytes', async () => {
    const channel = await openChannel();
    const queue = queueName().padEnd(255, 'x');
    await channel.call('queue.declare', { queue, exclusive: true });
    publishTexts(channel, queue, 'x');
    expect(await getText(channel, queue)).toBe('x');
  });

  test('no-wait leaves out the answer, not the error (trap 2)', async () => {
    const channel = await openChannel();
    const queue = queueName();
    channel.send('queue.declare', { queue, 'no-wait': true });
    await queueCounts(channel, queue);
    expect(channel.arrived).toEqual([]);
    channel.send('queue.declare', { queue, durable: true, 'no-wait': true });
    expect((await channel.closedByServer()).code).toBe(406);
  });

  test.each<[string, Fields, Fields, string]>([
    [
      'durable',
      { durable: true },
      {},
      "inequivalent arg 'durable' for QUEUE: received 'false' but current is 'true'",
    ],
    [
      'auto_delete',
      {},
      { 'auto-delete': true },
      "inequivalent arg 'auto_delete' for QUEUE: received 'true' but current is 'false'",
    ],
    [
      'x-message-ttl, new',
      {},
      { arguments: { 'x-message-ttl': 1000 } },
      "inequivalent arg 'x-message-ttl' for QUEUE: received the value '1000' of type 'signedint' but current is none",
    ],
    [
      'x-message-ttl, missing',
      { arguments: { 'x-message-ttl': 1000n } },
      {},
      "inequivalent arg 'x-message-ttl' for QUEUE: received none but current is the value '1000' of type 'long'",
    ],
    [
      'x-expires, changed',
      { arguments: { 'x-expires': 100_000 } },
      { arguments: { 'x-expires': 200_000 } },
      "inequivalent arg 'x-expires' for QUEUE: received '200000' but current is '100000'",
    ],
    [
      'x-dead-letter-exchange, changed',
      { arguments: { 'x-dead-letter-exchange': 'a' } },
      { arguments: { 'x-dead-letter-exchange': 'b' } },
      "inequivalent arg 'x-dead-letter-exchange' for QUEUE: received 'b' but current is 'a'",
    ],
    [
      'durable before arguments',
      { durable: true, arguments: { 'x-max-length': 1 } },
      {},
      "inequivalent arg 'durable' for QUEUE: received 'false' but current is 'true'",
    ],
  ])('inequivalent: %s', async (_, first, second, text) => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, first);
    await expectChannelError(channel.call('queue.declare', { queue, ...second }), {
      code: 406,
      text: `PRECONDITION_FAILED - ${text.replace('QUEUE', `queue '${queue}' in vhost '/'`)}`,
      method: 'queue.declare',
    });
  });

  test.each<[string, Table, Table]>([
    ['integer widths', { 'x-message-ttl': new Typed('I', 1000) }, { 'x-message-ttl': new Typed('l', 1000n) }],
    [
      'the order of arguments',
      { 'x-max-length': 5, 'x-expires': 100_000 },
      { 'x-expires': 100_000, 'x-max-length': 5 },
    ],
    ['unknown arguments (traps 8, 9)', { foo: 'bar', 'x-foo': 1 }, { 'x-bar': true }],
    ['x-queue-type classic or none', {}, { 'x-queue-type': 'classic' }],
  ])('equivalent: %s', async (_, first, second) => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: first });
    await channel.call('queue.declare', { queue, arguments: second });
  });

  test.each<[string, unknown, string]>([
    ['x-message-ttl', -1, '{value_negative,-1}'],
    ['x-message-ttl', 'x', '"expected integer, got longstr"'],
    ['x-message-ttl', 1.5, '"expected integer, got double"'],
    ['x-message-ttl', 315_360_000_001, '{value_too_large,315360000001}'],
    ['x-expires', 0, '{value_zero,0}'],
    ['x-expires', -1, '{value_negative,-1}'],
    ['x-expires', 'x', '"expected integer, got longstr"'],
    ['x-max-length', -1, '{value_negative,-1}'],
    ['x-max-length', 'x', '"expected integer, got longstr"'],
    ['x-max-length-bytes', -1, '{value_negative,-1}'],
    ['x-max-priority', 256, '{max_value_exceeded,256}'],
    ['x-max-priority', -1, '{value_negative,-1}'],
    ['x-overflow', 'x', 'invalid_overflow'],
    ['x-overflow', 1, '{unacceptable_type,signedint}'],
    ['x-dead-letter-routing-key', 'x', 'routing_key_but_no_dlx_defined'],
    ['x-dead-letter-routing-key', 1, '{unacceptable_type,signedint}'],
    ['x-single-active-consumer', 1, '{unacceptable_type,signedint}'],
    ['x-queue-type', 'foo', '"unsupported queue type \'foo\'"'],
    ['x-queue-type', 1, '{unacceptable_type,signedint}'],
    ['x-queue-mode', 'foo', '"unsupported queue mode \'foo\'"'],
  ])('%s = %s is refused', async (argument, value, reason) => {
    const channel = await openChannel();
    const queue = queueName();
    await expectChannelError(channel.call('queue.declare', { queue, arguments: { [argument]: value } }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg '${argument}' for queue '${queue}' in vhost '/': ${reason}`,
      method: 'queue.declare',
    });
  });

  test('a dead-letter exchange that is no string', async () => {
    const channel = await openChannel();
    const queue = queueName();
    const args = { 'x-dead-letter-exchange': 7 };
    await expectChannelError(channel.call('queue.declare', { queue, arguments: args }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue '${queue}' in vhost '/'`,
      method: 'queue.declare',
    });
  });

  test.each<[string, Table]>([
    ['x-message-ttl 0', { 'x-message-ttl': 0 }],
    ['any integer type', { 'x-message-ttl': new Typed('u', 60_000) }],
    [
      'a missing dead-letter exchange',
      { 'x-dead-letter-exchange': 'nope', 'x-dead-letter-routing-key': 'x' },
    ],
    ['x-queue-mode lazy', { 'x-queue-mode': 'lazy' }],
    ['unknown arguments of any type', { 'x-foo': { a: [1, null] }, bar: Buffer.from('x') }],
  ])('%s is accepted', async (_, args) => {
    const channel = await openChannel();
    await declareQueue(channel, { arguments: args });
  });
});

scenarios('1.11 exclusive queues (trap 40)', () => {
  test('are used through every channel of their connection', async () => {
    const connection = await openConnection();
    const [one, two] = [await connection.channel(), await connection.channel()];
    const queue = await declareQueue(one, { exclusive: true });
    await one.close();
    publishTexts(two, queue, 'x');
    await two.call('queue.declare', { queue, exclusive: true });
    expect(await getText(two, queue)).toBe('x');
  });

  test.each([
    ['queue.declare', { exclusive: true }],
    ['queue.declare', {}],
    ['queue.declare', { passive: true }],
    ['basic.get', {}],
    ['basic.consume', {}],
    ['queue.purge', {}],
    ['queue.delete', {}],
  ] as const)('%s %o on another connection: locked', async (method, fields) => {
    const owner = await openChannel();
    const other = await openChannel();
    const queue = await declareQueue(owner, { exclusive: true });
    await expectChannelError(other.call(method, { queue, ...fields }), {
      code: 405,
      text: LOCKED(queue),
      method,
    });
  });

  test('another connection cannot unbind them, unless there is no such binding', async () => {
    const owner = await openChannel();
    const other = await openChannel();
    const queue = await declareQueue(owner, { exclusive: true });
    await bindQueue(owner, 'amq.direct', queue, queue);
    await other.call('queue.unbind', { queue, exchange: 'amq.direct', 'routing-key': 'another' });
    await expectChannelError(
      other.call('queue.unbind', { queue, exchange: 'amq.direct', 'routing-key': queue }),
      {
        code: 405,
        text: LOCKED(queue),
        method: 'queue.unbind',
      },
    );
  });

  test('another connection may publish to them', async () => {
    const owner = await openChannel();
    const other = await openChannel();
    const queue = await declareQueue(owner, { exclusive: true });
    await other.call('confirm.select');
    other.publish({ routingKey: queue, body: 'letter', mandatory: true });
    expect((await other.next()).name).toBe('basic.ack');
    expect(await getText(owner, queue)).toBe('letter');
  });

  test('the owner must say exclusive again', async () => {
    const owner = await openChannel();
    const queue = await declareQueue(owner, { exclusive: true });
    await expectChannelError(owner.call('queue.declare', { queue }), {
      code: 405,
      text: LOCKED(queue),
      method: 'queue.declare',
    });
  });

  test('exclusive does not fit a queue that is not, and is checked before durable (trap 8)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await expectChannelError(channel.call('queue.declare', { queue, exclusive: true, durable: true }), {
      code: 405,
      text: LOCKED(queue),
      method: 'queue.declare',
    });
  });

  test('they are gone before connection.close-ok', async () => {
    const owner = await openChannel();
    const channel = await openChannel();
    const queue = await declareQueue(owner, { exclusive: true });
    publishTexts(owner, queue, 'x');
    await owner.connection.close();
    expect(await exists(channel, queue)).toBe(false);
  });

  test('they go with a dropped connection', async () => {
    const owner = await openChannel();
    const channel = await openChannel();
    const queue = await declareQueue(owner, { exclusive: true, durable: true });
    owner.connection.destroy();
    await eventually(async () => expect(await exists(channel, queue)).toBe(false));
  });
});

scenarios('1.11 auto-delete queues (trap 38)', () => {
  test('stay until a consumer came and went; basic.get is no consumer', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { 'auto-delete': true });
    await channel.call('basic.get', { queue });
    const [one, two] = [await consume(channel, queue), await consume(channel, queue)];
    await channel.call('basic.cancel', { 'consumer-tag': one });
    expect(await exists(channel, queue)).toBe(true);
    await channel.call('basic.cancel', { 'consumer-tag': two });
    expect(await exists(channel, queue)).toBe(false);
  });

  test('go with messages and unacknowledged deliveries', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { 'auto-delete': true });
    await channel.call('basic.qos', { 'prefetch-count': 1 });
    const tag = await consume(channel, queue);
    publishTexts(channel, queue, 'a', 'b');
    const delivery = await channel.next('basic.deliver');
    await channel.call('basic.cancel', { 'consumer-tag': tag });
    expect(await exists(channel, queue)).toBe(false);
    ack(channel, delivery.deliveryTag);
    await barrier(channel);
  });

  test('go when the channel of the last consumer closes', async () => {
    const channel = await openChannel();
    const consumer = await channel.connection.channel();
    const queue = await declareQueue(channel, { 'auto-delete': true });
    await consume(consumer, queue);
    await consumer.close();
    expect(await exists(channel, queue)).toBe(false);
  });
});

scenarios('1.11 queue.delete', () => {
  test('tells how many ready messages went', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'a', 'b', 'c');
    await channel.call('basic.get', { queue });
    expect((await channel.call('queue.delete', { queue })).number('message-count')).toBe(2);
    expect(await exists(channel, queue)).toBe(false);
  });

  test('a missing queue: 0 (trap 6)', async () => {
    const channel = await openChannel();
    const ok = await channel.call('queue.delete', { queue: 'nope', 'if-empty': true, 'if-unused': true });
    expect(ok.number('message-count')).toBe(0);
  });

  test('if-unused with a consumer', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const tag = await consume(channel, queue);
    const other = await channel.connection.channel();
    await expectChannelError(other.call('queue.delete', { queue, 'if-unused': true }), {
      code: 406,
      text: `PRECONDITION_FAILED - queue '${queue}' in vhost '/' in use`,
      method: 'queue.delete',
    });
    await channel.call('basic.cancel', { 'consumer-tag': tag });
    await channel.call('queue.delete', { queue, 'if-unused': true });
  });

  test('if-empty with messages, checked before if-unused', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'a', 'b');
    await channel.call('basic.qos', { 'prefetch-count': 1 });
    await consume(channel, queue);
    const other = await channel.connection.channel();
    await expectChannelError(other.call('queue.delete', { queue, 'if-empty': true, 'if-unused': true }), {
      code: 406,
      text: `PRECONDITION_FAILED - queue '${queue}' in vhost '/' not empty`,
      method: 'queue.delete',
    });
  });

  test('unacknowledged messages do not count for if-empty', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'a');
    await channel.call('basic.get', { queue });
    await channel.call('queue.delete', { queue, 'if-empty': true });
  });

  test('takes the bindings with it', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'fanout');
    const queue = await declareQueue(channel);
    await bindQueue(channel, exchange, queue);
    await channel.call('queue.delete', { queue });
    await channel.call('queue.declare', { queue });
    channel.publish({ exchange, body: 'x' });
    expect(await queueCounts(channel, queue)).toEqual({ messages: 0, consumers: 0 });
  });

  test('what is unacknowledged of a deleted queue may still be settled', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'a', 'b');
    const [a, b] = [await channel.call('basic.get', { queue }), await channel.call('basic.get', { queue })];
    await channel.call('queue.delete', { queue });
    ack(channel, a.deliveryTag);
    channel.send('basic.reject', { 'delivery-tag': b.deliveryTag, requeue: true });
    await barrier(channel);
  });

  test('an empty name is the last declared queue', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('queue.delete');
    expect(await exists(channel, queue)).toBe(false);
  });

  test('no-wait', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    channel.send('queue.delete', { queue, 'no-wait': true });
    await barrier(channel);
    expect(channel.arrived).toEqual([]);
    expect(await exists(channel, queue)).toBe(false);
  });
});

scenarios('1.11 queue.purge', () => {
  test('removes ready messages only and counts them', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'held', 'b', 'c');
    const held = await channel.call('basic.get', { queue });
    expect((await channel.call('queue.purge', { queue })).number('message-count')).toBe(2);
    channel.send('basic.reject', { 'delivery-tag': held.deliveryTag, requeue: true });
    expect(await drain(channel, queue)).toEqual(['held']);
  });

  test('a missing queue', async () => {
    const channel = await openChannel();
    await expectChannelError(channel.call('queue.purge', { queue: 'nope' }), {
      code: 404,
      text: "NOT_FOUND - no queue 'nope' in vhost '/'",
      method: 'queue.purge',
    });
  });

  test('no-wait', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    publishTexts(channel, queue, 'a');
    channel.send('queue.purge', { queue, 'no-wait': true });
    expect(await queueCounts(channel, queue)).toEqual({ messages: 0, consumers: 0 });
    expect(channel.arrived).toEqual([]);
  });
});
