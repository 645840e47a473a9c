import { readdir, readFile, statfs } from 'node:fs/promises';
import { usedBytes } from '../resources/memory-monitor.ts';

/** What limits the broker, and how much is left. The resource monitor is it. */
export interface Limits {
  readonly memoryLimitBytes: number;
  /** Undefined without a data directory. */
  readonly disk: { readonly freeBytes: number; readonly limitBytes: number } | undefined;
}

/** What the operating system says about this process, looked at now and then. */
export class NodeFigures {
  /** Bytes. */
  memoryUsed: number = usedBytes();
  /** Open file descriptors; 0: not known. */
  filesUsed = 0;
  /** How many there may be; 0: not known. */
  filesMax = 0;
  readonly #limits: Limits;
  #freeHere = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get memoryLimit(): number {
    return this.#limits.memoryLimitBytes;
  }

  /** Without a data directory nothing is written: what is free where the broker runs, and no limit. */
  get disk(): NonNullable<Limits['disk']> {
    return this.#limits.disk ?? { freeBytes: this.#freeHere, limitBytes: 0 };
  }

  async refresh(): Promise<void> {
    this.memoryUsed = usedBytes();
    if (this.#limits.disk === undefined) {
      const { bavail, bsize } = await statfs('.');
      this.#freeHere = bavail * bsize;
    }
    try {
      this.filesUsed = (await readdir('/proc/self/fd')).length;
      const limits = await readFile('/proc/self/limits', 'latin1');
      this.filesMax = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
    } catch {
      // Not on Linux.
    }
  }
}
