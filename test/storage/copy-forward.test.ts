import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogEntry, LogState, Store } from '../../src/broker/store.ts';
import { type LmdbStoreOptions, openLmdbStore } from '../../src/storage/lmdb-store.ts';
import {
  bodyOf,
  CollectedLog,
  commitOf,
  messages,
  newDirectory,
  recordsOf,
  removeDirectories,
} from './support.ts';

const GENERATION_BYTES = 100_000;
/** `npm run test:crash` lets thousands pass. */
const generationsToPass = Number(process.env['LEVERET_GENERATIONS'] ?? 200);

let dataDir: string;
let store: Store;
let log: CollectedLog;

async function start(options: Partial<LmdbStoreOptions> = {}) {
  log = new CollectedLog();
  store = await openLmdbStore({
    dataDir,
    generationBytes: GENERATION_BYTES,
    journalBytes: 0,
    log,
    ...options,
  });
  return store.recover();
}

async function restart() {
  await store.close();
  return start();
}

function consumed(logId: number, readPosition: number, unsettled: LogState['unsettled'] = []): LogState {
  return { logId, readPosition, unsettled };
}

function generationFiles(): string[] {
  return readdirSync(dataDir).filter((name) => /^messages-\d+\.mdb$/.test(name));
}

/** All but the largest file: how far the newest grows before the next one is ready is up to the disk. */
function diskBytes(): number {
  const sizes = generationFiles().map((name) => statSync(join(dataDir, name)).size);
  return sizes.reduce((sum, size) => sum + size, 0) - Math.max(...sizes);
}

/** Traffic that is consumed at once, until the generation that was the newest is far behind. */
async function passGenerations(logId: number, from: number, count: number): Promise<number> {
  let next = from;
  const first = generationFiles().sort().at(-1) ?? '';
  const target = Number(/\d+/.exec(first)?.[0]) + count;
  while (!generationFiles().some((name) => Number(/\d+/.exec(name)?.[0]) >= target)) {
    await store.commit(commitOf({ entries: [messages(logId, next, 4, 10_000)] }));
    next += 4;
    await store.commit(commitOf({ logStates: [consumed(logId, next)] }));
  }
  return next;
}

function bodiesOf(logId: number, from: number, to: number): string[] {
  return recordsOf(store.read(logId, from, to, Number.POSITIVE_INFINITY))
    .filter(({ sequence }) => sequence >= from && sequence < to)
    .map(({ body }) => body);
}

const gone = (number: number) =>
  expect.poll(() => generationFiles().includes(`messages-0000000${number}.mdb`)).toBe(false);

beforeEach(async () => {
  dataDir = newDirectory();
  await start();
});
afterEach(() => store.close());
afterAll(removeDirectories);

describe('a generation that is mostly settled', () => {
  it('gives its space back though one message stays unacknowledged', {
    timeout: 60_000 + generationsToPass * 100,
  }, async () => {
    await store.commit(commitOf({ entries: [messages(1, 0, 50, 100), messages(2, 0, 10, 1000)] }));
    const stuck = {
      firstSequence: 0,
      count: 50,
      settled: Uint8Array.from([0xff, 0xfb, 0xff, 0xff, 0xff, 0xff, 0xff]),
    };
    await store.commit(commitOf({ logStates: [consumed(1, 50, [stuck]), consumed(2, 10)] }));
    let next = 10;
    for (let passed = 0; passed < generationsToPass; passed += 5) {
      next = await passGenerations(2, next, 5);
      // The one made ready, one being copied and one that has just died.
      await expect.poll(diskBytes, { timeout: 10_000 }).toBeLessThan(4 * GENERATION_BYTES);
      expect(generationFiles().length).toBeLessThanOrEqual(4);
    }
    expect(bodiesOf(1, 10, 11)).toEqual([bodyOf(1, 10, 100)]);
    expect(log.lines.filter((line) => line.startsWith('copied')).length).toBeGreaterThan(10);

    const { logs } = await restart();
    expect(logs.get(1)?.unreadCount).toBe(0);
    expect(bodiesOf(1, 10, 11)).toEqual([bodyOf(1, 10, 100)]);
    await store.commit(commitOf({ logStates: [consumed(1, 50)] }));
    await passGenerations(2, next, 2);
    expect(bodiesOf(1, 0, 50)).toEqual([]);
  });

  it('keeps what was never read, in order and counted once', { timeout: 30_000 }, async () => {
    const entries: LogEntry[] = Array.from({ length: 8 }, (_, logId) => messages(10 + logId, 0, 10, 100));
    await store.commit(commitOf({ entries }));
    const logStates = entries.map(({ logId }) => consumed(logId, logId - 10));
    await store.commit(commitOf({ logStates }));
    const next = await passGenerations(2, 0, 3);
    await gone(1);
    await store.commit(commitOf({ entries: entries.map(({ logId }) => messages(logId, 10, 5, 100)) }));
    for (let i = 0; i < 2; i++) {
      for (const { logId } of entries) {
        const sequences = Array.from({ length: 25 - logId }, (_, n) => logId - 10 + n);
        expect(bodiesOf(logId, logId - 10, 15)).toEqual(
          sequences.map((sequence) => bodyOf(logId, sequence, 100)),
        );
      }
      const { logs } = await restart();
      for (const { logId } of entries) {
        expect(logs.get(logId)).toMatchObject({ unreadCount: 25 - logId, nextSequence: 15 });
      }
      await passGenerations(2, next + i * 1000, 3);
    }
  });

  it('is not copied again and again when nothing happens', async () => {
    await store.commit(commitOf({ entries: [messages(1, 0, 10, 100)] }));
    await passGenerations(2, 0, 3);
    await gone(1);
    const copies = () => log.lines.filter((line) => line.startsWith('copied')).length;
    await expect
      .poll(async () => {
        const before = copies();
        await delay(60);
        return copies() - before;
      })
      .toBe(0);
    const { logs } = await restart();
    expect(logs.get(1)?.unreadCount).toBe(10);
  });

  it('lets go of logs that are dropped meanwhile', async () => {
    await store.commit(commitOf({ entries: [messages(1, 0, 10, 100)] }));
    const next = await passGenerations(2, 0, 3);
    await gone(1);
    await store.commit(commitOf({ droppedLogs: [1] }));
    await passGenerations(2, next, 4);
    const { logs } = await restart();
    expect(logs.has(1)).toBe(false);
  });
});
