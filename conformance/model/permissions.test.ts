import { describe, expect, test } from 'vitest';
import { exchangeName, fixturesAvailable, openChannel, queueName, scenarios } from '../harness/broker.ts';
import { expectChannelError, getText, settled } from '../harness/expectations.ts';
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

type Permission = 'configure' | 'write' | 'read';
type Names = Readonly<Record<string, string>>;
type Prefixes = (role: string) => string;

/** What an operation asks of the queues and exchanges it names. */
interface Rule {
  readonly title: string;
  readonly needs: Readonly<Record<string, Need>>;
  readonly method: MethodName;
  /** What has to be there before, declared by somebody who may do everything. */
  readonly prepare: (names: Names) => readonly (readonly [MethodName, Fields])[];
  readonly run: (channel: RawChannel, names: Names) => Promise<unknown>;
}

interface Need {
  readonly kind: 'queue' | 'exchange';
  readonly permissions: readonly Permission[];
}

const queue = (...permissions: readonly Permission[]): Need => ({ kind: 'queue', permissions });
const exchange = (...permissions: readonly Permission[]): Need => ({ kind: 'exchange', permissions });

/** The prefix of names with which exactly this is allowed. */
function sufficient(permissions: readonly Permission[]): string {
  if (permissions.length === 1) return `only-${permissions[0]}`;
  const missing = (['configure', 'write', 'read'] as const).find((one) => !permissions.includes(one));
  return missing === undefined ? 'mine' : `no-${missing}`;
}

function mapped(needs: Rule['needs'], name: (role: string, need: Need) => string): Names {
  return Object.fromEntries(Object.entries(needs).map(([role, need]) => [role, name(role, need)]));
}

const aQueue = (name: string): readonly [MethodName, Fields] => [
  'queue.declare',
  { queue: name, arguments: { 'x-expires': 60_000 } },
];
const anExchange = (name: string): readonly [MethodName, Fields] => [
  'exchange.declare',
  { exchange: name, type: 'fanout' },
];

/** An operation with one method on what `needs` names. */
function rule(
  title: string,
  method: MethodName,
  needs: Rule['needs'],
  fields: (names: Names) => Fields,
  existing: readonly string[] = Object.keys(needs),
): Rule {
  return {
    title,
    method,
    needs,
    prepare: (names) =>
      existing.map((role) =>
        needs[role]?.kind === 'queue' ? aQueue(names[role] ?? '') : anExchange(names[role] ?? ''),
      ),
    run: (channel, names) => channel.call(method, fields(names)),
  };
}

const queueBinding = { queue: queue('write'), exchange: exchange('read') };
const exchangeBinding = { destination: exchange('write'), source: exchange('read') };

/** RabbitMQ's page "Access Control", "How Permissions Work". */
const rules: readonly Rule[] = [
  rule(
    'exchange.declare',
    'exchange.declare',
    { exchange: exchange('configure') },
    (names) => ({ ...names, type: 'fanout' }),
    [],
  ),
  rule('exchange.declare again', 'exchange.declare', { exchange: exchange('configure') }, (names) => ({
    ...names,
    type: 'fanout',
  })),
  rule(
    'exchange.declare with an alternate exchange',
    'exchange.declare',
    { exchange: exchange('configure', 'read'), alternate: exchange('write') },
    (names) => ({
      exchange: names['exchange'] ?? '',
      type: 'fanout',
      arguments: { 'alternate-exchange': names['alternate'] ?? '' },
    }),
    [],
  ),
  rule('exchange.delete', 'exchange.delete', { exchange: exchange('configure') }, (names) => names),
  rule('queue.declare', 'queue.declare', { queue: queue('configure') }, (names) => names, []),
  rule('queue.declare again', 'queue.declare', { queue: queue('configure') }, (names) => ({
    ...names,
    arguments: { 'x-expires': 60_000 },
  })),
  rule(
    'queue.declare with a dead-letter exchange',
    'queue.declare',
    { queue: queue('configure', 'read'), 'dead-letter exchange': exchange('write') },
    (names) => ({
      queue: names['queue'] ?? '',
      arguments: { 'x-expires': 60_000, 'x-dead-letter-exchange': names['dead-letter exchange'] ?? '' },
    }),
    [],
  ),
  rule('queue.delete', 'queue.delete', { queue: queue('configure') }, (names) => names),
  rule('queue.bind', 'queue.bind', queueBinding, (names) => names),
  rule('queue.unbind', 'queue.unbind', queueBinding, (names) => names),
  rule('exchange.bind', 'exchange.bind', exchangeBinding, (names) => names),
  rule('exchange.unbind', 'exchange.unbind', exchangeBinding, (names) => names),
  rule('queue.purge', 'queue.purge', { queue: queue('read') }, (names) => names),
  rule('basic.get', 'basic.get', { queue: queue('read') }, (names) => names),
  rule('basic.consume', 'basic.consume', { queue: queue('read') }, (names) => names),
  {
    ...rule('basic.publish', 'basic.publish', { exchange: exchange('write') }, (names) => names),
    run: (channel, names) => {
      channel.publish(names);
      return settled(channel, 1);
    },
  },
];

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

    describe.each(rules)('$title', ({ needs, method, prepare, run }) => {
      const names = (prefixes: Prefixes): Names =>
        mapped(
          needs,
          (role, { kind }) => `${prefixes(role)}-${kind === 'queue' ? queueName() : exchangeName()}`,
        );

      async function prepared(given: Names): Promise<RawChannel> {
        const owner = await openChannel();
        for (const [step, fields] of prepare(given)) await owner.call(step, fields);
        return openLimited();
      }

      test('allowed with just these permissions', async () => {
        const given = names((role) => sufficient(needs[role]?.permissions ?? []));
        const channel = await prepared(given);
        await channel.call('confirm.select');
        await run(channel, given);
      });

      const lacks = Object.entries(needs).flatMap(([role, { permissions }]) =>
        permissions.map((permission) => ({ role, permission })),
      );
      test.each(lacks)('refused without $permission on the $role', async ({ role, permission }) => {
        const given = names((each) => (each === role ? `no-${permission}` : 'mine'));
        const channel = await prepared(given);
        const what = `${needs[role]?.kind} '${given[role]}'`;
        await expectChannelError(run(channel, given), { code: 403, text: refusal(what), method });
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

    test('direct reply-to needs no permission', async () => {
      const channel = await openLimited();
      await channel.call('basic.consume', { queue: 'amq.rabbitmq.reply-to', 'no-ack': true });
    });
  });
} else {
  test.skip('the broker was started without the users of harness/fixtures.ts');
}
