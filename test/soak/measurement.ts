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
  /** Objects of JavaScript. */
  readonly heapMiB: number;
  /** Pools of slabs and buffers. */
  readonly buffersMiB: number;
  readonly files: number;
  /** Without the journal. */
  readonly diskMiB: number;
  readonly journalMiB: number;
}

type Figure = keyof Measurement;

const figures = ['memoryMiB', 'heapMiB', 'buffersMiB', 'files', 'diskMiB', 'journalMiB'] as const;

/** Growth that is not taken for a leak while pools fill, and the allocator's, and the journal gets its files. */
export const fillingMargin: Measurement = {
  memoryMiB: 128,
  heapMiB: 12,
  buffersMiB: 24,
  files: 24,
  diskMiB: 64,
  journalMiB: 256,
};

/** Growth that is not taken for a leak once they are full: figures differ that much from one round to the next. */
export const steadyMargin: Measurement = {
  memoryMiB: 48,
  heapMiB: 4,
  buffersMiB: 8,
  files: 24,
  diskMiB: 64,
  journalMiB: 256,
};

/**
 * What must never be exceeded. On disk: a few generations of 16 MiB (the newest, the next, those that wait to be
 * removed) and the definitions; the journal's bound, and files that such generations have taken over; as many files as
 * that makes, and the process's own.
 */
const bounds: Partial<Measurement> = { diskMiB: 128, journalMiB: 256 + 64, files: 80 };

/** What has to be settled in the background gets this many looks. */
const looksMax = 10;
const lookMs = 250;

/** Measures a broker that has nothing to do; the lowest of several looks, after its garbage was collected. */
export async function measure(server: ServerProcess, dataDir: string): Promise<Measurement> {
  let lowest = await look(server, dataDir);
  for (let looks = 1; looks < looksMax; looks++) {
    const now = await look(server, dataDir);
    const least = (figure: Figure) => Math.min(now[figure], lowest[figure]);
    lowest = {
      memoryMiB: least('memoryMiB'),
      heapMiB: least('heapMiB'),
      buffersMiB: least('buffersMiB'),
      files: least('files'),
      diskMiB: least('diskMiB'),
      journalMiB: least('journalMiB'),
    };
  }
  return lowest;
}

async function look(server: ServerProcess, dataDir: string): Promise<Measurement> {
  await delay(lookMs);
  const { heapUsed, arrayBuffers } = await collectGarbage(server);
  const isJournal = (name: string) => name.startsWith('journal-');
  const mebibytes = (bytes: number) => Math.round(bytes / mebibyte);
  return {
    memoryMiB: mebibytes(server.anonymousBytes),
    heapMiB: mebibytes(heapUsed),
    buffersMiB: mebibytes(arrayBuffers),
    files: server.openFiles,
    diskMiB: mebibytes(diskBytes(dataDir, (name) => !isJournal(name))),
    journalMiB: mebibytes(diskBytes(dataDir, isJournal)),
  };
}

/** Blocks that some files of a directory take. */
function diskBytes(directory: string, isCounted: (name: string) => boolean): number {
  let bytes = 0;
  for (const name of readdirSync(directory).filter(isCounted)) {
    const stat = statSync(join(directory, name), { throwIfNoEntry: false });
    if (stat !== undefined) bytes += stat.blocks * 512;
  }
  return bytes;
}

/** @throws Error when a broker takes more than it did, or more than it may */
export function compare(before: Measurement, after: Measurement, margin: Measurement): void {
  const grown = figures.filter((figure) => after[figure] > before[figure] + margin[figure]);
  const beyond = figures.filter((figure) => after[figure] > (bounds[figure] ?? Number.POSITIVE_INFINITY));
  if (grown.length + beyond.length === 0) return;
  const faults = [
    ...grown.map((figure) => `${figure} grew`),
    ...beyond.map((figure) => `too many ${figure}`),
  ];
  throw new Error(`${faults.join(', ')}: from ${describe(before)} to ${describe(after)}`);
}

export function describe(measured: Measurement): string {
  const { memoryMiB, heapMiB, buffersMiB, files, diskMiB, journalMiB } = measured;
  return (
    `${memoryMiB} MiB of memory (objects ${heapMiB}, buffers ${buffersMiB}), ` +
    `${files} files, ${diskMiB} MiB on disk and ${journalMiB} of journal`
  );
}
