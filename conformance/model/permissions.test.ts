import { expect, test } from 'vitest';
import { exchangeName, fixturesAvailable, openChannel, queueName, scenarios } from '../harness/broker.ts';
import { expectChannelError, getText } from '../harness/expectations.ts';
import { plainResponse, type RawChannel } from '../raw-client.ts';
import type { Fields, MethodName } from '../raw-codec.ts';

/** A channel of the user whose permissions harness/fixtures.ts describes. */
function openLimited(): Promise<RawChannel> {
  return openChannel({ response: plainResponse('limited', 'limited') });
}

function mine(): string {
  return `mine-${queueName()}`;
}

const refusal = (what: string): string =>
  `ACCESS_REFUSED - access to ${what} in vhost '/' refused for user 'limited'`;

if (fixturesAvailable) {
  scenarios('6 permissions', () => {
    test('what the patterns match is allowed', async () => {
      const channel = await openLimited();
      const [queue, exchange] = [mine(), `mine-${exchangeName()}`];
      await channel.call('queue.declare', { queue, exclusive: true });
      await channel.call('exchange.declare', { exchange, type: 'fanout', 'auto-delete': true });
      await channel.call('queue.bind', { queue, exchange });
      channel.publish({ exchange, body: 'x' });
      expect(await getText(channel, queue)).toBe('x');
      await channel.call('queue.purge', { queue });
      await channel.call('queue.delete', { queue });
    });

    test.each<[MethodName, Fields, string]>([
      ['queue.declare', { queue: 'theirs' }, "queue 'theirs'"],
      ['queue.delete', { queue: 'theirs' }, "queue 'theirs'"],
      ['queue.purge', { queue: 'theirs' }, "queue 'theirs'"],
      ['basic.get', { queue: 'theirs' }, "queue 'theirs'"],
      ['basic.consume', { queue: 'theirs' }, "queue 'theirs'"],
      ['exchange.declare', { exchange: 'theirs', type: 'direct' }, "exchange 'theirs'"],
      ['exchange.delete', { exchange: 'theirs' }, "exchange 'theirs'"],
      ['queue.bind', { queue: 'theirs', exchange: 'readable-x' }, "queue 'theirs'"],
      ['queue.bind', { queue: 'mine-x', exchange: 'amq.direct' }, "exchange 'amq.direct'"],
      ['exchange.bind', { destination: 'theirs', source: 'readable-x' }, "exchange 'theirs'"],
    ])('%s %o', async (method, fields, what) => {
      const channel = await openLimited();
      await expectChannelError(channel.call(method, fields), { code: 403, text: refusal(what), method });
    });

    test('basic.publish needs write on the exchange', async () => {
      const channel = await openLimited();
      channel.publish({ exchange: 'amq.direct' });
      await expectChannelError(channel.closedByServer(), {
        code: 403,
        text: refusal("exchange 'amq.direct'"),
        method: 'basic.publish',
      });
    });

    test('the default exchange is called amq.default', async () => {
      const channel = await openLimited();
      channel.publish({ routingKey: 'mine-x' });
      await expectChannelError(channel.closedByServer(), {
        code: 403,
        text: refusal("exchange 'amq.default'"),
        method: 'basic.publish',
      });
    });

    test('server-given names need configure as well', async () => {
      const channel = await openLimited();
      await expectChannelError(channel.call('queue.declare', { exclusive: true }), {
        code: 403,
        text: /^ACCESS_REFUSED - access to queue 'amq\.gen-[A-Za-z0-9_-]{22}' in vhost '\/' refused for user 'limited'$/,
        method: 'queue.declare',
      });
    });

    test('passive declarations need no permission', async () => {
      const channel = await openLimited();
      await channel.call('exchange.declare', { exchange: 'amq.direct', passive: true });
    });

    test('a dead-letter exchange needs write', async () => {
      const channel = await openLimited();
      const queue = mine();
      const args = { 'x-dead-letter-exchange': 'amq.fanout' };
      await expectChannelError(channel.call('queue.declare', { queue, arguments: args }), {
        code: 403,
        text: refusal("exchange 'amq.fanout'"),
        method: 'queue.declare',
      });
    });

    test('an alternate exchange needs write', async () => {
      const channel = await openLimited();
      const exchange = `mine-${exchangeName()}`;
      const args = { 'alternate-exchange': 'amq.fanout' };
      await expectChannelError(
        channel.call('exchange.declare', { exchange, type: 'direct', arguments: args }),
        {
          code: 403,
          text: refusal("exchange 'amq.fanout'"),
          method: 'exchange.declare',
        },
      );
    });

    test('direct reply-to needs no permission', async () => {
      const channel = await openLimited();
      await channel.call('basic.consume', { queue: 'amq.rabbitmq.reply-to', 'no-ack': true });
    });
  });
} else {
  test.skip('the broker was started without the users of harness/fixtures.ts');
}
