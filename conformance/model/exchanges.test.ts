import { expect, test } from 'vitest';
import { exchangeName, openChannel, scenarios } from '../harness/broker.ts';
import {
  eventually,
  expectChannelError,
  expectConnectionError,
  expectOn,
  getText,
} from '../harness/expectations.ts';
import { bindQueue, boundQueue, declareExchange, declareQueue } from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';

/** Whether an exchange exists, asked on a channel that may die of it. */
async function exists(channel: RawChannel, exchange: string): Promise<boolean> {
  const probe = await channel.connection.channel();
  try {
    await probe.call('exchange.declare', { exchange, passive: true });
    await probe.close();
    return true;
  } catch {
    return false;
  }
}

scenarios('1.10 exchange.declare', () => {
  test.each(['', 'amq.direct', 'amq.fanout', 'amq.topic', 'amq.headers', 'amq.match', 'amq.rabbitmq.trace'])(
    'the exchange "%s" is there from the start',
    async (exchange) => {
      const channel = await openChannel();
      if (exchange === '') {
        const queue = await declareQueue(channel);
        channel.publish({ routingKey: queue, body: 'by name' });
        expect(await getText(channel, queue)).toBe('by name');
      } else {
        await channel.call('exchange.declare', { exchange, passive: true });
      }
    },
  );

  test.each([
    ['amq.direct', 'direct'],
    ['amq.fanout', 'fanout'],
    ['amq.topic', 'topic'],
    ['amq.headers', 'headers'],
    ['amq.match', 'headers'],
  ])('%s may be declared again as durable %s', async (exchange, type) => {
    const channel = await openChannel();
    await channel.call('exchange.declare', { exchange, type, durable: true });
  });

  test('an equal declaration is accepted, whatever other arguments it has', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'topic', { durable: true, arguments: { foo: 1 } });
    await channel.call('exchange.declare', {
      exchange,
      type: 'topic',
      durable: true,
      arguments: { bar: 'x' },
    });
  });

  test.each([
    ['type', { type: 'fanout' }, "'fanout' but current is 'direct'"],
    ['durable', { durable: true }, "'true' but current is 'false'"],
    ['auto_delete', { 'auto-delete': true }, "'true' but current is 'false'"],
    ['internal', { internal: true }, "'true' but current is 'false'"],
  ])('another %s is inequivalent', async (argument, change, difference) => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct');
    await expectChannelError(channel.call('exchange.declare', { exchange, type: 'direct', ...change }), {
      code: 406,
      text: `PRECONDITION_FAILED - inequivalent arg '${argument}' for exchange '${exchange}' in vhost '/': received ${difference}`,
      method: 'exchange.declare',
    });
  });

  test('type is compared before durable', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct');
    await expectChannelError(channel.call('exchange.declare', { exchange, type: 'topic', durable: true }), {
      code: 406,
      text: `PRECONDITION_FAILED - inequivalent arg 'type' for exchange '${exchange}' in vhost '/': received 'topic' but current is 'direct'`,
      method: 'exchange.declare',
    });
  });

  test('another alternate-exchange is inequivalent', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct');
    const args = { 'alternate-exchange': 'foo' };
    await expectChannelError(
      channel.call('exchange.declare', { exchange, type: 'direct', arguments: args }),
      {
        code: 406,
        text: `PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '${exchange}' in vhost '/': received the value 'foo' of type 'longstr' but current is none`,
        method: 'exchange.declare',
      },
    );
  });

  test('an alternate-exchange that is no string', async () => {
    const channel = await openChannel();
    const exchange = exchangeName();
    const args = { 'alternate-exchange': 7 };
    await expectChannelError(
      channel.call('exchange.declare', { exchange, type: 'direct', arguments: args }),
      {
        code: 406,
        text: `PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange '${exchange}' in vhost '/'`,
        method: 'exchange.declare',
      },
    );
  });

  test.each([
    ['unknown', `type-${process.pid}`],
    ['invalid', 'foo'], // RabbitMQ knows the word from elsewhere
  ])('an %s type: 3.x ends the connection, 4.x and Leveret the channel', async (adjective, type) => {
    const channel = await openChannel();
    const declare = channel.call('exchange.declare', { exchange: exchangeName(), type });
    if (expectOn({ rabbitmq: true, leveret: false })) {
      await expectConnectionError(declare, {
        code: 503,
        text: `COMMAND_INVALID - ${adjective} exchange type '${type}'`,
        method: 'exchange.declare',
      });
    } else {
      await expectChannelError(declare, {
        code: 406,
        text: `PRECONDITION_FAILED - unknown exchange type '${type}'`,
        method: 'exchange.declare',
      });
    }
  });

  test.each([false, true])('the default exchange may not be declared (passive %s)', async (passive) => {
    const channel = await openChannel();
    await expectChannelError(channel.call('exchange.declare', { exchange: '', type: 'direct', passive }), {
      code: 403,
      text: 'ACCESS_REFUSED - operation not permitted on the default exchange',
      method: 'exchange.declare',
    });
  });

  test('new names may not begin with amq.', async () => {
    const channel = await openChannel();
    await expectChannelError(channel.call('exchange.declare', { exchange: 'amq.foo', type: 'direct' }), {
      code: 403,
      text: "ACCESS_REFUSED - exchange name 'amq.foo' contains reserved prefix 'amq.*'",
      method: 'exchange.declare',
    });
  });

  test('passive ignores every other field', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct');
    await channel.call('exchange.declare', { exchange, type: 'nonsense', passive: true, durable: true });
  });

  test('passive on a missing exchange', async () => {
    const channel = await openChannel();
    await expectChannelError(channel.call('exchange.declare', { exchange: 'nope', passive: true }), {
      code: 404,
      text: "NOT_FOUND - no exchange 'nope' in vhost '/'",
      method: 'exchange.declare',
    });
  });

  test('CR and LF are stripped from names (trap 37)', async () => {
    const channel = await openChannel();
    const exchange = exchangeName();
    await channel.call('exchange.declare', { exchange: `\r\n${exchange}\n`, type: 'direct' });
    expect(await exists(channel, exchange)).toBe(true);
    await channel.call('exchange.delete', { exchange: `${exchange}\r` });
    expect(await exists(channel, exchange)).toBe(false);
  });

  test('no-wait leaves out the answer, not the error (trap 2)', async () => {
    const channel = await openChannel();
    const exchange = exchangeName();
    channel.send('exchange.declare', { exchange, type: 'direct', 'no-wait': true });
    await channel.call('exchange.declare', { exchange, passive: true });
    expect(channel.arrived).toEqual([]);
    channel.send('exchange.declare', { exchange, type: 'fanout', 'no-wait': true });
    expect((await channel.closedByServer()).code).toBe(406);
  });
});

scenarios('1.10 exchange.delete', () => {
  test('a missing exchange is deleted all the same (trap 6)', async () => {
    const channel = await openChannel();
    await channel.call('exchange.delete', { exchange: 'nope' });
    await channel.call('exchange.delete', { exchange: 'nope', 'if-unused': true });
  });

  test('amq.* exchanges stay', async () => {
    const channel = await openChannel();
    await expectChannelError(channel.call('exchange.delete', { exchange: 'amq.direct' }), {
      code: 403,
      text: "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
      method: 'exchange.delete',
    });
  });

  test('the default exchange stays', async () => {
    const channel = await openChannel();
    await expectChannelError(channel.call('exchange.delete', { exchange: '' }), {
      code: 403,
      text: 'ACCESS_REFUSED - operation not permitted on the default exchange',
      method: 'exchange.delete',
    });
  });

  test('if-unused refuses while the exchange is the source of a binding', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct');
    const queue = await boundQueue(channel, exchange, 'a');
    const busy = await channel.connection.channel();
    await expectChannelError(busy.call('exchange.delete', { exchange, 'if-unused': true }), {
      code: 406,
      text: `PRECONDITION_FAILED - exchange '${exchange}' in vhost '/' in use`,
      method: 'exchange.delete',
    });
    await channel.call('queue.unbind', { exchange, queue, 'routing-key': 'a' });
    await channel.call('exchange.delete', { exchange, 'if-unused': true });
    expect(await exists(channel, exchange)).toBe(false);
  });

  test('being the destination of a binding is no use', async () => {
    const channel = await openChannel();
    const [source, exchange] = [
      await declareExchange(channel, 'fanout'),
      await declareExchange(channel, 'fanout'),
    ];
    await channel.call('exchange.bind', { source, destination: exchange });
    await channel.call('exchange.delete', { exchange, 'if-unused': true });
  });

  test('deleting takes the bindings with it', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'fanout');
    const queue = await boundQueue(channel, exchange);
    await channel.call('exchange.delete', { exchange });
    await channel.call('exchange.declare', { exchange, type: 'fanout' });
    channel.publish({ exchange, body: 'nobody' });
    expect(await getText(channel, queue)).toBeUndefined();
  });
});

scenarios('1.10 auto-delete exchanges (trap 39)', () => {
  test('without a binding it stays, with the last one it goes', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct', { 'auto-delete': true });
    const [one, two] = [await boundQueue(channel, exchange, 'a'), await boundQueue(channel, exchange, 'a')];
    await channel.call('queue.unbind', { exchange, queue: one, 'routing-key': 'a' });
    expect(await exists(channel, exchange)).toBe(true);
    await channel.call('queue.unbind', { exchange, queue: two, 'routing-key': 'a' });
    expect(await exists(channel, exchange)).toBe(false);
  });

  test('deleting the bound queue counts', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct', { 'auto-delete': true });
    await channel.call('queue.delete', { queue: await boundQueue(channel, exchange, 'a') });
    expect(await exists(channel, exchange)).toBe(false);
  });

  test('deleting the destination exchange counts', async () => {
    const channel = await openChannel();
    const source = await declareExchange(channel, 'direct', { 'auto-delete': true });
    const destination = await declareExchange(channel, 'fanout');
    await channel.call('exchange.bind', { source, destination });
    await channel.call('exchange.delete', { exchange: destination });
    expect(await exists(channel, source)).toBe(false);
  });

  test('losing a binding in which it is the destination does not count', async () => {
    const channel = await openChannel();
    const source = await declareExchange(channel, 'fanout');
    const destination = await declareExchange(channel, 'direct', { 'auto-delete': true });
    await channel.call('exchange.bind', { source, destination });
    await channel.call('exchange.unbind', { source, destination });
    expect(await exists(channel, destination)).toBe(true);
  });

  test('a queue that dies with its connection counts', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct', { 'auto-delete': true });
    const owner = await openChannel();
    const queue = await declareQueue(owner, { exclusive: true });
    await bindQueue(owner, exchange, queue);
    owner.connection.destroy();
    await eventually(async () => expect(await exists(channel, exchange)).toBe(false));
  });
});

scenarios('1.10 internal and alternate exchanges', () => {
  test('publishing to an internal exchange is refused', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'fanout', { internal: true });
    channel.publish({ exchange });
    await expectChannelError(channel.closedByServer(), {
      code: 403,
      text: `ACCESS_REFUSED - cannot publish to internal exchange '${exchange}' in vhost '/'`,
      method: 'basic.publish',
    });
  });

  test('an internal exchange routes what another exchange passes on', async () => {
    const channel = await openChannel();
    const source = await declareExchange(channel, 'fanout');
    const internal = await declareExchange(channel, 'fanout', { internal: true });
    const queue = await boundQueue(channel, internal);
    await channel.call('exchange.bind', { source, destination: internal });
    channel.publish({ exchange: source, body: 'inside' });
    expect(await getText(channel, queue)).toBe('inside');
  });

  test('what an exchange cannot route goes to its alternate exchange', async () => {
    const channel = await openChannel();
    const alternate = await declareExchange(channel, 'fanout');
    const args = { 'alternate-exchange': alternate };
    const exchange = await declareExchange(channel, 'direct', { arguments: args });
    const [known, rest] = [
      await boundQueue(channel, exchange, 'known'),
      await boundQueue(channel, alternate),
    ];
    channel.publish({ exchange, routingKey: 'known', body: 'k' });
    channel.publish({ exchange, routingKey: 'other', body: 'o' });
    expect([await getText(channel, known), await getText(channel, known)]).toEqual(['k', undefined]);
    expect([await getText(channel, rest), await getText(channel, rest)]).toEqual(['o', undefined]);
  });

  test('alternate exchanges are followed in a chain', async () => {
    const channel = await openChannel();
    const last = await declareExchange(channel, 'fanout');
    const middle = await declareExchange(channel, 'direct', { arguments: { 'alternate-exchange': last } });
    const first = await declareExchange(channel, 'direct', { arguments: { 'alternate-exchange': middle } });
    const queue = await boundQueue(channel, last);
    channel.publish({ exchange: first, routingKey: 'x', body: 'far' });
    expect(await getText(channel, queue)).toBe('far');
  });

  test('the alternate exchange may be missing, and appear later', async () => {
    const channel = await openChannel();
    const alternate = exchangeName();
    const exchange = await declareExchange(channel, 'direct', {
      arguments: { 'alternate-exchange': alternate },
    });
    channel.publish({ exchange, body: 'lost' });
    await channel.call('exchange.declare', { exchange: alternate, type: 'fanout' });
    const queue = await boundQueue(channel, alternate);
    channel.publish({ exchange, body: 'found' });
    expect(await getText(channel, queue)).toBe('found');
  });

  test('alternate exchanges may form a circle', async () => {
    const channel = await openChannel();
    const [one, two] = [exchangeName(), exchangeName()];
    await channel.call('exchange.declare', {
      exchange: one,
      type: 'direct',
      arguments: { 'alternate-exchange': two },
    });
    await channel.call('exchange.declare', {
      exchange: two,
      type: 'direct',
      arguments: { 'alternate-exchange': one },
    });
    channel.publish({ exchange: one, mandatory: true });
    expect((await channel.next('basic.return')).fields['reply-code']).toBe(312);
  });

  test('a mandatory message that the alternate exchange routes is not returned (trap 17)', async () => {
    const channel = await openChannel();
    const alternate = await declareExchange(channel, 'fanout');
    const exchange = await declareExchange(channel, 'direct', {
      arguments: { 'alternate-exchange': alternate },
    });
    const queue = await boundQueue(channel, alternate);
    await channel.call('confirm.select');
    channel.publish({ exchange, mandatory: true, body: 'kept' });
    expect((await channel.next()).name).toBe('basic.ack');
    expect(await getText(channel, queue)).toBe('kept');
  });

  test('the default exchange is no alternate exchange: it routes nothing there', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const exchange = await declareExchange(channel, 'direct', { arguments: { 'alternate-exchange': '' } });
    channel.publish({ exchange, routingKey: queue, mandatory: true });
    expect((await channel.next('basic.return')).fields['reply-code']).toBe(312);
  });
});
