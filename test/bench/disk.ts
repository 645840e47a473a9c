/** What the disk takes, on the file system where brokers have their data. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bound } from './bound.ts';
import type { Figures } from './load.ts';

const pageBytes = 4096;

interface Flushes {
  /** Of each write with its flush, in milliseconds. */
  readonly times: readonly number[];
  readonly seconds: number;
  readonly messages: number;
}

/**
 * Sequential writes with a flush per commit, in commits as large as Leveret's: amqpload counts the basic.ack frames, and
 * a broker that confirms once per commit sends one for each. Without such frames a commit is a page, as it is with one
 * small message at a time: what a confirm with nothing else under way has to wait for.
 */
export class Disk implements Bound {
  readonly name = 'disk';
  readonly #bodyBytes: number;
  readonly #mibMax: number;
  readonly #measured: Flushes[] = [];

  /** @param mibMax each measurement ends when it has written so much. */
  constructor(bodyBytes: number, mibMax = Number.POSITIVE_INFINITY) {
    this.#bodyBytes = bodyBytes;
    this.#mibMax = mibMax;
  }

  measure(seconds: number, latest: Figures): number {
    const perCommit = Math.max(1, (latest.get('confirmed') ?? 0) / (latest.get('confirm_frames') || 1));
    const commitBytes = Math.ceil((perCommit * this.#bodyBytes) / pageBytes) * pageBytes;
    const times = flushes(commitBytes, seconds, this.#mibMax * 2 ** 20);
    const taken = sum(times) / 1000;
    const messages = times.length * perCommit;
    this.#measured.push({ times, seconds: taken, messages });
    return messages / taken;
  }

  figures(): Figures {
    const rate = (of: readonly Flushes[]) =>
      sum(of.map(({ messages }) => messages)) / sum(of.map(({ seconds }) => seconds));
    const sorted = this.#measured.flatMap(({ times }) => times).sort((a, b) => a - b);
    const percentileUs = (share: number) => (sorted[Math.floor(share * sorted.length)] ?? Number.NaN) * 1000;
    return new Map([
      ['confirm_rate', rate(this.#measured)],
      // Before and after stand beside the rates at the beginning and at the end.
      ['first_tenth_rate', rate(this.#measured.slice(0, 1))],
      ['last_tenth_rate', rate(this.#measured.slice(-1))],
      // As if each declaration were answered after a flush of its own.
      ['queues_declared', sorted.length],
      ['seconds', sum(sorted) / 1000],
      ['confirm_p50_us', percentileUs(0.5)],
      ['confirm_p99_us', percentileUs(0.99)],
      ['confirm_p999_us', percentileUs(0.999)],
    ]);
  }
}

/**
 * Appends to a file, `commitBytes` at a time with a flush after each, and returns how long each took. It never goes back
 * to the beginning: what is kept goes to new places, and these are where a disk gets slower after some gigabytes. The
 * same 256 MiB over and over were written six times as fast here.
 */
function flushes(commitBytes: number, seconds: number, bytesMax: number): number[] {
  const path = join(tmpdir(), `leveret-bench-disk-${process.pid}`);
  const commit = Buffer.alloc(commitBytes, 0x78);
  const fd = openSync(path, 'w');
  try {
    const times: number[] = [];
    const startedAt = performance.now();
    const end = startedAt + seconds * 1000;
    for (let now = startedAt; now < end && times.length * commitBytes < bytesMax; ) {
      writeSync(fd, commit);
      fdatasyncSync(fd);
      const done = performance.now();
      times.push(done - now);
      now = done;
    }
    return times;
  } finally {
    closeSync(fd);
    rmSync(path);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
