import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogEntry, Recovered, Store } from '../../src/broker/store.ts';
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
const BODY_BYTES = 5000;
/** What a commit of one such message takes: a head, the record, up to the next page. */
const BLOCK_BYTES = 8192;

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
    journalBytes: 3 * FILE_BYTES,
    log,
    ...options,
  });
  recovered = store.recover();
}

async function restart(options: Partial<LmdbStoreOptions> = {}): Promise<void> {
  await store.close();
  await start(options);
}

/** Goes on with what a killed broker would have left: everything is on disk, nothing was closed. */
async function crash(tamper: () => void = () => {}): Promise<void> {
  const left = copyOf(dataDir);
  await store.close();
  dataDir = left;
  tamper();
  await start();
}

function path(name: string): string {
  return join(dataDir, name);
}

function journalFiles(): string[] {
  return readdirSync(dataDir).filter((name) => /^journal-\d+\.wal$/.test(name));
}

function message(logId: number, sequence: number): LogEntry {
  return messages(logId, sequence, 1, BODY_BYTES);
}

/** Flips a bit of a journal file. */
function flip(name: string, at: number): void {
  const content = readFileSync(path(name));
  content.writeUInt8(content.readUInt8(at) ^ 1, at);
  writeFileSync(path(name), content);
}

/** Whether a generation has the body of a message. */
const isMoved = (logId: number, sequence: number) =>
  isInGeneration(dataDir, bodyOf(logId, sequence, BODY_BYTES));

beforeEach(async () => {
  dataDir = newDirectory();
  await start();
});
afterEach(() => store.close());
afterAll(removeDirectories);

describe('the journal', () => {
  it.each([
    ['closed', () => restart()],
    ['killed', () => crash()],
  ])('has what was committed, and has it again when the broker was %s', async (_how, again) => {
    await store.commit(commitOf({ entries: [message(1, 0), messages(2, 0, 100), message(1, 1)] }));
    await publish(store, 1, 2, 3, BODY_BYTES);
    await consume(store, 1, 1);
    expect(sequencesOf(store, 1)).toEqual(range(0, 5));
    expect(isMoved(1, 4)).toBe(false);
    await again();
    expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 4, nextSequence: 5 });
    expect(recovered.logs.get(2)).toMatchObject({ unreadCount: 100, nextSequence: 100 });
    expect(sequencesOf(store, 1)).toEqual(expect.arrayContaining(range(1, 5)));
    expect(sequencesOf(store, 2)).toEqual(range(0, 100));
  });

  it('moves what nobody takes, and uses its files again', async () => {
    await publish(store, 1, 0, 120, BODY_BYTES);
    await expect.poll(() => isMoved(1, 0)).toBe(true);
    expect(sequencesOf(store, 1)).toEqual(range(0, 120));
    const sizes = journalFiles().map((name) => statSync(path(name)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(3 * FILE_BYTES);
    for (const again of [crash, restart]) {
      await again();
      expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 120, nextSequence: 120 });
      expect(sequencesOf(store, 1)).toEqual(range(0, 120));
    }
  });

  it('leaves the generations alone while messages are consumed as they come', async () => {
    for (let i = 0; i < 120; i++) {
      await publish(store, 1, i, 1, BODY_BYTES);
      await consume(store, 1, i + 1);
    }
    // A few may have come when the next file was not ready.
    expect(range(0, 120).filter((sequence) => isMoved(1, sequence)).length).toBeLessThan(40);
    await crash();
    expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 0, nextSequence: 120 });
  });

  it('leaves alone what is consumed a little later, and moves what lies for a while', async () => {
    await restart({ journalBytes: 12 * FILE_BYTES });
    for (let i = 0; i < 120; i++) {
      await publish(store, 1, i, 1, BODY_BYTES);
      await consume(store, 1, Math.max(0, i - 14));
    }
    expect(range(0, 120).filter((sequence) => isMoved(1, sequence)).length).toBeLessThan(40);
    expect(isMoved(1, 105)).toBe(false);
    await expect.poll(() => isMoved(1, 105), { timeout: 5000 }).toBe(true);
    expect(sequencesOf(store, 1)).toEqual(expect.arrayContaining(range(105, 120)));
  });

  it('does without another file when none can be made', async () => {
    mkdirSync(path('journal-02.wal'));
    await publish(store, 1, 0, 30, BODY_BYTES);
    expect(log.lines.join()).toMatch('the journal stays as small as it is: EEXIST');
    rmdirSync(path('journal-02.wal'));
    await crash();
    expect(sequencesOf(store, 1)).toEqual(range(0, 30));
  });

  it('lets entries pass that are too large for it, in order with the others', async () => {
    await publish(store, 1, 0, 2, BODY_BYTES);
    await store.commit(commitOf({ entries: [messages(1, 2, 40, BODY_BYTES)] }));
    await publish(store, 1, 42, 2, BODY_BYTES);
    for (const again of [crash, restart]) {
      expect(sequencesOf(store, 1)).toEqual(range(0, 44));
      await again();
      expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 44, nextSequence: 44 });
    }
  });

  it('takes entries of more logs than the kernel takes parts', async () => {
    await restart({ journalFileBytes: 2 ** 20, journalBytes: 2 ** 21 });
    const entries = range(1, 3001).map((logId) => messages(logId, 0, 1));
    await store.commit(commitOf({ entries }));
    await crash();
    expect(recovered.logs.size).toBe(3000);
    for (const logId of [1, 1500, 3000]) expect(sequencesOf(store, logId)).toEqual([0]);
  });

  it('does not bring dropped logs back', async () => {
    await publish(store, 7, 0, 3, BODY_BYTES);
    await store.commit(commitOf({ droppedLogs: [7] }));
    // Until the file is free that holds them, and not written over yet; then what was known of the log goes.
    await publish(store, 1, 0, 8, BODY_BYTES);
    for (let i = 0; i < 5; i++) await consume(store, 1, 8);
    await crash();
    expect([...recovered.logs.keys()]).toEqual([1]);
    await restart();
    expect(recovered.nextLogId).toBe(8);
  });

  it('tells its blocks from those of earlier runs', async () => {
    await publish(store, 7, 0, 5, BODY_BYTES);
    await store.commit(commitOf({ droppedLogs: [7] }));
    for (let i = 0; i < 2; i++) {
      await restart();
      await publish(store, 1, i, 1, BODY_BYTES);
      await consume(store, 1, i + 1);
    }
    await crash();
    expect([...recovered.logs.keys()]).toEqual([1]);
    expect(store.damagedCount).toBe(0);
  });

  it('is left behind when it is switched off', async () => {
    await publish(store, 1, 0, 5, BODY_BYTES);
    await restart({ journalBytes: 0 });
    await expect.poll(() => isMoved(1, 4)).toBe(true);
    await publish(store, 1, 5, 1, BODY_BYTES);
    await restart();
    expect(sequencesOf(store, 1)).toEqual(range(0, 6));
  });
});

describe('a journal file', () => {
  const name = 'journal-01.wal';

  it('whose last commit was cut short goes on without it', async () => {
    await publish(store, 1, 0, 3, BODY_BYTES);
    await crash(() => flip(name, 2 * BLOCK_BYTES + 3000));
    expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 2, nextSequence: 2 });
    expect(store.damagedCount).toBe(0);
    await publish(store, 1, 2, 1, BODY_BYTES);
    await crash();
    expect(sequencesOf(store, 1)).toEqual(range(0, 3));
  });

  it('that is used again is not taken for what it was before', async () => {
    for (let i = 0; i < 38; i++) {
      await publish(store, 1, i, 1, BODY_BYTES);
      await consume(store, 1, i + 1);
    }
    await publish(store, 1, 38, 1, BODY_BYTES);
    const body = bodyOf(1, 38, BODY_BYTES);
    await crash(() => {
      const last = journalFiles().find((file) => readFileSync(path(file)).includes(body)) ?? '';
      flip(last, readFileSync(path(last)).indexOf(body) + 100);
    });
    expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 0, nextSequence: 38 });
    expect(store.damagedCount).toBe(0);
  });

  it.each([
    ['in the middle', 1],
    ['at the end', 2],
  ])('with a damaged message %s tells of it and has the others', async (_where, damaged) => {
    await publish(store, 1, 0, 3, BODY_BYTES);
    await store.close();
    flip(name, damaged * BLOCK_BYTES + 3000);
    await start();
    expect(recovered.logs.get(1)).toMatchObject({ nextSequence: 3 });
    expect(sequencesOf(store, 1)).toEqual(range(0, 3).filter((sequence) => sequence !== damaged));
    expect(store.damagedCount).toBe(1);
    expect(log.lines.join()).toMatch(`1 messages of log 1 from sequence ${damaged} on are damaged`);
  });

  it('with a damaged message that is moved tells of it when it is read', async () => {
    await publish(store, 1, 0, 3, BODY_BYTES);
    await store.close();
    flip(name, BLOCK_BYTES + 3000);
    await start({ journalBytes: 0 });
    await expect.poll(() => isMoved(1, 2)).toBe(true);
    expect(sequencesOf(store, 1)).toEqual([0, 2]);
    expect(store.damagedCount).toBe(1);
    expect(log.lines.join()).toMatch(/are damaged in .*messages-00000001\.mdb/);
  });

  it.each([
    ['the header', 0],
    ['the keys', 80],
  ])('with a damaged block (%s) sets it aside and has the others', async (_what, at) => {
    await publish(store, 1, 0, 4, BODY_BYTES);
    await store.close();
    flip(name, BLOCK_BYTES + at);
    await start();
    expect(sequencesOf(store, 1)).toEqual([0, 2, 3]);
    expect(store.damagedCount).toBe(1);
    expect(log.lines.join()).toMatch(/journal-01\.wal is damaged: 8192 bytes at offset 8192/);
    await store.close();
    const aside = readFileSync(path(`damaged/${name}-offset-8192.bin`));
    expect(aside.includes(bodyOf(1, 1, BODY_BYTES))).toBe(true);

    writeFileSync(path(`damaged/${name}-offset-8192.bin`), 'of another file with that number');
    for (let i = 0; i < 2; i++) {
      await start();
      await store.close();
    }
    expect(readdirSync(path('damaged'))).toHaveLength(2);
    expect(readFileSync(path(`damaged/${name}-offset-8192.bin.2`)).equals(aside)).toBe(true);
  });

  it('whose first block is damaged has the others', async () => {
    await publish(store, 1, 0, 3, BODY_BYTES);
    await crash(() => flip(name, 20));
    expect(sequencesOf(store, 1)).toEqual([1, 2]);
    expect(store.damagedCount).toBe(1);
  });

  it('that has lost its end tells of it', async () => {
    await publish(store, 1, 0, 4, BODY_BYTES);
    await store.close();
    truncateSync(path(name), 3 * BLOCK_BYTES);
    await start();
    expect(sequencesOf(store, 1)).toEqual([0, 1, 2]);
    expect(store.damagedCount).toBe(1);
    expect(log.lines.join()).toMatch(/journal-01\.wal is damaged/);
  });

  it('has to be there after a clean stop', async () => {
    await publish(store, 1, 0, 1, BODY_BYTES);
    await store.close();
    rmSync(path(name));
    for (let i = 0; i < 2; i++) await expect(start()).rejects.toThrow(`${name} is missing: restore`);
    writeFileSync(path(name), '');
    await start();
    expect(recovered.cleanShutdown).toBe(true);
    expect(recovered.logs.size).toBe(0);
    expect(log.lines.join()).toContain(`${name} is empty, but was not when the broker stopped`);
    expect(store.damagedCount).toBe(1);
    await publish(store, 1, 0, 1, BODY_BYTES);
    expect(sequencesOf(store, 1)).toEqual([0]);
  });

  it('has to be there after a crash', async () => {
    await publish(store, 1, 0, 20, BODY_BYTES);
    await expect.poll(() => journalFiles().length).toBeGreaterThan(1);
    for (const lost of journalFiles()) {
      await expect(crash(() => rmSync(path(lost)))).rejects.toThrow(`${lost} is missing: restore`);
      await expect(start()).rejects.toThrow(`${lost} is missing: restore`);
      writeFileSync(path(lost), '');
      await start();
      expect(recovered.cleanShutdown).toBe(false);
      expect(store.damagedCount).toBe(1);
      expect(log.lines.join()).toContain(`${lost} is empty, but was not when the broker stopped`);
      await restart();
      expect(store.damagedCount).toBe(0);
    }
  });

  it('of which nothing can be read is set aside', async () => {
    await publish(store, 1, 0, 1, BODY_BYTES);
    await store.close();
    writeFileSync(path(name), Buffer.alloc(FILE_BYTES, 7));
    await start();
    expect(store.damagedCount).toBe(1);
    expect(log.lines.join()).toMatch(/set aside as .*journal-01\.wal\.damaged/);
    await publish(store, 1, 5, 1, BODY_BYTES);
    expect(sequencesOf(store, 1)).toEqual([5]);

    // Another file may have that number by now.
    await store.close();
    writeFileSync(path(name), Buffer.alloc(FILE_BYTES, 8));
    await start();
    expect(log.lines.join()).toMatch(/set aside as .*journal-01\.wal\.damaged\.2/);
    const asides = [`${name}.damaged`, `${name}.damaged.2`].map((aside) => readFileSync(path(aside))[0]);
    expect(asides).toEqual([7, 8]);
  });

  it('of another data directory is refused', async () => {
    const other = path(name);
    await publish(store, 1, 0, 1, BODY_BYTES);
    await store.close();
    dataDir = newDirectory();
    await start();
    await store.close();
    cpSync(other, path(name));
    await expect(start()).rejects.toThrow('belongs to another data directory');
  });

  it('that was not used before the end is not taken for one that was', async () => {
    await store.close();
    await start();
    expect(recovered).toMatchObject({ logs: new Map(), cleanShutdown: true });
    expect(journalFiles()).toEqual([name]);
  });
});
