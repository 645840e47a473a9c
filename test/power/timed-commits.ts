/**
 * Commits entries and nothing else to a new store, and prints how long each commit took, in milliseconds, as JSON:
 *
 *     timed-commits.ts <data directory>
 */
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { commitOf, messages } from '../storage/support.ts';

const [dataDir = ''] = process.argv.slice(2);
const store = await openLmdbStore({ dataDir, journalFileBytes: 32 * 1024 });
store.recover();
const times: number[] = [];
for (let i = 0; i < 3; i++) {
  const startedAt = performance.now();
  await store.commit(commitOf({ entries: [messages(1, i, 1)] }));
  times.push(performance.now() - startedAt);
}
process.stdout.write(JSON.stringify(times));
await store.close();
