import { type FileHandle, open } from 'node:fs/promises';
import type { RootDatabase } from 'lmdb';
import { StoreFullError } from '../../broker/store.ts';
import { freeBytes } from '../directory/file-check.ts';
import { hasCode } from '../directory/has-code.ts';
import { type Statistics, statisticsOf } from './statistics.ts';

/** What a transaction changes, at most. */
export interface TransactionSize {
  readonly keys: number;
  /** Of all values together. */
  readonly bytes: number;
  /** What has to stay free besides, for others who write meanwhile. Default 4 MiB. */
  readonly spareBytes?: number;
}

const spareBytesMin = 4 * 2 ** 20;

/** With so much left others will hardly fill the disk within a transaction: it is begun at once. */
const ampleBytes = 512 * 2 ** 20;

/** A key with what LMDB keeps beside it. */
const keyBytes = 128;
/** Written at once to the end of a file. */
const stepBytes = 2 ** 20;
const zeros = Buffer.alloc(stepBytes);

/**
 * Room on the disk for the transactions of one environment. LMDB must not be asked to write what does not fit: when a
 * write fails it puts its position and sizes, which may have any number of digits, into memory for 99 characters, and the
 * process dies by signal a little later, or worse. So where little is left, the file is made longer first, by the pages that
 * the transaction may add to it, with zeros: those have their place on the disk then, whoever fills it meanwhile. (File
 * systems that copy on write promise no such thing.)
 */
export class Room {
  readonly #environment: RootDatabase<Buffer, Uint8Array>;
  readonly #path: string;
  /** Transactions that were begun or wait for room. */
  readonly #underway = new Set<Promise<unknown>>();
  #waiting = 0;

  constructor(environment: RootDatabase<Buffer, Uint8Array>, path: string) {
    this.#environment = environment;
    this.#path = path;
  }

  /**
   * Has a transaction begun, at once where there is ample room, else alone and with its pages reserved.
   *
   * @throws StoreFullError when there is no room, and `begin` was not called.
   */
  async run(size: TransactionSize, begin: () => Promise<void>): Promise<void> {
    const isAmple = this.#waiting === 0 && this.#freeBytes() - this.#mostBytes(size) >= ampleBytes;
    const transaction = isAmple ? begin() : this.#runAlone(size, begin);
    const settled = transaction.then(nothing, nothing);
    this.#underway.add(settled);
    void settled.then(() => this.#underway.delete(settled));
    await transaction;
  }

  async #runAlone(size: TransactionSize, begin: () => Promise<void>): Promise<void> {
    this.#waiting++;
    try {
      await Promise.all(this.#underway);
      await this.#reserve(size);
      await begin();
    } finally {
      this.#waiting--;
    }
  }

  async #reserve(size: TransactionSize): Promise<void> {
    const statistics = statisticsOf(this.#environment);
    const end = (statistics.lastPage + 1 + pagesOf(size, statistics)) * statistics.pageBytes;
    const file = await this.#open();
    try {
      const { size: from } = await file.stat();
      const spareBytes = size.spareBytes ?? spareBytesMin;
      if (this.#freeBytes() - Math.max(0, end - from) < spareBytes) throw noSpace();
      for (let at = from; at < end; at += stepBytes)
        await file.write(zeros, 0, Math.min(stepBytes, end - at), at);
    } catch (error) {
      throw hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT') ? noSpace(error) : error;
    } finally {
      await file.close();
    }
  }

  async #open(): Promise<FileHandle> {
    try {
      return await open(this.#path, 'r+');
    } catch (cause) {
      throw new StoreFullError(`${this.#path} cannot be made longer: ${String(cause)}`, { cause });
    }
  }

  /** Without asking LMDB. */
  #mostBytes({ keys, bytes }: TransactionSize): number {
    return 2 * bytes + keys * 16 * 1024;
  }

  /**
   * A file that somebody has deleted, or taken from us, counts as no room, too: what is written there would be lost, but
   * what is there can still be delivered.
   */
  #freeBytes(): number {
    try {
      return freeBytes(this.#path);
    } catch (cause) {
      const what = hasCode(cause, 'ENOENT') ? 'found any more' : `reached: ${String(cause)}`;
      throw new StoreFullError(`${this.#path} cannot be ${what}`, { cause });
    }
  }
}

/**
 * Pages that a transaction takes at most. It copies those that it changes, and how many of them lie free in the file is not
 * known. A page that gets too full is split, and is at least half full then; a value that does not fit into half a page has
 * pages of its own. What becomes free is written down, too, 512 pages in one.
 */
function pagesOf({ keys, bytes }: TransactionSize, statistics: Statistics): number {
  const { pageBytes, leafPages, branchPages, lastPage } = statistics;
  const changed = Math.min(keys, leafPages);
  const added = Math.min(
    keys + Math.ceil(bytes / pageBytes),
    changed + 2 * Math.ceil((bytes + keys * keyBytes) / pageBytes),
  );
  const branches = Math.min(keys, branchPages) + Math.ceil(added / 8) + 8;
  return changed + added + 2 * branches + Math.ceil((lastPage + added) / 256) + 16;
}

function noSpace(cause?: unknown): StoreFullError {
  return new StoreFullError('no space left on the disk of the data directory', { cause });
}

function nothing(): void {}
