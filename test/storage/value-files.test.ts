import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Recovered, type Store, StoreUnreadableError } from '../../src/broker/store.ts';
import { type LmdbStoreOptions, openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { consume, publish, range, sequencesOf } from './steps.ts';
import { bodyOf, CollectedLog, commitOf, copyOf, newDirectory, removeDirectories } from './support.ts';

const FILE_BYTES = 64 * 1024;
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
    journalBytes: 4 * FILE_BYTES,
    log,
    ...options,
  });
  recovered = store.recover();
}

/** Goes on with what a killed broker would have left. */
async function crash(options: Partial<LmdbStoreOptions> = {}): Promise<void> {
  const left = copyOf(dataDir);
  await store.close();
  dataDir = left;
  await start(options);
}

async function restart(): Promise<void> {
  await store.close();
  await start();
}

function filesLike(pattern: RegExp): string[] {
  return readdirSync(dataDir)
    .filter((name) => pattern.test(name))
    .map((name) => join(dataDir, name));
}

const journalFiles = () => filesLike(/^journal-/);
const generationFiles = () => filesLike(/^messages-.*mdb$/);

/** The file in which a body is, be it a part of the journal or not. */
function fileOf(logId: number, sequence: number): string {
  const body = bodyOf(logId, sequence, BODY_BYTES);
  return [...journalFiles(), ...generationFiles()].find((path) => readFileSync(path).includes(body)) ?? '';
}

/** What a descriptor is of; the one that listed them is closed by now. */
function linkTargetOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
}

/** A file of values that nobody has a descriptor of. */
async function closedValueFile(): Promise<string> {
  await publishMany();
  await restart();
  const heldOpen = new Set(readdirSync('/proc/self/fd').map(linkTargetOf));
  const path = range(0, 60)
    .map((sequence) => fileOf(1, sequence))
    .find((file) => file.endsWith('.wal') && !heldOpen.has(file));
  if (path === undefined) throw new Error('no file that is closed');
  return path;
}

function sequencesIn(path: string): number[] {
  return range(0, 60).filter((sequence) => fileOf(1, sequence) === path);
}

/** What whoever wants everything in log 1 is told while that file cannot be read. */
function unreadable(path: string): StoreUnreadableError {
  try {
    store.read(1, 0, 10_000, Number.POSITIVE_INFINITY);
  } catch (error) {
    if (error instanceof StoreUnreadableError && error.message.includes(path)) return error;
    throw error;
  }
  throw new Error('all of it was read');
}

/** So many messages of log 1 that most of them cannot be in the journal. A few may find no room there as they come. */
async function publishMany(): Promise<void> {
  await publish(store, 1, 0, 60, BODY_BYTES);
  await expect.poll(() => journalFiles().length).toBeGreaterThan(10);
}

/** Has one message left owed, whose file is away while its space is to be given back. */
async function waitToCopyOne(): Promise<{ path: string; first: number }> {
  await store.close();
  await start({ generationBytes: 4 * FILE_BYTES });
  const path = await closedValueFile();
  const [first = 0] = sequencesIn(path);
  renameSync(path, `${path}.away`);
  await consume(store, 1, 60, [{ firstSequence: first, count: 1 }]);
  await expect.poll(() => store.unreadableFiles).toMatchObject([{ path }]);
  return { path, first };
}

beforeEach(async () => {
  dataDir = newDirectory();
  await start();
});
afterEach(() => store.close());
afterAll(removeDirectories);

describe('a journal file of which nearly all is owed', () => {
  it.each([
    ['closed', restart],
    ['killed', () => crash()],
  ])('is taken over as it is, and is there when the broker was %s', async (_how, again) => {
    await publishMany();
    const copied = generationFiles().reduce((sum, path) => sum + statSync(path).size, 0);
    expect(copied).toBeLessThan(60 * BODY_BYTES);
    expect(sequencesOf(store, 1)).toEqual(range(0, 60));
    await consume(store, 1, 7);
    for (let i = 0; i < 2; i++) {
      await again();
      expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 53, nextSequence: 60 });
      expect(sequencesOf(store, 1)).toEqual(expect.arrayContaining(range(7, 60)));
    }
    await publish(store, 1, 60, 30, BODY_BYTES);
    expect(sequencesOf(store, 1)).toEqual(expect.arrayContaining(range(7, 90)));
  });

  it('goes with the generation that has it', async () => {
    await restart();
    await store.close();
    await start({ generationBytes: 4 * FILE_BYTES });
    await publishMany();
    await consume(store, 1, 60);
    await expect.poll(() => journalFiles().length).toBeLessThan(9);
    await expect.poll(() => generationFiles().length).toBeLessThan(4);
    await crash();
    expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 0, nextSequence: 60 });
    await publish(store, 1, 60, 3, BODY_BYTES);
    expect(sequencesOf(store, 1)).toEqual(expect.arrayContaining(range(60, 63)));
  });

  it('gives its space back when one message of it stays', async () => {
    await store.close();
    await start({ generationBytes: 4 * FILE_BYTES });
    await publishMany();
    await consume(store, 1, 60, [{ firstSequence: 1, count: 1 }]);
    await expect.poll(() => log.lines.join(), { timeout: 5000 }).toMatch('copied 16');
    await expect.poll(() => journalFiles().length).toBeLessThan(9);
    await crash();
    expect(sequencesOf(store, 1)).toContain(1);
  });

  it('is moved when its entries are small', async () => {
    await publish(store, 1, 0, 400, 500);
    await expect.poll(() => readFileSync(generationFiles()[0] ?? '').includes(bodyOf(1, 0, 500))).toBe(true);
    expect(sequencesOf(store, 1)).toEqual(range(0, 400));
    expect(journalFiles().length).toBeLessThanOrEqual(4);
  });

  it('leaves no file that is used again before it is gone', async () => {
    // The states come while files are being taken over.
    for (let i = 0; i < 120; i += 2) {
      await publish(store, 1, i, 2, BODY_BYTES);
      await consume(store, 1, Math.max(0, i - 9));
      if (i % 40 === 38) await crash();
    }
    await crash();
    expect(sequencesOf(store, 1)).toEqual(expect.arrayContaining(range(111, 120)));
    expect(store.damagedCount).toBe(0);
  });

  it.each([
    ['closed', restart],
    ['killed', () => crash()],
  ])('may be made for one large commit, which is there when the broker was %s', async (_how, again) => {
    const large = 10 * FILE_BYTES;
    await publish(store, 1, 0, 1, BODY_BYTES);
    await publish(store, 1, 1, 2, large);
    await publish(store, 1, 3, 3, BODY_BYTES);
    const isLarge = (path: string) => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > large;
    expect(generationFiles().some(isLarge)).toBe(false);
    for (let i = 0; i < 2; i++) {
      expect(sequencesOf(store, 1)).toEqual(range(0, 6));
      await again();
      expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 6, nextSequence: 6 });
    }
    await store.close();
    await start({ generationBytes: FILE_BYTES });
    await publish(store, 1, 6, 30, BODY_BYTES);
    await consume(store, 1, 36);
    await expect.poll(() => journalFiles().some(isLarge)).toBe(false);
  });

  it('has to be there', async () => {
    await publishMany();
    await store.close();
    const path = fileOf(1, 0);
    const content = readFileSync(path);
    rmSync(path);
    await expect(start()).rejects.toThrow(`${path} is missing: restore the data directory from a backup`);
    writeFileSync(path, content);
    await start();
    expect(sequencesOf(store, 1)).toEqual(range(0, 60));
  });

  it('is waited for when somebody moves it away, and its messages are there when it is back', async () => {
    const path = await closedValueFile();
    const [first = 0] = sequencesIn(path);
    renameSync(path, `${path}.away`);
    const again = unreadable(path).again;
    unreadable(path);
    expect(store.unreadableFiles).toEqual([{ path, reason: expect.stringContaining('ENOENT') }]);
    expect(sequencesOf(store, 1, first)).toEqual(range(0, first));
    await publish(store, 1, 60, 1, BODY_BYTES);
    renameSync(`${path}.away`, path);
    expect(await again).toBe(true);
    expect(sequencesOf(store, 1)).toEqual(range(0, 61));
    expect(store.unreadableFiles).toEqual([]);
    expect(store.damagedCount).toBe(0);
    expect(log.lines.filter((line) => line.includes(`${path} cannot be read: ENOENT`))).toHaveLength(1);
    expect(log.lines.filter((line) => line.includes(`${path} can be read again`))).toHaveLength(1);
  });

  it('is gone without with an empty file in its place, and the other messages are there', async () => {
    const path = await closedValueFile();
    const lost = sequencesIn(path);
    rmSync(path);
    const { again } = unreadable(path);
    writeFileSync(path, '');
    expect(await again).toBe(true);
    expect(sequencesOf(store, 1)).toEqual(range(0, 60).filter((sequence) => !lost.includes(sequence)));
    expect(store.damagedCount).toBe(lost.length);
    expect(log.lines.join()).toMatch(
      `1 messages of log 1 from sequence ${lost[0]} on are damaged in ${path}`,
    );
  });

  it('is not waited for once nothing in it is owed', async () => {
    const path = await closedValueFile();
    rmSync(path);
    const { again } = unreadable(path);
    await consume(store, 1, 60);
    expect(await again).toBe(true);
    expect(store.unreadableFiles).toEqual([]);
  });

  it('is waited for by what gives space back', async () => {
    const { path, first } = await waitToCopyOne();
    await publish(store, 1, 60, 3, BODY_BYTES);
    renameSync(`${path}.away`, path);
    await expect.poll(() => log.lines.join(), { timeout: 5000 }).toMatch('copied 16');
    expect(sequencesOf(store, 1)).toEqual(expect.arrayContaining([first, 60, 61, 62]));
  });

  it('is not waited for once nothing that was wanted of it is owed', async () => {
    const path = await closedValueFile();
    await publish(store, 2, 0, 30, BODY_BYTES);
    await expect.poll(() => fileOf(2, 0)).toMatch(/wal$/);
    await expect.poll(() => journalFiles().length).toBeGreaterThan(20);
    rmSync(path);
    const { again } = unreadable(path);
    await consume(store, 1, 60);
    expect(await again).toBe(true);
    expect(store.unreadableFiles).toEqual([]);
  });

  it('may go while its space is being given back, though it cannot be read', async () => {
    await waitToCopyOne();
    await consume(store, 1, 60);
    await expect.poll(() => store.unreadableFiles).toEqual([]);
    await expect.poll(() => log.lines.join()).toMatch('removed generation');
    await publish(store, 1, 60, 3, BODY_BYTES);
    expect(sequencesOf(store, 1)).toEqual([60, 61, 62]);
    expect(log.lines.filter((line) => line.includes('failed'))).toEqual([]);
  });

  it('does not come back with messages of dropped logs when its removal is cut short', async () => {
    await publish(store, 2, 0, 1, BODY_BYTES);
    await publishMany();
    await store.commit(commitOf({ droppedLogs: [2] }));
    const path = fileOf(2, 0);
    expect(path).toContain('journal');
    const kept = join(dataDir, 'kept');
    linkSync(path, kept);
    await store.close();
    await start({ generationBytes: FILE_BYTES });
    await publish(store, 1, 60, 20, BODY_BYTES);
    await consume(store, 1, 80);
    await expect.poll(() => existsSync(path)).toBe(false);
    await store.close();
    expect(readFileSync(kept).includes(bodyOf(2, 0, BODY_BYTES))).toBe(true);
    renameSync(kept, path);
    await start();
    expect([...recovered.logs.keys()]).toEqual([1]);
    expect(sequencesOf(store, 1)).toEqual([]);
    expect(store.damagedCount).toBe(0);
  });

  it.each([
    ['has changed', (content: Buffer, at: number) => content.fill(7, at + 100, at + 101)],
    ['has lost its end', (content: Buffer, at: number) => content.subarray(0, at + 100)],
  ])('is told of when it %s, and the other messages are there', async (_how, tamper) => {
    await publishMany();
    await store.close();
    // The last one in its file.
    const path = fileOf(1, 2);
    const content = readFileSync(path);
    writeFileSync(path, tamper(content, content.indexOf(bodyOf(1, 2, BODY_BYTES))));
    await start();
    expect(sequencesOf(store, 1)).toEqual([0, 1, ...range(3, 60)]);
    expect(store.damagedCount).toBe(1);
    expect(log.lines.join()).toMatch(`1 messages of log 1 from sequence 2 on are damaged in ${path}`);
  });
});
