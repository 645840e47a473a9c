import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import type { Clock, Timer } from '../broker/clock.ts';

/** Looked at this often, as in RabbitMQ. */
const checkMs = 1_000;

/** How much memory the broker may use before the alarm: a share of what there is, or bytes. */
export type MemoryWatermark = { readonly relative: number } | { readonly absolute: number };

/** From when on too much memory is in use, and who is told. */
export interface MemoryMonitorOptions {
  readonly clock: Clock;
  readonly watermark: MemoryWatermark;
  /** Called at every check. */
  readonly onCheck: (isAboveWatermark: boolean) => void;
}

/** Compares the memory the broker uses with its high watermark (RabbitMQ page "Memory Alarms"). */
export class MemoryMonitor {
  readonly #options: MemoryMonitorOptions;
  #limitBytes: number;
  #timer: Timer | undefined;

  constructor(options: MemoryMonitorOptions) {
    this.#options = options;
    this.#limitBytes = limitOf(options.watermark);
    this.#check();
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  setWatermark(watermark: MemoryWatermark): void {
    this.#limitBytes = limitOf(watermark);
    this.stop();
    this.#check();
  }

  #check(): void {
    this.#options.onCheck(usedBytes() > this.#limitBytes);
    this.#timer = this.#options.clock.setTimer(checkMs, () => this.#check());
  }

  stop(): void {
    this.#timer?.cancel();
  }
}

function limitOf(watermark: MemoryWatermark): number {
  return 'absolute' in watermark ? watermark.absolute : watermark.relative * availableBytes();
}

/** What this machine or, if it is less, this container has. */
export function availableBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

let usedBytesKnown = 0;

/**
 * The memory that is the broker's own. The pages of mapped files are left out: the system takes those back
 * whenever it likes, and LMDB maps everything it has. What was known last, as long as clients have all descriptors.
 */
export function usedBytes(): number {
  try {
    usedBytesKnown = readUsedBytes();
  } catch {
    // It takes a descriptor to ask.
  }
  return usedBytesKnown;
}

function readUsedBytes(): number {
  try {
    const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // Not on Linux.
  }
  return process.memoryUsage.rss();
}
