import { statSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Environment, openEnvironment, transact } from './environment.ts';

/** The header row sorts before every entry. It is on disk before the first entry is written. */
const HEADER_KEY = Buffer.from([0]);
const FILE_NAME = /^messages-(\d{8,})\.mdb$/;

/**
 * One of a row of LMDB environments that hold the entries. Entries are only ever added, and only to the
 * newest generation; space comes back by unlinking a whole generation when nothing in it is owed any more.
 * (Deleting rows would make LMDB search its list of free pages: 6 to 13 times slower in the long run.)
 */
export class Generation {
  readonly number: number;
  readonly path: string;
  readonly environment: Environment;
  /** Bytes of the file at open plus those of the entries written since. */
  bytesWritten: number;
  /** Spans of logs in it that are still owed to somebody, and the bytes of their entries. */
  liveSpans = 0;
  liveBytes = 0;
  /** Every log that has an entry here, settled or not. */
  readonly logIds = new Set<number>();

  private constructor(directory: string, number: number, mapBytes: number) {
    this.number = number;
    this.path = generationPath(directory, number);
    this.environment = openEnvironment(this.path, mapBytes);
    this.bytesWritten = statSync(this.path).size;
  }

  /** Makes an empty generation. It may be written to once the directory has been flushed, too. */
  static async create(directory: string, number: number, mapBytes: number): Promise<Generation> {
    const generation = new Generation(directory, number, mapBytes);
    const header = Buffer.from(JSON.stringify({ generation: number }));
    await transact(generation.environment, () => {
      generation.environment.put(HEADER_KEY, header);
    });
    return generation;
  }

  /** Opens a generation whose file was found to be whole (see `file-check.ts`). */
  static open(directory: string, number: number, mapBytes: number): Generation {
    return new Generation(directory, number, mapBytes);
  }

  /** What is wrong with the header row, or undefined. */
  findHeaderDamage(): string | undefined {
    const header = this.environment.getBinary(HEADER_KEY);
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
    return this.environment.getKeys({ start: HEADER_KEY, exclusiveStart: true });
  }

  close(): Promise<void> {
    return this.environment.close();
  }

  /** Closes and deletes the files, off the event loop: unlinking 1 GiB takes the kernel 0.2 s. */
  async remove(): Promise<void> {
    await this.close();
    await unlink(this.path);
    await unlink(lockPath(this.path));
  }
}

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
    const digits = FILE_NAME.exec(name)?.[1];
    if (digits !== undefined) numbers.push(Number(digits));
  }
  return numbers.sort((a, b) => a - b);
}
