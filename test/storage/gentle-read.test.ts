import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store, StoredEntry } from '../../src/broker/store.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { consume, publish } from './steps.ts';
import {
  bodyOf,
  CollectedLog,
  commitOf,
  messages,
  newDirectory,
  recordsOf,
  removeDirectories,
} from './support.ts';

const MEBIBYTE = 2 ** 20;
const LARGE_BYTES = 3 * MEBIBYTE;
const FILE_BYTES = 64 * 1024;
const JOURNAL_BYTES = 4 * FILE_BYTES;

let dataDir: string;
let store: Store;
let log: CollectedLog;

async function start(journalBytes: number): Promise<void> {
  log = new CollectedLog();
  store = await openLmdbStore({
    dataDir,
    generationBytes: 2 ** 26,
    journalFileBytes: FILE_BYTES,
    journalBytes,
    log,
  });
  store.recover();
}

function files(): string[] {
  return readdirSync(dataDir).map((name) => join(dataDir, name));
}

/** The only file with a large value in it. */
function largeFile(): string {
  const file = files().find((path) => statSync(path).size > LARGE_BYTES);
  if (file === undefined) throw new Error('there is none');
  return file;
}

/** Of that many messages of 16 KB not all can be in the journal. */
async function crowdJournal(): Promise<void> {
  await publish(store, 2, 0, 40, 16_000);
  await expect.poll(() => files().filter((path) => path.endsWith('.wal')).length).toBeGreaterThan(8);
}

/** From record 1 of log 1 on: it is large, the others are not. */
function readLarge(): Promise<StoredEntry[] | undefined> {
  const entries = store.readGently(1, 1, 100, 256 * 1024);
  if (!(entries instanceof Promise)) throw new Error('it was read at once');
  return entries;
}

/** Each with whether its body is what it was. */
async function recordsIn(entries: Promise<StoredEntry[] | undefined>): Promise<[number, boolean][]> {
  return recordsOf((await entries) ?? []).map(({ sequence, body }) => [
    sequence,
    body === bodyOf(1, sequence, body.length),
  ]);
}

function damage(): void {
  const path = largeFile();
  const at = readFileSync(path).indexOf(bodyOf(1, 1, 1000));
  const file = openSync(path, 'r+');
  writeSync(file, '/', at + 999);
  closeSync(file);
}

beforeEach(() => {
  dataDir = newDirectory();
});
afterEach(() => store.close());
afterAll(removeDirectories);

describe.each([
  { where: 'the journal', journalBytes: JOURNAL_BYTES, isTakenOver: false },
  { where: 'a file that a generation has taken over', journalBytes: JOURNAL_BYTES, isTakenOver: true },
  { where: 'LMDB', journalBytes: 0, isTakenOver: false },
])('a large message in $where', ({ journalBytes, isTakenOver }) => {
  beforeEach(async () => {
    await start(journalBytes);
    await publish(store, 1, 0, 1, 20);
    await store.commit(commitOf({ entries: [messages(1, 1, 1, LARGE_BYTES)] }));
    await publish(store, 1, 2, 1, 20);
    if (isTakenOver) await crowdJournal();
  });

  it('is read piece by piece while others have their turns', async () => {
    const read = readLarge();
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const found = await recordsIn(read);
    isOver = true;
    expect(found).toEqual([[1, true]]);
    expect(turns).toBeGreaterThanOrEqual(LARGE_BYTES / MEBIBYTE);
  });

  it('that is damaged is missed, and told of, and what follows is there', async () => {
    damage();
    expect(await recordsIn(readLarge())).toEqual([[2, true]]);
    expect(store.damagedCount).toBe(1);
    expect(log.lines.join()).toMatch(/damaged/);
  });

  it('may be settled and its file reused or deleted while it is read', async () => {
    const reads = [readLarge(), readLarge(), readLarge()];
    await consume(store, 1, 3);
    await publish(store, 2, 100, 20, 16_000);
    const whole = [[1, true]];
    for (const read of reads) expect([whole, []]).toContainEqual(await recordsIn(read));
    expect(log.lines).toEqual([]);
  });

  it('is not read to its end when the store closes', async () => {
    const reads = [readLarge(), readLarge()];
    await store.close();
    expect(await Promise.all(reads)).toEqual([undefined, undefined]);
  });
});

it('a large message whose file cannot be opened again is read at once', async () => {
  await start(JOURNAL_BYTES);
  await store.commit(commitOf({ entries: [messages(1, 1, 1, LARGE_BYTES)] }));
  await publish(store, 1, 2, 1, 20);
  const read = readLarge();
  rmSync(largeFile());
  expect(await recordsIn(read)).toEqual([[1, true]]);
  expect(log.lines).toEqual([]);
});

it('messages that are not large are read at once', async () => {
  await start(JOURNAL_BYTES);
  await publish(store, 1, 0, 3, 20);
  expect(store.readGently(1, 0, 100, 256 * 1024)).toHaveLength(3);
  expect(store.readGently(7, 0, 100, 256 * 1024)).toEqual([]);
});
