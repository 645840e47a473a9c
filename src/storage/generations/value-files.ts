import { openSync } from 'node:fs';
import type { Space } from '../../broker/store.ts';
import { removeGently } from '../directory/gentle-removal.ts';
import { hasCode } from '../directory/has-code.ts';
import { OpenFile } from '../entries/open-file.ts';
import { journalPath, markFreeInPlace, readAt } from '../journal/journal-file.ts';
import { readUInt64, writeUInt64 } from '../uint64.ts';

/** Files that are kept open: a reader goes from one to the next. */
const openFilesMax = 8;

/** A value in one of the files. */
export interface ValuePlace {
  /** Number of the file. */
  readonly file: number;
  readonly at: number;
}

/** The same with the bytes of the value. */
export interface PlacedValue extends ValuePlace {
  readonly byteLength: number;
}

/** What stands for a value: file u32 | offset u64. It is shorter than any record. */
export const placeBytes = 12;

export function encodePlace({ file, at }: ValuePlace): Buffer {
  const bytes = Buffer.allocUnsafe(placeBytes);
  bytes.writeUInt32BE(file, 0);
  writeUInt64(bytes, at, 4);
  return bytes;
}

export function decodePlace(bytes: Buffer): ValuePlace {
  return { file: bytes.readUInt32BE(0), at: readUInt64(bytes, 4) };
}

/**
 * Values that a generation has left where they were written first: files of the journal that it has taken over. Nothing
 * is written there any more. A row of the generation says which files these are.
 */
export class ValueFiles {
  readonly #directory: string;
  readonly #numbers = new Set<number>();
  /** The file that was read last at the end. */
  readonly #open = new Map<number, OpenFile>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  get numbers(): readonly number[] {
    return [...this.#numbers];
  }

  get paths(): readonly string[] {
    return this.numbers.map((number) => this.#pathOf(number));
  }

  /** The file that a place is in; undefined when there is no such file, which only damage brings about. */
  pathOf({ file }: ValuePlace): string | undefined {
    return this.#numbers.has(file) ? this.#pathOf(file) : undefined;
  }

  #pathOf(number: number): string {
    return journalPath(this.#directory, number);
  }

  /** Notes a file, which is there. */
  add(number: number): void {
    this.#numbers.add(number);
  }

  /** From now on there is a descriptor for these files, whoever takes all others: unless that has happened already. */
  keepDescriptor(): void {
    const [number] = this.#numbers;
    if (number === undefined || this.#open.size > 0) return;
    try {
      this.#openOf(number);
    } catch {
      // Whoever reads a value tries again.
    }
  }

  /**
   * A value, or as much of it as there is, in memory of `space`: nothing when the place itself is damaged.
   *
   * @throws Error when the file cannot be read: what is in it may well be intact.
   */
  read({ file, at }: ValuePlace, byteLength: number, space: Space): Buffer {
    if (!this.#numbers.has(file) || !Number.isSafeInteger(at)) return Buffer.alloc(0);
    const open = this.#openOf(file);
    try {
      return readAt(open.fd, space(byteLength).subarray(0, byteLength), at);
    } catch (error) {
      // The operator may put a copy in its place.
      this.#open.delete(file);
      open.close();
      throw error;
    }
  }

  /** The same off the event loop. Resolves with undefined when there is not enough, or it cannot be read. */
  async readSoon({ file, at }: ValuePlace, target: Buffer): Promise<Buffer | undefined> {
    if (!this.#numbers.has(file) || !Number.isSafeInteger(at)) return undefined;
    try {
      return await this.#openOf(file).read(target, at);
    } catch {
      return undefined;
    }
  }

  #openOf(number: number): OpenFile {
    const open = this.#open.get(number) ?? this.#openFile(number);
    this.#open.delete(number);
    this.#open.set(number, open);
    if (this.#open.size > openFilesMax) this.#closeOldest();
    return open;
  }

  #openFile(number: number): OpenFile {
    const path = this.#pathOf(number);
    try {
      return new OpenFile(openSync(path, 'r'));
    } catch (error) {
      const isShort = hasCode(error, 'EMFILE') || hasCode(error, 'ENFILE');
      if (!isShort || this.#open.size === 0) throw error;
      this.#closeOldest();
      return new OpenFile(openSync(path, 'r'));
    }
  }

  #closeOldest(): void {
    for (const [number, open] of this.#open) {
      this.#open.delete(number);
      open.close();
      return;
    }
  }

  /** Has the kernel read values, off the event loop. What cannot be read is seen by whoever wants it then. */
  async prefetch(values: readonly PlacedValue[]): Promise<void> {
    const reads = values.map(async ({ file, at, byteLength }) => {
      if (!this.#numbers.has(file) || !Number.isSafeInteger(at)) return;
      try {
        await this.#openOf(file).prefetch(at, byteLength);
      } catch {
        // Only a hint.
      }
    });
    await Promise.all(reads);
  }

  close(): void {
    for (const open of this.#open.values()) open.close();
    this.#open.clear();
  }

  /** Should they become files of the journal again, nothing in them counts. What the generation reads is still there. */
  async markFree(): Promise<void> {
    for (const path of this.paths) await markFreeInPlace(path);
  }

  /** Deletes the files. The generation is gone. */
  async remove(): Promise<void> {
    for (const path of this.paths) await removeGently(path);
  }
}
