import { StoreFullError } from '../broker/store.ts';
import { decodeFileNumbers, encodeFileNumbers } from './file-numbers.ts';
import { type Environment, readAtStart, transact } from './lmdb/environment.ts';

const generationsKey = Buffer.from([2, 0]);
const journalKey = Buffer.from([2, 1]);

/** Of all files of which there may be any number. */
export interface FileRegisters {
  readonly generations: FileRegister;
  readonly journal: FileRegister;
}

/** Reads the registers of an earlier run from `logs.mdb`. */
export function readRegisters(logStates: Environment): FileRegisters {
  return {
    generations: new FileRegister(logStates, generationsKey),
    journal: new FileRegister(logStates, journalKey),
  };
}

/** Writes those of a copy in which there are just these files. */
export async function writeRegisters(
  logStates: Environment,
  generations: readonly number[],
  journal: readonly number[],
): Promise<void> {
  const rows = [encodeFileNumbers(generations), encodeFileNumbers(journal)] as const;
  const put = () => {
    logStates.put(generationsKey, rows[0]);
    logStates.put(journalKey, rows[1]);
  };
  await transact(logStates, put, { keys: 2, bytes: rows[0].length + rows[1].length });
}

/** A register as it is written. */
export interface RegisterRow {
  readonly key: Buffer;
  readonly value: Buffer;
  /** To be called when it is on disk. */
  written(): void;
}

/**
 * Which files of a kind there have to be: a row of `logs.mdb`. A file is in it before anything in it is confirmed, and no
 * longer when it is deleted. So one that a start does not find was lost, or deleted by somebody else, however the broker
 * ended.
 */
export class FileRegister {
  readonly #key: Buffer;
  #numbers: Set<number>;
  /** Those on disk. */
  #written: ReadonlySet<number>;
  /** Those that may be, too: they are being written, or that has failed. */
  #prepared: ReadonlySet<number>;
  #version = 0;
  #versionWritten = 0;
  /** Resolves when changes are on disk. */
  flush: () => Promise<void> = async () => {};
  /** Called when a file has come or is to go: some time that has to be on disk. */
  changed: () => void = () => {};

  /** Reads what an earlier run has written. */
  constructor(environment: Environment, key: Buffer) {
    this.#key = key;
    const row = readAtStart(environment, () => environment.getBinary(key));
    this.#written = new Set(row === undefined ? [] : decodeFileNumbers(row));
    this.#prepared = this.#written;
    this.#numbers = new Set(this.#written);
  }

  /** Numbers on disk, ascending. */
  get numbers(): readonly number[] {
    return [...this.#written].sort((a, b) => a - b);
  }

  /** Those that are not there, of files with these numbers. */
  missingAmong(numbers: readonly number[]): readonly number[] {
    const there = new Set(numbers);
    return this.numbers.filter((number) => !there.has(number));
  }

  /** Whether a file with that number may be missed when it is not there. */
  has(number: number): boolean {
    return this.#written.has(number) || this.#prepared.has(number);
  }

  /** A file is there. It is registered soon: see {@link ensure}. */
  add(number: number): void {
    this.#numbers.add(number);
    this.#version++;
    this.changed();
  }

  /**
   * Resolves when a file that was added is registered; or when there is no room for that, as others are stopped by then: it
   * is next time.
   *
   * @throws StoreBrokenError on any other failure.
   */
  async ensure(number: number): Promise<void> {
    if (this.#written.has(number)) return;
    try {
      await this.flush();
    } catch (error) {
      if (!(error instanceof StoreFullError)) throw error;
    }
  }

  /** A file may go as soon as the register does not {@link has | have} it any more. */
  remove(number: number): void {
    if (!this.#numbers.delete(number)) return;
    this.#version++;
    this.changed();
  }

  /** What a start has found and made. */
  replace(numbers: readonly number[]): void {
    const isSame = numbers.length === this.#written.size && this.missingAmong(numbers).length === 0;
    this.#numbers = new Set(numbers);
    if (isSame) this.#versionWritten = this.#version;
    else this.#version++;
  }

  /** It is not on disk as it is. */
  get isChanged(): boolean {
    return this.#version !== this.#versionWritten;
  }

  /** What is to be written now, if anything has changed. */
  prepare(): RegisterRow | undefined {
    if (!this.isChanged) return undefined;
    const numbers = new Set(this.#numbers);
    const version = this.#version;
    this.#prepared = numbers;
    return {
      key: this.#key,
      value: encodeFileNumbers([...numbers]),
      written: () => {
        this.#written = numbers;
        this.#versionWritten = version;
      },
    };
  }
}
