import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Broker } from '../../src/broker/broker.ts';
import { systemClock } from '../../src/broker/clock.ts';
import type { Queue } from '../../src/broker/queues/queue.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { int32 } from '../../src/protocol/field-value.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { messageOf, TestActor, take } from './support.ts';

const of = FieldTable.of;

let directory = '';
let broker: Broker;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-queue-'));
  await start();
});

afterEach(async () => {
  await broker.close();
  rmSync(directory, { recursive: true, force: true });
});

async function start(): Promise<void> {
  broker = Broker.open(await openLmdbStore({ dataDir: directory }), systemClock, {
    storeFailed: (cause) => {
      throw cause;
    },
    storeFull: (cause) => {
      throw cause;
    },
    messagesMissing: (logId, count) => {
      throw new Error(`${count} messages of log ${logId} are missing`);
    },
    queueUnreadable: (_resource, cause) => {
      throw cause;
    },
  });
}

async function restart(): Promise<void> {
  await broker.close();
  await start();
}

function declare(name: string, all = FieldTable.empty): Queue {
  const vhost = broker.vhost('/');
  if (vhost === undefined) throw new Error('no default virtual host');
  const flags = { passive: false, durable: true, autoDelete: false, exclusive: false };
  return vhost.declareQueue(new TestActor(), { name, arguments: all, ...flags });
}

function publish(queue: Queue, priority: number, body: string, deliveryMode = 2): void {
  queue.publish(messageOf('', queue.name, { priority, deliveryMode }, body), Date.now());
}

function bodies(queue: Queue): string[] {
  const all: string[] = [];
  for (let message = take(queue); message !== undefined; message = take(queue)) {
    all.push(message.body.toString());
  }
  return all;
}

const ranked = of(['x-max-priority', int32(3)]);

test('a priority queue keeps its messages, in order, over a restart', async () => {
  const queue = declare('q', ranked);
  for (const [priority, body] of [
    [1, '1a'],
    [3, '3a'],
    [0, '0a'],
    [9, '3b'],
    [1, '1b'],
  ] as const) {
    publish(queue, priority, body);
  }
  publish(queue, 2, 'transient', 1);
  await restart();
  const recovered = declare('q', ranked);
  expect(recovered.readyCount).toBe(5);
  expect(bodies(recovered)).toEqual(['3a', '3b', '1a', '1b', '0a']);
});

test('what was held comes back to its priority, redelivered; what was settled does not', async () => {
  const queue = declare('q', ranked);
  for (const [priority, body] of [
    [3, 'settled'],
    [3, 'held'],
    [0, 'waiting'],
    [1, 'in between'],
  ] as const) {
    publish(queue, priority, body);
  }
  expect(take(queue)?.body.toString()).toBe('settled');
  queue.get(false);
  await restart();
  const recovered = declare('q', ranked);
  expect(recovered.get(true)?.redelivered).toBe(true);
  expect(bodies(recovered)).toEqual(['in between', 'waiting']);
});

test('new messages go on behind the recovered ones, restart after restart', async () => {
  for (let run = 0; run < 3; run++) {
    const queue = declare('q', ranked);
    for (let priority = 0; priority <= 3; priority++) publish(queue, priority, `${priority}${run}`);
    await restart();
  }
  expect(bodies(declare('q', ranked))).toEqual(
    [3, 2, 1, 0].flatMap((priority) => [0, 1, 2].map((run) => `${priority}${run}`)),
  );
});

test('a deleted priority queue leaves nothing to one of the same name', async () => {
  publish(declare('q', ranked), 3, 'gone');
  await broker.committer.flush();
  broker.vhost('/')?.deleteQueue(new TestActor(), { name: 'q', ifUnused: false, ifEmpty: false });
  await restart();
  const queue = declare('q', ranked);
  expect(bodies(queue)).toEqual([]);
  publish(queue, 2, 'new');
  await restart();
  expect(bodies(declare('q', ranked))).toEqual(['new']);
});

test('logs of several priority queues do not mix', async () => {
  for (const name of ['one', 'two']) {
    const queue = declare(name, ranked);
    for (let priority = 0; priority <= 3; priority++) publish(queue, priority, `${name} ${priority}`);
  }
  await restart();
  for (const name of ['two', 'one']) {
    expect(bodies(declare(name, ranked))).toEqual([3, 2, 1, 0].map((priority) => `${name} ${priority}`));
  }
});

test('held messages that come back over the length limit are dropped', async () => {
  const limited = of(['x-max-length', int32(2)]);
  const queue = declare('q', limited);
  publish(queue, 0, 'a');
  publish(queue, 0, 'b');
  queue.get(false);
  queue.get(false);
  publish(queue, 0, 'c');
  publish(queue, 0, 'd');
  await restart();
  expect(bodies(declare('q', limited))).toEqual(['c', 'd']);
});

test('a large message at the head is not read to see when it expires', async () => {
  const body = 'x'.repeat(3 * 2 ** 20);
  for (const [name, expirationMs] of [
    ['stays', 60_000],
    ['goes', 1],
  ] as const) {
    const message = messageOf('', name, { deliveryMode: 2 }, body);
    message.expirationMs = expirationMs;
    declare(name).publish(message, Date.now());
  }
  await restart();
  const [stays, goes] = [declare('stays'), declare('goes')];
  const turn = () => {
    broker.endTurn(Date.now());
    return goes.readyCount;
  };
  await expect.poll(turn, { interval: 1 }).toBe(0);
  expect(stays.readyCount).toBe(1);
  expect(broker.slabs.bytesInUse).toBeLessThan(2 ** 20);
});
