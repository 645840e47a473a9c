/**
 * Commits nothing but entries, then nothing but definitions, to a new store, and prints how long the quickest commit
 * of each took, in milliseconds, as JSON:
 *
 *     timed-commits.ts <data directory>
 */
import type { Commit } from '../../src/broker/store.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { commitOf, messages } from '../storage/support.ts';

const [dataDir = ''] = process.argv.slice(2);
const store = await openLmdbStore({ dataDir, journalFileBytes: 32 * 1024 });
store.recover();

async function quickest(part: (i: number) => Partial<Commit>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const startedAt = performance.now();
    await store.commit(commitOf(part(i)));
    times.push(performance.now() - startedAt);
  }
  return Math.min(...times);
}

const times = [
  await quickest((i) => ({ entries: [messages(1, i, 1)] })),
  await quickest((i) => ({ definitions: [{ key: ['queue', '/', String(i)], value: {} }] })),
];
process.stdout.write(JSON.stringify(times));
await store.close();
