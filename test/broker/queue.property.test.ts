import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Segment } from '../../src/broker/log/segment.ts';
import { Message } from '../../src/broker/message.ts';
import type { Consumer } from '../../src/broker/queues/consumer.ts';
import type { Queue } from '../../src/broker/queues/queue.ts';
import type { Overflow } from '../../src/broker/queues/queue-settings.ts';
import { PublishOutcome } from '../../src/broker/routing/publish-outcome.ts';
import { FieldTable, type FieldValue } from '../../src/protocol/field-table.ts';
import { bool, int32, longString } from '../../src/protocol/field-value.ts';
import { consumerChannel, messageOf, TestHost, take } from './support.ts';

/** What a queue may be asked for, in this test. */
interface Features {
  readonly maxLength: number | undefined;
  readonly maxBytes: number | undefined;
  readonly overflow: Overflow;
  readonly maxPriority: number;
  readonly singleActive: boolean;
  readonly ttlMs: number | undefined;
}

interface Delivered {
  readonly id: number;
  readonly redelivered: boolean;
  readonly segment: Segment;
  readonly index: number;
}

/** A consumer that keeps what it is given until the test settles it. */
class KeepingConsumer implements Consumer {
  readonly tag: string;
  readonly noAck = false;
  readonly exclusive = false;
  readonly priority: number;
  readonly arguments = FieldTable.empty;
  readonly prefetch: number;
  readonly channel = consumerChannel;
  isInRing = false;
  readonly held: Delivered[] = [];
  readonly #log: { consumer: KeepingConsumer; delivered: Delivered }[];

  constructor(tag: string, priority: number, prefetch: number, log: KeepingConsumer['log']) {
    this.tag = tag;
    this.priority = priority;
    this.prefetch = prefetch;
    this.#log = log;
  }

  get log(): { consumer: KeepingConsumer; delivered: Delivered }[] {
    return this.#log;
  }

  get hasCapacity(): boolean {
    return this.held.length < this.prefetch;
  }

  deliver(_queue: Queue, segment: Segment, index: number, redelivered: boolean): void {
    const { buffer, offsets } = segment.expectSlab();
    const message = Message.fromRecord(buffer, offsets[index] ?? 0, offsets[index + 1] ?? 0);
    const delivered = { id: Number.parseInt(message.body.toString(), 10), redelivered, segment, index };
    this.held.push(delivered);
    this.#log.push({ consumer: this, delivered });
  }

  deliverAgain(queue: Queue, segment: Segment, index: number): void {
    this.deliver(queue, segment, index, true);
  }

  cancelledByServer(): void {}
}

interface Entry {
  readonly id: number;
  readonly level: number;
  readonly bytes: number;
  readonly expiresAt: number;
  redelivered: boolean;
}

/** What a queue is, said as plainly as possible: one event after the other, each to its end. */
class NaiveQueue {
  readonly features: Features;
  ready: Entry[] = [];
  held = new Map<number, Entry>();
  buried: { id: number; reason: string }[] = [];
  /** Free places of the consumers that may be fed. */
  capacity = 0;
  delivered: { id: number; redelivered: boolean }[] = [];

  constructor(features: Features) {
    this.features = features;
  }

  publish(entry: Entry, now: number): boolean {
    const { overflow } = this.features;
    if (overflow !== 'drop-head' && this.#tooLong(1, entry.bytes)) {
      if (overflow === 'reject-publish-dlx') this.buried.push({ id: entry.id, reason: 'maxlen' });
      return false;
    }
    this.#insert(entry);
    this.settle(now);
    return true;
  }

  requeue(id: number): void {
    const entry = this.held.get(id);
    if (entry === undefined) return;
    this.held.delete(id);
    this.#insert({ ...entry, redelivered: true });
    this.#dropHead();
  }

  /** Delivers, drops and expires until nothing more happens. */
  settle(now: number): void {
    for (let head = this.ready[0]; head !== undefined && this.capacity > 0; head = this.ready[0]) {
      this.ready.shift();
      if (head.expiresAt < now) {
        this.buried.push({ id: head.id, reason: 'expired' });
        continue;
      }
      this.capacity--;
      this.held.set(head.id, head);
      this.delivered.push({ id: head.id, redelivered: head.redelivered });
    }
    this.#dropHead();
    for (let head = this.ready[0]; head !== undefined && head.expiresAt <= now; head = this.ready[0]) {
      this.ready.shift();
      this.buried.push({ id: head.id, reason: 'expired' });
    }
  }

  get readyBytes(): number {
    return this.ready.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #insert(entry: Entry): void {
    this.ready.push(entry);
    this.ready.sort((left, right) => right.level - left.level || left.id - right.id);
  }

  #tooLong(more: number, moreBytes: number): boolean {
    const { maxLength = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = this.features;
    return this.ready.length + more > maxLength || this.readyBytes + moreBytes > maxBytes;
  }

  #dropHead(): void {
    if (this.features.overflow !== 'drop-head') return;
    while (this.#tooLong(0, 0)) {
      const head = this.ready.shift();
      if (head !== undefined) this.buried.push({ id: head.id, reason: 'maxlen' });
    }
  }
}

type Command =
  | { do: 'publish'; messages: { priority: number | undefined; bytes: number; ttlMs: number | undefined }[] }
  | { do: 'consume'; priority: number; prefetch: number }
  | { do: 'cancel'; which: number }
  | { do: 'acknowledge' | 'requeue' | 'reject'; which: number; count: number }
  | { do: 'get' | 'purge' }
  | { do: 'wait'; ms: number };

const features: fc.Arbitrary<Features> = fc.record({
  maxLength: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
  maxBytes: fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined }),
  overflow: fc.constantFrom<Overflow[]>('drop-head', 'reject-publish', 'reject-publish-dlx'),
  maxPriority: fc.constantFrom(0, 0, 1, 3, 10),
  singleActive: fc.boolean(),
  ttlMs: fc.option(fc.constantFrom(0, 10, 50), { nil: undefined, freq: 3 }),
});

const message = fc.record({
  priority: fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined }),
  bytes: fc.integer({ min: 4, max: 40 }),
  ttlMs: fc.option(fc.constantFrom(0, 5, 20), { nil: undefined, freq: 3 }),
});

const which = fc.nat({ max: 1000 });
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      messages: fc.array(message, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('consume' as const),
      priority: fc.integer({ min: -1, max: 1 }),
      prefetch: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), which }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('acknowledge' as const, 'requeue' as const, 'reject' as const),
      which,
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'get' as const, 'purge' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 30 }) }),
  },
);

function argumentsOf({
  maxLength,
  maxBytes,
  overflow,
  maxPriority,
  singleActive,
  ttlMs,
}: Features): FieldTable {
  const entries: [string, FieldValue][] = [
    ['x-dead-letter-exchange', longString('')],
    ['x-dead-letter-routing-key', longString('graveyard')],
    ['x-overflow', longString(overflow)],
    ['x-single-active-consumer', bool(singleActive)],
  ];
  if (maxLength !== undefined) entries.push(['x-max-length', int32(maxLength)]);
  if (maxBytes !== undefined) entries.push(['x-max-length-bytes', int32(maxBytes)]);
  if (maxPriority > 0) entries.push(['x-max-priority', int32(maxPriority)]);
  if (ttlMs !== undefined) entries.push(['x-message-ttl', int32(ttlMs)]);
  return new FieldTable(entries);
}

/** The queue and its naive twin, kept in step. */
class Twins {
  readonly host = new TestHost();
  readonly naive: NaiveQueue;
  readonly graveyard: Queue;
  readonly queue: Queue;
  readonly log: KeepingConsumer['log'] = [];
  readonly #features: Features;
  #consumers: KeepingConsumer[] = [];
  /** Held deliveries of consumers that were cancelled. */
  #orphans: Delivered[] = [];
  #nextId = 0;

  constructor(wanted: Features) {
    this.#features = wanted;
    this.naive = new NaiveQueue(wanted);
    this.graveyard = this.host.queue('graveyard');
    this.queue = this.host.queue('q', argumentsOf(wanted));
  }

  run(step: Command): void {
    this.naive.capacity = this.#capacity();
    this.naive.delivered = [];
    this.log.length = 0;
    this.#act(step);
    this.host.broker.endTurn();
    this.naive.settle(this.#now);
    this.#compare();
  }

  get #now(): number {
    return this.host.broker.clock.now();
  }

  get #fed(): readonly KeepingConsumer[] {
    if (!this.#features.singleActive) return this.#consumers;
    return this.#consumers.filter((consumer) => consumer === this.queue.activeConsumer);
  }

  #capacity(): number {
    return this.#fed.reduce((sum, { held, prefetch }) => sum + Math.max(0, prefetch - held.length), 0);
  }

  #act(step: Command): void {
    switch (step.do) {
      case 'publish':
        for (const { priority, bytes, ttlMs } of step.messages) this.#publish(priority, bytes, ttlMs);
        break;
      case 'consume': {
        const tag = `c${this.#nextId++}`;
        const consumer = new KeepingConsumer(tag, step.priority, step.prefetch, this.log);
        this.#consumers.push(consumer);
        this.queue.addConsumer(consumer);
        this.naive.capacity = this.#capacity();
        break;
      }
      case 'cancel':
        this.#cancel(step.which);
        break;
      case 'get':
        this.#get();
        break;
      case 'purge':
        this.naive.settle(this.#now);
        expect(this.queue.purge()).toBe(this.naive.ready.length);
        this.naive.ready = [];
        break;
      case 'wait':
        this.host.broker.clock.advance(step.ms);
        break;
      default:
        for (let i = 0; i < step.count; i++) this.#settleOne(step.do, step.which + i);
        this.naive.capacity = this.#capacity();
        break;
    }
  }

  #publish(priority: number | undefined, bytes: number, ttlMs: number | undefined): void {
    const id = this.#nextId++;
    const published = messageOf('', 'q', { priority }, `${id}`.padEnd(bytes, '.'));
    published.expirationMs = ttlMs ?? -1;
    const { maxPriority, ttlMs: queueTtlMs } = this.#features;
    const lifeMs = Math.min(ttlMs ?? Number.POSITIVE_INFINITY, queueTtlMs ?? Number.POSITIVE_INFINITY);
    const entry: Entry = {
      id,
      level: Math.min(priority ?? 0, maxPriority),
      bytes,
      expiresAt: this.#now + lifeMs,
      redelivered: false,
    };
    const accepted = this.naive.publish(entry, this.#now);
    expect(this.queue.publish(published, this.#now)).toBe(
      accepted ? PublishOutcome.Accepted : PublishOutcome.Refused,
    );
  }

  #cancel(index: number): void {
    const consumer = this.#consumers[index % Math.max(1, this.#consumers.length)];
    if (consumer === undefined) return;
    const others = this.#consumers.filter((other) => other !== consumer);
    const wasActive = this.queue.activeConsumer === consumer;
    this.#consumers = others;
    this.#orphans.push(...consumer.held);
    this.queue.removeConsumer(consumer);
    if (wasActive) {
      const best = Math.max(...others.map(({ priority }) => priority));
      expect(this.queue.activeConsumer).toBe(others.find(({ priority }) => priority === best));
    }
    this.naive.capacity = this.#capacity();
  }

  #get(): void {
    this.naive.settle(this.#now);
    const expected = this.naive.ready.shift();
    const got = take(this.queue);
    expect(got === undefined ? undefined : Number.parseInt(got.body.toString(), 10)).toBe(expected?.id);
  }

  #settleOne(how: 'acknowledge' | 'requeue' | 'reject', index: number): void {
    const holders = [this.#orphans, ...this.#consumers.map(({ held }) => held)].filter(
      (held) => held.length > 0,
    );
    const held = holders[index % Math.max(1, holders.length)];
    const delivered = held?.shift();
    if (delivered === undefined) return;
    const { id, segment, index: at } = delivered;
    if (how === 'requeue') {
      this.naive.requeue(id);
      this.queue.requeue(segment, at);
    } else {
      if (how === 'reject') this.naive.buried.push({ id, reason: 'rejected' });
      this.naive.held.delete(id);
      if (how === 'reject') this.queue.reject(segment, at);
      else this.queue.acknowledge(segment, at);
    }
    for (const consumer of this.#consumers) this.queue.consumerHasCapacity(consumer);
  }

  #compare(): void {
    const { naive, queue } = this;
    const seen = this.log.map(({ delivered: { id, redelivered } }) => ({ id, redelivered }));
    expect(seen).toEqual(naive.delivered);
    for (const { consumer } of this.log) expect(consumer.held.length).toBeLessThanOrEqual(consumer.prefetch);
    const highest = Math.max(...this.#fed.filter((consumer) => consumer.hasCapacity).map((c) => c.priority));
    for (const { consumer } of this.log) expect(consumer.priority).toBeGreaterThanOrEqual(highest);
    expect({ count: queue.readyCount, bytes: queue.readyBytes, unacked: queue.unackedCount }).toEqual({
      count: naive.ready.length,
      bytes: naive.readyBytes,
      unacked: naive.held.size,
    });
    const buried = [];
    for (let letter = take(this.graveyard); letter !== undefined; letter = take(this.graveyard)) {
      const reason = letter.headers?.get('x-first-death-reason');
      if (reason?.tag !== 'S') throw new Error('a dead letter without a reason');
      buried.push({ id: Number.parseInt(letter.body.toString(), 10), reason: reason.value.toString() });
    }
    expect(buried).toEqual(naive.buried);
    naive.buried = [];
  }
}

test('a queue with limits, priorities, expiry and consumers does what a naive one does', () => {
  fc.assert(
    fc.property(
      features,
      fc.array(command, { minLength: 1, maxLength: 80, size: 'max' }),
      (wanted, commands) => {
        const twins = new Twins(wanted);
        for (const step of commands) twins.run(step);
      },
    ),
    { numRuns: 300 },
  );
});
