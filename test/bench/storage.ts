/**
 * Throughput of commits, beside a plain file that is appended to and synced:
 *
 *     npx tsx test/bench/storage.ts [seconds each]
 */
import { closeSync, fdatasync, openSync, rmSync, write } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { commitOf, messages, newDirectory, removeDirectories } from '../storage/support.ts';

const RECORDS = 500;
const BODY_BYTES = 1024;
const msEach = Number(process.argv[2] ?? 4) * 1000;

async function measure(name: string, step: (i: number) => Promise<number>): Promise<void> {
  let commits = 0;
  let bytes = 0;
  const startedAt = performance.now();
  const cpuAt = process.cpuUsage();
  while (performance.now() - startedAt < msEach) bytes += await step(commits++);
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = process.cpuUsage(cpuAt);
  const perCommit = Math.round(cpu.user / commits);
  process.stdout.write(
    `${name}: ${Math.round(commits / seconds)} commits/s, ${Math.round(bytes / seconds / 1e6)} MB/s, ` +
      `${perCommit} us user and ${Math.round(cpu.system / commits)} us system CPU per commit\n`,
  );
}

const template = messages(1, 0, RECORDS, BODY_BYTES);
const dataDir = newDirectory();
const store = await openLmdbStore({ dataDir });
store.recover();
await measure('store, entries', async (i) => {
  await store.commit(commitOf({ entries: [{ ...template, firstSequence: i * RECORDS }] }));
  return template.bytes.length;
});
let sequence = 0;
await measure('store, entries consumed at once', async () => {
  const entry = { ...template, logId: 2, firstSequence: sequence };
  const readPosition = sequence;
  sequence += RECORDS;
  await store.commit(commitOf({ entries: [entry], logStates: [{ logId: 2, readPosition, unsettled: [] }] }));
  return template.bytes.length;
});
const small = messages(3, 0, 1, 20);
await measure('store, one small message', async (i) => {
  await store.commit(commitOf({ entries: [{ ...small, firstSequence: i }] }));
  return small.bytes.length;
});
await store.close();

const path = join(dataDir, 'plain');
const fd = openSync(path, 'w');
const append = promisify(write);
const sync = promisify(fdatasync);
const appendAndSync = (bytes: Buffer) => async () => {
  await append(fd, bytes);
  await sync(fd);
  return bytes.length;
};
await measure('plain file, write + fdatasync', appendAndSync(template.bytes));
await measure('plain file, one small message', appendAndSync(small.bytes));
closeSync(fd);
rmSync(path);
removeDirectories();
