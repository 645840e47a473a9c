import type { Announcement, Found, FoundLog } from './writer-line.ts';

/** What a store must still hold after its writer was killed. */
export class CrashModel {
  /** Sequences of each log that are confirmed and that no state, not even one under way, has settled. */
  #owed = new Map<number, Set<number>>();
  /** Read positions and ends of logs that were confirmed for themselves. */
  #confirmedPositions = new Map<number, number>();
  #confirmedDrops = new Set<number>();
  #pending: Announcement | undefined;
  #counter = 0;
  #rows: ReadonlySet<number> = new Set();
  #definitions: ReadonlySet<number> = new Set();
  /** What is owed of logs with a definition that the commit under way drops. */
  readonly #dropping = new Map<number, ReadonlySet<number>>();
  confirmed = 0;

  started(commit: Announcement): void {
    this.#pending = commit;
    for (const { logId, readPosition, unsettled } of commit.states)
      this.#settle(logId, readPosition, unsettled);
    for (const logId of commit.dropped) {
      if (this.#definitions.has(logId)) this.#dropping.set(logId, this.#owedOf(logId));
      this.#owed.delete(logId);
    }
  }

  done(number: number): void {
    const commit = this.#pending;
    if (commit?.number !== number) throw new Error(`commit ${number} was confirmed but not started`);
    this.#pending = undefined;
    this.#dropping.clear();
    this.confirmed++;
    for (const { logId, firstSequence, count } of commit.entries) {
      const owed = this.#owedOf(logId);
      for (let i = 0; i < count; i++) owed.add(firstSequence + i);
    }
    this.#rows = withChanges(this.#rows, commit.rows);
    this.#definitions = withChanges(this.#definitions, commit.definitions);
    if (commit.counted) {
      this.#counter = number;
    } else {
      for (const { logId, readPosition } of commit.states) this.#confirmedPositions.set(logId, readPosition);
      for (const logId of commit.dropped) this.#isGone(logId);
    }
  }

  /** @throws Error saying what is lost or wrong. What was found counts as confirmed from then on. */
  check(found: Found): void {
    const logs = new Map(found.logs.map((log) => [log.logId, log]));
    for (const [logId, owed] of this.#owed) checkOwed(logId, owed, logs.get(logId));
    const stillDefined = [...this.#dropping].filter(([logId]) => found.definitions.includes(logId));
    for (const [logId, owed] of stillDefined) checkOwed(logId, owed, logs.get(logId));
    for (const [logId, readPosition] of this.#confirmedPositions) {
      const log = logs.get(logId);
      if (log !== undefined && log.readPosition < readPosition)
        throw new Error(`log ${logId} is read to ${log.readPosition}, but ${readPosition} was confirmed`);
    }
    for (const logId of this.#confirmedDrops) {
      if (logs.has(logId)) throw new Error(`log ${logId} was dropped and is back`);
    }
    this.#checkPending(found, logs);
    this.#adopt(found);
  }

  #checkPending(found: Found, logs: ReadonlyMap<number, FoundLog>): void {
    const pending = this.#pending;
    const isCounted = pending?.counted === true && found.counter === pending.number;
    if (!isCounted && found.counter !== this.#counter) {
      throw new Error(`the definition says ${found.counter}, confirmed was ${this.#counter}`);
    }
    const entries = pending?.entries ?? [];
    const present = entries.filter(({ logId, firstSequence }) =>
      logs.get(logId)?.owed.includes(firstSequence),
    ).length;
    if (present !== 0 && present !== entries.length) throw new Error('half of a commit is there');
    const { rows = [], definitions = [] } = pending ?? {};
    const hasEntries = entries.length > 0 ? present > 0 : undefined;
    checkChanges('rows', found.rows, this.#rows, rows, hasEntries);
    checkChanges('definitions', found.definitions, this.#definitions, definitions, hasEntries);
    if (pending?.counted === true && hasEntries !== undefined && hasEntries !== isCounted)
      throw new Error('entries and the counter of a commit were parted');
    if (found.ticker === pending?.number && (present !== entries.length || !isCounted)) {
      throw new Error('a state is there without the entries or definitions of its commit');
    }
    if (found.ticker > Math.max(this.#counter, pending?.number ?? 0))
      throw new Error('a state that was never written');
  }

  #adopt(found: Found): void {
    this.#pending = undefined;
    this.#counter = found.counter;
    const logIds = new Set(found.logs.map(({ logId }) => logId));
    for (const logId of this.#confirmedPositions.keys()) if (!logIds.has(logId)) this.#isGone(logId);
    this.#rows = new Set(found.rows);
    this.#definitions = new Set(found.definitions);
    this.#dropping.clear();
    this.#owed = new Map(found.logs.map(({ logId, owed }) => [logId, new Set(owed)]));
    this.#confirmedPositions = new Map(found.logs.map(({ logId, readPosition }) => [logId, readPosition]));
  }

  /** Ids are never used again, so it must not come back. */
  #isGone(logId: number): void {
    this.#confirmedDrops.add(logId);
    this.#confirmedPositions.delete(logId);
  }

  #settle(logId: number, readPosition: number, unsettled: readonly number[]): void {
    const owed = this.#owedOf(logId);
    const kept = new Set(unsettled);
    for (const sequence of owed) if (sequence < readPosition && !kept.has(sequence)) owed.delete(sequence);
  }

  #owedOf(logId: number): Set<number> {
    let owed = this.#owed.get(logId);
    if (owed === undefined) {
      owed = new Set();
      this.#owed.set(logId, owed);
    }
    return owed;
  }
}

function checkOwed(logId: number, owed: ReadonlySet<number>, found: FoundLog | undefined): void {
  const present = new Set(found?.owed);
  for (const sequence of owed) {
    if (!present.has(sequence)) throw new Error(`log ${logId} has lost confirmed sequence ${sequence}`);
  }
}

/** @param hasEntries whether the entries of the commit are there, if it had any. */
function checkChanges(
  what: string,
  there: readonly number[],
  before: ReadonlySet<number>,
  changes: readonly number[],
  hasEntries: boolean | undefined,
): void {
  const found = new Set(there);
  const isBefore = isEqual(found, before);
  const isAfter = isEqual(found, withChanges(before, changes));
  if (!isBefore && !isAfter) throw new Error(`${what} are neither those before nor those after a commit`);
  if (isBefore && isAfter) return;
  if (hasEntries !== undefined && hasEntries !== isAfter)
    throw new Error(`${what} and entries of a commit were parted`);
}

function withChanges(rows: ReadonlySet<number>, changes: readonly number[]): ReadonlySet<number> {
  const changed = new Set(rows);
  for (const change of changes) {
    if (change > 0) changed.add(change);
    else changed.delete(-change);
  }
  return changed;
}

function isEqual(left: ReadonlySet<number>, right: ReadonlySet<number>): boolean {
  return left.size === right.size && [...left].every((row) => right.has(row));
}
