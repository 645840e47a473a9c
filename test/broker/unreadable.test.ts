import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Broker } from '../../src/broker/broker.ts';
import { move } from '../../src/broker/queues/move.ts';
import type { Queue } from '../../src/broker/queues/queue.ts';
import { type Store, StoreUnreadableError } from '../../src/broker/store.ts';
import { FieldTable, type FieldValue } from '../../src/protocol/field-table.ts';
import { bool, int32, longString } from '../../src/protocol/field-value.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { Reader } from './streams/reader.ts';
import { ManualClock, messageOf, TestActor, take } from './support.ts';

type Argument = readonly [string, FieldValue];

const bodies = ['a', 'b', 'c'];

let directory: string;
let store: Store;
let broker: Broker;
let clock: ManualClock;
/** Undefined while everything can be read. */
let fault: { readonly again: Promise<boolean>; readonly end: () => void } | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-unreadable-'));
  clock = new ManualClock();
});

afterEach(async () => {
  await broker.close();
  rmSync(directory, { recursive: true, force: true });
});

async function start(): Promise<void> {
  store = await openLmdbStore({ dataDir: directory });
  const fail = (cause: unknown) => {
    throw cause;
  };
  broker = Broker.open(store, clock, {
    storeFailed: fail,
    storeFull: fail,
    messagesMissing: (_logId, count) => fail(new Error(`${count} messages are missing`)),
    queueUnreadable: (_resource, cause) => fail(cause),
  });
  const read = store.read.bind(store);
  const readGently = store.readGently.bind(store);
  const check = () => {
    if (fault !== undefined) throw new StoreUnreadableError({ path: 'x', reason: 'EIO' }, fault.again);
  };
  store.read = (...range) => {
    check();
    return read(...range);
  };
  store.readGently = (...range) => {
    check();
    return readGently(...range);
  };
}

function declare(name: string, ...all: readonly Argument[]): Queue {
  const vhost = broker.vhost('/');
  if (vhost === undefined) throw new Error('no default virtual host');
  const flags = { passive: false, durable: true, autoDelete: false, exclusive: false };
  return vhost.declareQueue(new TestActor(), { name, arguments: FieldTable.of(...all), ...flags });
}

function publish(queue: Queue, body: string): void {
  queue.publish(messageOf('', queue.name, { deliveryMode: 2 }, body), clock.now());
}

/** A queue of which everything is on disk only, where it cannot be read now. */
async function unreadableQueue(...all: readonly Argument[]): Promise<Queue> {
  await start();
  for (const body of bodies) publish(declare('q', ...all), body);
  await broker.close();
  await start();
  breakDisk();
  return declare('q', ...all);
}

function breakDisk(): void {
  let end = () => {};
  const again = new Promise<boolean>((resolve) => {
    end = () => resolve(true);
  });
  fault = { again, end };
}

/** Everybody who waits has been told when this resolves. */
async function mendDisk(): Promise<void> {
  const { end } = fault ?? {};
  fault = undefined;
  end?.();
  await turn();
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  broker.endTurn(clock.now());
}

function rest(queue: Queue): (string | undefined)[] {
  return Array.from({ length: queue.readyCount }, () => take(queue)?.body.toString());
}

test('basic.get is to ask again when the disk can be read', async () => {
  const queue = await unreadableQueue();
  expect(queue.get(true)).toBeUndefined();
  const { headSoon } = queue;
  await mendDisk();
  await headSoon;
  expect(rest(queue)).toEqual(bodies);
});

test.each(['classic', 'quorum'])('what a consumer rejects comes back to a %s queue', async (type) => {
  const queue = await unreadableQueue(['x-queue-type', longString(type)]);
  await mendDisk();
  const taken = queue.get(false);
  if (taken === undefined) throw new Error('there is nothing');
  const { segment, index } = taken;
  queue.get(false);
  queue.get(false);
  segment.putAside(broker.slabs);
  breakDisk();
  queue.reject(segment, index);
  queue.requeue(segment, index + 1);
  expect(queue.readyCount).toBe(2);
  expect(queue.get(true)).toBeUndefined();
  await mendDisk();
  expect(rest(queue)).toEqual(['a', 'b']);
});

test('a purge ends the waiting, and what comes then is given out', async () => {
  const queue = await unreadableQueue();
  expect(queue.get(true)).toBeUndefined();
  const { headSoon } = queue;
  expect(queue.purge()).toBe(3);
  await headSoon;
  publish(queue, 'new');
  expect(rest(queue)).toEqual(['new']);
  await mendDisk();
});

test('what is purged is not waited for, though only a read that is under way finds it unreadable', async () => {
  const queue = await unreadableQueue();
  const { again = Promise.resolve(false) } = fault ?? {};
  fault = undefined;
  let fail = (_cause: unknown) => {};
  store.readGently = () =>
    new Promise((_resolve, reject) => {
      fail = reject;
    });
  expect(queue.get(true)).toBeUndefined();
  queue.purge();
  fail(new StoreUnreadableError({ path: 'x', reason: 'EIO' }, again));
  await turn();
  expect(queue.get(true)).toBeUndefined();
  expect(queue.headSoon).toBeUndefined();
});

test('whoever waits is told of the end of the queue', async () => {
  const queue = await unreadableQueue();
  expect(queue.get(true)).toBeUndefined();
  const { headSoon } = queue;
  broker.vhost('/')?.deleteQueue(new TestActor(), { name: 'q', ifUnused: false, ifEmpty: false });
  await headSoon;
  await mendDisk();
});

test('a move that waits can be ended', async () => {
  const queue = await unreadableQueue();
  const abort = new AbortController();
  const nothing = () => {
    throw new Error('nothing can be read');
  };
  const moving = move(queue, nothing, { signal: abort.signal }, async () => {});
  await turn();
  abort.abort();
  expect(await moving).toMatchObject({ moved: 0, passedOver: 0 });
  await mendDisk();
  expect(rest(queue)).toEqual(bodies);
});

test('nothing is reported missing when the broker closes meanwhile', async () => {
  const queue = await unreadableQueue();
  expect(queue.get(true)).toBeUndefined();
  const { headSoon } = queue;
  await broker.close();
  await mendDisk();
  await headSoon;
  expect(queue.get(true)).toBeUndefined();
});

test('messages expire when the disk can be read', async () => {
  const queue = await unreadableQueue(['x-message-ttl', int32(1000)]);
  clock.advance(2000);
  await turn();
  expect(queue.readyCount).toBe(3);
  await mendDisk();
  await turn();
  expect(queue.readyCount).toBe(0);
});

test('readers of a stream wait', async () => {
  const queue = await unreadableQueue(['x-queue-type', longString('stream')]);
  // A start looks at the end.
  broker.segmentCache.forget(queue.backlog.head);
  const reader = new Reader('', 3, [['x-stream-offset', longString('first')]]);
  queue.addConsumer(reader);
  await turn();
  expect(reader.seen).toEqual([]);
  await mendDisk();
  await turn();
  expect(reader.seen.map(([offset]) => offset)).toEqual([0, 1, 2]);
});

test('nothing is missing of what was still wanted when the broker was closed', async () => {
  const queue = await unreadableQueue();
  fault = undefined;
  await broker.close();
  expect(queue.get(true)).toBeUndefined();
  expect(queue.readyCount).toBe(3);
});

test('ids that could not be forgotten on disk are when it can be read', async () => {
  await start();
  const window: Argument[] = [
    ['x-message-deduplication', bool(true)],
    ['x-cache-size', int32(3)],
  ];
  const publishId = (id: string) => {
    const headers = FieldTable.of(['x-deduplication-header', longString(id)]);
    const queue = declare('q', ...window);
    queue.publish(messageOf('', 'q', { deliveryMode: 2, headers }), clock.now());
  };
  for (const id of ['a', 'b', 'c']) publishId(id);
  await broker.close();
  await start();
  breakDisk();
  for (const id of ['d', 'e', 'f']) publishId(id);
  await mendDisk();
  publishId('g');
  await broker.close();
  await start();
  await turn();
  expect(declare('q', ...window).deduplicator?.size).toBe(3);
});
