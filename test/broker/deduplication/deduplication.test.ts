import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/broker/store.ts';
import { FieldTable, type FieldValue } from '../../../src/protocol/field-table.ts';
import {
  bool,
  byteArray,
  float64,
  int8,
  int32,
  int64,
  longString,
  nothing,
} from '../../../src/protocol/field-value.ts';
import { refusal, TestHost, take } from '../support.ts';

const of = FieldTable.of;
const text = longString;
const header = 'x-deduplication-header';
const type = 'x-message-deduplication';
let host: TestHost;

beforeEach(() => {
  host = new TestHost();
});

function publish(exchange: string, id: FieldValue | string, body = '', routingKey = ''): void {
  const headers = of([header, typeof id === 'string' ? text(id) : id]);
  host.publish(exchange, routingKey, { headers }, body);
}

function count(queue: string): number {
  return host.queue(queue).readyCount;
}

function duplicatesOf(exchange: string): number | undefined {
  return host.vhost.findExchange(exchange)?.deduplicator?.duplicateCount;
}

describe('an exchange of type x-message-deduplication', () => {
  function deduplicating(...all: readonly (readonly [string, FieldValue])[]): void {
    host.exchange('x', type, of(['x-cache-size', int32(3)], ...all));
    host.queue('q');
    host.bind('x', 'q', 'any');
  }

  it('lets each id through once, and counts the others', () => {
    deduplicating();
    for (const id of ['a', 'b', 'a', 'a', 'b']) publish('x', id);
    expect([count('q'), duplicatesOf('x')]).toEqual([2, 3]);
    host.publish('x', '');
    host.publish('x', '', { headers: of(['other', int32(1)]) });
    expect([count('q'), duplicatesOf('x')]).toEqual([4, 3]);
  });

  it.each<[FieldValue, FieldValue, boolean]>([
    [int8(1), int64(1), true],
    [text('a'), byteArray(Buffer.from('a')), true],
    [text('1'), int32(1), false],
    [float64(1), int32(1), false],
    [bool(true), text('true'), false],
    [text(''), text(''), true],
    [nothing, nothing, false],
  ])('compares values as RabbitMQ does, case %#', (first, second, isDuplicate) => {
    deduplicating();
    publish('x', first);
    publish('x', second);
    expect(count('q')).toBe(isDuplicate ? 1 : 2);
  });

  it('forgets the oldest id when there are too many', () => {
    deduplicating();
    for (const id of ['a', 'b', 'c', 'a', 'd', 'b', 'a']) publish('x', id);
    // a goes for d, b is still there, then a comes anew and b goes.
    expect(count('q')).toBe(5);
    publish('x', 'b');
    expect(count('q')).toBe(6);
  });

  it('forgets ids after x-cache-ttl, that of the message first', () => {
    deduplicating(['x-cache-ttl', text('100')]);
    const short = of([header, text('short')], ['x-cache-ttl', int32(10)]);
    const publishBoth = () => {
      publish('x', 'long');
      host.publish('x', '', { headers: short });
    };
    publishBoth();
    for (const [ms, expected] of [
      [9, 2],
      [1, 3],
      [9, 3],
      [80, 4],
      [1, 5],
    ] as const) {
      host.broker.clock.advance(ms);
      publishBoth();
      expect([host.broker.clock.now(), count('q')]).toEqual([host.broker.clock.now(), expected]);
    }
  });

  it('has the size and the time of a policy', () => {
    deduplicating();
    const define = (definition: Record<string, JsonValue>): void => {
      host.vhost.policies.set('policy', { name: 'p', pattern: '^x$', definition });
    };
    define({ 'x-cache-size': 4 });
    for (const id of ['a', 'b', 'c', 'd', 'a']) publish('x', id);
    expect([count('q'), duplicatesOf('x')]).toEqual([4, 1]);
    define({ 'x-cache-size': 2, 'x-cache-ttl': 10 });
    publish('x', 'e');
    expect(host.vhost.findExchange('x')?.deduplicator?.size).toBe(2);
    host.broker.clock.advance(10);
    for (const id of ['d', 'e']) publish('x', id);
    expect([count('q'), duplicatesOf('x')]).toEqual([6, 2]);
    host.vhost.policies.clear('policy', 'p');
    for (const id of ['f', 'g', 'e']) publish('x', id);
    expect(duplicatesOf('x')).toBe(3);
  });

  it.each<[Record<string, JsonValue>, string, string]>([
    [{ [type]: 1 }, 'queues', "'x-message-deduplication' must be a boolean, got 1"],
    [{ 'x-cache-size': 0 }, 'all', "'x-cache-size' must be an integer greater than 0"],
    [{ 'x-cache-size': 2 ** 24 + 1 }, 'all', 'at most 16777216'],
    [{ 'x-cache-persistence': 'disk' }, 'all', 'cannot come from a policy'],
    [{ [type]: true }, 'exchanges', 'is for queues'],
  ])('refuses a policy of %j for %s', (definition, applyTo, message) => {
    const set = () => host.vhost.policies.set('policy', { name: 'p', pattern: '', applyTo, definition });
    expect(set).toThrow(message);
  });

  it('remembers no message that a full queue has refused', () => {
    deduplicating();
    host.queue('full', of(['x-max-length', int32(0)], ['x-overflow', text('reject-publish')]));
    host.bind('x', 'full', 'any');
    publish('x', 'a');
    host.deleteQueue('full');
    publish('x', 'a');
    publish('x', 'a');
    expect([count('q'), duplicatesOf('x')]).toEqual([2, 1]);
  });

  it('sends nothing of a duplicate to the alternate exchange, nor does it come back as unroutable', () => {
    host.exchange('x', type, of(['x-cache-size', int32(3)], ['alternate-exchange', text('amq.fanout')]));
    host.queue('lost');
    host.bind('amq.fanout', 'lost');
    for (let i = 0; i < 3; i++) publish('x', 'a');
    expect([count('lost'), duplicatesOf('x')]).toEqual([1, 2]);
    const exchange = host.vhost.exchangeForPublish(host.actor, 'x');
    expect(host.routes('x', '', of([header, text('a')]))).toEqual([]);
    expect(exchange.deduplicator?.duplicateCount).toBe(2);
  });

  it('stands behind and before other exchanges', () => {
    deduplicating();
    host.bindExchange('amq.topic', 'x', '#');
    host.exchange('fan', 'fanout');
    host.bindExchange('x', 'fan');
    host.queue('behind');
    host.bind('fan', 'behind');
    host.queue('beside');
    host.bind('amq.topic', 'beside', '#');
    for (let i = 0; i < 3; i++) publish('amq.topic', 'a');
    expect([count('q'), count('behind'), count('beside')]).toEqual([1, 1, 3]);
  });

  it.each<[[string, FieldValue][], string]>([
    [[], "406 Missing or invalid argument, 'x-cache-size' must be an integer greater than 0"],
    [
      [['x-cache-size', int32(0)]],
      "406 Missing or invalid argument, 'x-cache-size' must be an integer greater than 0",
    ],
    [
      [['x-cache-size', text('many')]],
      "406 Missing or invalid argument, 'x-cache-size' must be an integer greater than 0",
    ],
    [[['x-cache-size', int64(2 ** 40)]], "406 Invalid argument, 'x-cache-size' must be at most 16777216"],
    [
      [
        ['x-cache-size', text('5')],
        ['x-cache-ttl', int32(-1)],
      ],
      "406 Invalid argument, 'x-cache-ttl' must be an integer greater than 0",
    ],
    [
      [
        ['x-cache-size', text('5')],
        ['x-cache-persistence', text('tape')],
      ],
      "406 Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'",
    ],
    [
      [
        ['x-cache-size', text('5')],
        [header, int32(1)],
      ],
      `406 Invalid argument, '${header}' must be the name of a header`,
    ],
    [[['x-cache-size', text('5')]], 'accepted'],
  ])('arguments, case %#', (entries, expected) => {
    expect(refusal(() => host.exchange('x', type, of(...entries)))).toBe(expected);
  });
});

describe('the argument x-message-deduplication of any exchange', () => {
  it('drops duplicates before the bindings are asked', () => {
    host.exchange('x', 'direct', of([type, bool(true)], [header, text('id')]));
    host.queue('q');
    host.bind('x', 'q', 'k');
    const headers = of(['id', int32(7)]);
    for (const key of ['k', 'k', 'other']) host.publish('x', key, { headers });
    expect([count('q'), duplicatesOf('x')]).toEqual([1, 2]);
  });

  it('must be a boolean', () => {
    const all = of([type, text('yes')]);
    const expected = `406 Invalid argument, '${type}' must be a boolean`;
    expect(refusal(() => host.exchange('x', 'direct', all))).toBe(expected);
    expect(refusal(() => host.queue('q', all))).toBe(expected);
  });
});

describe('a queue with x-message-deduplication', () => {
  const all = of([type, bool(true)]);

  it('takes no message while another one with its id is there', () => {
    const queue = host.queue('q', all);
    for (const id of ['a', 'b', 'a']) publish('', id, id, 'q');
    expect([queue.readyCount, queue.deduplicator?.duplicateCount, queue.deduplicator?.size]).toEqual([
      2, 1, 2,
    ]);
    const taken = queue.get(false);
    publish('', 'a', 'a', 'q');
    expect(queue.readyCount).toBe(1);
    if (taken !== undefined) queue.requeue(taken.segment, taken.index);
    publish('', 'a', 'a', 'q');
    expect(queue.readyCount).toBe(2);
    expect(take(queue)?.body.toString()).toBe('a');
    publish('', 'a', 'again', 'q');
    expect([take(queue), take(queue)].map((message) => message?.body.toString())).toEqual(['b', 'again']);
    expect(queue.deduplicator?.size).toBe(0);
  });

  it.each<[string, FieldTable, () => void]>([
    ['expired', of(['x-message-ttl', int32(5)]), () => host.broker.clock.advance(5)],
    ['was dropped', of(['x-max-length', int32(1)]), () => publish('', 'another', '', 'q')],
    ['was purged', FieldTable.empty, () => host.queue('q').purge()],
  ])('takes one again when the first %s', (_, more, leave) => {
    const queue = host.queue('q', of([type, bool(true)], ...more.entries));
    publish('', 'a', 'first', 'q');
    leave();
    publish('', 'a', 'second', 'q');
    expect(take(queue)?.body.toString()).toBe('second');
  });

  it('tells ids of all priorities and quorum queues apart alike', () => {
    for (const [name, more] of [
      ['ranked', of(['x-max-priority', int32(3)])],
      ['quorum', of(['x-queue-type', text('quorum')])],
    ] as const) {
      const queue = host.queue(name, of([type, bool(true)], ...more.entries), { durable: true });
      for (const priority of [0, 3]) {
        host.publish('', name, { priority, headers: of([header, text('a')]) });
      }
      expect(queue.readyCount).toBe(1);
      // A quorum queue puts what is given back behind all others.
      const taken = queue.get(false);
      if (taken !== undefined) queue.requeue(taken.segment, taken.index);
      host.publish('', name, { headers: of([header, text('a')]) });
      expect([queue.readyCount, queue.deduplicator?.size]).toEqual([1, 1]);
      take(queue);
      expect(queue.deduplicator?.size).toBe(0);
    }
  });

  it('with x-cache-size remembers ids of messages that have left', () => {
    const queue = host.queue('q', of([type, bool(true)], ['x-cache-size', int32(2)]));
    for (const id of ['a', 'a', 'b']) {
      publish('', id, id, 'q');
      take(queue);
    }
    expect([queue.readyCount, queue.deduplicator?.duplicateCount]).toEqual([0, 1]);
    publish('', 'c', '', 'q');
    publish('', 'a', '', 'q');
    expect(queue.readyCount).toBe(2);
  });

  it('may have it from a policy, for what comes from then on', () => {
    const queue = host.queue('q');
    publish('', 'a', '', 'q');
    const define = (definition: Record<string, JsonValue>): void => {
      host.vhost.policies.set('policy', { name: 'p', pattern: '^q$', definition });
    };
    define({ 'x-message-deduplication': true });
    for (const id of ['a', 'a', 'b', 'b']) publish('', id, '', 'q');
    expect([queue.readyCount, queue.deduplicator?.duplicateCount]).toEqual([3, 2]);
    while (take(queue) !== undefined);
    expect(queue.deduplicator?.size).toBe(0);
    define({ 'x-message-deduplication': false });
    for (const id of ['a', 'a']) publish('', id, '', 'q');
    expect([queue.readyCount, queue.deduplicator]).toEqual([2, undefined]);
    define({ 'x-message-deduplication': true });
    const other = host.queue('q2', of([type, bool(false)]));
    host.vhost.policies.set('policy', { name: 'p', pattern: '', definition: { [type]: true } });
    expect([other.deduplicator, host.queue('q3').deduplicator?.size]).toEqual([undefined, 0]);
  });

  it('holds the ids that are there, whatever happens', () => {
    const step = fc.record({
      id: fc.nat(8),
      act: fc.constantFrom('publish', 'publish', 'get', 'ack', 'requeue'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        host = new TestHost();
        const queue = host.queue('q', all);
        const present = new Set<string>();
        const unacked: { id: string; taken: NonNullable<ReturnType<typeof queue.get>> }[] = [];
        for (const { id, act } of steps) {
          if (act === 'publish') {
            const before = queue.readyCount;
            publish('', `${id}`, `${id}`, 'q');
            expect(queue.readyCount - before).toBe(present.has(`${id}`) ? 0 : 1);
            present.add(`${id}`);
          } else if (act === 'get') {
            const taken = queue.get(false);
            if (taken === undefined) continue;
            unacked.push({ id: taken.segment.message(taken.index).body.toString(), taken });
          } else {
            const last = unacked.splice(id % (unacked.length || 1), 1)[0];
            if (last === undefined) continue;
            if (act === 'requeue') queue.requeue(last.taken.segment, last.taken.index);
            else queue.acknowledge(last.taken.segment, last.taken.index);
            if (act === 'ack') present.delete(last.id);
          }
          expect(queue.deduplicator?.size).toBe(present.size);
        }
      }),
      { numRuns: 200 },
    );
  });
});
