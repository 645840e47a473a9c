import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allDbs } from 'lmdb';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogState, Recovered, Store } from '../../src/broker/store.ts';
import { type LmdbStoreOptions, openLmdbStore } from '../../src/storage/lmdb-store.ts';
import {
  bodyOf,
  commitOf,
  copyOf,
  entry,
  messages,
  newDirectory,
  recordsOf,
  removeDirectories,
} from './support.ts';

let dataDir: string;
let store: Store;
let recovered: Recovered;

async function start(options: Partial<LmdbStoreOptions> = {}): Promise<void> {
  store = await openLmdbStore({ dataDir, generationBytes: 100_000, ...options });
  recovered = store.recover();
}

async function restart(options: Partial<LmdbStoreOptions> = {}): Promise<void> {
  await store.close();
  await start(options);
}

function consumed(logId: number, readPosition: number, unsettled: LogState['unsettled'] = []): LogState {
  return { logId, readPosition, unsettled };
}

function generationFiles(): string[] {
  return readdirSync(dataDir)
    .filter((name) => /^messages-\d+\.mdb$/.test(name))
    .sort();
}

async function waitForRemoval(number: number): Promise<void> {
  const path = join(dataDir, `messages-0000000${number}.mdb`);
  await expect.poll(() => existsSync(path), { interval: 5 }).toBe(false);
}

beforeEach(async () => {
  dataDir = newDirectory();
  await start();
});
afterEach(() => store.close());
afterAll(removeDirectories);

describe('a new data directory', () => {
  it('is empty and clean', () => {
    expect(recovered).toEqual({ definitions: [], logs: new Map(), cleanShutdown: true, nextLogId: 1 });
  });

  it('leaves nothing in the list in which LMDB would keep every file ever opened', () => {
    expect(allDbs.size).toBe(0);
  });

  it('takes a commit without anything in it', async () => {
    await store.commit(commitOf({}));
  });
});

describe('entries', () => {
  it('are read back in order, before and after a restart', async () => {
    await store.commit(commitOf({ entries: [messages(1, 0, 3), messages(2, 5, 2)] }));
    await store.commit(commitOf({ entries: [messages(1, 3, 2)] }));
    const bodies = [0, 1, 2, 3, 4].map((sequence) => bodyOf(1, sequence));
    const before = store.read(1, 0, 100, 1e6);
    expect(recordsOf(before).map(({ body }) => body)).toEqual(bodies);
    expect(before.map((found) => found.recovered)).toEqual([false, false]);

    await restart();
    const after = store.read(1, 0, 100, 1e6);
    expect(recordsOf(after).map(({ body }) => body)).toEqual(bodies);
    expect(after.map((found) => found.recovered)).toEqual([true, true]);
    expect(recovered.cleanShutdown).toBe(true);
    expect(recovered.logs.get(1)).toMatchObject({ nextSequence: 5, unreadCount: 5, unreadBodyBytes: 100 });
    expect(recovered.logs.get(2)).toMatchObject({ nextSequence: 7, unreadCount: 2, unreadBodyBytes: 40 });
    expect(recovered.nextLogId).toBe(3);

    await store.commit(commitOf({ entries: [messages(1, 5, 1)] }));
    expect(store.read(1, 0, 100, 1e6).map((found) => found.recovered)).toEqual([true, true, false]);
  });

  it('are cut by range and by bytes, at least one at a time', async () => {
    const entries = Array.from({ length: 200 }, (_, i) => messages(1, i * 10, 10));
    await store.commit(commitOf({ entries }));
    expect(store.read(1, 15, 16, 1e6).map(({ firstSequence }) => firstSequence)).toEqual([10]);
    expect(store.read(1, 19, 21, 1e6).map(({ firstSequence }) => firstSequence)).toEqual([10, 20]);
    expect(store.read(1, 1995, 9999, 1e6).map(({ firstSequence }) => firstSequence)).toEqual([1990]);
    expect(store.read(1, 0, 9999, 1).map(({ firstSequence }) => firstSequence)).toEqual([0]);
    expect(store.read(1, 0, 9999, 1e9)).toHaveLength(200);
    expect(store.read(1, 2000, 9999, 1e9)).toEqual([]);
    expect(store.read(7, 0, 9999, 1e9)).toEqual([]);
  });

  it('keep sequences beyond 32 bits apart', async () => {
    const first = 2 ** 40 + 5;
    await store.commit(commitOf({ entries: [messages(1, 5, 1), messages(1, first, 2)] }));
    await restart();
    expect(recordsOf(store.read(1, 6, 2 ** 41, 1e6)).map(({ sequence }) => sequence)).toEqual([
      first,
      first + 1,
    ]);
    expect(recovered.logs.get(1)?.nextSequence).toBe(first + 2);
  });

  it('that cannot be stored leave no trace', async () => {
    const bad = { ...messages(1, 0, 2), count: 100 };
    await expect(store.commit(commitOf({ entries: [messages(2, 0, 1), bad] }))).rejects.toThrow(RangeError);
    const nameless = { key: ['queue', 'x'.repeat(3000)], value: {} };
    await expect(
      store.commit(commitOf({ entries: [messages(2, 0, 1)], definitions: [nameless] })),
    ).rejects.toThrow(RangeError);
    await store.commit(commitOf({ entries: [messages(3, 0, 1)] }));
    expect(store.read(2, 0, 10, 1e6)).toEqual([]);
  });
});

describe('definitions', () => {
  it('of a killed broker are those of its last commit, however long their names', async () => {
    const name = (bytes: number) => ({ key: ['binding', 'n'.repeat(bytes)], value: bytes });
    const definitions = [name(100), name(245), name(246), name(255), name(1500)];
    await store.commit(commitOf({ definitions }));
    await store.commit(commitOf({ definitions: [{ ...name(100), value: null }] }));
    const left = copyOf(dataDir);
    await store.close();
    dataDir = left;
    await start();
    expect(recovered.cleanShutdown).toBe(false);
    expect(recovered.definitions).toEqual(definitions.slice(1));
    await restart();
    expect(recovered.definitions).toEqual(definitions.slice(1));
  });

  it('are kept, replaced and removed, in key order', async () => {
    const definition = (key: string[], value: string | null) => ({ key, value });
    await store.commit(
      commitOf({
        definitions: [
          definition(['queue', '/', 'b'], 'one'),
          definition(['queue', '/', 'a\u0000b'], 'nul'),
          definition(['queue', '/', 'a'], 'two'),
          definition(['exchange', '/', 'é'], 'three'),
          definition(['queue', '', ''], 'four'),
        ],
      }),
    );
    await store.commit(
      commitOf({
        definitions: [definition(['queue', '/', 'b'], null), definition(['queue', '/', 'zz'], null)],
      }),
    );
    await store.commit(commitOf({ definitions: [definition(['queue', '/', 'a'], 'five')] }));
    await restart();
    expect(recovered.definitions).toEqual([
      definition(['exchange', '/', 'é'], 'three'),
      definition(['queue', '', ''], 'four'),
      definition(['queue', '/', 'a'], 'five'),
      definition(['queue', '/', 'a\u0000b'], 'nul'),
    ]);
  });
});

describe('log states', () => {
  it('come back as they were', async () => {
    const state: LogState = {
      logId: 9,
      readPosition: 2 ** 33,
      unsettled: [
        { firstSequence: 1, count: 3 },
        {
          firstSequence: 2 ** 32,
          count: 10,
          settled: Uint8Array.of(0b101, 1),
          deliveryCounts: [
            [1, 3],
            [9, 1],
          ],
        },
      ],
    };
    await store.commit(commitOf({ logStates: [state] }));
    await restart();
    expect(recovered.logs.get(9)).toEqual({
      logId: 9,
      state,
      nextSequence: 2 ** 33,
      unreadCount: 0,
      unreadBodyBytes: 0,
    });
  });

  it('count exactly what is unread when the read position lies within an entry', async () => {
    const records = [
      { body: 'a' },
      { body: 'bb', persistent: false },
      { body: 'ccc' },
      { body: 'dddd' },
      { body: 'eeeee', persistent: false },
    ];
    await store.commit(
      commitOf({ entries: [entry(1, 100, records), entry(1, 105, records)], logStates: [consumed(1, 103)] }),
    );
    await restart();
    expect(recovered.logs.get(1)).toMatchObject({
      nextSequence: 110,
      unreadCount: 1 + 3,
      unreadBodyBytes: 4 + 8,
    });
  });

  it('of the caller may change as soon as the commit is on its way', async () => {
    const settled = Uint8Array.of(1);
    const unsettled = [{ firstSequence: 0, count: 2, settled }];
    const done = store.commit(
      commitOf({ entries: [messages(1, 0, 2)], logStates: [consumed(1, 2, unsettled)] }),
    );
    settled[0] = 3;
    unsettled.pop();
    await done;
    await restart();
    expect(recovered.logs.get(1)?.state.unsettled).toEqual([
      { firstSequence: 0, count: 2, settled: Uint8Array.of(1) },
    ]);
  });

  it('that are not well-formed are refused', async () => {
    const above = consumed(1, 2, [{ firstSequence: 1, count: 5 }]);
    await expect(store.commit(commitOf({ logStates: [above] }))).rejects.toThrow(RangeError);
    await store.commit(commitOf({ logStates: [consumed(1, 2)] }));
  });
});

describe('generations', () => {
  const bodyBytes = 10_000;

  beforeEach(() => restart({ journalBytes: 0 }));

  /** Fills about `count` x 10 KB. */
  async function fill(logId: number, firstSequence: number, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await store.commit(commitOf({ entries: [messages(logId, firstSequence + i, 1, bodyBytes)] }));
    }
  }

  it('roll, are read over their borders, and go when all is settled', async () => {
    await fill(1, 0, 60);
    const files = generationFiles();
    expect(files.length).toBeGreaterThan(3);
    expect(recordsOf(store.read(1, 0, 60, 1e9)).map(({ sequence }) => sequence)).toEqual([
      ...Array(60).keys(),
    ]);

    await store.commit(commitOf({ logStates: [consumed(1, 60, [{ firstSequence: 3, count: 1 }])] }));
    await waitForRemoval(2);
    await waitForRemoval(3);
    expect(recordsOf(store.read(1, 3, 4, 1e9))[0]?.body).toBe(bodyOf(1, 3, bodyBytes));
    await store.commit(commitOf({ logStates: [consumed(1, 60)] }));
    await waitForRemoval(1);
    await restart();
    expect(recovered.logs.get(1)).toMatchObject({ nextSequence: 60, unreadCount: 0 });
  });

  it('stay as long as any log is owed something', async () => {
    // So much of the first generation that it is not worth copying forward.
    await fill(2, 0, 6);
    await fill(1, 0, 60);
    await store.commit(commitOf({ logStates: [consumed(1, 60)] }));
    await waitForRemoval(2);
    expect(existsSync(join(dataDir, 'messages-00000001.mdb'))).toBe(true);
    expect(recordsOf(store.read(2, 0, 6, 1e6))).toHaveLength(6);
    await store.commit(commitOf({ droppedLogs: [2] }));
    await waitForRemoval(1);
  });

  it('that were settled while the broker was down are removed at start', async () => {
    await fill(1, 0, 30);
    await store.commit(commitOf({ logStates: [consumed(1, 30)] }));
    const copies = generationFiles().map((name) => ({
      path: join(dataDir, name),
      content: readFileSync(join(dataDir, name)),
    }));
    await store.close();
    for (const { path, content } of copies) writeFileSync(path, content);
    await start();
    await waitForRemoval(1);
  });
});

describe('dropped logs', () => {
  it('are gone at once and after a restart, and their ids are never used again', async () => {
    await store.commit(commitOf({ entries: [messages(7, 0, 5)], logStates: [consumed(7, 2)] }));
    await store.commit(commitOf({ droppedLogs: [7] }));
    expect(store.read(7, 0, 10, 1e6)).toEqual([]);
    await expect(store.commit(commitOf({ entries: [messages(7, 5, 1)] }))).rejects.toThrow(/dropped/);
    await restart();
    expect(recovered.logs.has(7)).toBe(false);
    expect(recovered.nextLogId).toBe(8);
  });

  it('are forgotten with the last generation that holds them, but their ids are not', async () => {
    await restart({ journalBytes: 0 });
    await store.commit(commitOf({ entries: [messages(7, 0, 5)] }));
    for (let i = 0; i < 30; i++) await store.commit(commitOf({ entries: [messages(3, i, 1, 10_000)] }));
    await store.commit(commitOf({ droppedLogs: [7, 12] }));
    await store.commit(commitOf({ logStates: [consumed(3, 30)] }));
    await waitForRemoval(1);
    for (let i = 0; i < 3; i++) await restart();
    expect([...recovered.logs.keys()]).toEqual([3]);
    expect(recovered.nextLogId).toBe(13);
    await store.commit(commitOf({ droppedLogs: [3] }));
    for (let i = 0; i < 3; i++) await restart();
    expect(recovered.nextLogId).toBe(13);
  });
});
