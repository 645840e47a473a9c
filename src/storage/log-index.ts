import type { Generation } from './generation.ts';

/** The entries of one log in one generation, as far as they are still owed. */
export interface Span {
  readonly generation: Generation;
  firstSequence: number;
  lastSequence: number;
  bytes: number;
}

/** Which sequences of which log an entry holds. */
export interface EntryRange {
  readonly logId: number;
  readonly firstSequence: number;
  readonly count: number;
}

/** What is known in memory of one log. */
export interface Log {
  readonly logId: number;
  /** From the newest state on disk. */
  readPosition: number;
  /** Ranges below the read position that are still owed, as pairs of first sequence and count. */
  unsettled: readonly number[];
  /** Sequences below were written by an earlier run. */
  recoveredEnd: number;
  dropped: boolean;
  /** Generations with entries of the log, settled ones included. */
  holders: number;
  /** Ascending by generation. */
  spans: Span[];
}

/**
 * Which generation holds what of which log: tells when a generation is dead, and where a read has to look.
 * Its size follows the number of logs times the generations they are in, never the number of messages.
 */
export class LogIndex {
  readonly #logs = new Map<number, Log>();

  get(logId: number): Log | undefined {
    return this.#logs.get(logId);
  }

  logs(): Iterable<Log> {
    return this.#logs.values();
  }

  log(logId: number): Log {
    let log = this.#logs.get(logId);
    if (log === undefined) {
      log = {
        logId,
        readPosition: 0,
        unsettled: [],
        recoveredEnd: 0,
        dropped: false,
        holders: 0,
        spans: [],
      };
      this.#logs.set(logId, log);
    }
    return log;
  }

  /** Notes an entry that is in a generation. Generations must come in ascending order for each log. */
  addEntry(generation: Generation, key: EntryRange, bytes: number): void {
    const log = this.log(key.logId);
    if (!generation.logIds.has(key.logId)) {
      generation.logIds.add(key.logId);
      log.holders++;
    }
    const last = key.firstSequence + key.count - 1;
    const span = log.spans.at(-1);
    generation.liveBytes += bytes;
    if (span?.generation === generation) {
      span.firstSequence = Math.min(span.firstSequence, key.firstSequence);
      span.lastSequence = Math.max(span.lastSequence, last);
      span.bytes += bytes;
    } else {
      log.spans.push({ generation, firstSequence: key.firstSequence, lastSequence: last, bytes });
      generation.liveSpans++;
    }
  }

  /** Takes the state that is now on disk, and lets go of the spans it settles. */
  applyState(logId: number, readPosition: number, unsettled: readonly number[]): void {
    const log = this.log(logId);
    log.readPosition = readPosition;
    log.unsettled = unsettled;
    this.settle(log);
  }

  /** Everything of the log is settled, now that its end is on disk. */
  applyDrop(logId: number): void {
    const log = this.log(logId);
    log.dropped = true;
    this.settle(log);
  }

  settle(log: Log): void {
    if (log.spans.length === 0) return;
    let kept = 0;
    for (const span of log.spans) {
      if (isSettled(log, span)) {
        span.generation.liveSpans--;
        span.generation.liveBytes -= span.bytes;
      } else {
        log.spans[kept++] = span;
      }
    }
    log.spans.length = kept;
  }

  /**
   * Forgets a generation whose files are gone for good.
   *
   * @returns dropped logs that no generation holds any longer: their rows may go, too.
   */
  removeGeneration(generation: Generation): number[] {
    const orphans: number[] = [];
    for (const logId of generation.logIds) {
      const log = this.log(logId);
      log.holders--;
      if (log.dropped && log.holders === 0) orphans.push(logId);
    }
    return orphans;
  }

  forget(logId: number): void {
    this.#logs.delete(logId);
  }
}

function isSettled(log: Log, span: Span): boolean {
  if (log.dropped) return true;
  if (span.lastSequence >= log.readPosition) return false;
  for (let i = 0; i < log.unsettled.length; i += 2) {
    const first = log.unsettled[i] ?? 0;
    const count = log.unsettled[i + 1] ?? 0;
    if (first <= span.lastSequence && first + count > span.firstSequence) return false;
  }
  return true;
}
