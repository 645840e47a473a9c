import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Message } from '../../../src/broker/message.ts';
import { openLmdbStore } from '../../../src/storage/lmdb-store.ts';
import { Bench, messageOf } from './bench.ts';

const largeBytes = 3 * 2 ** 20;

let dataDir: string;
let bench: Bench;
/** How often the log has told that its head is there. */
let loads: number;

async function open(): Promise<void> {
  bench = new Bench(await openLmdbStore({ dataDir, freeBytesMin: 0 }), 'classic');
  loads = 0;
  bench.log.reader = { headLoaded: () => loads++ };
}

/** Of the record that is found; it is taken. */
function take(): { id: number; bytes: number } {
  const { log } = bench;
  const { segment, index } = log;
  if (segment === undefined) throw new Error('nothing was found');
  log.take();
  const { buffer, offsets } = segment.expectSlab();
  const { body } = Message.fromRecord(buffer, offsets[index] ?? 0, offsets[index + 1] ?? 0);
  return { id: Number.parseInt(body.toString('latin1', 0, 10), 10), bytes: body.length };
}

/** Two large records and a small one, on disk only. */
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'leveret-large-'));
  await open();
  for (const [id, bytes] of [largeBytes, largeBytes, 20].entries())
    bench.log.append(messageOf(id, true, bytes), Date.now(), 0);
  await bench.close();
  await open();
});

afterEach(async () => {
  await bench.close();
  rmSync(dataDir, { recursive: true, force: true });
});

test('large records are waited for, one at a time and in order', async () => {
  const { log } = bench;
  for (const id of [0, 1]) {
    expect(log.seek()).toBe(false);
    expect(log.readyCount).toBe(3 - id);
    const { loading } = log;
    expect(log.seek()).toBe(false);
    expect(log.loading).toBe(loading);
    expect(loads).toBe(id);
    await loading;
    expect(loads).toBe(id + 1);
    expect(log.seek()).toBe(true);
    expect(take()).toEqual({ id, bytes: largeBytes });
  }
  expect(log.seek()).toBe(true);
  expect(log.loading).toBeUndefined();
  expect(take()).toEqual({ id: 2, bytes: 20 });
  expect(log.seek()).toBe(false);
  expect(log.loading).toBeUndefined();
});

test('one that was given back is waited for again when it has left memory', async () => {
  const { log } = bench;
  const taken = [];
  for (const id of [0, 1]) {
    log.seek();
    await log.loading;
    log.seek();
    taken.push({ segment: log.segment, index: log.index });
    expect(take().id).toBe(id);
  }
  // The first leaves memory for the second, and giving it back does not bring it in again.
  const [first] = taken;
  if (first?.segment === undefined) throw new Error('not taken');
  first.segment.putAside(bench.slabs);
  const { bytesInUse } = bench.slabs;
  log.giveBack(first.segment, first.index);
  expect(bench.slabs.bytesInUse).toBe(bytesInUse);
  expect(log.readyCount).toBe(2);
  expect(log.seek()).toBe(false);
  await log.loading;
  expect(log.seek()).toBe(true);
  expect(take()).toEqual({ id: 0, bytes: largeBytes });
});

test('one that was waited for stays in memory until it is taken, though memory is short', async () => {
  const { log, committer } = bench;
  log.seek();
  await log.loading;
  log.seek();
  const { segment, index } = log;
  take();
  log.seek();
  await log.loading;
  log.seek();
  take();
  if (segment === undefined) throw new Error('not taken');
  segment.putAside(bench.slabs);
  log.giveBack(segment, index);
  log.seek();
  await log.loading;
  // What is published meanwhile has others leave memory.
  log.append(messageOf(3, true, 20), Date.now(), 0);
  await committer.flush();
  expect(log.seek()).toBe(true);
  expect(take()).toEqual({ id: 0, bytes: largeBytes });
});

test('a log that was purged meanwhile has nothing but what came after that', async () => {
  const { log } = bench;
  log.seek();
  const { loading } = log;
  log.purge();
  log.append(messageOf(3, true, 20), Date.now(), 0);
  await loading;
  expect(log.seek()).toBe(true);
  expect(take().id).toBe(3);
  expect(bench.missing).toBe(0);
});

test('a log that was dropped meanwhile keeps no memory', async () => {
  const { log, slabs } = bench;
  log.seek();
  const { loading } = log;
  expect(loading).toBeDefined();
  log.drop();
  await loading;
  expect(slabs.bytesInUse).toBe(0);
  expect([loads, bench.missing]).toEqual([0, 0]);
});
