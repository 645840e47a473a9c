import { OrderedRows } from './rows/ordered-rows.ts';

/**
 * What the broker asks of durable storage. The broker owns this interface; `storage/` fulfils it with
 * LMDB, and {@link MemoryStore} fulfils it for a broker without a data directory.
 *
 * The unit is the **commit**: one value that holds everything to be made durable together. Only when
 * the promise of a commit has resolved may anything that depends on it be said to a client.
 */

/** Consecutive records of one log, exactly as they lie in memory and on disk. */
export interface LogEntry {
  readonly logId: number;
  /** Sequence number of the first record; record i has sequence `firstSequence + i`. */
  readonly firstSequence: number;
  /** Records in `bytes`, settled and transient ones included (at least 1). */
  readonly count: number;
  /** How many of them are persistent, and the bytes of the bodies of these: a restart counts with them. */
  readonly persistentCount: number;
  readonly persistentBodyBytes: number;
  /** The records. They belong to the store, unchanged, until the commit has resolved. */
  readonly bytes: Buffer;
  /** They are on disk already: see {@link Store.writeAhead}. */
  readonly ahead?: WrittenAhead | undefined;
}

/** An entry whose bytes are on disk, but count only once a commit has carried it. */
export interface WrittenAhead {
  /** No commit will carry it any more: its space is given back. Changes nothing when one has. */
  discard(): void;
}

/** A run of sequences below the read position that are not all settled. */
export interface UnsettledRange {
  readonly firstSequence: number;
  readonly count: number;
  /** Bit i (least significant first) is 1 when sequence `firstSequence + i` is settled; absent: none is. */
  readonly settled?: Uint8Array;
  /**
   * How often records were given back, once those that are with a consumer now have come back, as pairs
   * [offset in the range, count]. Once, for all that are not named. Quorum queues only.
   */
  readonly deliveryCounts?: readonly (readonly [number, number])[];
}

/**
 * How far a log has been consumed. Written lazily: after a crash an older state may be found, which
 * means a redelivery, never a loss.
 */
export interface LogState {
  readonly logId: number;
  /** Every sequence at or above was never delivered; below it, only `unsettled` is still owed. */
  readonly readPosition: number;
  readonly unsettled: readonly UnsettledRange[];
  /** What the owner of the log wants to find beside it after a restart; absent: nothing. */
  readonly attachment?: JsonValue;
}

/** A durable definition (virtual host, exchange, queue, binding, user, policy, ...): a JSON value under a key. */
export interface Definition {
  /** First the kind, then the names: `["queue", "/", "orders"]`. */
  readonly key: readonly string[];
  /** `null` removes the definition. */
  readonly value: JsonValue;
}

/** Notes a definition to be written with the next commit; `null` removes it. */
export type Define = (key: readonly string[], value: JsonValue) => void;

/** What can be written as JSON. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** First byte of a row's key: what the row is about. Each table has one owner, who alone knows the rest of its keys. */
export const RowTable = {
  /** Messages that wait for their time, by owner and due time. */
  Delayed: 1,
  /** {@link Definition}s: the store's own. */
  Definitions: 2,
  /** Messages that are due in a while, by owner and slot of time. */
  DelayedLater: 3,
  /** Records that have left their logs to become rows, until the states of the logs say so. */
  Departed: 4,
} as const;

/** Bytes the key of a row in a commit may have, the table included. */
export const rowKeyBytesMax = 96;

/**
 * A small value under a key: rows are kept in bytewise order of their keys, on disk, any number of them. They are
 * for what is found by its order or its name, not in the order in which it came.
 */
export interface Row {
  /** A {@link RowTable}, then what its owner likes. */
  readonly key: Buffer;
  /** At least one byte; above 1.8 KB it costs more than its length. */
  readonly value: Buffer;
}

/** A row as it is to be from now on. */
export interface RowChange {
  readonly key: Buffer;
  /** `null` removes the row. */
  readonly value: Buffer | null;
}

/** Rows in `[from, below)`, until `rowsMax` or `bytesMax` (of values) is reached. */
export interface RowRange {
  readonly from: Buffer;
  readonly below: Buffer;
  readonly rowsMax: number;
  readonly bytesMax: number;
}

/**
 * Everything that one flush makes durable. Only log states and dropped logs come later, never before the
 * rest: a message may have left its log because it was dead-lettered into an entry of the same commit.
 */
export interface Commit {
  readonly entries: readonly LogEntry[];
  /** Durable with the entries, all of both or nothing. A key occurs once. */
  readonly rows: readonly RowChange[];
  /** The same for these. Without entries and rows they may take the last of the disk: deleted queues give some back. */
  readonly definitions: readonly Definition[];
  readonly logStates: readonly LogState[];
  /** Logs of deleted queues: nothing of them is needed any more. Their ids are never used again. */
  readonly droppedLogs: readonly number[];
}

/** A log as it is found at start. */
export interface RecoveredLog {
  readonly logId: number;
  /** The last written state, or an empty one starting at 0. */
  readonly state: LogState;
  /** One above the highest sequence ever stored or named in the state; numbering goes on here. */
  readonly nextSequence: number;
  /** Persistent records at or above the read position, and the bytes of their bodies. */
  readonly unreadCount: number;
  readonly unreadBodyBytes: number;
}

/** What a previous run has left. */
export interface Recovered {
  /** In key order. */
  readonly definitions: readonly Definition[];
  readonly logs: ReadonlyMap<number, RecoveredLog>;
  /** False when the previous owner of the data did not close it. */
  readonly cleanShutdown: boolean;
  /** No log id at or above has ever been used. */
  readonly nextLogId: number;
}

/** Gives out memory of that many bytes, with anything in it. */
export type Space = (bytes: number) => Buffer;

/** An entry read back. Its bytes are the reader's own copy. */
export interface StoredEntry {
  readonly firstSequence: number;
  readonly count: number;
  readonly bytes: Buffer;
  /** Written by an earlier run of the broker: its transient records are gone. */
  readonly recovered: boolean;
}

/** Entries on their way into memory. */
export interface ComingEntries {
  /** Sequence behind the last record of them. */
  readonly end: number;
  readonly byteLength: number;
  readonly isRead: boolean;
  /** Resolves when they are there, as far as they could be read. */
  readonly read: Promise<void>;
  /**
   * Once they are read: checked now, as whoever wants them looks at the same bytes next. Undefined when some were not there or
   * not what was written. They may be somewhere else by now: whoever asks for them anew is told what is the matter.
   */
  take(): StoredEntry[] | undefined;
}

/** Where entries, states of logs, rows and definitions are kept. The broker asks, `storage/` fulfils it. */
export interface Store {
  /** False: nothing survives the process, and nothing can be paged out of memory. */
  readonly durable: boolean;
  /** Messages that were found damaged since the start. They are not delivered; the log names them. */
  readonly damagedCount: number;
  /** Files with messages that somebody has asked for, and which cannot be read now. They are tried again and again. */
  readonly unreadableFiles: readonly UnreadableFile[];
  /** Reads what a previous run left. Called once, before anything else. */
  recover(): Recovered;
  /**
   * Makes a commit durable, all of it or nothing. The caller never has two commits under way.
   *
   * @throws when the data may not be on disk. After that nothing may be confirmed any more.
   */
  commit(commit: Commit): Promise<void>;
  /**
   * Writes a large entry while commits go on, so that the one which carries it (the same entry, with `ahead`) is small.
   * Such an entry stands for itself: after a crash it may be there without the rest of its commit, or the other way
   * round. The bytes must not change meanwhile. Resolves with undefined when it could not be written, and never
   * throws: the commit says what is wrong.
   *
   * @returns undefined when the entry is not large enough for that.
   */
  writeAhead(entry: LogEntry): Promise<WrittenAhead | undefined> | undefined;
  /**
   * Entries of a log that overlap `[fromSequence, toSequence)`, in order, as many as are no more than `bytesMax`
   * (at least one, if there is one), in memory of `space` where they are copied. Synchronous: the pages are mapped.
   *
   * @throws StoreUnreadableError
   */
  read(
    logId: number,
    fromSequence: number,
    toSequence: number,
    bytesMax: number,
    space?: Space,
  ): StoredEntry[];
  /**
   * The same for whoever can wait. A promise where the first entry has to be read from the disk: off the event loop.
   * Where it is so large that others would notice, it comes alone, bit by bit. Undefined: the store was closed meanwhile.
   *
   * @throws StoreUnreadableError, also as a rejection
   */
  readGently(
    logId: number,
    fromSequence: number,
    toSequence: number,
    bytesMax: number,
    space?: Space,
  ): StoredEntry[] | Promise<StoredEntry[] | undefined>;
  /**
   * Begins to read what {@link readGently} will be asked for. Undefined where that is read at once as quickly, is large,
   * or is not there.
   */
  readAhead(
    logId: number,
    fromSequence: number,
    toSequence: number,
    bytesMax: number,
    space: Space,
  ): ComingEntries | undefined;
  /**
   * The first bytes of the first entry in the range, if that is so large that {@link readGently} would not have it at once:
   * as they are, since whether all of it is intact is seen when it is read. Undefined: it is not large.
   *
   * @throws StoreUnreadableError
   */
  headOfLarge(
    logId: number,
    fromSequence: number,
    toSequence: number,
    byteLength: number,
  ): Buffer | undefined;
  /**
   * Entries in `[fromSequence, toSequence)` will be read soon: has their pages brought into memory without keeping
   * anybody waiting. Only a hint. Resolves when they are there, as far as the store knows.
   */
  prefetch(logId: number, fromSequence: number, toSequence: number): Promise<void>;
  /** The value of a row, as of the last commit that has resolved. */
  row(key: Buffer): Buffer | undefined;
  /** Rows in a range in order, at least one, if there is one; as of the last commit that has resolved. Synchronous. */
  scanRows(range: RowRange): Row[];
  /**
   * Copies everything to another directory while it is in use: whatever commits have resolved is in the copy.
   * One at a time.
   *
   * @throws BackupError
   */
  backup(options: BackupOptions, progress: BackupProgress): Promise<void>;
  /**
   * Resolves when the log states of all commits that have resolved are on disk.
   *
   * @throws StoreFullError when there is no room for them: they are written later.
   */
  flushStates(): Promise<void>;
  /** Waits for the last commit and lets go of the files. */
  close(): Promise<void>;
}

/** A file that is known and cannot be read now, and what the system says of it. */
export interface UnreadableFile {
  readonly path: string;
  readonly reason: string;
}

/** Where a backup goes. */
export interface BackupOptions {
  /** An absolute path. It must not exist, the directory around it must. */
  readonly directory: string;
  /** How fast files are copied. Default 64 MiB a second. */
  readonly bytesPerSecond?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How far a backup has got; kept by whoever makes it. */
export interface BackupProgress {
  bytesDone: number;
  /** Undefined until it is known. */
  bytesTotal: number | undefined;
}

/** There cannot be a backup; the message says why. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/** Keeps nothing but rows: commits are done at once. For test suites and brokers without a data directory. */
export class MemoryStore implements Store {
  readonly durable = false;
  readonly damagedCount = 0;
  readonly unreadableFiles: readonly UnreadableFile[] = [];
  readonly #rows = new OrderedRows<Buffer>();

  recover(): Recovered {
    return { definitions: [], logs: new Map(), cleanShutdown: true, nextLogId: 1 };
  }

  writeAhead(): undefined {}

  async commit({ rows }: Commit): Promise<void> {
    for (const { key, value } of rows) {
      if (value === null) this.#rows.delete(key);
      else this.#rows.set(key, value);
    }
  }

  row(key: Buffer): Buffer | undefined {
    return this.#rows.get(key);
  }

  scanRows({ from, below, rowsMax, bytesMax }: RowRange): Row[] {
    const rows: Row[] = [];
    let bytes = 0;
    for (const [key, value] of this.#rows.walk(from)) {
      if (rows.length === rowsMax || bytes >= bytesMax || Buffer.compare(key, below) >= 0) break;
      rows.push({ key, value });
      bytes += value.length;
    }
    return rows;
  }

  read(): StoredEntry[] {
    return [];
  }

  readGently(): StoredEntry[] {
    return [];
  }

  readAhead(): undefined {}

  headOfLarge(): undefined {}

  async prefetch(): Promise<void> {}

  async flushStates(): Promise<void> {}

  async backup(): Promise<void> {
    throw new BackupError('there is no data directory: this broker keeps everything in memory');
  }

  async close(): Promise<void> {}
}

/**
 * There was no room for a commit. Nothing of its entries is stored, everything before it is intact, and the
 * same commit may be tried again once there is space.
 */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError';
}

/**
 * A file cannot be read now: its rights were taken away, there are no descriptors left, the disk does not answer. What is
 * in it may be intact, so nobody may go on without it.
 */
export class StoreUnreadableError extends Error {
  override readonly name = 'StoreUnreadableError';
  /** Resolves when the store may be asked again; with false when it was closed. */
  readonly again: Promise<boolean>;

  constructor({ path, reason }: UnreadableFile, again: Promise<boolean>) {
    super(`${path} cannot be read now: ${reason}`);
    this.again = again;
  }
}

/** The data of a commit may not be on disk, and no later commit will succeed: stop confirming and restart. */
export class StoreBrokenError extends Error {
  override readonly name = 'StoreBrokenError';
}
