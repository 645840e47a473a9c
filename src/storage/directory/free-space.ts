import { statfs } from 'node:fs/promises';
import { type LogEntry, StoreFullError } from '../../broker/store.ts';
import { freeBytes } from './file-check.ts';

/** The disk is asked again after this many bytes or this time, whichever comes first. */
const refreshBytes = 16 * 2 ** 20;
const refreshMs = 1000;

/**
 * Refuses entries before the disk is full. A full disk can end the process by signal when a file is opened,
 * and acknowledgements, which give space back, need room, too.
 */
export class FreeSpace {
  readonly #directory: string;
  readonly #bytesMin: number;
  #free: number;
  #askedAt = performance.now();
  #writtenSince = 0;
  #asking = false;

  constructor(directory: string, bytesMin: number) {
    this.#directory = directory;
    this.#bytesMin = bytesMin;
    this.#free = freeBytes(directory);
  }

  /** @throws StoreFullError when writing the entries would leave too little. */
  require(entries: readonly LogEntry[]): void {
    let bytes = 0;
    for (const entry of entries) bytes += entry.bytes.length;
    const isStale = this.#writtenSince > refreshBytes || performance.now() - this.#askedAt > refreshMs;
    if (isStale && !this.#asking) void this.#ask();
    if (this.#free - this.#writtenSince - bytes < this.#bytesMin) {
      throw new StoreFullError(
        `less than ${Math.floor(this.#bytesMin / 2 ** 20)} MiB would be left on the disk of ${this.#directory}`,
      );
    }
    this.#writtenSince += bytes;
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    const writtenBefore = this.#writtenSince;
    try {
      const { bavail, bsize } = await statfs(this.#directory);
      this.#free = bavail * bsize;
      // Of what was written meanwhile some may not have been counted.
      this.#writtenSince -= writtenBefore;
    } catch {
      // The last figure stands; the disk itself still has the last word.
    } finally {
      this.#askedAt = performance.now();
      this.#asking = false;
    }
  }
}
