import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/broker/store.ts';
import { DataDirectoryError } from '../../src/storage/directory/data-directory-error.ts';
import { type LmdbStoreOptions, openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { CollectedLog, commitOf, copyOf, messages, newDirectory, removeDirectories } from './support.ts';

let dataDir: string;
let store: Store;
let log: CollectedLog;

async function open(options: Partial<LmdbStoreOptions> = {}): Promise<Store> {
  log = new CollectedLog();
  store = await openLmdbStore({ dataDir, generationBytes: 40_000, log, ...options });
  return store;
}

function key(...rest: number[]): Buffer {
  return Buffer.from([1, ...rest]);
}

beforeEach(async () => {
  dataDir = newDirectory();
  (await open()).recover();
});
afterEach(() => store.close());
afterAll(removeDirectories);

describe('rows', () => {
  it('let go of the generations that carried them to the disk', async () => {
    await store.close();
    (await open({ journalBytes: 0 })).recover();
    for (let i = 0; i < 60; i++) {
      const rows = [{ key: key(i), value: Buffer.alloc(5_000, i) }];
      await store.commit(commitOf({ rows }));
    }
    await store.close();
    (await open()).recover();
    const first = join(dataDir, 'messages-00000001.mdb');
    await expect.poll(() => statSync(first, { throwIfNoEntry: false }), { interval: 5 }).toBeUndefined();
    for (let i = 0; i < 60; i++) expect(store.row(key(i))?.equals(Buffer.alloc(5_000, i))).toBe(true);
  });

  it('are no log that anybody sees', async () => {
    await store.commit(commitOf({ rows: [{ key: key(), value: Buffer.from('x') }] }));
    await store.close();
    expect((await open()).recover()).toMatchObject({ logs: new Map(), nextLogId: 1 });
  });

  it('that are missing or too old refuse the start', async () => {
    const path = join(dataDir, 'rows.mdb');
    await store.close();
    const old = readFileSync(path);
    (await open()).recover();
    const rows = [{ key: key(), value: Buffer.from('x') }];
    await store.commit(commitOf({ rows, entries: [messages(1, 0, 1)] }));
    await store.close();
    writeFileSync(path, old);
    await open();
    expect(() => store.recover()).toThrow('rows.mdb is missing or too old');
    await store.close();
    rmSync(path);
    await expect(open()).rejects.toThrow('rows.mdb is damaged: the file is missing');
  });

  it('of which the latest changes are damaged refuse the start: a queue may be among them', async () => {
    const definition = (name: string) => ({ key: ['queue', '/', name], value: {} });
    const change = (name: string) => store.commit(commitOf({ definitions: [definition(name)] }));
    for (const name of ['first', 'second', 'third']) await change(name);
    const left = copyOf(dataDir);
    await store.close();
    dataDir = left;
    const path = join(dataDir, 'journal-01.wal');
    const content = readFileSync(path);
    content.write('damage', content.indexOf('second'));
    writeFileSync(path, content);
    await open();
    expect(() => store.recover()).toThrow(DataDirectoryError);
    expect(log.lines.join()).toMatch('of log 0 from sequence 1 on are damaged');
  });

  it.each([
    ['a table there is not', Buffer.from([0, 1]), Buffer.from('x'), 'bad table 0'],
    ['a table too high', Buffer.from([128]), Buffer.from('x'), 'bad table 128'],
    ['a key too long', Buffer.alloc(97, 1), Buffer.from('x'), 'a key of 97 bytes'],
    ['no value', key(), Buffer.alloc(0), 'no value'],
  ])('with %s are refused', async (_what, badKey, value, message) => {
    await expect(store.commit(commitOf({ rows: [{ key: badKey, value }] }))).rejects.toThrow(message);
  });
});
