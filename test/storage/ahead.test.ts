import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogEntry, Recovered, Store, WrittenAhead } from '../../src/broker/store.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { consume, publish, range, sequencesOf } from './steps.ts';
import { CollectedLog, commitOf, copyOf, messages, newDirectory, removeDirectories } from './support.ts';

const FILE_BYTES = 64 * 1024;
const BODY_BYTES = 5000;
const LARGE_BYTES = 3 * 2 ** 20;

let dataDir: string;
let store: Store;
let recovered: Recovered;
let log: CollectedLog;

async function start(): Promise<void> {
  log = new CollectedLog();
  store = await openLmdbStore({
    dataDir,
    generationBytes: 2 ** 24,
    journalFileBytes: FILE_BYTES,
    journalBytes: 3 * FILE_BYTES,
    log,
  });
  recovered = store.recover();
}

async function restart(): Promise<void> {
  await store.close();
  await start();
}

/** Goes on with what a killed broker would have left. */
async function crash(): Promise<void> {
  const left = copyOf(dataDir);
  await store.close();
  dataDir = left;
  await start();
}

async function writeAhead(entry: LogEntry): Promise<WrittenAhead> {
  const ahead = await store.writeAhead(entry);
  if (ahead === undefined) throw new Error('it was not written');
  return ahead;
}

function largeFiles(): string[] {
  return readdirSync(dataDir).filter(
    (name) => name.endsWith('.wal') && statSync(join(dataDir, name)).size > LARGE_BYTES,
  );
}

beforeEach(async () => {
  dataDir = newDirectory();
  await start();
});
afterEach(() => store.close());
afterAll(removeDirectories);

describe('an entry that is written ahead of its commit', () => {
  const large = messages(1, 1, 1, LARGE_BYTES);

  it('lets others pass, and is there once a commit has carried it', async () => {
    await publish(store, 1, 0, 1, BODY_BYTES);
    const written = writeAhead(large);
    await publish(store, 1, 2, 30, BODY_BYTES);
    const ahead = await written;
    expect(sequencesOf(store, 1)).toEqual([0, ...range(2, 32)]);
    await store.commit(
      commitOf({ entries: [messages(1, 32, 1), { ...large, ahead }, messages(2, 0, 1, BODY_BYTES)] }),
    );
    ahead.discard();
    expect(sequencesOf(store, 1)).toEqual(range(0, 33));
    for (const again of [crash, restart, crash]) {
      await again();
      expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 33, nextSequence: 33 });
      expect(sequencesOf(store, 1)).toEqual(range(0, 33));
      expect(sequencesOf(store, 2)).toEqual([0]);
      expect(log.lines).toEqual([]);
    }
  });

  it('gives its space back when it is consumed', async () => {
    await store.commit(commitOf({ entries: [{ ...large, ahead: await writeAhead(large) }] }));
    await consume(store, 1, 2);
    expect(largeFiles()).toHaveLength(1);
    await publish(store, 2, 0, 1, BODY_BYTES);
    await expect.poll(largeFiles).toEqual([]);
  });

  it.each([
    ['killed', crash],
    ['closed', restart],
  ])('is gone when the broker was %s before that', async (_how, again) => {
    await publish(store, 1, 0, 1, BODY_BYTES);
    await writeAhead(large);
    expect(largeFiles()).toHaveLength(1);
    await again();
    expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 1, nextSequence: 1 });
    expect(sequencesOf(store, 1)).toEqual([0]);
    await expect.poll(largeFiles).toEqual([]);
    expect(log.lines).toEqual([]);
  });

  it('gives its space back when no commit will carry it', async () => {
    (await writeAhead(large)).discard();
    await expect.poll(largeFiles).toEqual([]);
  });

  it('has to be large', () => {
    expect(store.writeAhead(messages(1, 0, 1, BODY_BYTES))).toBeUndefined();
  });
});
