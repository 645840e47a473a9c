import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Consumer } from '../../src/broker/queues/consumer.ts';
import type { Queue } from '../../src/broker/queues/queue.ts';
import type { QueueSettings } from '../../src/broker/queues/queue-settings.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { bool, int32, longString } from '../../src/protocol/field-value.ts';
import { consumerChannel, messageOf, refusal, TestHost, take } from './support.ts';

const of = FieldTable.of;

/** All messages of a queue, taken off it. */
function bodies(queue: Queue): string[] {
  const all: string[] = [];
  for (let message = take(queue); message !== undefined; message = take(queue)) {
    all.push(message.body.toString());
  }
  return all;
}

/** A consumer that takes nothing. */
function idleConsumer(priority = 0, exclusive = false): Consumer {
  return {
    tag: 'idle',
    noAck: true,
    exclusive,
    priority,
    arguments: FieldTable.empty,
    prefetch: 0,
    channel: consumerChannel,
    hasCapacity: false,
    isInRing: false,
    deliver: () => {
      throw new Error('has no capacity');
    },
    deliverAgain: () => {
      throw new Error('has no capacity');
    },
    cancelledByServer: () => {},
  };
}

function changed(queue: Queue, changes: Partial<QueueSettings>): void {
  queue.applySettings({ ...queue.settings, ...changes });
}

describe('settings that change', () => {
  it('a lower limit drops what is too much at once, and dead-letters it', () => {
    const host = new TestHost();
    const graveyard = host.queue('graveyard');
    const queue = host.queue('q');
    for (const body of ['a', 'bb', 'c', 'd']) host.publish('', 'q', {}, body);
    changed(queue, { deadLetterExchange: '', deadLetterRoutingKey: 'graveyard', maxLength: 2 });
    expect(queue.readyCount).toBe(2);
    expect(bodies(graveyard)).toEqual(['a', 'bb']);
    changed(queue, { maxLengthBytes: 1 });
    expect(bodies(queue)).toEqual(['d']);
  });

  it('reject-publish drops nothing; back to drop-head the surplus leaves', () => {
    const host = new TestHost();
    const queue = host.queue('q');
    for (const body of ['a', 'b', 'c']) host.publish('', 'q', {}, body);
    changed(queue, { maxLength: 1, overflow: 'reject-publish' });
    host.publish('', 'q', {}, 'd');
    expect(queue.readyCount).toBe(3);
    changed(queue, { overflow: 'drop-head' });
    expect(bodies(queue)).toEqual(['c']);
  });

  it('a limit that is lifted limits nothing', () => {
    const host = new TestHost();
    const queue = host.queue('q', of(['x-max-length', int32(1)]));
    changed(queue, { maxLength: undefined });
    for (const body of ['a', 'b', 'c']) host.publish('', 'q', {}, body);
    expect(queue.readyCount).toBe(3);
  });

  it('more than fits a turn leaves over several', () => {
    const host = new TestHost();
    const queue = host.queue('q');
    const message = messageOf('', 'q', {}, 'x');
    for (let i = 0; i < 25_000; i++) queue.publish(message, host.broker.clock.now());
    changed(queue, { maxLength: 10 });
    expect(queue.readyCount).toBeGreaterThan(10);
    host.broker.endTurn();
    expect(queue.readyCount).toBe(10);
  });

  it('x-expires starts anew', () => {
    const host = new TestHost();
    const queue = host.queue('q', of(['x-expires', int32(100)]));
    host.broker.clock.advance(90);
    changed(queue, { expiresMs: 500 });
    host.broker.clock.advance(450);
    expect(queue.isDeleted).toBe(false);
    host.broker.clock.advance(50);
    expect(queue.isDeleted).toBe(true);
  });

  it('x-expires that is taken away takes nothing away', () => {
    const host = new TestHost();
    const queue = host.queue('q', of(['x-expires', int32(100)]));
    changed(queue, { expiresMs: undefined });
    host.broker.clock.advance(1000);
    expect(queue.isDeleted).toBe(false);
  });

  it('a new time to live is for new messages', () => {
    const host = new TestHost();
    const queue = host.queue('q');
    host.publish('', 'q', {}, 'old');
    changed(queue, { messageTtlMs: 10 });
    host.publish('', 'q', {}, 'new');
    host.broker.clock.advance(20);
    expect(bodies(queue)).toEqual(['old']);
  });
});

describe('a TTL of 0', () => {
  /** A consumer that takes everything. */
  function eagerConsumer(taken: string[]): Consumer {
    return {
      ...idleConsumer(),
      hasCapacity: true,
      deliver: (_queue, segment, index) => {
        taken.push(segment.message(index).body.toString());
      },
    };
  }

  /** A queue in a broker whose clock goes on by a millisecond whenever somebody looks at it. */
  function queueInHaste(host: TestHost): Queue {
    const queue = host.queue('q', of(['x-message-ttl', int32(0)]));
    const { clock } = host.broker;
    const now = clock.now.bind(clock);
    clock.now = () => {
      clock.advance(1);
      return now();
    };
    return queue;
  }

  it('does not run out while a consumer waits', () => {
    const host = new TestHost();
    const queue = queueInHaste(host);
    const taken: string[] = [];
    queue.addConsumer(eagerConsumer(taken));
    for (const body of ['a', 'b', 'c']) host.publish('', 'q', {}, body);
    expect(taken).toEqual(['a', 'b', 'c']);
  });

  it('does not run out for dead letters either', () => {
    const host = new TestHost();
    const queue = queueInHaste(host);
    const taken: string[] = [];
    queue.addConsumer(eagerConsumer(taken));
    const letters = of(
      ['x-message-ttl', int32(0)],
      ['x-dead-letter-exchange', longString('')],
      ['x-dead-letter-routing-key', longString('q')],
    );
    host.queue('first', letters);
    host.publish('', 'first', {}, 'letter');
    expect(taken).toEqual(['letter']);
  });

  it('has run out when nobody waits', () => {
    const host = new TestHost();
    const queue = queueInHaste(host);
    host.publish('', 'q', {}, 'a');
    const taken: string[] = [];
    queue.addConsumer(eagerConsumer(taken));
    host.broker.endTurn();
    expect(taken).toEqual([]);
  });
});

describe('circles of dead letters', () => {
  /** A message that a consumer rejected once may go round for ever. */
  function rejectedInto(host: TestHost, queue: Queue): void {
    const taken = queue.get(false);
    if (taken === undefined) throw new Error('nothing to reject');
    queue.reject(taken.segment, taken.index);
    host.broker.endTurn();
  }

  it.each([
    ['one message too many', int32(0), 'drop-head'],
    ['refused and dead-lettered', int32(0), 'reject-publish-dlx'],
  ])('that never end leave others their turn: %s', async (_, maxLength, overflow) => {
    const host = new TestHost();
    const circle = of(
      ['x-max-length', maxLength],
      ['x-overflow', longString(overflow)],
      ['x-dead-letter-exchange', longString('')],
    );
    host.queue('circle', circle);
    const start = host.queue(
      'start',
      of(['x-dead-letter-exchange', longString('')], ['x-dead-letter-routing-key', longString('circle')]),
    );
    host.publish('', 'start', {}, 'round and round');
    rejectedInto(host, start);
    await setImmediate();
    const other = host.queue('other');
    host.publish('', 'other', {}, 'through');
    expect(bodies(other)).toEqual(['through']);
    host.vhost.stop();
  });
});

describe('a single active consumer', () => {
  const single = of(['x-single-active-consumer', bool(true)]);

  it('can be asked for', () => {
    const queue = new TestHost().queue('q', single);
    expect([queue.singleActiveConsumer, queue.activeConsumer]).toEqual([true, undefined]);
    const [first, second, third] = [idleConsumer(), idleConsumer(1), idleConsumer(2)];
    for (const consumer of [first, second, third]) queue.addConsumer(consumer);
    expect(queue.activeConsumer).toBe(first);
    queue.removeConsumer(first);
    expect(queue.activeConsumer).toBe(third);
    queue.removeConsumer(second);
    expect(queue.activeConsumer).toBe(third);
    queue.removeConsumer(third);
    expect(queue.activeConsumer).toBeUndefined();
  });

  it('is never exclusive', () => {
    const queue = new TestHost().queue('q', single);
    expect(refusal(() => queue.addConsumer(idleConsumer(0, true)))).toBe(
      "403 queue 'q' in vhost '/' in exclusive use",
    );
    expect(queue.consumerCount).toBe(0);
  });
});
