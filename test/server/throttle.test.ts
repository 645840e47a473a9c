import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Broker } from '../../src/broker/broker.ts';
import type { Consumer } from '../../src/broker/queues/consumer.ts';
import type { Recovered, Row, Store, StoredEntry } from '../../src/broker/store.ts';
import type { TouchedQueue } from '../../src/broker/turn.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { Throttle, type ThrottleHost } from '../../src/server/connection/throttle.ts';
import { consumerChannel, messageOf, TestActor } from '../broker/support.ts';
import { ManualClock } from './manual-clock.ts';

const mebibyte = 2 ** 20;

/** A disk whose commits end when the test says so. */
class SlowStore implements Store {
  readonly damagedCount = 0;
  readonly unreadableFiles = [];
  readonly durable: boolean;
  finish: () => void = () => {};

  constructor(durable: boolean) {
    this.durable = durable;
  }

  recover(): Recovered {
    return { definitions: [], logs: new Map(), cleanShutdown: true, nextLogId: 1 };
  }

  commit(): Promise<void> {
    return new Promise((resolve) => {
      this.finish = resolve;
    });
  }

  writeAhead(): undefined {}

  read(): StoredEntry[] {
    return [];
  }

  readGently(): StoredEntry[] {
    return [];
  }

  readAhead(): undefined {}

  headOfLarge(): undefined {}

  async prefetch(): Promise<void> {}

  row(): undefined {}

  scanRows(): Row[] {
    return [];
  }

  async flushStates(): Promise<void> {}

  async backup(): Promise<void> {}

  async close(): Promise<void> {}
}

class Host implements ThrottleHost {
  readonly broker: Broker;
  readonly calls: string[] = [];
  readonly isRunning = true;

  constructor(broker: Broker) {
    this.broker = broker;
  }

  pauseInput(): void {
    this.calls.push('pause');
  }

  resumeInput(): void {
    this.calls.push('resume');
  }

  blocked(reason: string): void {
    this.calls.push(`blocked: ${reason}`);
  }

  unblocked(): void {
    this.calls.push('unblocked');
  }
}

/** A broker with a commit under way. */
async function committing(durable: boolean) {
  const store = new SlowStore(durable);
  const broker = Broker.open(store, new ManualClock(), {
    storeFailed() {},
    messagesMissing() {},
    queueUnreadable() {},
    storeFull() {},
  });
  const flushed = broker.committer.flush();
  await turn();
  const host = new Host(broker);
  return { store, broker, host, throttle: new Throttle(host), flushed };
}

describe('a publisher that is faster than the disk', () => {
  it('is not read from until the disk has caught up', async () => {
    const { store, broker, host, throttle, flushed } = await committing(true);
    throttle.contentReceived();
    throttle.chunkEnd(undefined);
    expect(host.calls).toEqual([]);
    broker.slabs.take(513 * mebibyte);
    throttle.chunkEnd(undefined);
    throttle.chunkEnd(undefined);
    expect(host.calls).toEqual(['pause']);
    store.finish();
    await flushed;
    expect(host.calls).toEqual(['pause', 'resume']);
    throttle.chunkEnd(undefined);
    expect(host.calls).toEqual(['pause', 'resume']);
  });

  it('is the only one to wait', async () => {
    const { broker, host, throttle } = await committing(true);
    broker.slabs.take(513 * mebibyte);
    throttle.chunkEnd(undefined);
    expect(host.calls).toEqual([]);
  });

  it('goes on where there is no disk', async () => {
    const { broker, host, throttle } = await committing(false);
    broker.slabs.take(513 * mebibyte);
    throttle.contentReceived();
    throttle.chunkEnd(undefined);
    expect(host.calls).toEqual([]);
  });
});

/** Takes as many messages as the test allows it. */
class LimitedConsumer implements Consumer {
  readonly tag = 'limited';
  readonly noAck = true;
  readonly exclusive = false;
  readonly priority = 0;
  readonly arguments = FieldTable.empty;
  readonly prefetch = 0;
  readonly channel = consumerChannel;
  isInRing = false;
  capacity = 0;

  get hasCapacity(): boolean {
    return this.capacity > 0;
  }

  deliver(): void {
    this.capacity--;
  }

  deliverAgain(): void {}
  cancelledByServer(): void {}
}

/** A queue with a consumer that waits, and a publisher. */
async function consuming() {
  const { broker, host, throttle } = await committing(false);
  const flags = { passive: false, durable: false, autoDelete: false, exclusive: false };
  const queue = broker
    .vhost('/')
    ?.declareQueue(new TestActor(), { name: 'q', arguments: FieldTable.empty, ...flags });
  if (queue === undefined) throw new Error('no queue');
  const consumer = new LimitedConsumer();
  queue.addConsumer(consumer);
  const publish = (): TouchedQueue | undefined => {
    throttle.contentReceived();
    queue.publish(messageOf('', 'q'), 0);
    return broker.endTurn(0);
  };
  const takeOne = () => {
    consumer.capacity++;
    queue.consumerHasCapacity(consumer);
    broker.endTurn(0);
  };
  return { broker, queue, host, throttle, publish, takeOne };
}

describe('a publisher that is faster than the consumers', () => {
  it('is not read from until they have caught up', async () => {
    const { queue, host, throttle, publish, takeOne } = await consuming();
    publish();
    throttle.chunkEnd(undefined);
    expect(host.calls).toEqual([]);
    const outrun = publish();
    expect(outrun).toBe(queue);
    // Nothing has come in since the last time.
    throttle.chunkEnd(outrun);
    throttle.chunkEnd(outrun);
    expect(host.calls).toEqual(['pause']);
    takeOne();
    expect(host.calls).toEqual(['pause', 'resume']);
    throttle.chunkEnd(queue);
    expect(host.calls).toEqual(['pause', 'resume']);
  });

  it('goes on when the queue goes', async () => {
    const { broker, host, throttle, publish, takeOne } = await consuming();
    throttle.chunkEnd(publish());
    broker.vhost('/')?.deleteQueue(new TestActor(), { name: 'q', ifUnused: false, ifEmpty: false });
    expect(host.calls).toEqual(['pause', 'resume']);
    takeOne();
    expect(broker.endTurn(0)).toBeUndefined();
  });

  it('lets other clients have their turn while waiting is in vain', async () => {
    const { broker, host, throttle, publish } = await consuming();
    throttle.chunkEnd(publish());
    if (broker.clock instanceof ManualClock) broker.clock.advance(5);
    expect(host.calls).toEqual(['pause', 'resume']);
    throttle.chunkEnd(publish());
    expect(host.calls).toEqual(['pause', 'resume', 'pause']);
    await turn();
    expect(host.calls).toEqual(['pause', 'resume', 'pause', 'resume']);
  });
});

describe('a publisher during an alarm', () => {
  it('is told once, and is forgotten with its connection', async () => {
    const { broker, host, throttle } = await committing(true);
    broker.alarms.set('memory', true);
    throttle.contentReceived();
    throttle.contentReceived();
    expect(host.calls).toEqual(['pause', 'blocked: low on memory']);
    throttle.stop();
    broker.alarms.set('memory', false);
    expect(host.calls).toEqual(['pause', 'blocked: low on memory']);
  });
});
