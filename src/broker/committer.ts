import type { MessageLog } from './queues/message-log.ts';
import type { Commit, Definition, JsonValue, LogEntry, LogState, Store } from './store.ts';

/** How long what nobody waits for may stay unwritten: settled records, messages without confirms. */
export const lazyCommitMs = 20;

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
 */
export class Committer {
  /** Number of the last commit that is on disk. */
  done = 0;
  /** Number of the commit that takes along what is noted now. */
  next = 1;
  /** Number of the commit that carries the newest definition. */
  definitionsAt = 0;

  readonly #store: Store;
  readonly #fail: (cause: unknown) => void;
  #unwritten: MessageLog[] = [];
  #used: MessageLog[] = [];
  #definitions = new Map<string, Definition>();
  #droppedLogs: number[] = [];
  readonly #waiters = new Set<CommitWaiter>();
  #isCommitting = false;
  #isScheduled = false;
  #lazyTimer: NodeJS.Timeout | undefined;
  #statesDue = false;
  #failed = false;
  #isClosing = false;

  /** `fail` is called once, when the store can no longer be trusted; nothing is confirmed after that. */
  constructor(store: Store, fail: (cause: unknown) => void) {
    this.#store = store;
    this.#fail = fail;
  }

  logUnwritten(log: MessageLog): void {
    log.isUnwritten = true;
    this.#unwritten.push(log);
    this.#commitLazily();
  }

  logUsed(log: MessageLog): void {
    log.isUsed = true;
    this.#used.push(log);
    this.#commitLazily();
  }

  logDropped(logId: number): void {
    this.#droppedLogs.push(logId);
    this.#commitLazily();
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

  /** Messages are on their way to the disk, or wait for that. */
  get isBehind(): boolean {
    return this.#isCommitting || this.#unwritten.length > 0;
  }

  /** Somebody waits for commit {@link next}: it starts at the end of this turn of the event loop. */
  request(waiter: CommitWaiter): void {
    this.#waiters.add(waiter);
    this.#schedule();
  }

  forget(waiter: CommitWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** Resolves when everything noted so far is on disk. */
  async flush(): Promise<void> {
    const target = this.next;
    while (this.done < target && !this.#failed) {
      await new Promise<void>((resolve) => {
        const waiter: CommitWaiter = {
          committed: () => {
            this.#waiters.delete(waiter);
            resolve();
          },
        };
        this.request(waiter);
      });
    }
  }

  /** Writes everything, the states of all logs included, and stops. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#lazyTimer);
    this.#statesDue = true;
    await this.flush();
  }

  #commitLazily(): void {
    if (this.#lazyTimer !== undefined || this.#isClosing) return;
    this.#lazyTimer = setTimeout(() => {
      this.#lazyTimer = undefined;
      this.#statesDue = true;
      this.#schedule();
    }, lazyCommitMs);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isCommitting || this.#failed) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#commit();
    });
  }

  async #commit(): Promise<void> {
    if (this.#isCommitting || this.#failed) return;
    this.#isCommitting = true;
    const logs = this.#unwritten;
    this.#unwritten = [];
    const entries: LogEntry[] = [];
    for (const log of logs) {
      log.isUnwritten = false;
      log.collect(entries);
    }
    const commit: Commit = {
      entries,
      definitions: [...this.#definitions.values()],
      logStates: this.#statesDue ? this.#takeStates() : [],
      droppedLogs: this.#droppedLogs,
    };
    this.#definitions.clear();
    this.#droppedLogs = [];
    this.#statesDue = false;
    const number = this.next++;
    const isEmpty =
      entries.length === 0 &&
      commit.definitions.length === 0 &&
      commit.logStates.length === 0 &&
      commit.droppedLogs.length === 0;
    try {
      if (!isEmpty) await this.#store.commit(commit);
    } catch (cause) {
      this.#failed = true;
      this.#fail(cause);
      return;
    } finally {
      this.#isCommitting = false;
    }
    this.done = number;
    for (const log of logs) log.flushed();
    for (const waiter of this.#waiters) waiter.committed();
    // A timer that ran out during the commit has only left its mark.
    if (this.#waiters.size > 0 || this.#statesDue) this.#schedule();
  }

  #takeStates(): LogState[] {
    const states: LogState[] = [];
    const stillUsed: MessageLog[] = [];
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
