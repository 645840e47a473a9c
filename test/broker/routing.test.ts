import { describe, expect, it } from 'vitest';
import { withoutBlindCopies } from '../../src/broker/routing/copy-headers.ts';
import { cachedRoutesMax } from '../../src/broker/routing/route-cache.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { array, byteArray, int32, longString } from '../../src/protocol/field-value.ts';
import { messageOf, propertiesOf, refusal, TestHost, take } from './support.ts';

const of = FieldTable.of;
const keys = (...names: string[]) => array(names.map((name) => longString(name)));
const alternate = (name: string) => of(['alternate-exchange', longString(name)]);

describe('route', () => {
  it('gives each queue one copy, whatever leads to it', () => {
    const host = new TestHost();
    host.queue('q');
    host.exchange('x', 'topic');
    for (const pattern of ['a.b', 'a.*', '#', 'a.#']) host.bind('x', 'q', pattern);
    expect(host.routes('x', 'a.b')).toEqual(['q']);
  });

  it('finds a queue by its name through the default exchange', () => {
    const host = new TestHost();
    expect(host.routes('', 'q')).toEqual([]);
    host.queue('q');
    expect(host.routes('', 'q')).toEqual(['q']);
    host.deleteQueue('q');
    expect(host.routes('', 'q')).toEqual([]);
  });

  it('goes from exchange to exchange, in circles too, and to each once', () => {
    const host = new TestHost();
    for (const name of ['a', 'b', 'c']) {
      host.exchange(name, 'fanout');
      host.queue(`q${name}`);
      host.bind(name, `q${name}`);
    }
    host.bindExchange('a', 'b');
    host.bindExchange('b', 'c');
    host.bindExchange('c', 'a');
    host.bindExchange('a', 'a');
    for (const name of ['a', 'b', 'c']) expect(host.routes(name, '')).toEqual(['qa', 'qb', 'qc']);
  });

  it('asks the alternate exchange when no binding matches', () => {
    const host = new TestHost();
    host.exchange('x', 'direct', alternate('second'));
    host.exchange('second', 'direct', alternate('third'));
    host.queue('q');
    host.bind('x', 'q', 'first');
    expect(host.routes('x', 'any')).toEqual([]);
    host.exchange('third', 'fanout', alternate('x'));
    expect(host.routes('x', 'any')).toEqual([]);
    host.queue('lost');
    host.bind('third', 'lost');
    expect(host.routes('x', 'any')).toEqual(['lost']);
    expect(host.routes('x', 'first')).toEqual(['q']);
  });

  it('does not take the default exchange for one', () => {
    const host = new TestHost();
    host.exchange('x', 'direct', alternate(''));
    host.queue('q');
    expect(host.routes('x', 'q')).toEqual([]);
  });

  it('does not ask it when a binding to an exchange matches that leads nowhere', () => {
    const host = new TestHost();
    host.exchange('x', 'fanout', alternate('amq.fanout'));
    host.exchange('dead end', 'direct');
    host.queue('q');
    host.bind('amq.fanout', 'q');
    host.bindExchange('x', 'dead end');
    expect(host.routes('x', 'k')).toEqual([]);
  });

  it('remembers routes until the topology changes, and not without a bound', () => {
    const host = new TestHost();
    host.queue('q');
    const exchange = host.vhost.exchangeForPublish(host.actor, '');
    const route = (key: string) => host.vhost.route(exchange, messageOf('', key));
    const first = route('q');
    expect(route('q')).toBe(first);
    host.queue('other');
    expect(route('q')).not.toBe(first);
    const second = route('q');
    for (let i = 0; i < cachedRoutesMax; i++) route(`nobody ${i}`);
    expect(route('q')).not.toBe(second);
  });

  it('remembers nothing that a headers exchange has a say in', () => {
    const host = new TestHost();
    host.queue('q');
    host.exchange('x', 'fanout');
    host.bindExchange('x', 'amq.headers');
    host.bind('amq.headers', 'q', '', of(['a', int32(1)]));
    expect(host.routes('x', 'k')).toEqual([]);
    expect(host.routes('x', 'k', of(['a', int32(1)]))).toEqual(['q']);
    expect(host.routes('x', 'k', of(['a', int32(2)]))).toEqual([]);
  });
});

describe('CC and BCC', () => {
  function hostWithQueues(): TestHost {
    const host = new TestHost();
    for (const name of ['q', 'copy', 'blind']) host.queue(name);
    return host;
  }

  it('add routing keys; BCC is taken off, the rest of the message stays', () => {
    const host = hostWithQueues();
    const headers = of(['CC', keys('copy')], ['a', int32(1)], ['BCC', keys('blind', 'q')]);
    expect(host.routes('', 'q', headers)).toEqual(['blind', 'copy', 'q']);
    expect(host.routes('', 'q', of(['a', int32(1)]))).toEqual(['q']);
    host.publish('', 'q', { headers, expiration: '1000', messageId: 'id' }, 'body');
    for (const name of ['q', 'copy', 'blind']) {
      const message = take(host.queue(name));
      if (message === undefined) throw new Error(`nothing in ${name}`);
      expect([message.exchange, message.routingKey, message.body.toString()]).toEqual(['', 'q', 'body']);
      expect(propertiesOf(withoutBlindCopies(message))).toEqual({
        headers: of(['CC', keys('copy')], ['a', int32(1)]),
        expiration: '1000',
        messageId: 'id',
      });
    }
  });

  it('leave the time to live alone', () => {
    const host = hostWithQueues();
    host.publish('', 'nobody', { headers: of(['BCC', keys('q')]), expiration: '1000' });
    expect(host.queue('q').readyCount).toBe(1);
    host.broker.clock.advance(1000);
    host.broker.endTurn();
    expect(host.queue('q').readyCount).toBe(0);
  });

  it('ignore what is no long string in the list', () => {
    const headers = of(['CC', array([int32(1), byteArray(Buffer.from('copy')), longString('blind')])]);
    expect(hostWithQueues().routes('', 'q', headers)).toEqual(['blind', 'q']);
  });

  it('must be lists', () => {
    const host = hostWithQueues();
    const both = of(['BCC', int32(1)], ['CC', longString('copy')]);
    expect(refusal(() => host.routes('', 'q', both))).toBe(
      '406 invalid message: {unacceptable_type_in_header,"CC",longstr}',
    );
    expect(refusal(() => host.routes('', 'q', of(['BCC', int32(1)])))).toBe(
      '406 invalid message: {unacceptable_type_in_header,"BCC",signedint}',
    );
  });
});

describe('basic.publish', () => {
  it('needs write, then the exchange, then one that is not internal', () => {
    const host = new TestHost();
    const publishTo = (name: string) => refusal(() => host.vhost.exchangeForPublish(host.actor, name));
    expect(publishTo('t\n')).toBe("404 no exchange 't\n' in vhost '/'");
    expect(publishTo('amq.rabbitmq.trace')).toBe(
      "403 cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'",
    );
    host.actor.refuses = 'write exchange nope';
    expect(publishTo('nope')).toContain('403');
  });
});
