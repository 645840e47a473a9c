import { describe, expect, it } from 'vitest';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { int32, int64, longString } from '../../src/protocol/field-value.ts';
import { refusal, TestActor, TestHost } from './support.ts';

const of = FieldTable.of;
const alternate = (name: string) => of(['alternate-exchange', longString(name)]);
const defaultRefused = '403 operation not permitted on the default exchange';
const locked =
  "405 cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on " +
  'another connection or the exclusive property value does not match that of the original declaration.';

describe('exchange.declare', () => {
  it('knows the predeclared exchanges', () => {
    const names = [...new TestHost().vhost.exchanges()].map(({ name, type }) => `${name} ${type.name}`);
    expect(names).toEqual([
      ' direct',
      'amq.direct direct',
      'amq.fanout fanout',
      'amq.headers headers',
      'amq.match headers',
      'amq.rabbitmq.event topic',
      'amq.rabbitmq.trace topic',
      'amq.topic topic',
    ]);
  });

  it('refuses what RabbitMQ refuses', () => {
    const host = new TestHost();
    const declare = (...declaration: Parameters<TestHost['exchange']>) =>
      refusal(() => host.exchange(...declaration));
    expect(declare('x', 'foo')).toBe("406 unknown exchange type 'foo'");
    expect(declare('', 'direct')).toBe(defaultRefused);
    expect(declare('\r\n', 'direct')).toBe(defaultRefused);
    expect(declare('', 'foo', FieldTable.empty, { passive: true })).toBe(defaultRefused);
    expect(declare('amq.foo', 'direct')).toBe("403 exchange name 'amq.foo' contains reserved prefix 'amq.*'");
    expect(declare('x', 'direct', FieldTable.empty, { passive: true })).toBe(
      "404 no exchange 'x' in vhost '/'",
    );
    expect(declare('x', 'direct', of(['alternate-exchange', int32(1)]))).toBe(
      "406 invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'",
    );
    expect(host.hasExchange('x')).toBe(false);
  });

  it('takes a second declaration that asks for the same', () => {
    const host = new TestHost();
    host.exchange('amq.direct', 'direct', FieldTable.empty, { durable: true });
    host.exchange('a\r\nb', 'topic', alternate('ae'));
    host.exchange('ab', 'topic', of(['alternate-exchange', longString('ae')], ['other', int32(1)]));
    host.exchange('ab', 'no such type', FieldTable.empty, { passive: true });
    expect(host.hasExchange('ab')).toBe(true);
  });

  it('compares type, durability, auto-delete, internal, alternate exchange, in this order', () => {
    const host = new TestHost();
    host.exchange('t', 'direct');
    const flags = { durable: true, autoDelete: true, internal: true };
    const where = "for exchange 't' in vhost '/'";
    const differs = (property: string) =>
      `406 inequivalent arg '${property}' ${where}: received 'true' but current is 'false'`;
    const all = alternate('q');
    expect(refusal(() => host.exchange('t', 'fanout', all, flags))).toBe(
      `406 inequivalent arg 'type' ${where}: received 'fanout' but current is 'direct'`,
    );
    expect(refusal(() => host.exchange('t', 'direct', all, flags))).toBe(differs('durable'));
    expect(refusal(() => host.exchange('t', 'direct', all, { ...flags, durable: false }))).toBe(
      differs('auto_delete'),
    );
    expect(refusal(() => host.exchange('t', 'direct', all, { internal: true }))).toBe(differs('internal'));
    expect(refusal(() => host.exchange('t', 'direct', all))).toBe(
      `406 inequivalent arg 'alternate-exchange' ${where}: received the value 'q' of type 'longstr' but current is none`,
    );
  });

  it('asks for the permissions of an alternate exchange only when it is new', () => {
    const host = new TestHost();
    host.exchange('x', 'direct', alternate('ae'));
    host.exchange('x', 'direct', alternate('ae'));
    expect(host.actor.asked).toEqual([
      'configure exchange x',
      'read exchange x',
      'write exchange ae',
      'configure exchange x',
    ]);
  });
});

describe('exchange.delete', () => {
  it('is content with what is not there', () => {
    expect(refusal(() => new TestHost().deleteExchange('nope'))).toBe('accepted');
  });

  it('refuses the exchanges of the system, there or not', () => {
    const host = new TestHost();
    expect(refusal(() => host.deleteExchange(''))).toBe(defaultRefused);
    for (const name of ['amq.direct', 'amq.nope']) {
      expect(refusal(() => host.deleteExchange(name))).toBe(
        `403 deletion of system exchange '${name}' in vhost '/' not allowed`,
      );
    }
  });

  it('minds if-unused as long as there are bindings from the exchange', () => {
    const host = new TestHost();
    host.exchange('x', 'direct');
    host.exchange('source', 'direct');
    host.queue('q');
    host.bindExchange('source', 'x');
    host.bind('x', 'q', 'k');
    expect(refusal(() => host.deleteExchange('x', true))).toBe("406 exchange 'x' in vhost '/' in use");
    host.unbind('x', 'q', 'k');
    host.deleteExchange('x', true);
    expect(host.hasExchange('x')).toBe(false);
    expect([...host.vhost.bindings()]).toEqual([]);
  });
});

describe('bindings', () => {
  function hostWithEnds(): TestHost {
    const host = new TestHost();
    host.exchange('t', 'direct');
    host.queue('q');
    return host;
  }

  it('are refused without their ends, the source first', () => {
    const host = hostWithEnds();
    expect(refusal(() => host.bind('nope', 'nope'))).toBe("404 no exchange 'nope' in vhost '/'");
    expect(refusal(() => host.bind('t', 'nope'))).toBe("404 no queue 'nope' in vhost '/'");
    expect(refusal(() => host.bindExchange('t', 'nope'))).toBe("404 no exchange 'nope' in vhost '/'");
    expect(refusal(() => host.bind('', 'nope'))).toBe(defaultRefused);
    expect(refusal(() => host.bindExchange('', 't'))).toBe(defaultRefused);
    expect(refusal(() => host.bindExchange('t', ''))).toBe(defaultRefused);
    expect(refusal(() => host.unbind('', 'nope'))).toBe(defaultRefused);
  });

  it('that are not there count as unbound', () => {
    const host = hostWithEnds();
    host.unbind('nope', 'q');
    host.unbind('t', 'nope');
    host.unbind('t', 'q', 'never bound');
  });

  it('are one when they are the same, and two when an integer is wider', () => {
    const host = hostWithEnds();
    const [a, b] = [int32(1), int32(2)];
    host.bind('t', 'q', 'k', of(['a', a], ['b', b]));
    host.bind('t\n', '\rq', 'k', of(['b', b], ['a', a]));
    expect([...host.vhost.bindings()]).toHaveLength(1);
    host.bind('t', 'q', 'k', of(['a', int64(1)], ['b', b]));
    expect([...host.vhost.bindings()]).toHaveLength(2);
    expect(host.routes('t', 'k')).toEqual(['q']);
    host.unbind('t', 'q', 'k', of(['b', b], ['a', a]));
    expect(host.routes('t', 'k')).toEqual(['q']);
    host.unbind('t', 'q', 'k', of(['a', int64(1)], ['b', b]));
    expect(host.routes('t', 'k')).toEqual([]);
  });

  it('need write on the destination and read on the source, before anything is looked up', () => {
    const host = new TestHost();
    refusal(() => host.bind('x', 'q'));
    expect(host.actor.asked).toEqual(['write queue q', 'read exchange x']);
    host.actor.refuses = 'write exchange d';
    expect(refusal(() => host.bindExchange('', 'd'))).toBe("403 access to exchange 'd' refused");
  });

  it("to another connection's exclusive queue are refused", () => {
    const host = new TestHost();
    host.queue('q', FieldTable.empty, { exclusive: true }, new TestActor());
    host.exchange('t', 'direct');
    expect(refusal(() => host.bind('t', 'q'))).toBe(locked);
  });
});

describe('auto-delete exchanges', () => {
  it('go with the last binding from them, not with one to them', () => {
    const host = new TestHost();
    host.exchange('source', 'direct', FieldTable.empty, { autoDelete: true });
    host.exchange('destination', 'direct', FieldTable.empty, { autoDelete: true });
    host.bindExchange('source', 'destination', 'a');
    host.bindExchange('source', 'destination', 'b');
    host.unbindExchange('source', 'destination', 'a');
    expect(host.hasExchange('source')).toBe(true);
    host.unbindExchange('source', 'destination', 'b');
    expect(host.hasExchange('source')).toBe(false);
    expect(host.hasExchange('destination')).toBe(true);
  });

  it('go one after the other when the queue at the end of a chain does', () => {
    const host = new TestHost();
    host.exchange('a', 'fanout', FieldTable.empty, { autoDelete: true, durable: true });
    host.exchange('b', 'fanout', FieldTable.empty, { autoDelete: true });
    host.queue('q');
    host.bindExchange('a', 'b');
    host.bind('b', 'q');
    host.deleteQueue('q');
    expect([host.hasExchange('a'), host.hasExchange('b')]).toEqual([false, false]);
    expect(host.broker.definitions()).toEqual([]);
  });

  it('go even when they are bound to themselves', () => {
    const host = new TestHost();
    host.exchange('a', 'fanout', FieldTable.empty, { autoDelete: true });
    host.bindExchange('a', 'a');
    host.unbindExchange('a', 'a');
    expect(host.hasExchange('a')).toBe(false);
  });
});

describe('queue.declare', () => {
  it('makes up a name for an empty one', () => {
    const host = new TestHost();
    const [one, other] = [host.queue(''), host.queue('\r\n')];
    expect(one.name).toMatch(/^amq\.gen-[\w-]{22}$/);
    expect(other.name).not.toBe(one.name);
    expect(host.actor.asked[0]).toBe(`configure queue ${one.name}`);
  });

  it('refuses what RabbitMQ refuses', () => {
    const host = new TestHost();
    expect(refusal(() => host.queue('am\nq.foo'))).toBe(
      "403 queue name 'amq.foo' contains reserved prefix 'amq.*'",
    );
    const { name } = host.queue('');
    expect(refusal(() => host.queue(name))).toContain('contains reserved prefix');
    expect(refusal(() => host.queue('nope', FieldTable.empty, { passive: true }))).toBe(
      "404 no queue 'nope' in vhost '/'",
    );
    expect(host.queue(name, FieldTable.empty, { passive: true }).name).toBe(name);
  });

  it('compares exclusive, durable, auto-delete, arguments, in this order', () => {
    const host = new TestHost();
    const ttl = of(['x-message-ttl', int32(1)]);
    host.queue('q', FieldTable.empty, { durable: true });
    const where = "for queue 'q' in vhost '/': received";
    expect(refusal(() => host.queue('q', ttl, { exclusive: true }))).toBe(locked);
    expect(refusal(() => host.queue('q', ttl, { autoDelete: true }))).toBe(
      `406 inequivalent arg 'durable' ${where} 'false' but current is 'true'`,
    );
    expect(refusal(() => host.queue('q', ttl, { durable: true, autoDelete: true }))).toBe(
      `406 inequivalent arg 'auto_delete' ${where} 'true' but current is 'false'`,
    );
    expect(refusal(() => host.queue('q', ttl, { durable: true }))).toContain("'x-message-ttl'");
  });

  it('asks for the permissions of a dead-letter exchange before it looks at other arguments', () => {
    const host = new TestHost();
    host.actor.refuses = 'write exchange dlx';
    const all = of(['x-expires', int32(0)], ['x-dead-letter-exchange', longString('dlx')]);
    expect(refusal(() => host.queue('q', all))).toContain('403');
    expect(host.actor.asked).toEqual(['configure queue q', 'read queue q', 'write exchange dlx']);
  });
});

describe('exclusive queues', () => {
  const exclusive = { exclusive: true, durable: true };

  it('are closed to other connections and never durable', () => {
    const host = new TestHost();
    const queue = host.queue('q', FieldTable.empty, exclusive);
    expect(queue.durable).toBe(false);
    expect(host.queue('q', FieldTable.empty, { exclusive: true })).toBe(queue);
    expect(refusal(() => host.queue('q'))).toBe(locked);
    const other = new TestActor();
    expect(refusal(() => host.queue('q', FieldTable.empty, exclusive, other))).toBe(locked);
    expect(refusal(() => host.queue('q', FieldTable.empty, { passive: true }, other))).toBe(locked);
    expect(refusal(() => host.vhost.queue(other, 'q'))).toBe(locked);
    expect(refusal(() => host.vhost.purgeQueue(other, 'q'))).toBe(locked);
    const deletion = { name: 'q', ifUnused: false, ifEmpty: false };
    expect(refusal(() => host.vhost.deleteQueue(other, deletion))).toBe(locked);
  });

  it('go with their connection, others stay', () => {
    const host = new TestHost();
    host.queue('mine', FieldTable.empty, exclusive);
    host.queue('mine too', FieldTable.empty, exclusive);
    host.queue('q');
    host.queue('other', FieldTable.empty, exclusive, new TestActor());
    host.bind('amq.topic', 'mine', '#');
    host.vhost.deleteExclusiveQueues(host.actor.owner);
    expect([...host.vhost.queues()].map(({ name }) => name)).toEqual(['q', 'other']);
    expect([...host.vhost.bindings()]).toEqual([]);
  });
});

describe('queue.delete and queue.purge', () => {
  it('count ready messages', () => {
    const host = new TestHost();
    const queue = host.queue('q');
    for (let i = 0; i < 3; i++) host.publish('', 'q');
    queue.get(false);
    expect(refusal(() => host.deleteQueue('q', { ifEmpty: true, ifUnused: true }))).toBe(
      "406 queue 'q' in vhost '/' not empty",
    );
    expect(host.vhost.purgeQueue(host.actor, 'q')).toBe(2);
    host.publish('', 'q');
    expect(host.deleteQueue('q\n')).toBe(1);
    expect(host.deleteQueue('q')).toBe(0);
    expect(queue.isDeleted).toBe(true);
    expect(host.broker.droppedLogs).toEqual([queue.backlog.logs[0]?.id]);
    expect(refusal(() => host.vhost.purgeQueue(host.actor, 'q'))).toBe("404 no queue 'q' in vhost '/'");
  });

  it('happen by themselves when x-expires runs out, which a declaration puts off', () => {
    const host = new TestHost();
    const expiring = of(['x-expires', int32(1000)]);
    const queue = host.queue('q', expiring);
    host.broker.clock.advance(900);
    host.queue('q', expiring);
    host.broker.clock.advance(900);
    expect(queue.isDeleted).toBe(false);
    host.broker.clock.advance(1000);
    expect(queue.isDeleted).toBe(true);
    expect(host.vhost.findQueue('q')).toBeUndefined();
  });
});
