import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { RowChange, Store } from '../../src/broker/store.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { CollectedLog, commitOf, newDirectory, removeDirectories } from './support.ts';

const rowCount = 50_000;
const rowsPerCommit = 5_000;
const keptCount = 500;

afterAll(removeDirectories);

function rowOf(number: number): { key: Buffer; value: Buffer } {
  const key = Buffer.alloc(5, 1);
  // Not in order, so that pages are left half empty.
  key.writeUInt32BE((number * 2_654_435_761) % 2 ** 32, 1);
  return { key, value: Buffer.alloc(1_500, `${number}`) };
}

async function change(store: Store, from: number, to: number, isRemoval: boolean): Promise<void> {
  for (let at = from; at < to; at += rowsPerCommit) {
    const numbers = Array.from({ length: Math.min(rowsPerCommit, to - at) }, (_, i) => at + i);
    const rows = numbers.map(rowOf).map(({ key, value }): RowChange => {
      return { key, value: isRemoval ? null : value };
    });
    await store.commit(commitOf({ rows }));
  }
}

it('a start gives the space of removed rows back, and keeps the others', { timeout: 60_000 }, async () => {
  const dataDir = newDirectory();
  const log = new CollectedLog();
  const open = async () => {
    const store = await openLmdbStore({ dataDir, log });
    store.recover();
    return store;
  };
  const first = await open();
  await change(first, 0, rowCount, false);
  await change(first, keptCount, rowCount, true);
  await first.close();
  const path = join(dataDir, 'rows.mdb');
  const before = statSync(path).size;
  const second = await open();
  expect(log.lines).toContainEqual(expect.stringContaining('made'));
  expect(statSync(path).size).toBeLessThan(before / 10);
  for (let number = 0; number < keptCount; number++) {
    const { key, value } = rowOf(number);
    expect(second.row(key)?.equals(value)).toBe(true);
  }
  await change(second, rowCount, rowCount + 1, false);
  await second.close();
  const third = await open();
  const all = { from: Buffer.from([1]), below: Buffer.from([2]), rowsMax: rowCount, bytesMax: 1e9 };
  expect(third.scanRows(all)).toHaveLength(keptCount + 1);
  await third.close();
});
