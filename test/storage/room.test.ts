import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreFullError } from '../../src/broker/store.ts';
import { type Environment, openEnvironment } from '../../src/storage/lmdb/environment.ts';
import { Room } from '../../src/storage/lmdb/room.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { RowFile } from '../../src/storage/rows/row-file.ts';
import { mayMount, mountDisk, unmountDisk } from '../crash/small-disk.ts';
import { commitOf, newDirectory, removeDirectories } from './support.ts';

const mebibyte = 2 ** 20;
/** Each in a page of its own. */
const rows = 3000;
const valueBytes = 1500;

let directory: string;
let path: string;
let environment: Environment;

beforeEach(() => {
  directory = newDirectory();
  if (mayMount) mountDisk(directory, 48 * mebibyte);
  path = join(directory, 'rows.mdb');
  environment = openEnvironment(path, 64 * mebibyte);
});
afterEach(async () => {
  await environment.close();
  if (mayMount) unmountDisk(directory);
});
afterAll(removeDirectories);

const ballast = () => join(directory, 'ballast');

function freeBytes(): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

/** Has others leave so much of the disk. */
function leave(bytes: number): void {
  rmSync(ballast(), { force: true });
  writeFileSync(ballast(), Buffer.alloc(freeBytes() - bytes));
}

function keyOf(i: number): Buffer {
  const key = Buffer.alloc(5, 1);
  key.writeUInt32BE(i, 1);
  return key;
}

function changes(fill: number) {
  return Array.from({ length: rows }, (_, i) => ({ key: keyOf(i), value: Buffer.alloc(valueBytes, fill) }));
}

describe.skipIf(!mayMount)('on a disk that is nearly full (skipped where no tmpfs can be mounted)', () => {
  it('rows are changed a few at a time where there is no room for all of them', async () => {
    const file = new RowFile(environment);
    await file.apply(changes(1), 1);
    leave(6 * mebibyte);
    await file.apply(changes(2), 2);
    expect(file.applied).toBe(2);
    for (const i of [0, 1, rows - 1]) expect(file.row(keyOf(i))).toEqual(Buffer.alloc(valueBytes, 2));
  });

  it('rows wait while there is no room at all', async () => {
    const file = new RowFile(environment);
    await file.apply(changes(1), 1);
    leave(3 * mebibyte);
    await expect(file.apply(changes(2), 2)).rejects.toThrow(StoreFullError);
    expect(file.applied).toBe(1);
    leave(20 * mebibyte);
    await file.apply(changes(2), 2);
    expect(file.applied).toBe(2);
  });

  it('states are written a few at a time where there is no room for all of them', async () => {
    const dataDir = join(directory, 'store');
    const sizes = { generationBytes: mebibyte, journalFileBytes: 2 ** 16, journalBytes: 2 ** 18 };
    const store = await openLmdbStore({ dataDir, freeBytesMin: 0, ...sizes });
    store.recover();
    const states = (readPosition: number) =>
      Array.from({ length: 20_000 }, (_, i) => ({ logId: i + 1, readPosition, unsettled: [] }));
    await store.commit(commitOf({ logStates: states(1) }));
    await store.flushStates();
    leave(6 * mebibyte);
    await store.commit(commitOf({ logStates: states(2) }));
    await expect(store.flushStates()).resolves.toBeUndefined();
    leave(20 * mebibyte);
    await store.close();
  });

  it('a transaction that was begun finds its room, though others fill the disk meanwhile', async () => {
    leave(16 * mebibyte);
    const room = new Room(environment, path);
    const value = Buffer.alloc(valueBytes, 1);
    const keys = 2000;
    await room.run({ keys, bytes: keys * valueBytes }, async () => {
      writeFileSync(ballast(), Buffer.alloc(freeBytes()), { flag: 'a' });
      expect(freeBytes()).toBe(0);
      await environment.batch(() => {
        for (let i = 0; i < keys; i++) environment.put(keyOf(i), value);
      });
    });
    expect(environment.getStats()).toMatchObject({ entryCount: keys });
  });

  it('transactions are made one after the other', async () => {
    leave(16 * mebibyte);
    const room = new Room(environment, path);
    const order: string[] = [];
    const run = (name: string) =>
      room.run({ keys: 1, bytes: 10 }, async () => {
        order.push(`${name} begins`);
        await environment.batch(() => void environment.put(keyOf(1), Buffer.from(name)));
        order.push(`${name} ends`);
      });
    await Promise.all([run('a'), run('b')]);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });
});
