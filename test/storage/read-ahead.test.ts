import { closeSync, fstatSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ComingEntries, Store } from '../../src/broker/store.ts';
import { OpenFile } from '../../src/storage/entries/open-file.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { publish, range } from './steps.ts';
import { bodyOf, CollectedLog, newDirectory, recordsOf, removeDirectories } from './support.ts';

const MEBIBYTE = 2 ** 20;
const BODY_BYTES = 50_000;
const MESSAGES = 30;

let dataDir: string;
let store: Store;
let log: CollectedLog;

async function start(): Promise<void> {
  log = new CollectedLog();
  store = await openLmdbStore({
    dataDir,
    generationBytes: 2 ** 26,
    journalFileBytes: MEBIBYTE,
    journalBytes: 4 * MEBIBYTE,
    log,
  });
  store.recover();
}

const space = (bytes: number) => Buffer.alloc(bytes);

/** Reads a log from its front by what is on its way, each time 200 KiB. */
async function readAll(): Promise<number[]> {
  const begun: ComingEntries[] = [];
  for (let from = 0; from < MESSAGES; ) {
    const coming = store.readAhead(1, from, MESSAGES, 200 * 1024, space);
    if (coming === undefined) break;
    begun.push(coming);
    from = coming.end;
  }
  const sequences: number[] = [];
  for (const coming of begun) {
    await coming.read;
    for (const { sequence, body } of recordsOf(coming.take() ?? [])) {
      expect(body).toBe(bodyOf(1, sequence, BODY_BYTES));
      sequences.push(sequence);
    }
  }
  return sequences;
}

function damage(body: string): void {
  for (const name of readdirSync(dataDir).filter((file) => file.endsWith('.wal'))) {
    const path = join(dataDir, name);
    const content = readFileSync(path);
    const at = content.indexOf(body);
    if (at >= 0) writeFileSync(path, content.fill(7, at + 100, at + 101));
  }
}

beforeEach(async () => {
  dataDir = newDirectory();
  await start();
  await publish(store, 1, 0, MESSAGES, BODY_BYTES);
});
afterEach(() => store.close());
afterAll(removeDirectories);

describe('entries that are read ahead', () => {
  it('come in order from files of the journal, and from those that a generation has taken over', async () => {
    expect(await readAll()).toEqual(range(0, MESSAGES));
    await store.close();
    await start();
    expect(await readAll()).toEqual(range(0, MESSAGES));
  });

  it('do not come when one of them is damaged, which whoever needs them is told of', async () => {
    await store.close();
    damage(bodyOf(1, 2, BODY_BYTES));
    await start();
    const coming = store.readAhead(1, 0, 4, MEBIBYTE, space);
    expect(coming?.end).toBe(4);
    await coming?.read;
    expect(coming?.take()).toBeUndefined();
    expect(store.damagedCount).toBe(0);
    const read = store.readGently(1, 0, 4, MEBIBYTE);
    expect(read).toBeInstanceOf(Promise);
    expect(recordsOf((await read) ?? []).map(({ sequence }) => sequence)).toEqual([0, 1, 3]);
    expect(store.damagedCount).toBe(1);
  });

  it('are followed by those behind them when all of them are damaged', async () => {
    await store.close();
    for (const sequence of [0, 1]) damage(bodyOf(1, sequence, BODY_BYTES));
    await start();
    const read = (await store.readGently(1, 0, MESSAGES, BODY_BYTES)) ?? [];
    expect(recordsOf(read).map(({ sequence }) => sequence)).toEqual([2]);
    expect(store.damagedCount).toBe(2);
  });

  it('are left to whoever needs them when they are small, or there are none', async () => {
    await publish(store, 2, 0, 3, 1000);
    expect(store.readAhead(2, 0, 3, MEBIBYTE, space)).toBeUndefined();
    expect(store.readAhead(3, 0, 3, MEBIBYTE, space)).toBeUndefined();
  });
});

it('a file that is closed while much is read of it leaves others their descriptors', async () => {
  const path = join(dataDir, 'read');
  writeFileSync(path, Buffer.alloc(4 * MEBIBYTE));
  const fd = openSync(path, 'r');
  const file = new OpenFile(fd);
  const read = file.prefetch(0, 4 * MEBIBYTE);
  file.close();
  // The first free number is that of the file which is closed.
  const others: number[] = [];
  while (!others.includes(fd)) {
    others.push(openSync(path, 'r'));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await read;
  for (const other of others) {
    expect(fstatSync(other).size).toBe(4 * MEBIBYTE);
    closeSync(other);
  }
});
