import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerProcess } from '../crash/server-process.ts';
import { collectGarbage } from './garbage.ts';

const mebibyte = 2 ** 20;

/** What a broker without messages and clients takes. */
export interface Measurement {
  /** Anonymous memory, with what the allocator keeps for the next time. */
  readonly memoryMiB: number;
  /** What JavaScript holds, buffers included. */
  readonly heapMiB: number;
  readonly files: number;
  readonly diskMiB: number;
}

/** Growth that is not taken for a leak while pools of slabs and buffers fill, up to 25 MiB, and the allocator's. */
export const fillingMargin: Measurement = { memoryMiB: 128, heapMiB: 24, files: 8, diskMiB: 64 };

/** Growth that is not taken for a leak once they are full: figures differ that much from one round to the next. */
export const steadyMargin: Measurement = { memoryMiB: 48, heapMiB: 5, files: 8, diskMiB: 64 };

/** A few generations of 16 MiB (the newest, the next, those that wait to be removed) and the definitions. */
const diskMiBMax = 128;

/** What has to be settled in the background gets this many looks. */
const looksMax = 10;
const lookMs = 250;

/** Measures a broker that has nothing to do; the lowest of several looks, after its garbage was collected. */
export async function measure(server: ServerProcess, dataDir: string): Promise<Measurement> {
  let lowest: Measurement | undefined;
  for (let look = 0; look < looksMax; look++) {
    await delay(lookMs);
    const { heapUsed, arrayBuffers } = await collectGarbage(server);
    const now: Measurement = {
      memoryMiB: Math.round(server.anonymousBytes / mebibyte),
      heapMiB: Math.round((heapUsed + arrayBuffers) / mebibyte),
      files: server.openFiles,
      diskMiB: Math.round(diskBytes(dataDir) / mebibyte),
    };
    lowest = {
      memoryMiB: Math.min(now.memoryMiB, lowest?.memoryMiB ?? now.memoryMiB),
      heapMiB: Math.min(now.heapMiB, lowest?.heapMiB ?? now.heapMiB),
      files: Math.min(now.files, lowest?.files ?? now.files),
      diskMiB: Math.min(now.diskMiB, lowest?.diskMiB ?? now.diskMiB),
    };
  }
  if (lowest === undefined) throw new Error('nothing was measured');
  return lowest;
}

/** Blocks that files in a directory take. */
function diskBytes(directory: string): number {
  let bytes = 0;
  for (const name of readdirSync(directory)) {
    const stat = statSync(join(directory, name), { throwIfNoEntry: false });
    if (stat !== undefined) bytes += stat.blocks * 512;
  }
  return bytes;
}

/** @throws Error when a broker takes more than it did, or more than it may */
export function compare(before: Measurement, after: Measurement, margin: Measurement): void {
  const grown = (['memoryMiB', 'heapMiB', 'files', 'diskMiB'] as const).filter(
    (what) => after[what] > before[what] + margin[what],
  );
  if (after.diskMiB > diskMiBMax) grown.push('diskMiB');
  if (grown.length === 0) return;
  throw new Error(`${grown.join(', ')} grew from ${describe(before)} to ${describe(after)}`);
}

export function describe({ memoryMiB, heapMiB, files, diskMiB }: Measurement): string {
  return `${memoryMiB} MiB of memory (${heapMiB} MiB in JavaScript), ${files} files, ${diskMiB} MiB on disk`;
}
