import { RowOverlay } from '../../broker/rows/row-overlay.ts';
import {
  type LogEntry,
  type RecoveredLog,
  type Row,
  type RowChange,
  type RowRange,
  type StoredEntry,
  StoreFullError,
} from '../../broker/store.ts';
import { DataDirectoryError } from '../directory/data-directory-error.ts';
import type { Environment } from '../lmdb/environment.ts';
import type { StoreLog } from '../store-log.ts';
import { decodeRowEntry, encodeRowEntries, rowLogId } from './row-codec.ts';
import { RowFile } from './row-file.ts';

/** Changes are applied when there are so many of them, or when they have waited that long. */
const applyRows = 4096;
const applyAfterMs = 100;

/** Memory for changes that are on disk in the row log only: above it, commits with further rows wait. */
const backlogBytesMax = 8 * 2 ** 20;

/** How soon a file system that was full is tried again. */
const fullRetryMs = 500;

/** Bytes of the row log that a start reads at once. */
const replayBytes = 4 * 2 ** 20;

/** Who hears of what becomes of rows. */
export interface RowTableOptions {
  readonly log: StoreLog;
  /** Called when records of the row log below `sequence` are needed no longer. */
  readonly applied: (sequence: number) => void;
  /** Called once, when rows can no longer be written. */
  readonly failed: (cause: unknown) => void;
}

/**
 * Rows, each written twice. With its commit a change goes into the **row log**, entries like those of queues, so
 * that rows and messages of a commit are on disk all or none, with one flush. From there, many at a time and with
 * nobody waiting, it goes to its place in `rows.mdb`; until then it is kept in memory, too.
 */
export class RowTable {
  readonly #options: RowTableOptions;
  readonly #file: RowFile;
  readonly #overlay: RowOverlay;
  /** Next sequence of the row log. */
  #nextSequence = 0;
  #timer: NodeJS.Timeout | undefined;
  #applying: Promise<void> | undefined;
  #full: StoreFullError | undefined;
  #hasFailed = false;

  constructor(environment: Environment, options: RowTableOptions) {
    this.#options = options;
    this.#file = new RowFile(environment);
    this.#overlay = new RowOverlay(this.#file);
  }

  /** The value as of the last commit, whether it has come to its place or not; undefined when there is none. */
  row(key: Buffer): Buffer | undefined {
    return this.#overlay.row(key);
  }

  /** Rows of a range as of the last commit, in order of their keys and within the limits of the range. */
  scanRows(range: RowRange): Row[] {
    return this.#overlay.scanRows(range);
  }

  /**
   * Takes up what the row log holds and `rows.mdb` does not.
   *
   * @param rowLog it as it was found, if it was.
   * @param read reads entries of it, those that are intact.
   * @throws DataDirectoryError when `rows.mdb` lacks what is no longer in the row log, or cannot be read there: among
   *   it may be a queue, without which its messages would be thrown away.
   */
  recover(
    rowLog: RecoveredLog | undefined,
    read: (from: number, to: number, bytesMax: number) => StoredEntry[],
  ): void {
    const { applied } = this.#file;
    const applyFrom = rowLog?.state.readPosition ?? 0;
    if ((applied ?? 0) < applyFrom) {
      throw new DataDirectoryError(
        'rows.mdb is missing or too old: restore the data directory from a backup',
      );
    }
    let from = applied ?? 0;
    const end = Math.max(from, rowLog?.nextSequence ?? 0);
    this.#nextSequence = end;
    while (from < end) {
      const entries = read(from, end, replayBytes);
      if (entries.length === 0) throw rowLogIsDamaged();
      for (const { firstSequence, count, bytes } of entries) {
        if (firstSequence !== from) throw rowLogIsDamaged();
        this.#note(decodeRowEntry(bytes));
        from += count;
      }
    }
    this.#applySoon();
  }

  /**
   * The entries that carry these changes. The caller makes them durable, then calls {@link committed}.
   *
   * @throws StoreFullError while `rows.mdb` cannot grow and memory is full of what should be in it.
   */
  encode(rows: readonly RowChange[]): LogEntry[] {
    if (this.#full !== undefined && this.#isCrowded) throw this.#full;
    return encodeRowEntries(rows, this.#nextSequence);
  }

  /** The entries that were encoded last are on disk. Resolves when further changes may come. */
  async committed(rows: readonly RowChange[], entries: readonly LogEntry[]): Promise<void> {
    this.#nextSequence += entries.length;
    this.#note(rows);
    if (this.#overlay.notedCount >= applyRows || this.#isCrowded) this.#apply();
    else this.#applySoon();
    while (this.#isCrowded && this.#applying !== undefined) await this.#applying;
  }

  /** Applies everything. @throws StoreFullError when there is no room; the row log still has it then. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#applying;
    clearTimeout(this.#timer);
    this.#apply();
    await this.#applying;
    clearTimeout(this.#timer);
    if (this.#full !== undefined) throw this.#full;
  }

  get #isCrowded(): boolean {
    return this.#overlay.bytes > backlogBytesMax;
  }

  #note(rows: Iterable<RowChange>): void {
    for (const { key, value } of rows) this.#overlay.set(key, value);
  }

  #applySoon(delayMs = applyAfterMs): void {
    if (this.#overlay.isEmpty || this.#applying !== undefined || this.#hasFailed) return;
    this.#timer ??= setTimeout(() => this.#apply(), delayMs);
  }

  #apply(): void {
    if (this.#applying !== undefined || this.#overlay.isEmpty || this.#hasFailed) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#applying = this.#carryOut().then((delayMs) => {
      this.#applying = undefined;
      this.#applySoon(delayMs);
    });
  }

  /** Resolves to the time after which the next batch may follow. */
  async #carryOut(): Promise<number> {
    const sequence = this.#nextSequence;
    try {
      await this.#file.apply(this.#overlay.take(), sequence);
    } catch (cause) {
      this.#overlay.putBack();
      if (cause instanceof StoreFullError) {
        if (this.#full === undefined) this.#options.log.warn(`rows wait for disk space: ${cause.message}`);
        this.#full = cause;
        return fullRetryMs;
      }
      this.#hasFailed = true;
      this.#options.failed(cause);
      return 0;
    }
    this.#overlay.taken();
    this.#full = undefined;
    this.#options.applied(sequence);
    return this.#overlay.notedCount >= applyRows ? 0 : applyAfterMs;
  }
}

/** The row log stands among the logs of queues; nobody outside is to see it. */
export function takeRowLog(logs: Map<number, RecoveredLog>): RecoveredLog | undefined {
  const rowLog = logs.get(rowLogId);
  logs.delete(rowLogId);
  return rowLog;
}

function rowLogIsDamaged(): DataDirectoryError {
  return new DataDirectoryError(
    'definitions or delayed messages that were written last are damaged (the log says where): ' +
      'restore the data directory from a backup',
  );
}
