import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Broker } from '../../src/broker/broker.ts';
import type { Recovered, Row, Store, StoredEntry } from '../../src/broker/store.ts';
import { Throttle, type ThrottleHost } from '../../src/server/throttle.ts';
import { ManualClock } from './manual-clock.ts';

const mebibyte = 2 ** 20;

/** A disk whose commits end when the test says so. */
class SlowStore implements Store {
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

  read(): StoredEntry[] {
    return [];
  }

  prefetch(): void {}

  row(): undefined {}

  scanRows(): Row[] {
    return [];
  }

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
    throttle.chunkEnd();
    expect(host.calls).toEqual([]);
    broker.slabs.take(513 * mebibyte);
    throttle.chunkEnd();
    throttle.chunkEnd();
    expect(host.calls).toEqual(['pause']);
    store.finish();
    await flushed;
    expect(host.calls).toEqual(['pause', 'resume']);
    throttle.chunkEnd();
    expect(host.calls).toEqual(['pause', 'resume']);
  });

  it('is the only one to wait', async () => {
    const { broker, host, throttle } = await committing(true);
    broker.slabs.take(513 * mebibyte);
    throttle.chunkEnd();
    expect(host.calls).toEqual([]);
  });

  it('goes on where there is no disk', async () => {
    const { broker, host, throttle } = await committing(false);
    broker.slabs.take(513 * mebibyte);
    throttle.contentReceived();
    throttle.chunkEnd();
    expect(host.calls).toEqual([]);
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
