import { expect, test } from 'vitest';
import { openChannel, scenarios } from '../harness/broker.ts';
import { drain, expectChannelError, getText } from '../harness/expectations.ts';
import { bindQueue, boundQueue, declareExchange, declareQueue } from '../harness/model.ts';
import { methodName, Typed } from '../raw-codec.ts';

scenarios('1.10 bindings', () => {
  test('binding twice is binding once, one unbind removes it', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct');
    const queue = await boundQueue(channel, exchange, 'a');
    await bindQueue(channel, exchange, queue, 'a');
    channel.publish({ exchange, routingKey: 'a', body: '1' });
    await channel.call('queue.unbind', { exchange, queue, 'routing-key': 'a' });
    channel.publish({ exchange, routingKey: 'a', body: '2' });
    expect(await drain(channel, queue)).toEqual(['1']);
  });

  test('several matching bindings give one copy (trap 36)', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'topic');
    const queue = await boundQueue(channel, exchange, '#');
    await bindQueue(channel, exchange, queue, 'a.*');
    await bindQueue(channel, exchange, queue, '*.b');
    channel.publish({ exchange, routingKey: 'a.b', body: 'once' });
    expect(await drain(channel, queue)).toEqual(['once']);
  });

  test('other arguments make another binding, also on a direct exchange', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct');
    const queue = await boundQueue(channel, exchange, 'a', { x: 1 });
    await bindQueue(channel, exchange, queue, 'a');
    await channel.call('queue.unbind', { exchange, queue, 'routing-key': 'a' });
    channel.publish({ exchange, routingKey: 'a', body: 'still bound' });
    expect(await drain(channel, queue)).toEqual(['still bound']);
  });

  test('the order of arguments makes no difference', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'headers');
    const queue = await boundQueue(channel, exchange, '', { a: 1, b: 2 });
    await channel.call('queue.unbind', { exchange, queue, arguments: { b: 2, a: 1 } });
    channel.publish({ exchange, properties: { headers: { a: 1, b: 2 } }, body: 'x' });
    expect(await drain(channel, queue)).toEqual([]);
  });

  test('unbinding what was never bound is fine (trap 6)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('queue.unbind', { exchange: 'amq.direct', queue, 'routing-key': 'never' });
    await channel.call('queue.unbind', { exchange: 'nope', queue });
    await channel.call('queue.unbind', { exchange: 'amq.direct', queue: 'nope' });
    await channel.call('exchange.unbind', { source: 'nope', destination: 'amq.direct' });
    await channel.call('exchange.unbind', { source: 'amq.direct', destination: 'nope' });
  });

  test('exchange.unbind is answered by method 51 (trap 1)', async () => {
    const channel = await openChannel();
    channel.send('exchange.unbind', { source: 'amq.direct', destination: 'amq.fanout' });
    const answer = await channel.next();
    expect([answer.payload.readUInt16BE(0), answer.payload.readUInt16BE(2)]).toEqual([40, 51]);
    expect(methodName(40, 51)).toBe(answer.name);
  });

  test('no-wait leaves out the answer (trap 2)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    channel.send('queue.bind', { exchange: 'amq.direct', queue, 'routing-key': queue, 'no-wait': true });
    channel.send('exchange.bind', {
      source: 'amq.direct',
      destination: 'amq.fanout',
      'routing-key': queue,
      'no-wait': true,
    });
    channel.send('exchange.unbind', {
      source: 'amq.direct',
      destination: 'amq.fanout',
      'routing-key': queue,
      'no-wait': true,
    });
    channel.publish({ exchange: 'amq.direct', routingKey: queue, body: 'x' });
    expect(await drain(channel, queue)).toEqual(['x']);
    expect(channel.arrived).toEqual([]);
  });

  test('a missing exchange', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await expectChannelError(channel.call('queue.bind', { exchange: 'nope', queue }), {
      code: 404,
      text: "NOT_FOUND - no exchange 'nope' in vhost '/'",
      method: 'queue.bind',
    });
  });

  test('a missing queue', async () => {
    const channel = await openChannel();
    await expectChannelError(channel.call('queue.bind', { exchange: 'amq.direct', queue: 'nope' }), {
      code: 404,
      text: "NOT_FOUND - no queue 'nope' in vhost '/'",
      method: 'queue.bind',
    });
  });

  test('exchange.bind with a missing end', async () => {
    const channel = await openChannel();
    await expectChannelError(channel.call('exchange.bind', { source: 'amq.direct', destination: 'nope' }), {
      code: 404,
      text: "NOT_FOUND - no exchange 'nope' in vhost '/'",
      method: 'exchange.bind',
    });
  });

  test.each(['queue.bind', 'queue.unbind'] as const)(
    '%s on the default exchange is refused',
    async (method) => {
      const channel = await openChannel();
      const queue = await declareQueue(channel);
      await expectChannelError(channel.call(method, { exchange: '', queue, 'routing-key': 'a' }), {
        code: 403,
        text: 'ACCESS_REFUSED - operation not permitted on the default exchange',
        method,
      });
    },
  );

  test.each([
    ['source', { source: '', destination: 'amq.fanout' }],
    ['destination', { source: 'amq.fanout', destination: '' }],
  ])('exchange.bind with the default exchange as %s is refused', async (_, fields) => {
    const channel = await openChannel();
    await expectChannelError(channel.call('exchange.bind', fields), {
      code: 403,
      text: 'ACCESS_REFUSED - operation not permitted on the default exchange',
      method: 'exchange.bind',
    });
  });

  test("another connection's exclusive queue cannot be bound", async () => {
    const channel = await openChannel();
    const owner = await openChannel();
    const queue = await declareQueue(owner, { exclusive: true });
    await expectChannelError(channel.call('queue.bind', { exchange: 'amq.direct', queue }), {
      code: 405,
      text: `RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${queue}' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`,
      method: 'queue.bind',
    });
  });

  test('an empty queue name is the last declared queue, an empty key then its name', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    await channel.call('queue.bind', { exchange: 'amq.direct' });
    channel.publish({ exchange: 'amq.direct', routingKey: queue, body: 'x' });
    expect(await getText(channel, queue)).toBe('x');
  });

  test('an empty queue name before any declaration', async () => {
    const channel = await openChannel();
    await expectChannelError(channel.call('queue.bind', { exchange: 'amq.direct' }), {
      code: 404,
      text: 'NOT_FOUND - no previously declared queue',
      method: 'queue.bind',
    });
  });
});

scenarios('1.10 exchange-to-exchange bindings', () => {
  test('messages pass on under the key of the binding', async () => {
    const channel = await openChannel();
    const source = await declareExchange(channel, 'topic');
    const destination = await declareExchange(channel, 'direct');
    const queue = await boundQueue(channel, destination, 'a.b');
    await channel.call('exchange.bind', { source, destination, 'routing-key': 'a.*' });
    channel.publish({ exchange: source, routingKey: 'a.b', body: 'through' });
    channel.publish({ exchange: source, routingKey: 'a.c', body: 'no binding behind' });
    channel.publish({ exchange: source, routingKey: 'b.b', body: 'no binding before' });
    const message = await channel.call('basic.get', { queue, 'no-ack': true });
    expect(message.fields).toMatchObject({ exchange: source, 'routing-key': 'a.b', 'message-count': 0 });
    await channel.call('exchange.unbind', { source, destination, 'routing-key': 'a.*' });
    channel.publish({ exchange: source, routingKey: 'a.b', body: 'unbound' });
    expect(await getText(channel, queue)).toBeUndefined();
  });

  test('cycles are legal and each queue gets one copy', async () => {
    const channel = await openChannel();
    const [one, two] = [await declareExchange(channel, 'fanout'), await declareExchange(channel, 'fanout')];
    await channel.call('exchange.bind', { source: one, destination: two });
    await channel.call('exchange.bind', { source: two, destination: one });
    await channel.call('exchange.bind', { source: one, destination: one });
    const queue = await boundQueue(channel, one);
    await bindQueue(channel, two, queue);
    channel.publish({ exchange: one, body: 'once' });
    expect(await drain(channel, queue)).toEqual(['once']);
  });

  test('the alternate exchange of a bound exchange is its own affair', async () => {
    const channel = await openChannel();
    const alternate = await declareExchange(channel, 'fanout');
    const source = await declareExchange(channel, 'fanout');
    const destination = await declareExchange(channel, 'direct', {
      arguments: { 'alternate-exchange': alternate },
    });
    await channel.call('exchange.bind', { source, destination });
    const [direct, rest] = [await boundQueue(channel, source), await boundQueue(channel, alternate)];
    channel.publish({ exchange: source, routingKey: 'unknown', body: 'x' });
    expect(await drain(channel, direct)).toEqual(['x']);
    expect(await drain(channel, rest)).toEqual(['x']);
  });
});

scenarios('3.1 direct, fanout, topic', () => {
  test('direct compares keys byte by byte', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct');
    const [exact, empty] = [
      await boundQueue(channel, exchange, 'Key'),
      await boundQueue(channel, exchange, ''),
    ];
    for (const routingKey of ['Key', 'key', 'Key ', ''])
      channel.publish({ exchange, routingKey, body: routingKey });
    expect(await drain(channel, exact)).toEqual(['Key']);
    expect(await drain(channel, empty)).toEqual(['']);
  });

  test('fanout ignores key and headers and passes them on', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'fanout');
    const queues = [
      await boundQueue(channel, exchange, 'x'),
      await boundQueue(channel, exchange, 'y', { a: 1 }),
    ];
    channel.publish({ exchange, routingKey: 'z', properties: { headers: { b: 2 } } });
    for (const queue of queues) {
      const message = await channel.call('basic.get', { queue, 'no-ack': true });
      expect([message.fields['routing-key'], message.headers]).toEqual(['z', { b: 2 }]);
    }
  });

  test.each<[string, readonly string[], readonly string[]]>([
    ['a.b', ['a.b'], ['a', 'a.b.c', 'A.b', 'a.', '']],
    ['a.*', ['a.b', 'a.'], ['a', 'a.b.c', '.a']],
    ['*', ['a', 'A-b'], ['', 'a.b', '.']],
    ['*.*', ['.', 'a.b', 'a.', '.b'], ['a', '', '..']],
    ['#', ['', '.', 'a', 'a.b.c', '..'], []],
    ['#.a', ['a', 'b.a', 'a.a', '.a', 'b.c.a'], ['', 'a.b', 'ba']],
    ['a.#', ['a', 'a.b', 'a.b.c', 'a.'], ['', 'ab', 'b.a']],
    ['*.#', ['a', '.', 'a.b.c'], ['']],
    ['#.#', ['', 'a', 'a.b'], []],
    ['a.#.b', ['a.b', 'a.x.b', 'a.b.b', 'a.x.y.b', 'a..b'], ['a', 'b', 'a.b.c']],
    ['#.*.b', ['a.b', 'x.a.b', '.b'], ['b', 'a.b.c']],
    ['a..b', ['a..b'], ['a.b', 'a.x.b']],
    ['a*', ['a*'], ['ab', 'a']],
    ['a#.b', ['a#.b'], ['a.b', 'ax.b']],
    ['', [''], ['a', '.']],
  ])('topic pattern "%s" (trap 34)', async (pattern, matching, others) => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'topic');
    const queue = await boundQueue(channel, exchange, pattern);
    for (const routingKey of [...matching, ...others])
      channel.publish({ exchange, routingKey, body: routingKey });
    expect(await drain(channel, queue)).toEqual(matching);
  });

  test('unbinding one topic pattern leaves the others', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'topic');
    const queue = await boundQueue(channel, exchange, 'a.#');
    await bindQueue(channel, exchange, queue, 'a.*');
    await channel.call('queue.unbind', { exchange, queue, 'routing-key': 'a.#' });
    for (const routingKey of ['a.b', 'a.b.c']) channel.publish({ exchange, routingKey, body: routingKey });
    expect(await drain(channel, queue)).toEqual(['a.b']);
  });

  test('CC and BCC add keys; the delivery shows the original key, BCC is gone (trap 35)', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct');
    const queues = [];
    for (const key of ['main', 'cc', 'bcc']) queues.push(await boundQueue(channel, exchange, key));
    const headers = { CC: ['cc'], BCC: ['bcc', 'main'], other: 1 };
    channel.publish({ exchange, routingKey: 'main', properties: { headers } });
    for (const queue of queues) {
      const message = await channel.call('basic.get', { queue, 'no-ack': true });
      expect(message.fields).toMatchObject({ 'routing-key': 'main', 'message-count': 0 });
      expect(message.headers).toEqual({ CC: ['cc'], other: 1 });
    }
  });

  test('CC works on the default exchange, elements that are no strings are ignored', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    channel.publish({ routingKey: 'nowhere', properties: { headers: { CC: [1, queue, true] } }, body: 'cc' });
    expect(await getText(channel, queue)).toBe('cc');
  });

  test.each(['CC', 'BCC'])('%s must be an array', async (header) => {
    const channel = await openChannel();
    channel.publish({ exchange: 'amq.direct', properties: { headers: { [header]: 'x' } } });
    await expectChannelError(channel.closedByServer(), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"${header}",longstr}`,
      method: 'basic.publish',
    });
  });
});

scenarios('3.2 headers', () => {
  const matches: readonly [string, Record<string, unknown>, Record<string, unknown> | undefined, boolean][] =
    [
      ['all: every pair', { 'x-match': 'all', a: 1, b: 'x' }, { a: 1, b: 'x', c: 2 }, true],
      ['all: one missing', { 'x-match': 'all', a: 1, b: 'x' }, { a: 1 }, false],
      ['all is the default', { a: 1, b: 'x' }, { a: 1 }, false],
      ['all without arguments: everything (trap 33)', { 'x-match': 'all' }, { z: 1 }, true],
      ['no arguments: also messages without headers (trap 33)', {}, undefined, true],
      ['any: one pair', { 'x-match': 'any', a: 1, b: 'x' }, { b: 'x' }, true],
      ['any: none', { 'x-match': 'any', a: 1 }, { a: 2 }, false],
      ['any without arguments: nothing (trap 33)', { 'x-match': 'any' }, { a: 1 }, false],
      ['any without headers', { 'x-match': 'any', a: 1 }, undefined, false],
      ['all skips x- arguments', { 'x-match': 'all', a: 1, 'x-b': 2 }, { a: 1 }, true],
      ['any skips x- arguments', { 'x-match': 'any', a: 1, 'x-b': 2 }, { 'x-b': 2 }, false],
      ['all-with-x heeds x- arguments', { 'x-match': 'all-with-x', a: 1, 'x-b': 2 }, { a: 1 }, false],
      ['all-with-x: every pair', { 'x-match': 'all-with-x', a: 1, 'x-b': 2 }, { a: 1, 'x-b': 2 }, true],
      ['any-with-x heeds x- arguments', { 'x-match': 'any-with-x', a: 1, 'x-b': 2 }, { 'x-b': 2 }, true],
      ['integer is not text', { a: 1 }, { a: '1' }, false],
      ['integer is not boolean', { a: 1 }, { a: true }, false],
      ['integer and double of the same value are equal', { a: 1 }, { a: new Typed('d', 1) }, true],
      ['integer widths make no difference', { a: new Typed('I', 1) }, { a: new Typed('l', 1n) }, true],
      ['signed or not makes no difference', { a: new Typed('b', 1) }, { a: new Typed('u', 1) }, true],
      [
        'float and double of the same value are equal',
        { a: new Typed('f', 1.5) },
        { a: new Typed('d', 1.5) },
        true,
      ],
      ['void: presence is enough', { a: null }, { a: 'anything' }, true],
      ['void: but needed', { a: null }, { b: 1 }, false],
      ['a header that is void is not its value', { a: 1 }, { a: null }, false],
      ['text and bytes are equal', { a: 'x' }, { a: Buffer.from('x') }, true],
      [
        'timestamps by seconds',
        { a: new Typed('T', 1_600_000_000n) },
        { a: new Typed('T', 1_600_000_000n) },
        true,
      ],
      ['timestamp is integer', { a: new Typed('T', 5n) }, { a: 5 }, true],
      ['tables by structure', { a: { b: [1, 'x'] } }, { a: { b: [1, 'x'] } }, true],
      ['tables that differ', { a: { b: [1, 'x'] } }, { a: { b: [1, 'y'] } }, false],
      ['arrays by order', { a: [1, 2] }, { a: [2, 1] }, false],
      [
        'tables with inner integer widths that differ',
        { a: [new Typed('I', 1)] },
        { a: [new Typed('l', 1n)] },
        false,
      ],
      ['keys are case-sensitive', { A: 1 }, { a: 1 }, false],
      ['empty text is a value', { a: '' }, { a: '' }, true],
    ];

  test.each(matches)('%s', async (_, args, headers, expected) => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'headers');
    const queue = await boundQueue(channel, exchange, 'ignored', args);
    channel.publish({ exchange, routingKey: 'other', properties: headers ? { headers } : {} });
    expect(await drain(channel, queue)).toHaveLength(expected ? 1 : 0);
  });

  test('an unknown x-match', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const bind = channel.call('queue.bind', {
      exchange: 'amq.headers',
      queue,
      arguments: { 'x-match': 'foo' },
    });
    await expectChannelError(bind, {
      code: 406,
      text: 'PRECONDITION_FAILED - Invalid x-match field value <<"foo">>; expected all, any, all-with-x, or any-with-x',
      method: 'queue.bind',
    });
  });

  test('an x-match that is no string', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    const bind = channel.call('queue.bind', { exchange: 'amq.headers', queue, arguments: { 'x-match': 1 } });
    await expectChannelError(bind, {
      code: 406,
      text: 'PRECONDITION_FAILED - Invalid x-match field type signedint (value 1); expected longstr',
      method: 'queue.bind',
    });
  });
});
