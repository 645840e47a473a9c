import { readdir, readFile } from 'node:fs/promises';
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

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get memoryLimit(): number {
    return this.#limits.memoryLimitBytes;
  }

  get disk(): Limits['disk'] {
    return this.#limits.disk;
  }

  async refresh(): Promise<void> {
    this.memoryUsed = usedBytes();
    try {
      this.filesUsed = (await readdir('/proc/self/fd')).length;
      const limits = await readFile('/proc/self/limits', 'latin1');
      this.filesMax = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
    } catch {
      // Not on Linux.
    }
  }
}
