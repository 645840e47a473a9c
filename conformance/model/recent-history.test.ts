import { expect, test } from 'vitest';
import { openChannel, scenarios } from '../harness/broker.ts';
import { drain, eventually, expectChannelError, expectOn, getText } from '../harness/expectations.ts';
import { bindQueue, boundQueue, declareExchange, declareQueue, publishConfirmed } from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';
import type { Table } from '../raw-codec.ts';

function historyExchange(channel: RawChannel, args: Table = {}): Promise<string> {
  return declareExchange(channel, 'x-recent-history', { arguments: args });
}

async function publish(channel: RawChannel, exchange: string, bodies: readonly string[], headers?: Table) {
  const properties = headers === undefined ? {} : { headers };
  await publishConfirmed(
    channel,
    bodies.map((body) => ({ exchange, routingKey: 'k', body, properties })),
  );
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

scenarios('3.4 x-recent-history', () => {
  test('a new binding gets the last 20 messages, in order, then what comes', async () => {
    const channel = await openChannel();
    const exchange = await historyExchange(channel);
    const early = await boundQueue(channel, exchange, 'any');
    await publish(channel, exchange, numbers(1, 25));
    const late = await boundQueue(channel, exchange, 'other');
    await publish(channel, exchange, ['26']);
    expect(await drain(channel, early)).toEqual(numbers(1, 26));
    expect(await drain(channel, late)).toEqual(numbers(6, 26));
  });

  test('x-recent-history-length, x-recent-history-no-store, and the rest of the message', async () => {
    const channel = await openChannel();
    const exchange = await historyExchange(channel, { 'x-recent-history-length': 2 });
    await publish(channel, exchange, ['1', '2']);
    await publish(channel, exchange, ['hidden'], { 'x-recent-history-no-store': true });
    await publish(channel, exchange, ['3'], { 'x-recent-history-no-store': 1, h: 'kept' });
    const queue = await boundQueue(channel, exchange);
    await eventually(async () => expect(await getText(channel, queue)).toBe('2'));
    const last = await channel.call('basic.get', { queue, 'no-ack': true });
    expect([
      last.text,
      last.string('routing-key'),
      last.string('exchange'),
      last.fields['redelivered'],
    ]).toEqual(['3', 'k', exchange, false]);
    expect(last.headers).toMatchObject({ h: 'kept' });
  });

  test('the same binding again is no new one; another one is', async () => {
    const channel = await openChannel();
    const exchange = await historyExchange(channel);
    await publish(channel, exchange, ['1']);
    const queue = await boundQueue(channel, exchange, 'a');
    await bindQueue(channel, exchange, queue, 'a');
    await bindQueue(channel, exchange, queue, 'b');
    await publish(channel, exchange, ['2']);
    expect(await drain(channel, queue)).toEqual(['1', '1', '2']);
  });

  test('a binding to an exchange passes them on, as the other exchange routes', async () => {
    const channel = await openChannel();
    const exchange = await historyExchange(channel);
    const inner = await declareExchange(channel, 'direct');
    const queue = await boundQueue(channel, inner, 'k');
    await publish(channel, exchange, ['1', '2']);
    await channel.call('exchange.bind', { source: exchange, destination: inner, 'routing-key': '' });
    await publish(channel, exchange, ['3']);
    const remembered = expectOn({ rabbitmq: ['2', '1'], leveret: ['1', '2'] });
    expect(await drain(channel, queue)).toEqual([...remembered, '3']);
  });

  test('what reaches nobody is remembered, and still comes back', async () => {
    const channel = await openChannel();
    const exchange = await historyExchange(channel);
    channel.publish({ exchange, routingKey: 'k', body: 'early', mandatory: true });
    expect((await channel.next('basic.return')).text).toBe('early');
    const queue = await boundQueue(channel, exchange);
    await eventually(async () => expect(await getText(channel, queue)).toBe('early'));
  });

  test('what comes through another exchange is remembered too', async () => {
    const channel = await openChannel();
    const outer = await declareExchange(channel, 'topic');
    const exchange = await historyExchange(channel);
    await channel.call('exchange.bind', { source: outer, destination: exchange, 'routing-key': '#' });
    await publish(channel, outer, ['1']);
    const queue = await declareQueue(channel);
    await bindQueue(channel, exchange, queue);
    await publish(channel, outer, ['2']);
    expect(await drain(channel, queue)).toEqual(['1', '2']);
  });

  test.each<[unknown, string]>([
    [0, '0'],
    [-1, '-1'],
    ['a', '<<"a">>'],
    [true, 'true'],
    [2.5, '2.5'],
  ])('a length of %j is refused', async (length, shown) => {
    const channel = await openChannel();
    const text = `PRECONDITION_FAILED - Invalid argument ${shown}, 'x-recent-history-length' must be a positive integer`;
    await expectChannelError(
      channel.call('exchange.declare', {
        exchange: 'conformance-refused',
        type: 'x-recent-history',
        arguments: { 'x-recent-history-length': length },
      }),
      { code: 406, text, method: 'exchange.declare' },
    );
  });
});
