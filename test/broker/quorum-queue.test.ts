import { describe, expect, it } from 'vitest';
import type { Queue } from '../../src/broker/queues/queue.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { int32, longString } from '../../src/protocol/field-value.ts';
import { TestHost, take } from './support.ts';

function lettersAtLeastOnce(host: TestHost): Queue {
  const all = new FieldTable([
    ['x-queue-type', longString('quorum')],
    ['x-dead-letter-exchange', longString('dlx')],
    ['x-dead-letter-strategy', longString('at-least-once')],
    ['x-overflow', longString('reject-publish')],
    ['x-max-length', int32(2)],
  ]);
  return host.queue('q', all, { durable: true });
}

function rejectNext(queue: Queue): void {
  const taken = queue.get(false);
  if (taken === undefined) throw new Error('no message');
  queue.reject(taken.segment, taken.index);
}

describe('a quorum queue that dead-letters at least once', () => {
  it('holds messages whose letters reach no queue, counts them as its own, and tries again', () => {
    const host = new TestHost();
    const queue = lettersAtLeastOnce(host);
    host.publish('', 'q', {}, 'a');
    host.publish('', 'q', {}, 'b');
    rejectNext(queue);
    expect([queue.readyCount, queue.unackedCount, queue.heldCount]).toEqual([1, 0, 1]);
    host.publish('', 'q', {}, 'refused');
    expect(queue.readyCount).toBe(1);

    host.exchange('dlx', 'fanout');
    host.broker.clock.advance(1_000);
    expect(queue.heldCount).toBe(1);
    const graveyard = host.queue('graveyard');
    host.bind('dlx', 'graveyard');
    host.broker.clock.advance(1_000);
    expect([queue.heldCount, graveyard.readyCount]).toEqual([0, 1]);
    expect(take(graveyard)?.body.toString()).toBe('a');
    host.publish('', 'q', {}, 'c');
    expect(queue.readyCount).toBe(2);
  });

  it('holds messages whose letters are refused by a full queue', () => {
    const host = new TestHost();
    const queue = lettersAtLeastOnce(host);
    host.exchange('dlx', 'fanout');
    const full = new FieldTable([
      ['x-max-length', int32(1)],
      ['x-overflow', longString('reject-publish')],
    ]);
    const graveyard = host.queue('graveyard', full);
    host.bind('dlx', 'graveyard');
    host.publish('', 'q', {}, 'a');
    host.publish('', 'q', {}, 'b');
    rejectNext(queue);
    rejectNext(queue);
    expect([queue.heldCount, graveyard.readyCount]).toEqual([1, 1]);
    expect(take(graveyard)?.body.toString()).toBe('a');
    host.broker.clock.advance(1_000);
    expect([queue.heldCount, graveyard.readyCount]).toEqual([0, 1]);
  });

  it('lets go of them with the queue', () => {
    const host = new TestHost();
    const queue = lettersAtLeastOnce(host);
    host.publish('', 'q', {}, 'a');
    rejectNext(queue);
    expect(host.deleteQueue('q')).toBe(0);
    host.exchange('dlx', 'fanout');
    const graveyard = host.queue('graveyard');
    host.bind('dlx', 'graveyard');
    host.broker.clock.advance(5_000);
    expect([queue.heldCount, graveyard.readyCount]).toEqual([0, 0]);
  });
});
