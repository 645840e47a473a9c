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
  readonly #fd: number;

  /** @param mibMax each measurement ends when it has written so much. */
  constructor(bodyBytes: number, mibMax = Number.POSITIVE_INFINITY) {
    this.#bodyBytes = bodyBytes;
    this.#mibMax = mibMax;
    const path = join(tmpdir(), `leveret-bench-disk-${process.pid}`);
    this.#fd = openSync(path, 'wx');
    // It is there until it is closed. To give its space back would keep the disk busy while Leveret is measured.
    rmSync(path);
  }

  measure(seconds: number, latest: Figures): number {
    const perCommit = Math.max(1, (latest.get('confirmed') ?? 0) / (latest.get('confirm_frames') || 1));
    const commitBytes = Math.ceil((perCommit * this.#bodyBytes) / pageBytes) * pageBytes;
    const times = this.#append(commitBytes, seconds);
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

  close(): void {
    closeSync(this.#fd);
  }

  /**
   * Appends `commitBytes` at a time with a flush after each, and returns how long each took. It never goes back to the
   * beginning of the file: what is kept goes to new places, and these are where a disk gets slower after some gigabytes.
   * The same 256 MiB over and over may be written six times as fast.
   */
  #append(commitBytes: number, seconds: number): number[] {
    const commit = Buffer.alloc(commitBytes, 0x78);
    const times: number[] = [];
    let now = performance.now();
    const end = now + seconds * 1000;
    while (now < end && times.length * commitBytes < this.#mibMax * 2 ** 20) {
      writeSync(this.#fd, commit);
      fdatasyncSync(this.#fd);
      const done = performance.now();
      times.push(done - now);
      now = done;
    }
    return times;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
