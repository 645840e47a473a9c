import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Broker } from '../../../src/broker/broker.ts';
import type { Queue } from '../../../src/broker/queues/queue.ts';
import type { Store } from '../../../src/broker/store.ts';
import { FieldTable } from '../../../src/protocol/field-table.ts';
import { longString } from '../../../src/protocol/field-value.ts';
import { openLmdbStore } from '../../../src/storage/lmdb-store.ts';
import { ManualClock, messageOf, TestActor } from '../support.ts';
import { Reader } from './reader.ts';

/** Of 16 KiB: most of the stream is on disk only. */
const messages = 1_000;

let directory: string;
let store: Store;
let broker: Broker;
let queue: Queue;
let unreadable: [resource: string, cause: unknown][];
const clock = new ManualClock();
const startedAt = clock.now();

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-time-search-'));
  store = await openLmdbStore({ dataDir: directory });
  const fail = (cause: unknown) => {
    throw cause;
  };
  unreadable = [];
  broker = Broker.open(store, clock, {
    storeFailed: fail,
    storeFull: fail,
    messagesMissing: fail,
    queueUnreadable: (...report) => unreadable.push(report),
  });
  const flags = { passive: false, durable: true, autoDelete: false, exclusive: false };
  const all = FieldTable.of(['x-queue-type', longString('stream')]);
  broker.vhost('/')?.declareQueue(new TestActor(), { name: 's', arguments: all, ...flags });
  const found = broker.vhost('/')?.findQueue('s');
  if (found === undefined) throw new Error('there is no stream');
  queue = found;
  for (let i = 0; i < messages; i++) {
    queue.publish(messageOf('', 's', {}, `${i}`.padEnd(16_384)), clock.now());
    clock.advance(1000);
    if (i % 100 === 99) await broker.committer.flush();
  }
});

afterEach(async () => {
  await broker.close();
  rmSync(directory, { recursive: true, force: true });
});

function readerAt(seconds: number): Reader {
  const value = BigInt(startedAt / 1000 + seconds);
  return new Reader('', 1, [['x-stream-offset', { tag: 'T', value }]]);
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  broker.endTurn(clock.now());
}

test('looking for a time on disk lets others have their turn after each read', async () => {
  const reads = vi.spyOn(store, 'read');
  const reader = readerAt(333);
  queue.addConsumer(reader);
  let readsPerTurn = reads.mock.calls.length;
  while (reader.seen.length === 0) {
    const before = reads.mock.calls.length;
    await turn();
    readsPerTurn = Math.max(readsPerTurn, reads.mock.calls.length - before);
  }
  expect(reader.seen[0]?.[0]).toBe(333);
  expect(reads.mock.calls.length).toBeGreaterThan(3);
  // The one that has found it, and what the reader is given.
  expect(readsPerTurn).toBeLessThanOrEqual(2);
});

test('who cannot be given a place is cancelled, and the log hears why', async () => {
  const cause = new Error('EIO: i/o error, read');
  vi.spyOn(store, 'read').mockImplementation(() => {
    throw cause;
  });
  const reader = readerAt(333);
  const cancelled = new Promise<void>((resolve) => {
    vi.spyOn(reader, 'cancelledByServer').mockImplementation(resolve);
  });
  queue.addConsumer(reader);
  await cancelled;
  expect(queue.consumerCount).toBe(0);
  expect(unreadable).toEqual([["queue 's' in vhost '/'", cause]]);
  vi.restoreAllMocks();
});

test('nobody goes on looking for a consumer that has left', async () => {
  const reads = vi.spyOn(store, 'read');
  const reader = readerAt(333);
  queue.addConsumer(reader);
  queue.removeConsumer(reader);
  for (let i = 0; i < 20; i++) await turn();
  expect(reads).not.toHaveBeenCalled();
});
