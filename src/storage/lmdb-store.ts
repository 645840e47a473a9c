import {
  BackupError,
  type BackupOptions,
  type BackupProgress,
  type ComingEntries,
  type Commit,
  type LogEntry,
  type Recovered,
  type Row,
  type RowChange,
  type RowRange,
  type Space,
  type Store,
  StoreBrokenError,
  type StoredEntry,
  StoreFullError,
  type UnreadableFile,
  type WrittenAhead,
} from '../broker/store.ts';
import { backUp, checkTarget, type SealedEntries } from './backup.ts';
import { checkCommit } from './commit-check.ts';
import { reasonOf } from './directory/reason-of.ts';
import { beginToRead } from './entries/coming-entries.ts';
import { withLargeKeys } from './entries/entry-key.ts';
import { prefetchEntries } from './entries/entry-prefetch.ts';
import {
  type FoundEntry,
  headOfLargeEntry,
  readEntries,
  storedEntry,
  UnreadableEntryError,
} from './entries/entry-reader.ts';
import { GentleReader } from './entries/gentle-reader.ts';
import type { Log } from './entries/log-index.ts';
import { readAtStart } from './lmdb/environment.ts';
import { indexGenerations, recoverLogs } from './recovery.ts';
import { definitionRow, readDefinitions } from './rows/definition-rows.ts';
import { rowLogId } from './rows/row-codec.ts';
import { RowTable, takeRowLog } from './rows/row-table.ts';
import { prepareLogState, type StagedLogState } from './states/log-state-table.ts';
import { type LmdbStoreOptions, openStoreParts, type StoreParts } from './store-parts.ts';

export type { LmdbStoreOptions };

/**
 * How long log states that came with entries wait for more of their kind. LMDB flushes twice for them, and a commit
 * beside that takes twice as long: four times a second, far less than one confirm in a hundred meets it. A state that is
 * lost in a crash is only a redelivery.
 */
const calmStateFlushDelayMs = 250;
/** The same while the journal fills fast: files that are settled have to be free again soon. */
const floodStateFlushDelayMs = 50;
/** A flood writes more than that between two flushes of states. */
const floodBytes = 4 * 2 ** 20;

/**
 * Opens a data directory, or makes a new one.
 *
 * @throws DataDirectoryError when the directory cannot be used; the message says what to do.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<Store> {
  return new LmdbStore(await openStoreParts(options));
}

/** A commit, checked and encoded. */
interface PreparedCommit {
  /** Those of the row log included. */
  readonly entries: readonly LogEntry[];
  readonly rowEntries: readonly LogEntry[];
  /** Those of definitions included. */
  readonly rows: readonly RowChange[];
  readonly logStates: readonly StagedLogState[];
  readonly droppedLogs: readonly number[];
}

/**
 * Queues in LMDB.
 *
 * What a commit promises: its entries, rows and definitions are on disk all or none, and are when it resolves. Log
 * states and dropped logs follow then, never before and a little later; a commit that holds nothing else waits for them.
 */
class LmdbStore implements Store {
  readonly durable = true;
  readonly #parts: StoreParts;
  readonly #rows: RowTable;
  #phase: 'opened' | 'running' | 'closed' = 'opened';
  #underway: Promise<void> | undefined;
  #failure: StoreBrokenError | undefined;
  #stateTimer: NodeJS.Timeout | undefined;
  #statesFlushedAt = 0;
  /** Since then. */
  #bytesWritten = 0;
  #stateFlushDelayMs = calmStateFlushDelayMs;
  /** There was no room for them, which the log says once. */
  #statesWait = false;
  #backup: Promise<void> | undefined;
  readonly #closing = new AbortController();
  readonly #gentle = new GentleReader();

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#rows = new RowTable(parts.files.rows, {
      log: parts.log,
      applied: (sequence) => this.#rowsApplied(sequence),
      failed: (cause) => this.#fail(cause),
    });
    for (const clearing of parts.clearings) clearing.onFailure = (error) => this.#fail(error);
    for (const register of Object.values(parts.files.registers))
      register.changed = () => this.#flushStatesSoon();
  }

  get unreadableFiles(): readonly UnreadableFile[] {
    return this.#parts.unreadable.files;
  }

  get damagedCount(): number {
    return this.#parts.damage.messages;
  }

  recover(): Recovered {
    if (this.#phase !== 'opened') throw new Error('recover() is called once, before anything else');
    this.#phase = 'running';
    const { files, index, logStates, generations, journal, cleanShutdown, damage } = this.#parts;
    const states = readAtStart(files.logStates, () => logStates.recover());
    indexGenerations(generations.row, index, !logStates.foundDamage);
    journal.indexEntries();
    const logs = recoverLogs(states, index, (entry) => damage.report(entry));
    const rowLog = takeRowLog(logs);
    const definitions = readAtStart(files.rows, () => {
      this.#rows.recover(rowLog, (from, to, bytesMax) => this.read(rowLogId, from, to, bytesMax));
      return readDefinitions((range) => this.#rows.scanRows(range));
    });
    for (const { logId, dropped, holders } of index.logs()) {
      logStates.noteLogId(logId);
      if (dropped && holders === 0) logStates.discard([logId]);
    }
    generations.retireDead();
    generations.summarize();
    journal.retireDead();
    for (const clearing of this.#parts.clearings) clearing.start();
    return {
      definitions,
      logs,
      cleanShutdown,
      nextLogId: logStates.nextLogId,
    };
  }

  async commit(commit: Commit): Promise<void> {
    const prepared = this.#prepare(commit);
    this.#underway = this.#write(prepared);
    try {
      await this.#underway;
    } catch (error) {
      throw error instanceof StoreFullError ? error : this.#fail(error);
    } finally {
      this.#underway = undefined;
    }
  }

  writeAhead(entry: LogEntry): Promise<WrittenAhead | undefined> | undefined {
    const { journal, freeSpace } = this.#parts;
    if (this.#failure !== undefined || this.#phase !== 'running' || !journal.isLarge(entry)) return undefined;
    try {
      freeSpace.require([entry]);
    } catch {
      return undefined;
    }
    return journal.writeAhead(entry);
  }

  read(
    logId: number,
    fromSequence: number,
    toSequence: number,
    bytesMax: number,
    space?: Space,
  ): StoredEntry[] {
    const log = this.#readable(logId);
    return log === undefined ? [] : this.#read(log, fromSequence, toSequence, bytesMax, space);
  }

  readGently(
    logId: number,
    fromSequence: number,
    toSequence: number,
    bytesMax: number,
    space?: Space,
  ): StoredEntry[] | Promise<StoredEntry[] | undefined> {
    if (this.#phase === 'closed') return Promise.resolve(undefined);
    const log = this.#readable(logId);
    if (log === undefined) return [];
    const readAtOnce = () => this.read(logId, fromSequence, toSequence, bytesMax);
    const coming = this.readAhead(logId, fromSequence, toSequence, bytesMax, space);
    if (coming !== undefined) return this.#orAtOnce(coming, readAtOnce);
    const large: FoundEntry[] = [];
    const onLarge = (entry: FoundEntry) => large.push(entry);
    const entries = this.#read(log, fromSequence, toSequence, bytesMax, space, onLarge);
    const [first] = large;
    if (first === undefined || entries.length > 0) return entries;
    return this.#readLarge(log, first, readAtOnce);
  }

  readAhead(
    logId: number,
    fromSequence: number,
    toSequence: number,
    bytesMax: number,
    space: Space = Buffer.allocUnsafeSlow,
  ): ComingEntries | undefined {
    const log = this.#readable(logId);
    try {
      return log && beginToRead(log, fromSequence, toSequence, bytesMax, space);
    } catch {
      // Whoever needs them is told what is the matter.
      return undefined;
    }
  }

  async #orAtOnce(
    coming: ComingEntries,
    readAtOnce: () => StoredEntry[],
  ): Promise<StoredEntry[] | undefined> {
    await coming.read;
    if (this.#phase !== 'running') return undefined;
    return coming.take() ?? readAtOnce();
  }

  async #readLarge(
    log: Log,
    entry: FoundEntry,
    readAtOnce: () => StoredEntry[],
  ): Promise<StoredEntry[] | undefined> {
    const bytes = await this.#gentle.read(entry);
    if (this.#phase !== 'running') return undefined;
    return bytes === undefined ? readAtOnce() : [storedEntry(log, entry.key, bytes)];
  }

  headOfLarge(
    logId: number,
    fromSequence: number,
    toSequence: number,
    byteLength: number,
  ): Buffer | undefined {
    const log = this.#readable(logId);
    try {
      return log && headOfLargeEntry(log, fromSequence, toSequence, byteLength);
    } catch (error) {
      if (error instanceof UnreadableEntryError) throw this.#parts.unreadable.note(error);
      throw this.#fail(error);
    }
  }

  #readable(logId: number): Log | undefined {
    return this.#phase === 'running' ? this.#parts.index.get(logId) : undefined;
  }

  #read(
    log: Log,
    from: number,
    to: number,
    bytesMax: number,
    space?: Space,
    onLarge?: (entry: FoundEntry) => void,
  ): StoredEntry[] {
    const { damage, unreadable } = this.#parts;
    try {
      return readEntries(log, from, to, bytesMax, (entry) => damage.report(entry), space, onLarge);
    } catch (error) {
      // It is not known to be damaged, so nobody may go on without it.
      throw error instanceof UnreadableEntryError ? unreadable.note(error) : this.#fail(error);
    }
  }

  async prefetch(logId: number, fromSequence: number, toSequence: number): Promise<void> {
    const log = this.#parts.index.get(logId);
    if (log !== undefined && this.#phase === 'running') await prefetchEntries(log, fromSequence, toSequence);
  }

  row(key: Buffer): Buffer | undefined {
    return this.#rows.row(key);
  }

  scanRows(range: RowRange): Row[] {
    return this.#rows.scanRows(range);
  }

  async flushStates(): Promise<void> {
    try {
      await this.#parts.logStates.flush();
    } catch (error) {
      throw error instanceof StoreFullError ? error : this.#fail(error);
    }
  }

  async backup(options: BackupOptions, progress: BackupProgress): Promise<void> {
    if (this.#phase !== 'running' || this.#failure !== undefined) {
      throw new BackupError('the store is not in use');
    }
    if (this.#backup !== undefined) throw new BackupError('another backup is under way');
    checkTarget(options.directory);
    const signals = [this.#closing.signal, ...(options.signal === undefined ? [] : [options.signal])];
    this.#backup = this.#backUp({ ...options, signal: AbortSignal.any(signals) }, progress);
    try {
      await this.#backup;
    } finally {
      this.#backup = undefined;
    }
  }

  async #backUp(options: BackupOptions, progress: BackupProgress): Promise<void> {
    const { directory, files, logStates, generations, journal } = this.#parts;
    // Of what the states in the copy do not settle yet, nothing may go.
    journal.hold();
    generations.hold();
    try {
      // What has been acknowledged so far need not come back.
      await logStates.flush();
      await backUp({ ...files, directory, seal: () => this.#seal() }, options, progress);
    } finally {
      journal.letGo();
      generations.letGo();
    }
  }

  async #seal(): Promise<SealedEntries> {
    const { journal, generations } = this.#parts;
    // Its rows may have been copied, so its entries have to be there, too.
    await Promise.allSettled([this.#underway]);
    let extents = journal.extents;
    const paths = await generations.seal(() => {
      extents = journal.seal();
    });
    return { generations: paths, journal: extents };
  }

  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    const wasRunning = this.#phase === 'running';
    this.#phase = 'closed';
    this.#closing.abort();
    const { files, generations, journal, mover, clearings, damage, unreadable, lock, log } = this.#parts;
    mover.stop();
    await unreadable.stop();
    await this.#gentle.stop();
    await Promise.allSettled([
      this.#underway,
      this.#backup,
      ...clearings.map((clearing) => clearing.settle()),
    ]);
    await damage.settle();
    clearTimeout(this.#stateTimer);
    // After a failure LMDB may never answer; the files and the lock are let go of when the process ends.
    if (this.#failure !== undefined) return;
    try {
      await this.#writeLastStates(wasRunning);
    } catch (error) {
      log.error(`the data could not be closed properly: ${reasonOf(error)}`);
      if (!(error instanceof StoreFullError)) return;
    }
    await journal.close();
    await generations.close();
    await files.rows.close();
    await files.logStates.close();
    await lock.release();
  }

  async #writeLastStates(wasRunning: boolean): Promise<void> {
    const { logStates, generations, journal, cleanShutdown } = this.#parts;
    if (wasRunning) {
      await this.#rows.close();
      await logStates.flush();
      await Promise.all([generations.settle(), journal.settle()]);
      await logStates.flush();
      await journal.end();
    }
    // Nobody has been told yet of an unclean end that was found at open: the next start must see it again.
    if (wasRunning || cleanShutdown) await logStates.writeCleanMark();
  }

  /** Checks and encodes everything first, so that a commit that cannot be stored leaves no trace. */
  #prepare(commit: Commit): PreparedCommit {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#phase !== 'running') throw new Error(`commit() on a store that is ${this.#phase}`);
    if (this.#underway !== undefined) throw new Error('a commit is under way');
    checkCommit(commit, this.#parts.index);
    const rows = [...commit.rows, ...commit.definitions.map(definitionRow)];
    const rowEntries = this.#rows.encode(rows);
    const prepared = {
      entries: [...commit.entries, ...rowEntries],
      rowEntries,
      rows,
      logStates: commit.logStates.map(prepareLogState),
      droppedLogs: commit.droppedLogs,
    };
    if (commit.entries.length + commit.rows.length > 0)
      this.#requireSpace(prepared.entries.filter(({ ahead }) => ahead === undefined));
    return prepared;
  }

  #requireSpace(entries: readonly LogEntry[]): void {
    try {
      this.#parts.freeSpace.require(entries);
    } catch (error) {
      this.#parts.generations.makeRoom();
      throw error;
    }
  }

  async #write(commit: PreparedCommit): Promise<void> {
    const { entries, rowEntries, rows, logStates, droppedLogs } = commit;
    if (entries.length > 0) await this.#writeEntries(entries);
    if (rows.length > 0) await this.#rows.committed(rows, rowEntries);

    if (logStates.length + droppedLogs.length === 0) return;
    const table = this.#parts.logStates;
    table.stage(logStates, droppedLogs);
    if (entries.length === 0) await table.flush();
    else this.#flushStatesSoon();
  }

  async #writeEntries(entries: readonly LogEntry[]): Promise<void> {
    const { journal, generations } = this.#parts;
    for (const { bytes } of entries) this.#bytesWritten += bytes.length;
    const rest = await journal.commitAhead(entries);
    if (rest.length === 0 || (await journal.write(rest))) return;
    await generations.write(await withLargeKeys(rest), false);
  }

  #rowsApplied(sequence: number): void {
    const state = prepareLogState({ logId: rowLogId, readPosition: sequence, unsettled: [] });
    this.#parts.logStates.stage([state], []);
    this.#flushStatesSoon();
  }

  /** At once if the last time is long enough ago, else when it is. */
  #flushStatesSoon(): void {
    if (this.#phase !== 'running') return;
    const dueMs = this.#statesFlushedAt + this.#stateFlushDelayMs - performance.now();
    this.#stateTimer ??= setTimeout(
      () => {
        this.#stateTimer = undefined;
        this.#statesFlushedAt = performance.now();
        const isFlooded = this.#bytesWritten > floodBytes;
        this.#stateFlushDelayMs = isFlooded ? floodStateFlushDelayMs : calmStateFlushDelayMs;
        this.#bytesWritten = 0;
        this.#parts.logStates.flush().then(
          () => {
            this.#statesWait = false;
          },
          (error) => this.#noteStatesFailure(error),
        );
      },
      Math.max(0, dueMs),
    );
  }

  /** Without room the states wait for the next commit: what they settle is only delivered again after a crash. */
  #noteStatesFailure(error: unknown): void {
    if (!(error instanceof StoreFullError)) {
      this.#fail(error);
      return;
    }
    if (!this.#statesWait) this.#parts.log.warn(`acknowledgements wait for disk space: ${error.message}`);
    this.#statesWait = true;
  }

  #fail(error: unknown): StoreBrokenError {
    if (this.#failure === undefined) {
      const reason = reasonOf(error);
      this.#failure =
        error instanceof StoreBrokenError ? error : new StoreBrokenError(reason, { cause: error });
      this.#parts.log.error(`the store is broken, nothing is confirmed any more: ${reason}`);
    }
    return this.#failure;
  }
}
