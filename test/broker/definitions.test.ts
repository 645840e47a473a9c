import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualHost } from '../../src/broker/virtual-host.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import {
  array,
  bool,
  byteArray,
  float32,
  int8,
  int64,
  longString,
  nothing,
  table,
  uint16,
} from '../../src/protocol/field-value.ts';
import { TestHost } from './support.ts';

const of = FieldTable.of;

/** Everything that should survive, as comparable values. */
function topologyOf(vhost: VirtualHost): unknown {
  const exchanges = [...vhost.exchanges()].filter(({ durable }) => durable);
  const bindings = [...vhost.bindings()].filter(({ durable }) => durable);
  return {
    exchanges: exchanges
      .map(({ name, type, autoDelete, internal, arguments: all }) => ({
        ...{ name, autoDelete, internal, all },
        type: type.name,
      }))
      .sort(byName),
    queues: [...vhost.queues()]
      .filter(({ durable }) => durable)
      .map(({ name, autoDelete, arguments: all, settings, backlog }) => ({
        name,
        autoDelete,
        all,
        settings,
        logs: backlog.logs.map((log) => log.id),
      }))
      .sort(byName),
    bindings: bindings
      .map(({ source, destination, routingKey, arguments: all }) => ({
        ...{ source: source.name, routingKey, all },
        name: destination.name,
      }))
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  };
}

function byName(left: { name: string }, right: { name: string }): number {
  return left.name < right.name ? -1 : 1;
}

/** The same virtual host after a restart. */
function restarted(host: TestHost): VirtualHost {
  const vhost = new VirtualHost('/', host.broker);
  vhost.recover(host.broker.definitions());
  return vhost;
}

describe('definitions', () => {
  it('bring back what is durable, with every type in the arguments, and nothing else', () => {
    const host = new TestHost();
    const durable = { durable: true };
    const all = of(
      ['x-message-ttl', uint16(5)],
      ['x-max-length', int8(3)],
      ['deep', table(of(['list', array([nothing, bool(true), float32(0.5)])]))],
      ['bytes', byteArray(Buffer.from([0, 255]))],
      ['bytes', int64(1n << 60n)],
    );
    host.exchange('x', 'headers', of(['alternate-exchange', longString('ae')]), {
      ...durable,
      autoDelete: true,
    });
    host.exchange('inner', 'topic', FieldTable.empty, { ...durable, internal: true });
    host.exchange('transient x', 'direct');
    host.queue('q', all, { ...durable, autoDelete: true });
    host.queue('transient q');
    host.queue('exclusive q', FieldTable.empty, { ...durable, exclusive: true });
    host.bind('x', 'q', 'k', of(['a', int8(1)]));
    host.bind('x', 'q', 'k', of(['a', int64(1)]));
    host.bind('amq.topic', 'q', '#');
    host.bindExchange('x', 'inner', '');
    host.bind('x', 'transient q');
    host.bind('transient x', 'q');
    const vhost = restarted(host);
    expect(topologyOf(vhost)).toEqual(topologyOf(host.vhost));
    expect([...vhost.queues()].map(({ name }) => name)).toEqual(['q']);
    expect([...vhost.bindings()]).toHaveLength(4);
    expect(vhost.findExchange('x')?.alternateExchange).toBe('ae');
  });

  it('follow every change', () => {
    const names = fc.constantFrom('a', 'b', 'c');
    const kinds = fc.constantFrom(
      'queue',
      'unqueue',
      'exchange',
      'unexchange',
      'bind',
      'unbind',
      'e2e',
      'une2e',
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(kinds, names, names, fc.boolean(), fc.constantFrom('', 'k')), { maxLength: 40 }),
        (steps) => {
          const host = new TestHost();
          for (const [kind, source, destination, flag, key] of steps) {
            const all = flag ? of(['a', int8(1)]) : FieldTable.empty;
            const hasSource = host.hasExchange(source);
            const autoDelete = source === 'c';
            if (kind === 'queue' && host.vhost.findQueue(source) === undefined) {
              host.queue(source, all, { durable: flag });
            } else if (kind === 'exchange' && !hasSource) {
              host.exchange(source, 'fanout', all, { durable: flag, autoDelete });
            } else if (kind === 'unqueue') host.deleteQueue(source);
            else if (kind === 'unexchange') host.deleteExchange(source);
            else if (kind === 'unbind') host.unbind(source, destination, key, all);
            else if (kind === 'une2e') host.unbindExchange(source, destination, key, all);
            else if (kind === 'bind' && hasSource && host.vhost.findQueue(destination) !== undefined) {
              host.bind(source, destination, key, all);
            } else if (kind === 'e2e' && hasSource && host.hasExchange(destination)) {
              host.bindExchange(source, destination, key, all);
            }
          }
          expect(topologyOf(restarted(host))).toEqual(topologyOf(host.vhost));
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    [['queue', '/', 'q'], { autoDelete: false, arguments: '' }],
    [['queue', '/', 'q'], null],
    [
      ['exchange', '/', 'x'],
      { type: 'unheard-of', autoDelete: false, internal: false, arguments: 'AAAAAA==' },
    ],
    [['exchange', '/'], { type: 'direct', autoDelete: false, internal: false, arguments: 'AAAAAA==' }],
    [['binding', '/', 'amq.direct', 'queue', 'gone', ''], ['AAAAAA==']],
    [['binding', '/', 'amq.direct', 'queue', 'gone', ''], {}],
  ])('that are damaged are not passed over, case %#', (key, value) => {
    const vhost = new TestHost().vhost;
    expect(() => vhost.recover([{ key, value }])).toThrow(/'gone'|damaged|unheard-of/);
  });
});
