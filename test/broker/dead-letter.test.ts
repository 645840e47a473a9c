import { describe, expect, it } from 'vitest';
import { deathsMax } from '../../src/broker/dead-letters/dead-letter.ts';
import { Message } from '../../src/broker/message.ts';
import type { Queue } from '../../src/broker/queues/queue.ts';
import { FieldTable, type FieldValue } from '../../src/protocol/field-table.ts';
import {
  array,
  int32,
  int64,
  longString,
  nothing,
  table,
  textOf,
  timestamp,
} from '../../src/protocol/field-value.ts';
import { propertiesOf, TestHost, take } from './support.ts';

const of = FieldTable.of;
const text = longString;
const keys = (...names: string[]) => array(names.map((name) => text(name)));
const seconds = (host: TestHost) => timestamp(Math.floor(host.broker.clock.now() / 1000));

function deadLetterArguments(exchange: string, routingKey?: string, ttlMs?: number): FieldTable {
  let all = of(['x-dead-letter-exchange', text(exchange)]);
  if (routingKey !== undefined) all = all.with('x-dead-letter-routing-key', text(routingKey));
  return ttlMs === undefined ? all : all.with('x-message-ttl', int32(ttlMs));
}

/** `source` lets messages expire at once; all dead letters come to `dead`. */
function hostWithSource(routingKey?: string): TestHost {
  const host = new TestHost();
  host.exchange('dlx', 'fanout');
  host.queue('dead');
  host.bind('dlx', 'dead');
  host.queue('source', deadLetterArguments('dlx', routingKey, 0));
  return host;
}

function headersOf(queue: Queue): FieldTable {
  const message = take(queue);
  if (message === undefined) throw new Error(`nothing in ${queue.name}`);
  return propertiesOf(message).headers ?? FieldTable.empty;
}

function deathsOf(headers: FieldTable): FieldTable[] {
  const deaths = headers.get('x-death');
  return deaths?.tag === 'A' ? deaths.value.flatMap((entry) => (entry.tag === 'F' ? [entry.value] : [])) : [];
}

const queuesIn = (headers: FieldTable) => deathsOf(headers).map((death) => textOf(death.get('queue')));

function reject(queue: Queue): void {
  const taken = queue.get(false);
  if (taken === undefined) throw new Error(`nothing in ${queue.name}`);
  queue.reject(taken.segment, taken.index);
}

/** Forms and orders below were read off a running RabbitMQ 3.10.8. */
describe('a dead letter', () => {
  it('tells of its first death, with all headers in order of their names', () => {
    const host = hostWithSource();
    const headers = of(['zz', int32(1)], ['aa', text('x')], ['m', nothing]);
    host.publish('', 'source', { headers, expiration: '5000', messageId: 'id', deliveryMode: 2 }, 'body');
    const message = take(host.queue('dead'));
    if (message === undefined) throw new Error('no dead letter');
    expect([message.exchange, message.routingKey, message.body.toString()]).toEqual([
      'dlx',
      'source',
      'body',
    ]);
    expect(message.persistent).toBe(true);
    const death = of(
      ['count', int64(1)],
      ['reason', text('expired')],
      ['queue', text('source')],
      ['time', seconds(host)],
      ['exchange', text('')],
      ['routing-keys', keys('source')],
      ['original-expiration', text('5000')],
    );
    expect(propertiesOf(message)).toEqual({
      messageId: 'id',
      deliveryMode: 2,
      headers: of(
        ['aa', text('x')],
        ['m', nothing],
        ['x-death', array([table(death)])],
        ['x-first-death-exchange', text('')],
        ['x-first-death-queue', text('source')],
        ['x-first-death-reason', text('expired')],
        ['zz', int32(1)],
      ),
    });
  });

  it('puts a later death in front, its fields in order of their names', () => {
    const host = hostWithSource();
    host.queue('before', deadLetterArguments('', 'source', 0));
    host.publish('', 'before');
    const headers = headersOf(host.queue('dead'));
    const [latest, first] = deathsOf(headers);
    expect(queuesIn(headers)).toEqual(['source', 'before']);
    expect(latest?.entries.map(([key]) => key)).toEqual([
      'count',
      'exchange',
      'queue',
      'reason',
      'routing-keys',
      'time',
    ]);
    expect(first?.entries.map(([key]) => key)[1]).toBe('reason');
    expect(headers.get('x-first-death-queue')).toEqual(text('before'));
  });

  it('lists deaths newest first, however many', () => {
    const host = hostWithSource();
    host.queue('a', deadLetterArguments('', 'b', 0));
    host.queue('b', deadLetterArguments('', 'c', 0));
    host.queue('c', deadLetterArguments('', 'source', 0));
    host.publish('', 'a');
    expect(queuesIn(headersOf(host.queue('dead')))).toEqual(['source', 'c', 'b', 'a']);
  });

  it('counts deaths of the same reason in the same queue, also when a client publishes it again', () => {
    const host = hostWithSource();
    const death = of(['reason', text('expired')], ['queue', text('source')], ['count', int32(4)]);
    const other = of(['queue', text('source')], ['reason', text('maxlen')]);
    const headers = of(['x-death', array([table(other), table(death), table(death)])]);
    host.publish('', 'source', { headers });
    const counted = of(['count', int64(5)], ['queue', text('source')], ['reason', text('expired')]);
    const otherCounted = of(['queue', text('source')], ['reason', text('maxlen')], ['count', int64(1)]);
    expect(headersOf(host.queue('dead'))).toEqual(
      of(['x-death', array([table(counted), table(otherCounted)])]),
    );
  });

  it.each<[string, FieldValue]>([
    ['absent', nothing],
    ['a string', text('4')],
  ])('counts anew when the count is %s', (_, count) => {
    const host = hostWithSource();
    const death = of(['reason', text('expired')], ['queue', text('source')], ['count', count]);
    host.publish('', 'source', { headers: of(['x-death', array([table(death)])]) });
    expect(deathsOf(headersOf(host.queue('dead')))[0]?.get('count')).toEqual(int64(1));
  });

  it('gets a new x-death when a client made a string of it', () => {
    const host = hostWithSource();
    host.publish('', 'source', { headers: of(['x-death', text('str')], ['b', int32(1)]) });
    const headers = headersOf(host.queue('dead'));
    expect(headers.entries.map(([key]) => key)).toEqual(['b', 'x-death']);
    expect(queuesIn(headers)).toEqual(['source']);
  });

  it('keeps CC and goes by it too, unless the queue names another routing key', () => {
    const host = hostWithSource();
    host.exchange('keyed', 'direct');
    host.queue('copied');
    host.bind('keyed', 'copied', 'copy');
    host.queue('letters', deadLetterArguments('keyed', undefined, 0));
    host.publish('', 'letters', { headers: of(['CC', keys('copy')], ['BCC', keys('hidden')]) });
    const headers = headersOf(host.queue('copied'));
    expect(headers.get('CC')).toEqual(keys('copy'));
    expect(deathsOf(headers)[0]?.get('routing-keys')).toEqual(keys('letters', 'copy'));

    const other = hostWithSource('new key');
    other.publish('', 'source', { headers: of(['CC', keys('copy')]) });
    const letter = take(other.queue('dead'));
    expect(letter?.routingKey).toBe('new key');
    expect(letter?.headers?.has('CC')).toBe(false);
  });

  it('is dropped when its exchange is not there', () => {
    const host = hostWithSource();
    host.deleteExchange('dlx');
    host.publish('', 'source');
    expect(host.queue('dead').readyCount).toBe(0);
  });

  it('loses headers that cannot be read, and only these', () => {
    const host = hostWithSource();
    // flags: headers; a table of 8 octets: key "a", a table of 1 octet, in which no entry fits.
    const properties = Buffer.from([0x20, 0, 0, 0, 0, 8, 1, 0x61, 0x46, 0, 0, 0, 1, 9]);
    const message = Message.of('', 'source', properties, Buffer.from('body'));
    const route = host.vhost.route(host.vhost.exchangeForPublish(host.actor, ''), message);
    route.publish(message, host.broker.clock.now());
    expect(queuesIn(headersOf(host.queue('dead')))).toEqual(['source']);
  });
});

describe('cycles of dead letters', () => {
  it('end when nobody has rejected the message', () => {
    const host = new TestHost();
    const queue = host.queue('q', deadLetterArguments('', 'q', 0));
    host.publish('', 'q');
    expect(queue.readyCount).toBe(0);
  });

  it('end at the second visit, for the queue that was visited only', () => {
    const host = new TestHost();
    host.exchange('dlx', 'fanout');
    host.queue('other');
    host.bind('dlx', 'other');
    const queue = host.queue('q', deadLetterArguments('dlx', undefined, 0));
    host.bind('dlx', 'q');
    host.publish('', 'q');
    expect([queue.readyCount, host.queue('other').readyCount]).toEqual([0, 1]);
  });

  it('go on when a consumer rejected the message on the way', () => {
    const host = new TestHost();
    const work = host.queue('work', deadLetterArguments('', 'wait'));
    host.queue('wait', deadLetterArguments('', 'step', 10));
    host.queue('step', deadLetterArguments('', 'work', 10));
    host.publish('', 'work');
    for (let round = 1; round <= 3; round++) {
      reject(work);
      host.broker.endTurn();
      for (let hop = 0; hop < 2; hop++) {
        host.broker.clock.advance(10);
        host.broker.endTurn();
      }
      expect(work.readyCount).toBe(1);
    }
    const headers = headersOf(work);
    expect(queuesIn(headers)).toEqual(['step', 'wait', 'work']);
    expect(deathsOf(headers)[2]?.get('count')).toEqual(int64(3));
  });

  it('are assumed when a letter has passed more queues than x-death can hold', () => {
    const host = new TestHost();
    for (let i = 0; i < deathsMax; i++) host.queue(`q${i}`, deadLetterArguments('', `q${i + 1}`, 0));
    const last = host.queue(`q${deathsMax}`);
    host.publish('', 'q0');
    expect(last.readyCount).toBe(0);
    host.publish('', 'q1');
    expect(last.readyCount).toBe(1);
  });

  it('with a reject go on however many queues they pass', () => {
    const host = new TestHost();
    const deaths = Array.from({ length: deathsMax }, (_, i) =>
      table(of(['queue', text(`q${i}`)], ['reason', text('rejected')])),
    );
    const work = host.queue('work', deadLetterArguments('', 'dead'));
    host.queue('dead');
    host.publish('', 'work', { headers: of(['x-death', array(deaths)]) });
    reject(work);
    const names = queuesIn(headersOf(host.queue('dead')));
    expect(names).toHaveLength(deathsMax);
    expect([names[0], names[1], names.at(-1)]).toEqual(['work', 'q0', `q${deathsMax - 2}`]);
  });
});
