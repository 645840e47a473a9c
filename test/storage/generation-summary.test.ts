import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Recovered, Store } from '../../src/broker/store.ts';
import { Generation, generationNumbers } from '../../src/storage/generations/generation.ts';
import { decodeSummary, encodeSummary } from '../../src/storage/generations/generation-summary.ts';
import { openEnvironment } from '../../src/storage/lmdb/environment.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { commitOf, messages, newDirectory, removeDirectories } from './support.ts';

const SUMMARY_KEY = Buffer.from([0, 0]);
const MAP_BYTES = 2 ** 26;

let dataDir: string;

async function open(): Promise<{ store: Store; logs: Recovered['logs'] }> {
  const store = await openLmdbStore({ dataDir, generationBytes: 100_000, journalBytes: 0 });
  return { store, logs: store.recover().logs };
}

async function reopened(): Promise<Recovered['logs']> {
  const { store, logs } = await open();
  await store.close();
  return logs;
}

/** Does something to every generation but the newest. */
async function toSealed(action: (generation: Generation) => Promise<unknown> | unknown): Promise<number> {
  const numbers = generationNumbers(readdirSync(dataDir)).slice(0, -1);
  for (const number of numbers) {
    const generation = Generation.open(dataDir, number, MAP_BYTES);
    await action(generation);
    await generation.close();
  }
  return numbers.length;
}

beforeEach(async () => {
  dataDir = newDirectory();
  const { store } = await open();
  for (let i = 0; i < 60; i++) {
    await store.commit(commitOf({ entries: [messages(1, i * 4, 4, 3000), messages(2 + (i % 5), i * 3, 3)] }));
  }
  const settled = Uint8Array.from([0b1110]);
  const unsettled = [{ firstSequence: 96, count: 4, settled }];
  await store.commit(commitOf({ logStates: [{ logId: 1, readPosition: 102, unsettled }] }));
  await store.close();
});
afterAll(removeDirectories);

describe('the summary of a generation', () => {
  it('is there for all but the newest, and says what the keys say', async () => {
    const logs = await reopened();
    expect(logs.get(1)).toMatchObject({ unreadCount: 138, nextSequence: 240, unreadBodyBytes: 138 * 3000 });
    const sealed = await toSealed((generation) => expect(generation.readSummary()).toBeDefined());
    expect(sealed).toBeGreaterThan(2);
    await toSealed((generation) => generation.environment.remove(SUMMARY_KEY));
    expect(await reopened()).toEqual(logs);
  });

  it('is written by a start that missed it', async () => {
    await toSealed((generation) => generation.environment.remove(SUMMARY_KEY));
    await reopened();
    await toSealed((generation) => expect(generation.readSummary()).toBeDefined());
  });

  it('is passed over when it is damaged', async () => {
    const logs = await reopened();
    await toSealed(async ({ environment }) => {
      const row = environment.getBinary(SUMMARY_KEY);
      if (row === undefined) return;
      row[20] = (row[20] ?? 0) ^ 1;
      await environment.put(SUMMARY_KEY, row);
    });
    expect(await reopened()).toEqual(logs);
  });

  it('is passed over when entries came later', async () => {
    const logs = await reopened();
    await toSealed(({ environment }) => {
      const row = environment.getBinary(SUMMARY_KEY);
      const summary = row && decodeSummary(row);
      const stale = encodeSummary((summary?.entries ?? 0) - 1, summary?.spans.slice(1) ?? []);
      return environment.put(SUMMARY_KEY, stale);
    });
    expect(await reopened()).toEqual(logs);
  });

  it('is passed over when a state is lost: all that is on disk is owed again', async () => {
    const logStates = openEnvironment(join(dataDir, 'logs.mdb'), MAP_BYTES);
    const key = Buffer.from([3, 0, 0, 0, 1]);
    const row = logStates.getBinary(key);
    expect(row).toBeDefined();
    await logStates.put(key, Buffer.alloc(row?.length ?? 0));
    await logStates.close();
    const logs = await reopened();
    expect(logs.get(1)?.nextSequence).toBe(240);
    expect(logs.get(1)?.unreadCount).toBeGreaterThanOrEqual(138);
  });
});

it('records that were written twice are counted once', async () => {
  const { store } = await open();
  await store.commit(commitOf({ entries: [messages(9, 0, 3)] }));
  await store.commit(commitOf({ entries: [messages(9, 1, 5)] }));
  for (let i = 0; i < 30; i++) await store.commit(commitOf({ entries: [messages(8, i * 4, 4, 3000)] }));
  await store.commit(commitOf({ entries: [messages(9, 4, 6)] }));
  await store.close();
  expect((await reopened()).get(9)).toMatchObject({ unreadCount: 10, nextSequence: 10 });
  await toSealed((generation) => generation.environment.remove(SUMMARY_KEY));
  expect((await reopened()).get(9)).toMatchObject({ unreadCount: 10, nextSequence: 10 });
});
