import { resolve } from 'node:path';
import {
  type Commit,
  type Definition,
  type LogEntry,
  type Recovered,
  type Store,
  StoreBrokenError,
  type StoredEntry,
  StoreFullError,
} from '../broker/store.ts';
import { checkCommit } from './commit-check.ts';
import { DamageReport } from './damage-report.ts';
import { prepareDirectory, removeStrayLockFiles, settleFormat } from './data-directory.ts';
import { DataDirectoryLock } from './data-directory-lock.ts';
import { type DataFiles, openDataFiles } from './data-files.ts';
import {
  decodeDefinitionKey,
  decodeDefinitionValue,
  encodeDefinitionKey,
  encodeDefinitionValue,
} from './definition-codec.ts';
import { encodeEntryKey } from './entry-key.ts';
import { type DamagedEntry, readEntries } from './entry-reader.ts';
import { type Environment, transact } from './environment.ts';
import { requireFreeBytes } from './file-check.ts';
import { FreeSpace } from './free-space.ts';
import { Generations, generationMapBytes } from './generations.ts';
import { LogIndex } from './log-index.ts';
import { LogStateTable, prepareLogState, type StagedLogState } from './log-state-table.ts';
import { scanGenerations } from './recovery.ts';
import { type StoreLog, silentLog } from './store-log.ts';

export interface LmdbStoreOptions {
  /** Made if it does not exist. One process at a time. */
  readonly dataDir: string;
  /** Bytes after which the next generation takes over. Default 1 GiB. */
  readonly generationBytes?: number;
  /** Free disk space below which the store does not open, and refuses entries. Default 200 MiB. */
  readonly freeBytesMin?: number;
  readonly log?: StoreLog;
  /** Called for every entry that fails its checksum, once it has been set aside. */
  readonly onDamage?: (damage: DamagedEntry) => void;
}

const GENERATION_BYTES = 2 ** 30;
const FREE_BYTES_MIN = 200 * 2 ** 20;

/**
 * Opens a data directory, or makes a new one.
 *
 * @throws DataDirectoryError when the directory cannot be used; the message says what to do.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<Store> {
  const directory = resolve(options.dataDir);
  const log = options.log ?? silentLog;
  const generationBytes = options.generationBytes ?? GENERATION_BYTES;
  const freeBytesMin = options.freeBytesMin ?? FREE_BYTES_MIN;
  prepareDirectory(directory);
  const lock = await DataDirectoryLock.acquire(directory);
  try {
    await settleFormat(directory);
    requireFreeBytes(directory, freeBytesMin);
    await removeStrayLockFiles(directory);
    const files = await openDataFiles(directory, generationMapBytes(generationBytes), log);
    const index = new LogIndex();
    const logStates: LogStateTable = new LogStateTable(files.logStates, index, log, () =>
      generations.retireDead(),
    );
    const generations = new Generations(
      {
        directory,
        generationBytes,
        freeBytesMin,
        log,
        index,
        orphaned: (logIds) => logStates.discard(logIds),
      },
      files.generations,
    );
    const cleanShutdown = (await logStates.takeCleanMark()) || files.created;
    const damage = new DamageReport(directory, log, options.onDamage);
    const freeSpace = new FreeSpace(directory, freeBytesMin);
    return new LmdbStore({
      files,
      index,
      logStates,
      generations,
      cleanShutdown,
      damage,
      freeSpace,
      lock,
      log,
    });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface Parts {
  readonly files: DataFiles;
  readonly index: LogIndex;
  readonly logStates: LogStateTable;
  readonly generations: Generations;
  readonly cleanShutdown: boolean;
  readonly damage: DamageReport;
  readonly freeSpace: FreeSpace;
  readonly lock: DataDirectoryLock;
  readonly log: StoreLog;
}

interface DefinitionRow {
  readonly key: Buffer;
  /** No row: the definition is removed. */
  readonly row: Buffer | undefined;
}

/** A commit, checked and encoded. */
interface PreparedCommit {
  readonly entries: readonly LogEntry[];
  readonly definitions: readonly DefinitionRow[];
  readonly logStates: readonly StagedLogState[];
  readonly droppedLogs: readonly number[];
}

/**
 * Queues in LMDB.
 *
 * What a commit promises: its entries are on disk all or none, its definitions are on disk all or none, and
 * both are when it resolves. Log states and dropped logs follow when entries and definitions are on disk:
 * with the next flush, unless the commit holds nothing else; then it waits for them.
 */
class LmdbStore implements Store {
  readonly durable = true;
  readonly #parts: Parts;
  #phase: 'opened' | 'running' | 'closed' = 'opened';
  #committing = false;
  #failure: StoreBrokenError | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  recover(): Recovered {
    if (this.#phase !== 'opened') throw new Error('recover() is called once, before anything else');
    this.#phase = 'running';
    const { files, index, logStates, generations, cleanShutdown, damage } = this.#parts;
    const states = logStates.recover();
    const logs = scanGenerations(generations.row, states, index, (entry) => damage.report(entry));
    for (const { logId, dropped, holders } of index.logs()) {
      logStates.noteLogId(logId);
      if (dropped && holders === 0) logStates.discard([logId]);
    }
    generations.retireDead();
    return {
      definitions: readDefinitions(files.definitions),
      logs,
      cleanShutdown,
      nextLogId: logStates.nextLogId,
    };
  }

  async commit(commit: Commit): Promise<void> {
    const prepared = this.#prepare(commit);
    this.#committing = true;
    try {
      await this.#write(prepared);
    } catch (error) {
      throw error instanceof StoreFullError ? error : this.#fail(error);
    } finally {
      this.#committing = false;
    }
  }

  read(logId: number, fromSequence: number, toSequence: number, bytesMax: number): StoredEntry[] {
    const log = this.#parts.index.get(logId);
    if (log === undefined || this.#phase !== 'running') return [];
    return readEntries(log, fromSequence, toSequence, bytesMax, (entry) => this.#parts.damage.report(entry));
  }

  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    const recovered = this.#phase === 'running';
    this.#phase = 'closed';
    const { files, logStates, generations, damage, lock } = this.#parts;
    await damage.settle();
    // After a failure LMDB may never answer; the files and the lock are let go of when the process ends.
    if (this.#failure !== undefined) return;
    if (recovered) {
      await generations.settle();
      await logStates.flush();
    }
    await generations.close();
    await files.definitions.close();
    await logStates.writeCleanMark();
    await files.logStates.close();
    await lock.release();
  }

  /** Checks and encodes everything first, so that a commit that cannot be stored leaves no trace. */
  #prepare(commit: Commit): PreparedCommit {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#phase !== 'running') throw new Error(`commit() on a store that is ${this.#phase}`);
    if (this.#committing) throw new Error('a commit is under way');
    checkCommit(commit, this.#parts.index);
    const prepared = {
      entries: commit.entries,
      definitions: commit.definitions.map(encodeDefinition),
      logStates: commit.logStates.map(prepareLogState),
      droppedLogs: commit.droppedLogs,
    };
    if (commit.entries.length > 0) this.#parts.freeSpace.require(commit.entries);
    return prepared;
  }

  async #write({ entries, definitions, logStates, droppedLogs }: PreparedCommit): Promise<void> {
    const writes: Promise<void>[] = [];
    if (entries.length > 0) writes.push(this.#writeEntries(entries));
    if (definitions.length > 0) writes.push(this.#writeDefinitions(definitions));
    if (writes.length > 0) await allDone(writes);

    if (logStates.length + droppedLogs.length === 0) return;
    const table = this.#parts.logStates;
    table.stage(logStates, droppedLogs);
    const flushed = table.flush();
    if (writes.length === 0) await flushed;
    else flushed.catch((error) => this.#noteStatesFailure(error));
  }

  async #writeEntries(entries: readonly LogEntry[]): Promise<void> {
    const { generations, index } = this.#parts;
    generations.roll();
    const generation = generations.newest;
    let bytes = 0;
    for (const entry of entries) bytes += entry.bytes.length;
    const put = () => {
      for (const entry of entries) generation.environment.put(encodeEntryKey(entry), entry.bytes);
    };
    await transact(generation.environment, put, bytes);
    for (const entry of entries) index.addEntry(generation, entry, entry.bytes.length);
    generations.noteWritten(bytes);
  }

  #writeDefinitions(rows: readonly DefinitionRow[]): Promise<void> {
    const environment = this.#parts.files.definitions;
    return transact(environment, () => {
      for (const { key, row } of rows) {
        if (row === undefined) environment.remove(key);
        else environment.put(key, row);
      }
    });
  }

  /** Without room the states wait for the next commit: what they settle is only delivered again after a crash. */
  #noteStatesFailure(error: unknown): void {
    if (error instanceof StoreFullError)
      this.#parts.log.warn(`acknowledgements wait for disk space: ${error.message}`);
    else this.#fail(error);
  }

  #fail(error: unknown): StoreBrokenError {
    if (this.#failure === undefined) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#failure =
        error instanceof StoreBrokenError ? error : new StoreBrokenError(reason, { cause: error });
      this.#parts.log.error(`the store is broken, nothing is confirmed any more: ${reason}`);
    }
    return this.#failure;
  }
}

/** Waits for all, so that nothing is under way when a commit is tried again; the worst failure counts. */
async function allDone(writes: readonly Promise<void>[]): Promise<void> {
  let full: StoreFullError | undefined;
  for (const outcome of await Promise.allSettled(writes)) {
    if (outcome.status === 'fulfilled') continue;
    if (!(outcome.reason instanceof StoreFullError)) throw outcome.reason;
    full = outcome.reason;
  }
  if (full !== undefined) throw full;
}

function encodeDefinition({ key, value }: Definition): DefinitionRow {
  return { key: encodeDefinitionKey(key), row: value === null ? undefined : encodeDefinitionValue(value) };
}

function readDefinitions(environment: Environment): Definition[] {
  const definitions: Definition[] = [];
  for (const { key, value } of environment.getRange({})) {
    // The header row: no definition's key is a lone zero byte, its kind has at least one letter.
    if (key.length === 1) continue;
    definitions.push({ key: decodeDefinitionKey(key), value: decodeDefinitionValue(value) });
  }
  return definitions;
}
