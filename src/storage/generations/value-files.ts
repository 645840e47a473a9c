import { closeSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Space } from '../../broker/store.ts';
import { removeGently } from '../directory/gentle-removal.ts';
import { hasCode } from '../directory/has-code.ts';
import { journalPath, markFreeInPlace, readAt } from '../journal/journal-file.ts';
import { readUInt64, writeUInt64 } from '../uint64.ts';

/** Files that are kept open: a reader goes from one to the next. */
const openFilesMax = 8;

/** Read at once into the kernel's memory. */
const prefetchStepBytes = 256 * 1024;

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
  /** Descriptors; of the file that was read last at the end. */
  readonly #open = new Map<number, number>();

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
      this.#descriptorOf(number);
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
    const descriptor = this.#descriptorOf(file);
    try {
      return readAt(descriptor, space(byteLength).subarray(0, byteLength), at);
    } catch (error) {
      // The operator may put a copy in its place.
      this.#open.delete(file);
      closeSync(descriptor);
      throw error;
    }
  }

  #descriptorOf(number: number): number {
    const descriptor = this.#open.get(number) ?? this.#openFile(number);
    this.#open.delete(number);
    this.#open.set(number, descriptor);
    if (this.#open.size > openFilesMax) this.#closeOldest();
    return descriptor;
  }

  #openFile(number: number): number {
    const path = this.#pathOf(number);
    try {
      return openSync(path, 'r');
    } catch (error) {
      const isShort = hasCode(error, 'EMFILE') || hasCode(error, 'ENFILE');
      if (!isShort || this.#open.size === 0) throw error;
      this.#closeOldest();
      return openSync(path, 'r');
    }
  }

  #closeOldest(): void {
    for (const [number, descriptor] of this.#open) {
      this.#open.delete(number);
      closeSync(descriptor);
      return;
    }
  }

  /** Has the kernel read values, off the event loop. What cannot be read is seen by whoever wants it then. */
  async prefetch(values: readonly PlacedValue[]): Promise<void> {
    let opened: { readonly file: number; readonly handle: FileHandle } | undefined;
    const bytes = Buffer.allocUnsafeSlow(prefetchStepBytes);
    try {
      for (const { file, at, byteLength } of values) {
        if (opened?.file !== file) {
          await opened?.handle.close();
          opened = undefined;
          opened = { file, handle: await open(this.#pathOf(file), 'r') };
        }
        for (let done = 0; done < byteLength; done += bytes.length)
          await opened.handle.read(bytes, 0, Math.min(bytes.length, byteLength - done), at + done);
      }
    } catch {
      // Only a hint.
    } finally {
      await opened?.handle.close();
    }
  }

  close(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
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
