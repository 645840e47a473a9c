import type { JournalFile } from './journal-file.ts';

/** Read at once: the headers of sixteen small commits, and not much beside that of a large one. */
const windowBytes = 64 * 1024;

/** Reads a file from its beginning on. Short reads that follow each other closely are one of the file. */
export class ForwardReader {
  readonly #file: JournalFile;
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;

  constructor(file: JournalFile) {
    this.#file = file;
  }

  /** What is at an offset, up to the end of the file. It stays as it is, in memory with what lies about it. */
  read(at: number, byteLength: number): Buffer {
    const isWithin = at >= this.#windowAt && at + byteLength <= this.#windowAt + this.#window.length;
    if (!isWithin) {
      this.#window = this.#file.read(at, Math.max(byteLength, windowBytes));
      this.#windowAt = at;
    }
    return this.#window.subarray(at - this.#windowAt).subarray(0, byteLength);
  }
}
