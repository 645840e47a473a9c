import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { exchangeName, openChannel, queueName, scenarios } from '../harness/broker.ts';
import { controllable } from '../harness/control.ts';
import { barrier, drain, eventually, expectOn, getText, queueCounts } from '../harness/expectations.ts';
import { bindQueue, declareExchange, declareQueue, publishTexts } from '../harness/model.ts';
import { clearOperatorPolicy, clearPolicy, setOperatorPolicy, setPolicy } from '../harness/policies.ts';
import type { RawChannel } from '../raw-client.ts';

const scenario = it.skipIf(!controllable);

/** Milliseconds after which a message that lies in a queue counts as one that stays. */
const patience = 200;

/** True when a message published now is gone after a moment. */
async function expires(channel: RawChannel, queue: string): Promise<boolean> {
  publishTexts(channel, queue, 'short-lived');
  await barrier(channel);
  await delay(patience);
  return (await drain(channel, queue)).length === 0;
}

function fault(operation: Promise<unknown>): Promise<string | undefined> {
  return operation.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

scenarios('2.9 policies: what they do', () => {
  scenario(
    'a policy holds for a queue that is there, one that comes, and no more when it is cleared',
    async () => {
      const channel = await openChannel();
      const before = await declareQueue(channel);
      const after = queueName();
      const policy = await setPolicy(`^(${before}|${after})$`, { 'message-ttl': 50 });
      await channel.call('queue.declare', { queue: after });
      expect(await expires(channel, before)).toBe(true);
      expect(await expires(channel, after)).toBe(true);
      await clearPolicy(policy);
      expect(await expires(channel, before)).toBe(false);
    },
  );

  scenario('a changed time to live is for new messages only', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('confirm.select');
    publishTexts(channel, queue, 'old');
    await channel.next('basic.ack');
    await setPolicy(`^${queue}$`, { 'message-ttl': 1 });
    await delay(100);
    expect(await getText(channel, queue)).toBe('old');
  });

  scenario('dead letters go where the policy says, the argument before it', async () => {
    const channel = await openChannel();
    const target = await declareQueue(channel);
    const other = await declareQueue(channel);
    const byPolicy = await declareQueue(channel, { arguments: { 'x-message-ttl': 1 } });
    const byArgument = await declareQueue(channel, {
      arguments: {
        'x-message-ttl': 1,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': other,
      },
    });
    await setPolicy(`^(${byPolicy}|${byArgument})$`, {
      'dead-letter-exchange': '',
      'dead-letter-routing-key': target,
    });
    publishTexts(channel, byPolicy, 'to the target');
    publishTexts(channel, byArgument, 'to the other');
    await eventually(async () => expect(await getText(channel, target)).toBe('to the target'));
    await eventually(async () => expect(await getText(channel, other)).toBe('to the other'));
    expect(await getText(channel, target)).toBeUndefined();
  });

  scenario('argument and policy are chosen key by key', async () => {
    const channel = await openChannel();
    const [target, other] = [await declareQueue(channel), await declareQueue(channel)];
    const queue = await declareQueue(channel, {
      arguments: { 'x-message-ttl': 1, 'x-dead-letter-exchange': '' },
    });
    await setPolicy(`^${queue}$`, {
      'dead-letter-exchange': other,
      'dead-letter-routing-key': target,
    });
    publishTexts(channel, queue, 'm');
    await eventually(async () => expect(await getText(channel, target)).toBe('m'));
  });

  scenario('expires takes an unused queue away', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await setPolicy(`^${queue}$`, { expires: 100 });
    const witness = await openChannel();
    await delay(600);
    expect(await fault(witness.call('queue.declare', { queue, passive: true }))).toMatch(/no queue/);
  });

  scenario('the smaller one of argument and policy holds', async () => {
    const channel = await openChannel();
    const small = await declareQueue(channel, { arguments: { 'x-message-ttl': 50 } });
    const large = await declareQueue(channel, { arguments: { 'x-message-ttl': 60_000 } });
    await setPolicy(`^${small}$`, { 'message-ttl': 60_000 });
    await setPolicy(`^${large}$`, { 'message-ttl': 50 });
    expect(await expires(channel, small)).toBe(true);
    expect(await expires(channel, large)).toBe(true);
  });

  scenario('an alternate exchange by policy, at once, the argument before it', async () => {
    const channel = await openChannel();
    const alternate = await declareExchange(channel, 'fanout');
    const queue = await declareQueue(channel);
    await bindQueue(channel, alternate, queue);
    const exchange = await declareExchange(channel, 'direct');
    const other = await declareExchange(channel, 'direct', {
      arguments: { 'alternate-exchange': exchangeName() },
    });
    channel.publish({ exchange, routingKey: 'k', body: 'lost' });
    await barrier(channel);
    const policy = await setPolicy(`^(${exchange}|${other})$`, { 'alternate-exchange': alternate });
    channel.publish({ exchange, routingKey: 'k', body: 'kept' });
    channel.publish({ exchange: other, routingKey: 'k', body: 'argument wins' });
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(1));
    await clearPolicy(policy);
    channel.publish({ exchange, routingKey: 'k', body: 'lost again' });
    await barrier(channel);
    expect(await drain(channel, queue)).toEqual(['kept']);
  });

  scenario('the default exchange has no alternate exchange, whatever policies say', async () => {
    const channel = await openChannel();
    const alternate = await declareExchange(channel, 'fanout');
    const queue = await declareQueue(channel);
    await bindQueue(channel, alternate, queue);
    await setPolicy('', { 'alternate-exchange': alternate }, { applyTo: 'exchanges' });
    channel.publish({ routingKey: queueName(), body: 'lost', mandatory: true });
    await channel.next('basic.return');
    channel.publish({ exchange: 'amq.direct', routingKey: queueName(), body: 'kept', mandatory: true });
    await eventually(async () => expect(await drain(channel, queue)).toEqual(['kept']));
  });

  scenario('a lowered length limit trims at once, the smaller one of argument and policy', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-max-length': 4 } });
    await channel.call('confirm.select');
    publishTexts(channel, queue, '1', '2', '3', '4', '5');
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(4));
    const policy = await setPolicy(`^${queue}$`, { 'max-length': 2 });
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(2));
    await clearPolicy(policy);
    await setPolicy(`^${queue}$`, { 'max-length': 9 });
    publishTexts(channel, queue, '6', '7', '8');
    let confirmed = 0;
    while (confirmed < 8) confirmed = (await channel.next('basic.ack')).number('delivery-tag');
    expect(await drain(channel, queue)).toEqual(['5', '6', '7', '8']);
  });

  scenario('server-named and exclusive queues are not exempt', async () => {
    const channel = await openChannel();
    await setPolicy('^amq\\.gen-', { 'message-ttl': 50 });
    const ok = await channel.call('queue.declare', { queue: '', exclusive: true });
    expect(await expires(channel, ok.string('queue'))).toBe(true);
  });
});

scenarios('2.9 policies: which one applies', () => {
  scenario('only the one with the highest priority', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await setPolicy(`^${queue}$`, { 'message-ttl': 50 }, { priority: 1 });
    const high = await setPolicy(`^${queue}$`, { expires: 600_000 }, { priority: 2 });
    expect(await expires(channel, queue)).toBe(false);
    await clearPolicy(high);
    expect(await expires(channel, queue)).toBe(true);
  });

  scenario(
    'the pattern is looked for anywhere in the name, but not for exchanges when it is for queues',
    async () => {
      const channel = await openChannel();
      const queue = await declareQueue(channel);
      const policy = await setPolicy(queue.slice(3, -1), { 'message-ttl': 50 }, { applyTo: 'queues' });
      expect(await expires(channel, queue)).toBe(true);
      await clearPolicy(policy);
      await setPolicy(queue, { 'message-ttl': 50 }, { applyTo: 'exchanges' });
      expect(await expires(channel, queue)).toBe(false);
    },
  );

  scenario('Perl patterns: lookahead, named groups, POSIX classes, inline flags', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const pattern = `(?i)^(?!amq\\.)(?P<start>[[:alpha:]]+)-\\Q${queue.slice('conformance-'.length)}\\E\\z`;
    await setPolicy(pattern, { 'message-ttl': 50 });
    expect(await expires(channel, queue)).toBe(true);
  });

  scenario('a policy with a key the queue type does not have is passed over as a whole', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const definition = { 'delivery-limit': 5, 'message-ttl': 50 };
    await setPolicy(`^${queue}$`, definition, { priority: 9 });
    expect(await expires(channel, queue)).toBe(false);
    await setPolicy(`^${queue}$`, { 'message-ttl': 50 }, { priority: 1 });
    expect(await expires(channel, queue)).toBe(true);
  });

  scenario('keys for mirrors, queue mode and exchanges do no harm', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await setPolicy(`^${queue}$`, {
      'ha-mode': 'all',
      'ha-sync-mode': 'automatic',
      'queue-mode': 'lazy',
      'queue-version': 1,
      'alternate-exchange': 'nowhere',
      'message-ttl': 50,
    });
    expect(await expires(channel, queue)).toBe(true);
  });

  scenario('an operator policy makes the policy stricter and never milder', async () => {
    const channel = await openChannel();
    const strict = await declareQueue(channel);
    const mild = await declareQueue(channel);
    await setPolicy(`^${strict}$`, { 'message-ttl': 60_000, expires: 600_000 });
    const operator = await setOperatorPolicy(`^${strict}$`, { 'message-ttl': 50 });
    await setPolicy(`^${mild}$`, { 'message-ttl': 50 });
    await setOperatorPolicy(`^${mild}$`, { 'message-ttl': 60_000 });
    expect(await expires(channel, strict)).toBe(true);
    expect(await expires(channel, mild)).toBe(true);
    await clearOperatorPolicy(operator);
    expect(await expires(channel, strict)).toBe(false);
  });

  scenario('an operator policy alone is enough', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await setOperatorPolicy(`^${queue}$`, { 'message-ttl': 50 });
    expect(await expires(channel, queue)).toBe(true);
  });
});

scenarios('2.9 policies: what is refused', () => {
  const notRecognised = 'are not recognised policy settings';
  const badPattern = 'pattern should be regular expression but is invalid:';

  scenario.each<[string, Record<string, unknown>, string]>([
    ['^$', { foo: 5 }, `[{<<"foo">>,5}] ${notRecognised}`],
    ['^$', { foo: 5, bar: 'x' }, `[{<<"bar">>,<<"x">>},{<<"foo">>,5}] ${notRecognised}`],
    [
      '^$',
      { foo: { a: [1, true, null, 1.5] } },
      `[{<<"foo">>,#{<<"a">> => [1,true,null,1.5]}}] ${notRecognised}`,
    ],
    ['^$', {}, 'no policy provided'],
    ['^$', { 'max-length': -1 }, '-1 is not a valid maximum length'],
    ['^$', { 'max-length': 'a' }, '<<"a">> is not a valid maximum length'],
    ['^$', { 'max-length-bytes': 1.5 }, '1.5 is not a valid maximum length in bytes'],
    ['^$', { 'message-ttl': -1, expires: 0 }, '0 is not a valid queue expiry'],
    ['^$', { 'message-ttl': null }, 'null is not a valid message TTL'],
    ['^$', { overflow: 'x' }, '<<"x">> is not a valid overflow value'],
    ['^$', { 'queue-mode': 'x' }, '<<"x">> is not a valid queue-mode value'],
    ['^$', { 'queue-version': 3 }, '3 is not a valid queue-version value'],
    ['^$', { 'alternate-exchange': [65, 66] }, '"AB" is not a valid alternate exchange name'],
    ['^$', { 'dead-letter-exchange': true }, 'true is not a valid dead letter exchange name'],
    ['^$', { 'dead-letter-routing-key': 5 }, '5 is not a valid dead letter routing key'],
    ['^$', { 'dead-letter-strategy': 'x' }, '<<"x">> is not a valid dead letter strategy'],
    ['^$', { 'max-age': '1x' }, '<<"1x">> is not a valid max age'],
    ['^$', { 'queue-master-locator': 'x', 'max-length': -1 }, '<<"x">> invalid queue-master-locator value'],
    [
      '^$',
      { 'ha-sync-mode': 'manual' },
      'ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown',
    ],
    ['^$', { 'ha-mode': 'x' }, '<<"x">> is not a valid ha-mode value'],
    ['^$', { 'ha-mode': 'all', 'ha-params': 1 }, 'ha-mode="all" does not take parameters'],
    ['^$', { 'ha-mode': 'exactly' }, 'ha-mode="exactly" takes an integer, none given'],
    ['^$', { 'ha-mode': 'nodes', 'ha-params': [] }, 'ha-mode="nodes" list must be non-empty'],
    [
      '^$',
      { 'ha-mode': 'nodes', 'ha-params': ['a', 5, true] },
      'ha-mode="nodes" takes a list of strings, [5,true] was not a string',
    ],
    [
      '^$',
      { 'ha-mode': 'all', 'ha-sync-mode': 'x' },
      'ha-sync-mode must be "manual" or "automatic", got <<"x">>',
    ],
    [
      '^$',
      { 'ha-mode': 'all', 'ha-promote-on-shutdown': 'x' },
      'ha-promote-on-shutdown must be "always" or "when-synced", got <<"x">>',
    ],
    ['(', { 'max-length': 1 }, `${badPattern} {"missing )",1}`],
    ['a**', { 'max-length': 1 }, `${badPattern} {"nothing to repeat",2}`],
    ['(', { foo: 1 }, `[{<<"foo">>,1}] ${notRecognised}\n${badPattern} {"missing )",1}`],
  ])('%s %j', async (pattern, definition, text) => {
    expect(await fault(setPolicy(pattern, definition))).toBe(`Validation failed\n\n${text}`);
  });

  scenario('operators cannot set everything', async () => {
    const text = `Validation failed\n\n[{<<"dead-letter-exchange">>,<<"x">>}] ${notRecognised}`;
    const definition = { 'dead-letter-exchange': 'x', expires: 5 };
    expect(await fault(setOperatorPolicy('^$', definition))).toBe(text);
  });

  scenario('operators may set how a full queue behaves', async () => {
    expect(await fault(setOperatorPolicy('^$', { overflow: 'drop-head' }))).toBe(
      expectOn({
        rabbitmq: `Validation failed\n\n[{<<"overflow">>,<<"drop-head">>}] ${notRecognised}`,
        leveret: undefined,
      }),
    );
  });
});
