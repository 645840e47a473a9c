import { statSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Space } from '../broker/store.ts';
import { EntryFile, type Span } from './entry-file.ts';
import { decodeEntryKey, entryPosition } from './entry-key.ts';
import { type Environment, openEnvironment, transact } from './environment.ts';
import { decodeSummary, encodeSummary, type GenerationSummary } from './generation-summary.ts';

/** The header row sorts before every entry. It is on disk before the first entry is written. */
const headerKey = Buffer.from([0]);
/** Sorts behind the header and before every entry. */
const summaryKey = Buffer.from([0, 0]);
/** LMDB's pages are as large or larger. */
const pageBytes = 4096;
const fileNamePattern = /^messages-(\d{8,})\.mdb$/;

/**
 * One of a row of LMDB environments that hold the entries. Entries are only ever added, and only to the
 * newest generation; space comes back by unlinking a whole generation when nothing in it is owed any more.
 * (Deleting rows would make LMDB search its list of free pages: 6 to 13 times slower in the long run.)
 */
export class Generation extends EntryFile {
  readonly number: number;
  readonly path: string;
  readonly environment: Environment;
  /** Bytes of the file at open plus those of the entries written since. */
  bytesWritten: number;
  /** Entries that the summary on disk tells of. */
  #summarized = -1;
  /** Pages being read ahead: the file must not be unmapped before they are. */
  readonly #reads = new Set<Promise<void>>();
  #isClosing = false;

  private constructor(directory: string, number: number, mapBytes: number) {
    super();
    this.number = number;
    this.path = generationPath(directory, number);
    this.environment = openEnvironment(this.path, mapBytes);
    this.bytesWritten = statSync(this.path).size;
    this.entries = this.#countEntries();
  }

  /** Makes an empty generation. It may be written to once the directory has been flushed, too. */
  static async create(directory: string, number: number, mapBytes: number): Promise<Generation> {
    const generation = new Generation(directory, number, mapBytes);
    const header = Buffer.from(JSON.stringify({ generation: number }));
    await transact(generation.environment, () => {
      generation.environment.put(headerKey, header);
    });
    return generation;
  }

  /** Opens a generation whose file was found to be whole (see `file-check.ts`). */
  static open(directory: string, number: number, mapBytes: number): Generation {
    return new Generation(directory, number, mapBytes);
  }

  /** What is wrong with the header row, or undefined. */
  findHeaderDamage(): string | undefined {
    const header = this.environment.getBinary(headerKey);
    if (header === undefined) return 'the header row is missing';
    if (header.toString() !== JSON.stringify({ generation: this.number })) {
      return `the header row says ${header.toString()}`;
    }
    return undefined;
  }

  /** Whether not a single row is in it. */
  isEmpty(): boolean {
    return this.environment.getKeysCount({ limit: 1 }) === 0;
  }

  /** Keys of all entries in order: by log, then by sequence. */
  entryKeys(): Iterable<Uint8Array> {
    return this.environment.getKeys({ start: summaryKey, exclusiveStart: true });
  }

  override keysFrom(logId: number, from: number, below: number, limit: number): Uint8Array[] {
    const start = entryPosition(logId, from);
    const [before] = this.environment.getKeys({
      start,
      end: entryPosition(logId, 0),
      reverse: true,
      limit: 1,
    });
    const range = { start: before ?? start, end: entryPosition(logId, below), limit };
    return Array.from(this.environment.getKeys(range));
  }

  override keysBehind(key: Uint8Array, below: number, limit: number): Uint8Array[] {
    const end = entryPosition(decodeEntryKey(key).logId, below);
    return Array.from(this.environment.getKeys({ start: key, end, exclusiveStart: true, limit }));
  }

  override value(key: Uint8Array, space: Space = Buffer.allocUnsafeSlow): Buffer | undefined {
    // LMDB's own memory, good until the next read. Its length is a property of its own, which makes it slow to use.
    const found = this.environment.getBinaryFast(key);
    if (found === undefined) return undefined;
    const bytes = space(found.length);
    bytes.set(new Uint8Array(found.buffer, found.byteOffset, found.length));
    return bytes;
  }

  /** Copies are made in order of age. */
  override mayHaveMovedTo({ copied, file }: Span): boolean {
    return copied && file instanceof Generation && file.number > this.number;
  }

  /** What an earlier run wrote down of the entries; undefined when they have to be looked at. */
  readSummary(): GenerationSummary | undefined {
    const row = this.environment.getBinary(summaryKey);
    const summary = row && decodeSummary(row);
    if (summary?.entries !== this.entries) return undefined;
    this.#summarized = summary.entries;
    return summary;
  }

  /** Nothing is written here any more: saves the next start from looking at every key. */
  async writeSummary(): Promise<void> {
    if (this.#summarized === this.entries) return;
    const row = encodeSummary(this.entries, [...this.spans()]);
    await transact(this.environment, () => void this.environment.put(summaryKey, row), row.length);
    this.#summarized = this.entries;
  }

  /** Reads pages into memory, off the event loop: those on the way to the keys and those of their values. */
  override prefetch(keys: Uint8Array[]): Promise<void> {
    if (this.#isClosing) return Promise.resolve();
    const read = this.environment.prefetch(keys).finally(() => this.#reads.delete(read));
    this.#reads.add(read);
    return read;
  }

  /** First the pages with the keys, which hold small values, too; then, now that keys can be read at once, large values. */
  override async prefetchSpan(span: Span, from: number, to: number, bytesMax: number): Promise<void> {
    const { logId } = span;
    const recordBytes = span.bytes / span.records;
    const pageRecords = Math.max(1, Math.floor(pageBytes / recordBytes), Math.floor(span.entryRecords));
    const end = Math.min(to, from + Math.ceil(bytesMax / recordBytes));
    const positions: Buffer[] = [];
    for (let at = from; at < end; at += pageRecords) positions.push(entryPosition(logId, at));
    await this.prefetch(positions);
    if (this.#isClosing) return;
    const range = { start: entryPosition(logId, from), end: entryPosition(logId, end) };
    const keys = [...this.environment.getKeys(range)];
    // Entries that are larger than a page have fewer keys to look for, the next time.
    if (keys.length > 0) span.entryRecords = (end - from) / keys.length;
    await this.prefetch(keys);
  }

  /** Waits for reads ahead, then unmaps the file: nobody may read from it afterwards. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#reads);
    await this.environment.close();
  }

  #countEntries(): number {
    const stats = this.environment.getStats();
    if (!('entryCount' in stats) || typeof stats.entryCount !== 'number')
      throw new Error('LMDB does not count');
    const otherRows = [headerKey, summaryKey].filter((key) => this.environment.doesExist(key));
    return stats.entryCount - otherRows.length;
  }

  /** Closes and deletes the files, off the event loop: unlinking 1 GiB takes the kernel 0.2 s. */
  async remove(): Promise<void> {
    await this.close();
    await unlink(this.path);
    await unlink(lockPath(this.path));
  }
}

/** `messages-00000001.mdb` in a data directory. Names sort as numbers do, up to 99,999,999. */
export function generationPath(directory: string, number: number): string {
  return join(directory, `messages-${String(number).padStart(8, '0')}.mdb`);
}

/** LMDB keeps its reader table beside the data. */
export function lockPath(path: string): string {
  return `${path}-lock`;
}

/** Numbers of the generations among the names of a directory, ascending. */
export function generationNumbers(names: readonly string[]): number[] {
  const numbers: number[] = [];
  for (const name of names) {
    const digits = fileNamePattern.exec(name)?.[1];
    if (digits !== undefined) numbers.push(Number(digits));
  }
  return numbers.sort((a, b) => a - b);
}
