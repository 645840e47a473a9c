import { expect, test } from 'vitest';
import { openChannel, scenarios } from '../harness/broker.ts';
import { drain, expectChannelError, expectOn } from '../harness/expectations.ts';
import { bindQueue, boundQueue, declareExchange, declareQueue, publishConfirmed } from '../harness/model.ts';
import type { Publication, RawChannel } from '../raw-client.ts';
import type { Table } from '../raw-codec.ts';

/** Where 0 to `count - 1` went, by queue. */
async function placesOf(channel: RawChannel, queues: readonly string[]): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  for (const queue of queues) {
    for (const text of await drain(channel, queue)) places.set(text, queue);
  }
  return places;
}

async function publishKeys(channel: RawChannel, exchange: string, count: number): Promise<void> {
  await publishConfirmed(
    channel,
    messages(count, (i) => ({ exchange, routingKey: `key-${i}`, body: `key-${i}` })),
  );
}

function messages(count: number, message: (index: number) => Publication): readonly Publication[] {
  return Array.from({ length: count }, (_, index) => message(index));
}

scenarios('3.4 x-consistent-hash', () => {
  async function hashExchange(channel: RawChannel, args: Table = {}): Promise<string> {
    return declareExchange(channel, 'x-consistent-hash', { arguments: args });
  }

  test('spreads routing keys by weight, each message to one queue', async () => {
    const channel = await openChannel();
    const exchange = await hashExchange(channel);
    const queues = [
      await boundQueue(channel, exchange, '1'),
      await boundQueue(channel, exchange, '1'),
      await boundQueue(channel, exchange, '2'),
    ];
    await publishKeys(channel, exchange, 1000);
    const counts = await Promise.all(queues.map(async (queue) => (await drain(channel, queue)).length));
    expect(counts.reduce((sum, count) => sum + count)).toBe(1000);
    const [first = 0, second = 0, double = 0] = counts;
    for (const count of [first, second]) expect(Math.abs(count - 250)).toBeLessThan(80);
    expect(Math.abs(double - 500)).toBeLessThan(100);
  });

  test('the same key goes the same way, and keeps its order', async () => {
    const channel = await openChannel();
    const exchange = await hashExchange(channel);
    const queues = [await boundQueue(channel, exchange, '1'), await boundQueue(channel, exchange, '1')];
    const turnOf = (i: number) => ({
      exchange,
      routingKey: `key-${i % 10}`,
      body: `${i % 10}/${Math.floor(i / 10)}`,
    });
    await publishConfirmed(channel, messages(200, turnOf));
    const seen = new Map<string, string[]>();
    for (const queue of queues) {
      for (const text of await drain(channel, queue)) {
        const [key = '', turn = ''] = text.split('/');
        const place = `${key} in ${queue}`;
        seen.set(place, [...(seen.get(place) ?? []), turn]);
      }
    }
    expect(seen.size).toBe(10);
    const turns = Array.from({ length: 20 }, (_, turn) => String(turn));
    for (const order of seen.values()) expect(order).toEqual(turns);
  });

  test('a queue that comes takes keys from others and moves no other key', async () => {
    const channel = await openChannel();
    const exchange = await hashExchange(channel);
    const queues = [await boundQueue(channel, exchange, '1'), await boundQueue(channel, exchange, '1')];
    await publishKeys(channel, exchange, 300);
    const before = await placesOf(channel, queues);
    const late = await boundQueue(channel, exchange, '1');
    await publishKeys(channel, exchange, 300);
    const after = await placesOf(channel, [...queues, late]);
    const moved = [...after].filter(([key, queue]) => queue !== before.get(key));
    expect(moved.every(([, queue]) => queue === late)).toBe(true);
    expect(Math.abs(moved.length - 100)).toBeLessThan(60);
  });

  test('when a queue goes, RabbitMQ moves keys of those that came after it, Leveret only its own', async () => {
    const channel = await openChannel();
    const exchange = await hashExchange(channel);
    const queues: string[] = [];
    while (queues.length < 4) queues.push(await boundQueue(channel, exchange, '1'));
    const [first = ''] = queues;
    await publishKeys(channel, exchange, 400);
    const before = await placesOf(channel, queues);
    await channel.call('queue.unbind', { queue: first, exchange, 'routing-key': '1', arguments: {} });
    await publishKeys(channel, exchange, 400);
    const after = await placesOf(channel, queues);
    const moved = [...after].filter(([key, queue]) => before.get(key) !== first && queue !== before.get(key));
    expect(moved.length > 0).toBe(expectOn({ rabbitmq: true, leveret: false }));
  });

  test('hash-header: the value counts, its type too, and those without it stay together', async () => {
    const channel = await openChannel();
    const exchange = await hashExchange(channel, { 'hash-header': 'customer' });
    const queues: string[] = [];
    while (queues.length < 4) queues.push(await boundQueue(channel, exchange, '1'));
    const withHeader = messages(120, (i) => {
      const headers = i % 3 === 0 ? { customer: i % 40 } : { customer: `c${i % 40}` };
      return { exchange, routingKey: `${i}`, body: JSON.stringify(headers), properties: { headers } };
    });
    const without = messages(120, (i) => ({ exchange, routingKey: `${i}`, body: 'none' }));
    await publishConfirmed(channel, [...withHeader, ...without]);
    const places = new Map<string, Set<string>>();
    for (const queue of queues) {
      for (const text of await drain(channel, queue)) {
        places.set(text, (places.get(text) ?? new Set()).add(queue));
      }
    }
    for (const [text, found] of places) expect([text, found.size]).toEqual([text, 1]);
    const used = new Set([...places].filter(([text]) => text !== 'none').flatMap(([, found]) => [...found]));
    expect(used.size).toBe(4);
  });

  test.each(['correlation-id', 'message-id', 'timestamp'])('hash-property %s', async (property) => {
    const channel = await openChannel();
    const exchange = await hashExchange(channel, { 'hash-property': property.replace('-', '_') });
    const queues = [await boundQueue(channel, exchange, '1'), await boundQueue(channel, exchange, '1')];
    const message = (i: number) => {
      const value = property === 'timestamp' ? 1_700_000_000 + (i % 20) : `id-${i % 20}`;
      const properties = { 'content-type': 'text/plain', [property]: value };
      return { exchange, routingKey: `${i}`, body: String(i % 20), properties };
    };
    await publishConfirmed(channel, messages(100, message));
    const [left, right] = await Promise.all(
      queues.map(async (queue) => new Set(await drain(channel, queue))),
    );
    expect(left?.size).toBeGreaterThan(0);
    expect(right?.size).toBeGreaterThan(0);
    expect([...(left ?? [])].filter((text) => right?.has(text))).toEqual([]);
  });

  test('CC plays no part', async () => {
    const channel = await openChannel();
    const exchange = await hashExchange(channel);
    const queues = [await boundQueue(channel, exchange, '1'), await boundQueue(channel, exchange, '1')];
    const properties = { headers: { CC: ['a', 'b', 'c', 'd'] } };
    const message = (i: number) => ({ exchange, routingKey: `key-${i}`, body: `${i}`, properties });
    await publishConfirmed(channel, messages(20, message));
    const counts = await Promise.all(queues.map(async (queue) => (await drain(channel, queue)).length));
    expect(counts.reduce((sum, count) => sum + count)).toBe(20);
  });

  test('leads to exchanges too, and to the alternate exchange without a binding', async () => {
    const channel = await openChannel();
    const fallback = await declareExchange(channel, 'fanout');
    const unrouted = await boundQueue(channel, fallback);
    const exchange = await hashExchange(channel, { 'alternate-exchange': fallback });
    await publishConfirmed(channel, [{ exchange, routingKey: 'k', body: 'before' }]);
    const inner = await declareExchange(channel, 'fanout');
    const queue = await boundQueue(channel, inner);
    await channel.call('exchange.bind', { source: exchange, destination: inner, 'routing-key': '3' });
    await publishConfirmed(channel, [{ exchange, routingKey: 'k', body: 'after' }]);
    expect([await drain(channel, unrouted), await drain(channel, queue)]).toEqual([['before'], ['after']]);
  });

  test.each([
    ['', /^PRECONDITION_FAILED - The binding key must be an integer: <<>>$/],
    ['a', /^PRECONDITION_FAILED - The binding key must be an integer: <<"a">>$/],
    ['1.5', /^PRECONDITION_FAILED - The binding key must be an integer: <<"1.5">>$/],
    ['0', /^PRECONDITION_FAILED - The binding key must be greater than 0$/],
    ['-1', /^PRECONDITION_FAILED - The binding key must be greater than 0$/],
  ])('the routing key %j of a binding is no weight', async (key, text) => {
    const channel = await openChannel();
    const exchange = await hashExchange(channel);
    const queue = await declareQueue(channel);
    await expectChannelError(bindQueue(channel, exchange, queue, key), {
      code: 406,
      text,
      method: 'queue.bind',
    });
  });

  test.each(['+5', '007'])('the routing key %j of a binding is one', async (key) => {
    const channel = await openChannel();
    await boundQueue(channel, await hashExchange(channel), key);
  });

  test.each<[Table, string]>([
    [{ 'hash-property': 'app_id' }, 'Unsupported property: app_id'],
    [
      { 'hash-header': 'a', 'hash-property': 'message_id' },
      'hash-header and hash-property are mutually exclusive',
    ],
  ])('bad arguments %j', async (args, text) => {
    const channel = await openChannel();
    const method = 'exchange.declare';
    const expected = { code: 406, text: `PRECONDITION_FAILED - ${text}`, method } as const;
    await expectChannelError(hashExchange(channel, args), expected);
  });
});

scenarios('3.4 x-modulus-hash', () => {
  test('spreads routing keys, the same key goes the same way', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'x-modulus-hash');
    const queues: string[] = [];
    while (queues.length < 4) queues.push(await boundQueue(channel, exchange, 'any'));
    await publishKeys(channel, exchange, 400);
    const first = await placesOf(channel, queues);
    await publishKeys(channel, exchange, 400);
    expect(first.size).toBe(400);
    expect(await placesOf(channel, queues)).toEqual(first);
    for (const queue of queues) {
      const count = [...first.values()].filter((place) => place === queue).length;
      expect(Math.abs(count - 100)).toBeLessThan(60);
    }
  });
});

scenarios('3.4 x-random', () => {
  test('picks one binding, whatever the routing key', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'x-random');
    const queues: string[] = [];
    while (queues.length < 4) queues.push(await boundQueue(channel, exchange, 'any'));
    await publishConfirmed(
      channel,
      messages(400, (i) => ({ exchange, routingKey: 'k', body: `${i}` })),
    );
    const counts = await Promise.all(queues.map(async (queue) => (await drain(channel, queue)).length));
    expect(counts.reduce((sum, count) => sum + count)).toBe(400);
    for (const count of counts) expect(Math.abs(count - 100)).toBeLessThan(60);
  });

  test('without a binding nothing is routed', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'x-random');
    channel.publish({ exchange, routingKey: 'k', body: 'lost', mandatory: true });
    expect((await channel.next('basic.return')).text).toBe('lost');
  });
});
