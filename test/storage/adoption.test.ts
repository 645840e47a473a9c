import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Recovered, RowTable, type Store, StoreFullError } from '../../src/broker/store.ts';
import { Generation, generationNumbers } from '../../src/storage/generations/generation.ts';
import { Generations } from '../../src/storage/generations/generations.ts';
import { encodePlace, ValueFiles } from '../../src/storage/generations/value-files.ts';
import { JournalFile } from '../../src/storage/journal/journal-file.ts';
import { type LmdbStoreOptions, openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { consume, isInGeneration, publish, range, sequencesOf } from './steps.ts';
import {
  bodyOf,
  CollectedLog,
  commitOf,
  copyOf,
  messages,
  newDirectory,
  removeDirectories,
} from './support.ts';

const FILE_BYTES = 64 * 1024;
/** As many as the journal may have. */
const JOURNAL_FILES = 4;
/** Three commits of one message fill a file. */
const BODY_BYTES = 16_000;

let dataDir: string;
let store: Store;
let recovered: Recovered;
let log: CollectedLog;

async function start(options: Partial<LmdbStoreOptions> = {}): Promise<void> {
  log = new CollectedLog();
  store = await openLmdbStore({
    dataDir,
    generationBytes: 2 ** 24,
    journalFileBytes: FILE_BYTES,
    journalBytes: JOURNAL_FILES * FILE_BYTES,
    log,
    ...options,
  });
  recovered = store.recover();
}

const filesLike = (pattern: RegExp) => readdirSync(dataDir).filter((name) => pattern.test(name));
const journalFiles = () => filesLike(/^journal-/);

/** Whether a generation has a body itself. */
const isCopied = (logId: number, sequence: number) =>
  isInGeneration(dataDir, bodyOf(logId, sequence, BODY_BYTES));

/** Of a store that is closed. */
async function filesTakenOver(): Promise<number> {
  let count = 0;
  for (const number of generationNumbers(readdirSync(dataDir))) {
    const generation = Generation.open(dataDir, number, 2 ** 24);
    generation.findValueFiles();
    count += generation.valueFileNumbers.length;
    await generation.close();
  }
  return count;
}

beforeEach(async () => {
  dataDir = newDirectory();
  await start();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await store.close();
});
afterAll(removeDirectories);

describe('taking over journal files', () => {
  it('goes on when there was no room for the mark that ends a file', async () => {
    const { write } = JournalFile.prototype;
    let refusals = 0;
    vi.spyOn(JournalFile.prototype, 'write').mockImplementation(function (this: JournalFile, parts, at) {
      const isEndMark = parts.length === 1 && at > 0 && parts[0]?.length === 4096;
      if (!isEndMark || refusals > 0) return write.call(this, parts, at);
      refusals++;
      return Promise.reject(new StoreFullError('no space left'));
    });
    for (let i = 0; i < 60; i++) {
      try {
        await publish(store, 1, i, 1, BODY_BYTES);
      } catch (error) {
        expect(error).toBeInstanceOf(StoreFullError);
        i--;
      }
    }
    expect(refusals).toBe(1);
    await expect.poll(() => journalFiles().length).toBeGreaterThan(10);
    expect(sequencesOf(store, 1)).toEqual(range(0, 60));
  });

  it('has every message once when the broker ends in the middle', async () => {
    const { cut } = JournalFile.prototype;
    const left: { directory: string; published: number }[] = [];
    let published = 0;
    // The generation has the file, the journal still believes that it has it, too.
    vi.spyOn(JournalFile.prototype, 'cut').mockImplementation(function (this: JournalFile, byteLength) {
      if (left.length < 3) left.push({ directory: copyOf(dataDir), published });
      return cut.call(this, byteLength);
    });
    for (; published < 60; published++) await publish(store, 1, published, 1, BODY_BYTES);
    await expect.poll(() => left.length).toBe(3);
    for (const { directory, published } of left) {
      await store.close();
      dataDir = directory;
      await start();
      const nextSequence = recovered.logs.get(1)?.nextSequence ?? 0;
      // One more may have been written, and not been answered yet.
      expect(nextSequence - published).toBeOneOf([0, 1]);
      expect(recovered.logs.get(1)?.unreadCount).toBe(nextSequence);
      expect(sequencesOf(store, 1)).toEqual(range(0, nextSequence));
    }
  });

  it('deletes files that are left behind when the broker ends in the middle of it', async () => {
    await store.close();
    await start({ generationBytes: 4 * FILE_BYTES });
    await publish(store, 1, 0, 60, BODY_BYTES);
    await expect.poll(() => journalFiles().length).toBeGreaterThan(10);
    const { remove } = ValueFiles.prototype;
    let left = '';
    vi.spyOn(ValueFiles.prototype, 'remove').mockImplementation(function (this: ValueFiles) {
      left = copyOf(dataDir);
      return remove.call(this);
    });
    const readAhead = store.prefetch(1, 0, 60);
    await consume(store, 1, 60);
    await expect.poll(() => log.lines.join()).toMatch('removed generation 1:');
    await readAhead;
    await store.close();
    dataDir = left;
    await start();
    expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 0, nextSequence: 60 });
    await store.close();
    // The newest generation keeps those that it has taken over.
    expect(journalFiles().length - (await filesTakenOver())).toBeLessThanOrEqual(JOURNAL_FILES);
  });

  it('leaves what a backup that has begun counts on', async () => {
    const { seal } = Generations.prototype;
    let beginSealing = () => {};
    const isBegun = new Promise<void>((resolve) => {
      beginSealing = resolve;
    });
    let goOn = () => {};
    const isOver = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    vi.spyOn(Generations.prototype, 'seal').mockImplementation(async function (this: Generations, sealed) {
      beginSealing();
      await isOver;
      return seal.call(this, sealed);
    });
    const directory = join(newDirectory(), 'backup');
    const progress = { bytesDone: 0, bytesTotal: 0 };
    const backup = store.backup({ directory }, progress);
    await isBegun;
    const key = Buffer.from([RowTable.Departed, 1]);
    await store.commit(
      commitOf({ rows: [{ key, value: Buffer.from('noted') }], entries: [messages(1, 0, 1, BODY_BYTES)] }),
    );
    await expect.poll(() => readFileSync(join(dataDir, 'rows.mdb')).includes('noted')).toBe(true);
    await store.flushStates();
    await publish(store, 1, 1, 59, BODY_BYTES);
    await expect.poll(() => journalFiles().length > 10 || isCopied(1, 0)).toBe(true);
    goOn();
    await backup;
    await store.close();
    dataDir = directory;
    await start();
    expect(store.row(key)?.toString()).toBe('noted');
    expect(sequencesOf(store, 1)).toEqual(range(0, 60));
  });

  it('tells of a place that is damaged', async () => {
    await publish(store, 1, 0, 60, BODY_BYTES);
    await expect.poll(() => journalFiles().length).toBeGreaterThan(10);
    await store.close();
    const generation = Generation.open(dataDir, 1, 2 ** 24);
    const [key] = generation.keysFrom(1, 0, 1, 1);
    if (key === undefined) throw new Error('not taken over');
    await generation.environment.put(key, encodePlace({ file: 999, at: 2 ** 60 }));
    await generation.close();
    await start();
    expect(sequencesOf(store, 1)).toEqual(range(1, 60));
    expect(store.damagedCount).toBe(1);
  });

  it('tells of a value that is gone though it was copied forward, and keeps the others', async () => {
    await store.close();
    await start({ generationBytes: 4 * FILE_BYTES });
    await publish(store, 1, 0, 60, BODY_BYTES);
    await expect.poll(() => journalFiles().length).toBeGreaterThan(10);
    await store.close();
    // The third message is the last one in its file.
    for (const name of journalFiles()) {
      const path = join(dataDir, name);
      const at = readFileSync(path).indexOf(bodyOf(1, 2, BODY_BYTES));
      if (at > 0) truncateSync(path, at - 200);
    }
    await start({ generationBytes: 4 * FILE_BYTES });
    const unsettled = [{ firstSequence: 1, count: 2 }];
    await store.commit(commitOf({ logStates: [{ logId: 1, readPosition: 60, unsettled }] }));
    await expect.poll(() => log.lines.join()).toMatch('removed generation 1:');
    expect(sequencesOf(store, 1)).toEqual(expect.arrayContaining([1]));
    expect(store.damagedCount).toBe(1);
  });
});

describe('a journal with more files than it may have', () => {
  it('deletes none that is being read', async () => {
    await store.close();
    await start({ journalBytes: 40 * FILE_BYTES });
    const logIds = range(1, 17);
    for (let i = 0; i < 20; i++) {
      await store.commit(commitOf({ entries: logIds.map((logId) => messages(logId, i, 1, 1000)) }));
    }
    await store.close();
    const { readInto } = JournalFile.prototype;
    let goOn = () => {};
    const isOver = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const reads = vi.spyOn(JournalFile.prototype, 'readInto').mockImplementation(async function (
      this: JournalFile,
      target,
    ) {
      await isOver;
      return readInto.call(this, target);
    });
    await start({ journalBytes: FILE_BYTES });
    await expect.poll(() => reads.mock.calls.length).toBeGreaterThan(0);
    await store.commit(
      commitOf({ logStates: logIds.map((logId) => ({ logId, readPosition: 20, unsettled: [] })) }),
    );
    await expect.poll(() => journalFiles().length).toBeLessThan(3);
    goOn();
    await expect.poll(() => journalFiles().length).toBe(1);
    await publish(store, 1, 20, 2, BODY_BYTES);
    expect(sequencesOf(store, 1)).toEqual(expect.arrayContaining(range(20, 22)));
    expect(log.lines.join()).not.toMatch('broken');
  });
});
