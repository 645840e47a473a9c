import { type LogState, StoreFullError } from '../../broker/store.ts';
import type { LogIndex } from '../entries/log-index.ts';
import type { FileRegister, RegisterRow } from '../file-register.ts';
import { type Environment, readAtStart, transact } from '../lmdb/environment.ts';
import type { StoreLog } from '../store-log.ts';
import { readUInt64, writeUInt64 } from '../uint64.ts';
import { decodeLogState, encodeLogState } from './log-state-codec.ts';
import { unsettledRuns } from './unsettled-runs.ts';

/** Rows of `logs.mdb`: one that says what the file is, a few single ones (see `data-files.ts`), and one for each log. */
const nextLogIdKey = Buffer.from([1]);
const cleanKey = Buffer.from([2]);
const cleanRow = Buffer.from([1]);
const logRowPrefix = 3;
const logKeyBytes = 5;
/** The row of a log that was dropped while generations still hold entries of it. */
const endRow = Buffer.from([0]);

/** Rows one transaction takes, so that a burst of states does not delay the entries beside it. */
const rowsPerFlushMax = 50_000;
/** Where there is no room for so few, there is none. */
const rowsPerFlushMin = 64;

const nextLogIdBytes = 8;

/** What is to be written of one log; no row means that the log has ended. */
interface StagedRow {
  readonly row: Buffer | undefined;
  readonly readPosition: number;
  readonly unsettled: readonly number[];
}

/**
 * How far each log has been consumed. Rows are staged when the entries and definitions they were committed
 * with are on disk, never before: a message that moves from one queue to another (dead-lettering) must not
 * leave the first before it is in the second. Newer rows replace staged ones that wait for the disk.
 */
export class LogStateTable {
  readonly #environment: Environment;
  readonly #index: LogIndex;
  readonly #log: StoreLog;
  readonly #settled: () => void;
  readonly #registers: readonly FileRegister[];
  readonly #staged = new Map<number, StagedRow>();
  readonly #obsolete = new Set<number>();
  #nextLogId = 1;
  #nextLogIdStored = 1;
  #flushing: Promise<void> | undefined;
  #foundDamage = false;
  /** What is settled is known, so files may go when more of it is. */
  #isRecovered = false;

  /**
   * @param registers that are written along.
   * @param settled called whenever rows that may settle a generation are on disk.
   */
  constructor(
    environment: Environment,
    registers: readonly FileRegister[],
    index: LogIndex,
    log: StoreLog,
    settled: () => void,
  ) {
    this.#environment = environment;
    this.#registers = registers;
    this.#index = index;
    this.#log = log;
    this.#settled = settled;
    for (const register of registers) register.flush = () => this.flush();
  }

  /** No log id at or above has been used, as far as rows were staged. */
  get nextLogId(): number {
    return this.#nextLogId;
  }

  /** A row could not be read: what its log had settled is owed again. */
  get foundDamage(): boolean {
    return this.#foundDamage;
  }

  /** Reads all rows into the index and returns the states of the logs that go on. */
  recover(): Map<number, LogState> {
    const states = new Map<number, LogState>();
    const next = this.#environment.getBinary(nextLogIdKey);
    this.#nextLogIdStored = next === undefined ? 1 : readUInt64(next, 0);
    this.#nextLogId = this.#nextLogIdStored;
    for (const { key, value } of this.#environment.getRange({ start: Buffer.from([logRowPrefix]) })) {
      const logId = Buffer.from(key).readUInt32BE(1);
      this.noteLogId(logId);
      if (value.length === endRow.length) {
        this.#index.applyDrop(logId);
        continue;
      }
      const state = this.#decode(logId, value);
      states.set(logId, state);
      this.#index.applyState(logId, state.readPosition, unsettledRuns(state));
    }
    this.#isRecovered = true;
    return states;
  }

  #decode(logId: number, row: Buffer): LogState {
    try {
      return decodeLogState(logId, row);
    } catch {
      this.#foundDamage = true;
      this.#log.error(
        `the state of log ${logId} in logs.mdb is damaged: its messages on disk are delivered again`,
      );
      return { logId, readPosition: 0, unsettled: [] };
    }
  }

  noteLogId(logId: number): void {
    if (logId >= this.#nextLogId) this.#nextLogId = logId + 1;
  }

  /** Whether the last owner closed the data. */
  get isMarkedClean(): boolean {
    return readAtStart(this.#environment, () => this.#environment.doesExist(cleanKey));
  }

  /** The mark is gone when this resolves, also after a power cut, and registers say which files there are. */
  async begin(): Promise<void> {
    const registered = this.#prepareRegisters();
    if (registered.length === 0 && !this.isMarkedClean) return;
    const size = { keys: registered.length + 1, bytes: bytesOf(registered) };
    const put = () => {
      this.#environment.remove(cleanKey);
      for (const { key, value } of registered) this.#environment.put(key, value);
    };
    await transact(this.#environment, put, size);
    for (const row of registered) row.written();
  }

  async writeCleanMark(): Promise<void> {
    await transact(this.#environment, () => void this.#environment.put(cleanKey, cleanRow));
  }

  stage(states: readonly StagedLogState[], droppedLogs: readonly number[]): void {
    for (const { logId, staged } of states) {
      this.noteLogId(logId);
      if (!this.#isOnDisk(logId, staged)) this.#staged.set(logId, staged);
    }
    for (const logId of droppedLogs) {
      this.noteLogId(logId);
      this.#staged.set(logId, { row: undefined, readPosition: 0, unsettled: [] });
    }
  }

  /** A log that is only written to stays as it is. To write that down would cost commits more than this look. */
  #isOnDisk(logId: number, { row, readPosition }: StagedRow): boolean {
    if (row === undefined || this.#flushing !== undefined || this.#staged.has(logId)) return false;
    if (this.#index.get(logId)?.readPosition !== readPosition) return false;
    return this.#environment.getBinary(rowKey(logId))?.equals(row) === true;
  }

  /** Rows of dropped logs that nothing needs any longer. They go with the next flush; there is no hurry. */
  discard(logIds: Iterable<number>): void {
    for (const logId of logIds) this.#obsolete.add(logId);
  }

  /**
   * Writes what is staged, and what is staged meanwhile, too, and changes of registers. Resolves when all of it is on disk;
   * before {@link recover} that is left to {@link begin}.
   *
   * @throws StoreFullError when there was no room; the rows stay staged. StoreBrokenError otherwise.
   */
  flush(): Promise<void> {
    if (this.#flushing === undefined && this.#isRecovered && this.#isDue) this.#flushing = this.#drain();
    return this.#flushing ?? Promise.resolve();
  }

  get #isDue(): boolean {
    return this.#staged.size + this.#obsolete.size > 0 || this.#registers.some((one) => one.isChanged);
  }

  #prepareRegisters(): RegisterRow[] {
    return this.#registers.flatMap((register) => register.prepare() ?? []);
  }

  async #drain(): Promise<void> {
    let rowsMax = rowsPerFlushMax;
    try {
      while (this.#isDue) {
        try {
          await this.#flushSome(rowsMax);
        } catch (error) {
          // Fewer change fewer pages, and what they settle may give space back.
          if (!(error instanceof StoreFullError) || rowsMax <= rowsPerFlushMin) throw error;
          rowsMax = Math.max(rowsPerFlushMin, Math.ceil(rowsMax / 8));
        }
      }
    } finally {
      // In the same breath as the last look at what is staged: who stages next must start anew.
      this.#flushing = undefined;
    }
  }

  async #flushSome(rowsMax: number): Promise<void> {
    const rows = firstOf(this.#staged, rowsMax);
    const obsolete = firstOf(this.#obsolete, rowsMax);
    for (const [logId] of rows) this.#staged.delete(logId);
    for (const logId of obsolete) this.#obsolete.delete(logId);
    let ended: number[];
    try {
      ended = await this.#write(rows, obsolete);
    } catch (error) {
      if (error instanceof StoreFullError) this.#putBack(rows, obsolete);
      throw error;
    }
    this.#apply(rows, obsolete, ended);
  }

  /** @returns logs whose end was written down because generations hold entries of them. */
  async #write(rows: readonly [number, StagedRow][], obsolete: readonly number[]): Promise<number[]> {
    const nextLogId = this.#nextLogId;
    const registered = this.#prepareRegisters();
    const ended: number[] = [];
    const keys = rows.length + obsolete.length + registered.length + 1;
    let bytes = bytesOf(registered) + nextLogIdBytes;
    for (const [, { row }] of rows) bytes += row?.length ?? endRow.length;
    const put = () => {
      for (const [logId, { row }] of rows) {
        if (row !== undefined) {
          this.#environment.put(rowKey(logId), row);
        } else if (this.#isHeld(logId)) {
          this.#environment.put(rowKey(logId), endRow);
          ended.push(logId);
        } else {
          this.#environment.remove(rowKey(logId));
        }
      }
      for (const logId of obsolete) this.#environment.remove(rowKey(logId));
      for (const { key, value } of registered) this.#environment.put(key, value);
      if (nextLogId > this.#nextLogIdStored) {
        const value = Buffer.alloc(nextLogIdBytes);
        writeUInt64(value, nextLogId, 0);
        this.#environment.put(nextLogIdKey, value);
      }
    };
    await transact(this.#environment, put, { keys, bytes });
    this.#nextLogIdStored = nextLogId;
    for (const row of registered) row.written();
    return ended;
  }

  #apply(rows: readonly [number, StagedRow][], obsolete: readonly number[], ended: readonly number[]): void {
    for (const logId of obsolete) this.#index.forget(logId);
    for (const [logId, staged] of rows) {
      if (staged.row !== undefined) this.#index.applyState(logId, staged.readPosition, staged.unsettled);
      else if (this.#isHeld(logId)) this.#index.applyDrop(logId);
      else this.#index.forget(logId);
    }
    // The last generation of a log may have gone while its end was being written.
    for (const logId of ended) if (!this.#isHeld(logId)) this.#obsolete.add(logId);
    this.#settled();
  }

  #putBack(rows: readonly [number, StagedRow][], obsolete: readonly number[]): void {
    for (const [logId, row] of rows) {
      if (!this.#staged.has(logId)) this.#staged.set(logId, row);
    }
    this.discard(obsolete);
  }

  #isHeld(logId: number): boolean {
    return (this.#index.get(logId)?.holders ?? 0) > 0;
  }
}

/** A state in the form it is written in: the caller may change its own at once. */
export interface StagedLogState {
  readonly logId: number;
  readonly staged: StagedRow;
}

/** @throws RangeError when the state is not well-formed. */
export function prepareLogState(state: LogState): StagedLogState {
  const row = encodeLogState(state);
  return {
    logId: state.logId,
    staged: { row, readPosition: state.readPosition, unsettled: unsettledRuns(state) },
  };
}

function firstOf<T>(all: Iterable<T>, max: number): T[] {
  const some: T[] = [];
  for (const one of all) if (some.push(one) >= max) break;
  return some;
}

function bytesOf(registered: readonly RegisterRow[]): number {
  return registered.reduce((sum, { value }) => sum + value.length, 0);
}

function rowKey(logId: number): Buffer {
  const key = Buffer.allocUnsafe(logKeyBytes);
  key[0] = logRowPrefix;
  key.writeUInt32BE(logId, 1);
  return key;
}
