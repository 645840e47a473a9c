import { statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Space } from '../../broker/store.ts';
import { flushDirectory } from '../directory/data-directory.ts';
import { EntryFile, type Span } from '../entries/entry-file.ts';
import { decodeEntryKey, entryBytesSoonMin, entryKeyBytes, entryPosition } from '../entries/entry-key.ts';
import { type OpenValue, openValueIn } from '../entries/open-value.ts';
import { decodeFileNumbers, encodeFileNumbers } from '../file-numbers.ts';
import { type JournalFile, journalPath, requireJournalFile } from '../journal/journal-file.ts';
import { type Environment, openEnvironment, transact } from '../lmdb/environment.ts';
import { decodeSummary, encodeSummary, type GenerationSummary } from './generation-summary.ts';
import type { PlacedEntries } from './placed-entries.ts';
import { decodePlace, type PlacedValue, placeBytes, ValueFiles, type ValuePlace } from './value-files.ts';

/** The header row sorts before every entry. It is on disk before the first entry is written. */
const headerKey = Buffer.from([0]);
/** Sorts behind the header and before every entry. */
export const summaryKey = Buffer.from([0, 0]);
/** Sorts behind the summary and before every entry: which files of values there are. */
const valueFilesKey = Buffer.from([0, 0, 0]);
/** LMDB's pages are as large or larger. */
const pageBytes = 4096;
const fileNamePattern = /^messages-(\d{8,})\.mdb$/;

/**
 * One of a row of LMDB environments that hold the entries. Entries are only ever added, and only to the
 * newest generation; space comes back by unlinking a whole generation when nothing in it is owed any more.
 * (Deleting rows would make LMDB search its list of free pages: 6 to 13 times slower in the long run.)
 *
 * Values may be in files beside it (see {@link ValueFiles}); in their places it has rows that say where.
 */
export class Generation extends EntryFile {
  readonly number: number;
  readonly path: string;
  readonly environment: Environment;
  readonly #directory: string;
  readonly #values: ValueFiles;
  /** Bytes of all its files at open plus those of the entries written since. */
  bytesWritten: number;
  /** Entries that the summary on disk tells of. */
  #summarized = -1;
  /** Pages being read ahead: the file must not be unmapped before they are. */
  readonly #reads = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;

  private constructor(directory: string, number: number, mapBytes: number) {
    super();
    this.number = number;
    this.path = generationPath(directory, number);
    this.#directory = directory;
    this.#values = new ValueFiles(directory);
    this.environment = openEnvironment(this.path, mapBytes);
    this.bytesWritten = statSync(this.path).size;
    this.entries = this.#countEntries();
  }

  /** Makes an empty generation. It may be written to once the directory has been flushed, too. */
  static async create(directory: string, number: number, mapBytes: number): Promise<Generation> {
    const generation = new Generation(directory, number, mapBytes);
    const header = Buffer.from(JSON.stringify({ generation: number }));
    try {
      await transact(generation.environment, () => {
        generation.environment.put(headerKey, header);
      });
    } catch (error) {
      await generation.close();
      throw error;
    }
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

  /**
   * Finds the files of values.
   *
   * @throws DataDirectoryError when one of them is missing.
   */
  findValueFiles(): void {
    const row = this.environment.getBinary(valueFilesKey);
    for (const number of row === undefined ? [] : decodeFileNumbers(row)) {
      requireJournalFile(this.#directory, number);
      this.#values.add(number);
      this.bytesWritten += statSync(journalPath(this.#directory, number)).size;
    }
    this.keepDescriptor();
  }

  /** Values in files beside can be read from now on, however short descriptors are. */
  keepDescriptor(): void {
    this.#values.keepDescriptor();
  }

  /** Numbers of the files of values. */
  get valueFileNumbers(): readonly number[] {
    return this.#values.numbers;
  }

  /** All of its files. */
  get paths(): readonly string[] {
    return [this.path, ...this.#values.paths];
  }

  /**
   * Takes over a journal file with `byteLength` bytes: gets the keys of entries, and where in the file their values are,
   * all of that or nothing.
   */
  async adopt(file: JournalFile, byteLength: number, { rows }: PlacedEntries): Promise<void> {
    const { environment } = this;
    const numbers = encodeFileNumbers([...this.#values.numbers, file.number]);
    const put = () => {
      for (const { rawKey, place } of rows) environment.put(rawKey, place);
      environment.put(valueFilesKey, numbers);
    };
    const bytes = rows.length * placeBytes + numbers.length;
    await transact(environment, put, { keys: rows.length + 1, bytes });
    this.#values.add(file.number);
    await file.cut(byteLength);
  }

  /** Whether not a single row is in it. */
  isEmpty(): boolean {
    return this.environment.getKeysCount({ limit: 1 }) === 0;
  }

  /** Keys of all entries in order: by log, then by sequence. */
  entryKeys(): Iterable<Uint8Array> {
    return this.environment.getKeys({ start: valueFilesKey, exclusiveStart: true });
  }

  override readonly isGeneration = true;

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
    if (found.length === placeBytes) {
      const { byteLength } = decodeEntryKey(key);
      if (byteLength !== placeBytes) return this.#values.read(placeIn(found), byteLength, space);
    }
    const bytes = space(found.length);
    bytes.set(new Uint8Array(found.buffer, found.byteOffset, found.length));
    return bytes;
  }

  override valueSoon(key: Uint8Array, space: Space): Promise<Buffer | undefined> | undefined {
    const { byteLength } = decodeEntryKey(key);
    const place = byteLength < entryBytesSoonMin ? undefined : this.#placeOf(key);
    return place && this.#values.readSoon(place, space(byteLength));
  }

  override head(key: Uint8Array, byteLength: number): Buffer | undefined {
    const place = this.#placeOf(key);
    if (place !== undefined) return this.#values.read(place, byteLength, Buffer.allocUnsafe);
    const found = this.environment.getBinaryFast(key);
    return (
      found && Buffer.from(new Uint8Array(found.buffer, found.byteOffset, Math.min(byteLength, found.length)))
    );
  }

  override async openValue(key: Uint8Array): Promise<OpenValue> {
    if (this.#isClosing) throw new Error(`${this.path} is gone`);
    const place = this.#placeOf(key);
    if (place !== undefined) return openValueIn(this.#values.pathOf(place) ?? this.path, place.at);
    await this.prefetch([key]);
    return {
      read: async (piece, from) => {
        await setImmediate();
        return this.#copyPiece(key, piece, from);
      },
      close: async () => {},
    };
  }

  /** A large value is found anew each time, which takes no longer than other reads: it is not copied by that. */
  #copyPiece(key: Uint8Array, piece: Buffer, from: number): boolean {
    const found = this.#isClosing ? undefined : this.environment.getBinaryFast(key);
    if (found === undefined || found.length < from + piece.length) return false;
    piece.set(new Uint8Array(found.buffer, found.byteOffset + from, piece.length));
    return true;
  }

  override pathOf(key: Uint8Array): string {
    const place = this.#placeOf(key);
    return (place && this.#values.pathOf(place)) ?? this.path;
  }

  /** Where the value of an entry is, if that is in a file beside. */
  #placeOf(key: Uint8Array): ValuePlace | undefined {
    const found = this.environment.getBinaryFast(key);
    return found?.length === placeBytes ? placeIn(found) : undefined;
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
    const size = { keys: 1, bytes: row.length };
    await transact(this.environment, () => void this.environment.put(summaryKey, row), size);
    this.#summarized = this.entries;
  }

  /** Reads pages into memory, off the event loop: those on the way to the keys and those of their values. */
  override async prefetch(keys: Uint8Array[]): Promise<void> {
    await this.#readAhead(() => this.environment.prefetch(keys));
    if (this.#values.numbers.length > 0) await this.#readAhead(() => this.#prefetchPlaced(keys));
  }

  async #readAhead(start: () => Promise<void>): Promise<void> {
    if (this.#isClosing) return;
    const read = start().finally(() => this.#reads.delete(read));
    this.#reads.add(read);
    await read;
  }

  async #prefetchPlaced(keys: readonly Uint8Array[]): Promise<void> {
    const values: PlacedValue[] = [];
    for (const key of keys) {
      if (key.length !== entryKeyBytes) continue;
      const found = this.environment.getBinaryFast(key);
      if (found?.length === placeBytes)
        values.push({ ...placeIn(found), byteLength: decodeEntryKey(key).byteLength });
    }
    if (values.length > 0) await this.#values.prefetch(values);
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
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  get #isClosing(): boolean {
    return this.#closed !== undefined;
  }

  async #close(): Promise<void> {
    await Promise.all(this.#reads);
    this.#values.close();
    await this.environment.close();
  }

  #countEntries(): number {
    const stats = this.environment.getStats();
    if (!('entryCount' in stats) || typeof stats.entryCount !== 'number')
      throw new Error('LMDB does not count');
    const otherRows = [headerKey, summaryKey, valueFilesKey].filter((key) => this.environment.doesExist(key));
    return stats.entryCount - otherRows.length;
  }

  /**
   * Closes and deletes the files, off the event loop: unlinking 1 GiB takes the kernel 0.2 s. When that fails it may be
   * tried again.
   */
  async remove(): Promise<void> {
    await this.close();
    // With the generation still there they would be missed. Without it they are files of the journal again, in which there
    // are entries of logs that were dropped long ago.
    await this.#values.markFree();
    await rm(this.path, { force: true });
    await rm(lockPath(this.path), { force: true });
    if (this.#values.numbers.length === 0) return;
    await flushDirectory(this.#directory);
    await this.#values.remove();
  }
}

/** What LMDB found, in its own memory. */
type Found = Pick<Buffer, 'buffer' | 'byteOffset' | 'length'>;

function placeIn({ buffer, byteOffset, length }: Found): ValuePlace {
  return decodePlace(Buffer.from(buffer, byteOffset, length));
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
