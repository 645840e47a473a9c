import { EntryChecksum, largeEntryBytes } from './entry-key.ts';
import type { FoundEntry } from './entry-reader.ts';

/**
 * Reads large values piece by piece, so that others have their turns meanwhile. One at a time: however many are wanted,
 * one piece of one of them is looked at in a turn.
 */
export class GentleReader {
  #last: Promise<void> = Promise.resolve();
  #isStopped = false;

  /**
   * Resolves with undefined when the bytes were not there or not what was written. They may be somewhere else by now:
   * whoever reads the entry at once is told what is the matter.
   */
  read(entry: FoundEntry): Promise<Buffer | undefined> {
    const read = this.#last.then(() => this.#read(entry));
    // Not the read itself: it would keep the bytes in memory until the next one.
    this.#last = read.then(() => {});
    return read;
  }

  async #read({ file, rawKey, key }: FoundEntry): Promise<Buffer | undefined> {
    if (this.#isStopped) return undefined;
    try {
      const value = await file.openValue(rawKey);
      const bytes = Buffer.allocUnsafeSlow(key.byteLength);
      const checksum = new EntryChecksum(rawKey);
      try {
        for (let from = 0; from < bytes.length && !this.#isStopped; from += largeEntryBytes) {
          const piece = bytes.subarray(from, from + largeEntryBytes);
          if (!(await value.read(piece, from))) return undefined;
          checksum.add(piece);
        }
      } finally {
        await value.close();
      }
      return checksum.isThatOfKey ? bytes : undefined;
    } catch {
      return undefined;
    }
  }

  /** What is under way ends with its next piece. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#last;
  }
}
