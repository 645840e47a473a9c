/** What the disk takes: the yardstick for confirms, measured in the same run and on the same file system. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figures } from './load.ts';

const fileBytesMax = 256 * 2 ** 20;
const pageBytes = 4096;

/** Appends to a file, `commitBytes` at a time with a flush after each; starts over before the file gets large. */
function flushes(commitBytes: number, seconds: number): { times: number[]; seconds: number } {
  const path = join(tmpdir(), `leveret-bench-disk-${process.pid}`);
  const commit = Buffer.alloc(commitBytes, 0x78);
  const fd = openSync(path, 'w');
  try {
    const times: number[] = [];
    const startedAt = performance.now();
    const end = startedAt + seconds * 1000;
    let at = 0;
    for (let now = startedAt; now < end; ) {
      writeSync(fd, commit, 0, commitBytes, at);
      fdatasyncSync(fd);
      at = at + commitBytes > fileBytesMax ? 0 : at + commitBytes;
      const done = performance.now();
      times.push(done - now);
      now = done;
    }
    return { times, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    closeSync(fd);
    rmSync(path);
  }
}

/**
 * Sequential writes with a flush per commit, in commits as large as those behind `figures`: amqpload counts
 * the basic.ack frames, and a broker that confirms once per commit sends one for each.
 */
export function diskThroughput(figures: Figures, bodyBytes: number, seconds: number): Figures {
  const perCommit = Math.max(1, (figures.get('confirmed') ?? 0) / (figures.get('confirm_frames') ?? 1));
  const commitBytes = Math.ceil((perCommit * bodyBytes) / pageBytes) * pageBytes;
  const { times, seconds: taken } = flushes(commitBytes, seconds);
  return new Map([['confirm_rate', (times.length * perCommit) / taken]]);
}

/** One page written and flushed, again and again: what a confirm with nothing else under way has to wait for. */
export function diskLatency(seconds: number): Figures {
  const { times, seconds: taken } = flushes(pageBytes, seconds);
  const sorted = times.toSorted((a, b) => a - b);
  const percentileUs = (share: number) => (sorted[Math.floor(share * sorted.length)] ?? Number.NaN) * 1000;
  return new Map([
    ['confirm_rate', times.length / taken],
    // As if each declaration were answered after a flush of its own.
    ['queues_declared', times.length],
    ['seconds', taken],
    ['confirm_p50_us', percentileUs(0.5)],
    ['confirm_p99_us', percentileUs(0.99)],
    ['confirm_p999_us', percentileUs(0.999)],
  ]);
}

/** Disk space that a directory occupies, in MiB. */
export async function diskUseMib(directory: string): Promise<number> {
  let blocks = 0;
  for (const entry of await readdir(directory, { recursive: true })) {
    // What is unlinked meanwhile occupies nothing.
    blocks += await lstat(join(directory, entry)).then(
      (stat) => stat.blocks,
      () => 0,
    );
  }
  return (blocks * 512) / 2 ** 20;
}
