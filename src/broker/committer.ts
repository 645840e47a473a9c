import { createHistogram } from 'node:perf_hooks';
import type { CommittedLog } from './log/log-context.ts';
import { DurableRows } from './rows/durable-rows.ts';
import {
  type Commit,
  type Definition,
  type JsonValue,
  type LogEntry,
  type LogState,
  type Store,
  StoreFullError,
} from './store.ts';

/** How long what nobody waits for may stay unwritten: settled records, messages without confirms. */
export const lazyCommitMs = 20;

/** How often a store that had no room is asked again. */
export const fullRetryMs = 500;

/** Definitions of a commit that are put together in a few milliseconds. */
const definitionsPerCommit = 500;

/** What the committer has to say about its store. */
export interface CommitterEvents {
  /** The store can no longer be trusted: nothing is confirmed after that. Called once at most. */
  storeFailed(cause: unknown): void;
  /** The store has no room (`cause` says why), or has room again (`undefined`). */
  storeFull(cause: StoreFullError | undefined): void;
}

/** Somebody to be told that commits are done: `committed` is the number of the last one. */
export interface CommitWaiter {
  committed(): void;
}

/**
 * Group commit. Everything that has to become durable is noted here; one commit at a time carries what
 * was noted before it started, and what comes meanwhile goes into the next.
 *
 * Commits are numbered. Whoever depends on what was just noted remembers {@link next} and may go on
 * once {@link done} has reached it.
 *
 * A store without room is no failure: what it refused is kept and tried again, confirms wait. Meanwhile
 * everything but messages goes on being written, so that consumers and deleted queues can make room.
 */
export class Committer {
  /** Number of the last commit that is on disk. */
  done = 0;
  /** Number of the commit that takes along what is noted now. */
  next = 1;
  /** Number of the commit that carries the newest definition. */
  definitionsAt = 0;
  /** What is noted here becomes durable with the same commit as the messages noted in the same turn. */
  readonly rows: DurableRows;
  /** How long commits took, in microseconds. */
  readonly times = createHistogram();

  readonly #store: Store;
  readonly #events: CommitterEvents;
  #unwritten: CommittedLog[] = [];
  #used: CommittedLog[] = [];
  /** Logs whose states the commit under way carries. */
  #stateLogs: readonly CommittedLog[] = [];
  #definitions = new Map<string, Definition>();
  #droppedLogs: number[] = [];
  readonly #waiters = new Set<CommitWaiter>();
  /** Large records on their way to the disk, which will take part in a commit when they are there. */
  readonly #writtenAhead = new Set<Promise<void>>();
  #isScheduled = false;
  #lazyTimer: NodeJS.Timeout | undefined;
  #statesDue = false;
  #statesTakenAt = 0;
  /** When the last commit with messages began. */
  #messagesTakenAt = Number.NEGATIVE_INFINITY;
  #failed = false;
  #isClosing = false;
  #isFull = false;
  #fullTimer: NodeJS.Timeout | undefined;
  #underway: Promise<void> | undefined;
  /** Number of the commit that carries the newest message that came out of another log. */
  #movedAt = 0;

  constructor(store: Store, events: CommitterEvents) {
    this.#store = store;
    this.#events = events;
    this.rows = new DurableRows(store, () => this.#commitLazily());
  }

  /** The store has no room for messages: what comes now waits in memory. */
  get isFull(): boolean {
    return this.#isFull;
  }

  logUnwritten(log: CommittedLog): void {
    log.isUnwritten = true;
    this.#unwritten.push(log);
    this.#commitLazily();
  }

  /** A large record is on its way to the disk: it is in the commit that is {@link next} when `done` has resolved. */
  writingAhead(done: Promise<void>): void {
    this.#writtenAhead.add(done);
    void done.then(() => this.#writtenAhead.delete(done));
  }

  logUsed(log: CommittedLog): void {
    log.isUsed = true;
    this.#used.push(log);
    // After a quiet time what is delivered is written down at once: a crash would deliver it as new again.
    if (this.#lazyTimer === undefined && performance.now() - this.#statesTakenAt > lazyCommitMs) {
      this.#commitStates();
    }
    this.#commitLazily();
  }

  logDropped(logId: number): void {
    this.#droppedLogs.push(logId);
    this.#commitLazily();
  }

  /**
   * A message leaves one log for another (dead-lettering), or because another one came (a transaction): the
   * state of the first must not be written before the entry of the second.
   */
  moved(): void {
    this.#movedAt = this.next;
  }

  define(key: readonly string[], value: JsonValue): void {
    this.definitionsAt = this.next;
    this.#definitions.set(JSON.stringify(key), { key, value });
    this.#commitLazily();
  }

  /** True when a definition that was noted is not on disk yet. */
  get hasUnwrittenDefinitions(): boolean {
    return this.definitionsAt > this.done;
  }

  /**
   * For whoever changes definitions by the thousand: a commit is put together in one go, so before it grows any larger
   * this is to be waited for. Undefined: no need, or no use since the store is full.
   */
  roomForDefinitions(): Promise<void> | undefined {
    if (this.#definitions.size < definitionsPerCommit || this.#isFull) return undefined;
    return this.#commit();
  }

  /** Messages are on their way to the disk, or wait for that. */
  get isBehind(): boolean {
    return (
      this.#underway !== undefined ||
      this.#unwritten.length > 0 ||
      this.#writtenAhead.size > 0 ||
      this.rows.hasUncommitted
    );
  }

  /** Somebody waits for the commit that is under way or about to start. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0 && (this.#isScheduled || this.#underway !== undefined);
  }

  /** Somebody waits for commit {@link next}: it starts at the end of this turn of the event loop. */
  request(waiter: CommitWaiter): void {
    this.#waiters.add(waiter);
    this.#schedule();
  }

  /**
   * Much has come in this turn, and more is on its way: it goes to the disk while the rest is dealt with. Where several
   * wait, there is enough to do meanwhile, and larger commits are cheaper.
   */
  hurry(): void {
    if (this.#isScheduled && this.#waiters.size === 1) void this.#commit();
  }

  forget(waiter: CommitWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** Resolves when everything noted so far is on disk, and never if the store fails. */
  async flush(): Promise<void> {
    if (this.#writtenAhead.size > 0) await Promise.all(this.#writtenAhead);
    const target = this.next;
    await new Promise<void>((resolve) => {
      const waiter: CommitWaiter = {
        committed: () => {
          if (this.done < target) return;
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      this.request(waiter);
    });
  }

  /**
   * Resolves when the states of all logs, as they are now, are on disk, and never if a commit fails.
   *
   * @throws StoreFullError when there is no room for them now.
   */
  async flushStates(): Promise<void> {
    this.#statesDue = true;
    await this.flush();
    await this.#store.flushStates();
  }

  /** Writes everything, the states of all logs included, and stops. What a full store refuses is given up. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#lazyTimer);
    await Promise.all(this.#writtenAhead);
    await this.#underway;
    clearTimeout(this.#fullTimer);
    this.#statesDue = true;
    await this.#commit();
  }

  #commitLazily(): void {
    if (this.#lazyTimer !== undefined || this.#isClosing) return;
    this.#lazyTimer = setTimeout(() => {
      this.#lazyTimer = undefined;
      this.#commitStates();
    }, lazyCommitMs);
  }

  /**
   * Messages that keep coming take the states along, and need not wait for LMDB then. A commit of states alone would
   * hold the next message up for two flushes, so it waits until none has come for a while.
   */
  #commitStates(): void {
    this.#statesDue = true;
    const isQuiet = performance.now() - this.#messagesTakenAt > lazyCommitMs;
    if (isQuiet || this.#hasMore) this.#schedule();
    else this.#commitLazily();
  }

  /** Something besides states waits for a commit. */
  get #hasMore(): boolean {
    return (
      this.#unwritten.length + this.#definitions.size + this.#droppedLogs.length > 0 ||
      this.rows.hasUncommitted
    );
  }

  #schedule(): void {
    if (this.#isScheduled || this.#underway !== undefined || this.#failed) return;
    if (this.#isFull || this.#isClosing) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#commit();
    });
  }

  #commit(): Promise<void> {
    if (this.#failed) return Promise.resolve();
    this.#underway ??= this.#carryOut().then(() => {
      this.#underway = undefined;
      if (this.#failed) return;
      for (const waiter of this.#waiters) waiter.committed();
      if (this.#waiters.size > 0) this.#schedule();
      // A timer that ran out during the commit has only left its mark.
      else if (this.#statesDue) this.#commitStates();
    });
    return this.#underway;
  }

  async #carryOut(): Promise<void> {
    const logs = this.#unwritten;
    const commit = this.#take();
    const number = this.next++;
    try {
      if (!isEmpty(commit)) {
        const startedAt = performance.now();
        await this.#store.commit(commit);
        this.times.record(Math.max(1, Math.round((performance.now() - startedAt) * 1000)));
      }
    } catch (cause) {
      await this.#refused(cause, commit, logs);
      return;
    }
    this.done = number;
    this.rows.committed();
    for (const log of logs) log.flushed();
    if (this.#isFull) {
      this.#isFull = false;
      this.#events.storeFull(undefined);
    }
  }

  /** Everything that was noted. */
  #take(): Commit {
    const logs = this.#unwritten;
    this.#unwritten = [];
    if (logs.length > 0) this.#messagesTakenAt = performance.now();
    const entries: LogEntry[] = [];
    for (const log of logs) {
      log.isUnwritten = false;
      log.collect(entries);
    }
    const commit = {
      entries,
      rows: this.rows.take(),
      definitions: [...this.#definitions.values()],
      logStates: this.#statesDue ? this.#takeStates() : [],
      droppedLogs: this.#droppedLogs,
    };
    this.#definitions.clear();
    this.#droppedLogs = [];
    this.#statesDue = false;
    return commit;
  }

  async #refused(cause: unknown, commit: Commit, logs: readonly CommittedLog[]): Promise<void> {
    if (!(cause instanceof StoreFullError)) {
      this.#failNow(cause);
      return;
    }
    if (!this.#isFull) {
      this.#isFull = true;
      this.#events.storeFull(cause);
    }
    for (const log of logs) log.refused();
    this.rows.refused();
    const rest = { ...commit, entries: [], rows: [] };
    let isWritten = false;
    if (this.#movedAt <= this.done && !isEmpty(rest)) isWritten = await this.#tryCommit(rest);
    if (!isWritten) this.#putBack(rest);
    if (!this.#failed && !this.#isClosing) {
      this.#fullTimer = setTimeout(() => {
        this.#statesDue = true;
        void this.#commit();
      }, fullRetryMs);
    }
  }

  async #tryCommit(commit: Commit): Promise<boolean> {
    try {
      await this.#store.commit(commit);
      return true;
    } catch (cause) {
      if (!(cause instanceof StoreFullError)) this.#failNow(cause);
      return false;
    }
  }

  #putBack(commit: Commit): void {
    const newer = this.#definitions;
    this.#definitions = new Map(
      commit.definitions.map((definition) => [JSON.stringify(definition.key), definition]),
    );
    for (const [key, definition] of newer) this.#definitions.set(key, definition);
    this.#droppedLogs = [...commit.droppedLogs, ...this.#droppedLogs];
    for (const log of this.#stateLogs) {
      if (!log.isUsed) this.logUsed(log);
    }
  }

  #failNow(cause: unknown): void {
    this.#failed = true;
    this.#events.storeFailed(cause);
  }

  #takeStates(): LogState[] {
    this.#statesTakenAt = performance.now();
    const states: LogState[] = [];
    const stillUsed: CommittedLog[] = [];
    this.#stateLogs = this.#used;
    for (const log of this.#used) {
      const state = log.state();
      if (state !== undefined) states.push(state);
      if (log.rest()) stillUsed.push(log);
      else log.isUsed = false;
    }
    this.#used = stillUsed;
    if (stillUsed.length > 0) this.#commitLazily();
    return states;
  }
}

function isEmpty({ entries, rows, definitions, logStates, droppedLogs }: Commit): boolean {
  return entries.length + rows.length + definitions.length + logStates.length + droppedLogs.length === 0;
}
