import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, expect, it } from 'vitest';
import { type Environment, openEnvironment, transact } from '../../src/storage/lmdb/environment.ts';
import { newDirectory, removeDirectories } from './support.ts';

setFlagsFromString('--expose-gc');
const collect: (options: { type: 'minor' }) => void = runInNewContext('gc');

const transactions = 20;
/** Instructions for more of them would not fit into 64 KiB. */
const rowsPerTransaction = 1500;

afterAll(removeDirectories);

it('leaves little memory behind that V8 does not count', async () => {
  const environment = openEnvironment(join(newDirectory(), 'rows.mdb'), 2 ** 24);
  for (let i = 0; i < 3; i++) await writeRows(environment);
  collectYoung();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < transactions; i++) await writeRows(environment);
  collectYoung();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan((transactions * 2 ** 16) / 4);
  await environment.close();
});

/** Twice: what survives both is in the old generation. */
function collectYoung(): void {
  for (let i = 0; i < 2; i++) collect({ type: 'minor' });
}

function writeRows(environment: Environment): Promise<void> {
  return transact(environment, () => {
    for (let i = 0; i < rowsPerTransaction; i++) {
      const row = Buffer.alloc(8);
      row.writeUInt32BE(i);
      environment.put(row, row);
    }
  });
}
