import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/broker/store.ts';
import { DataDirectoryError } from '../../src/storage/data-directory-error.ts';
import { type LmdbStoreOptions, openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { CollectedLog, commitOf, messages, newDirectory, removeDirectories } from './support.ts';

let dataDir: string;
let store: Store;

async function open(options: Partial<LmdbStoreOptions> = {}): Promise<Store> {
  store = await openLmdbStore({ dataDir, generationBytes: 40_000, log: new CollectedLog(), ...options });
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

  it('that are missing refuse the start', async () => {
    const rows = [{ key: key(), value: Buffer.from('x') }];
    await store.commit(commitOf({ rows, entries: [messages(1, 0, 1)] }));
    await store.close();
    rmSync(join(dataDir, 'rows.mdb'));
    await open();
    expect(() => store.recover()).toThrow(DataDirectoryError);
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
