import type { EntryFile, Span, SpanTotals } from './entry-file.ts';

/** What is noted of an entry, whatever it was read from. */
export interface EntryTotals {
  readonly logId: number;
  readonly firstSequence: number;
  readonly count: number;
  readonly persistentCount: number;
  readonly persistentBodyBytes: number;
}

/** What is known in memory of one log. */
export interface Log {
  readonly logId: number;
  /** From the newest state on disk. */
  readPosition: number;
  /** Sequences below the read position that are still owed: ascending runs, as pairs of first and count. */
  unsettled: readonly number[];
  /** Sequences below were written by an earlier run. */
  recoveredEnd: number;
  dropped: boolean;
  /** Spans of the log in all files, settled ones included, and copies on their way into one. */
  holders: number;
  /** Those of which something is owed, ascending by age of what they hold. */
  spans: Span[];
}

/**
 * Which file holds what of which log: tells when a file is dead or nearly so, and where a read has to look. Its
 * size follows the number of logs times the files they are in, never the number of messages.
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

  /** Notes an entry that is in a file. For each log what is older must come first. */
  addEntry(file: EntryFile, entry: EntryTotals, bytes: number, copied: boolean): void {
    this.addEntries(file, totalsOf(entry, bytes, copied));
  }

  /** Notes several of a log at once. */
  addEntries(file: EntryFile, totals: SpanTotals): void {
    const { logId, copied, firstSequence, bytes } = totals;
    const span = this.#spanOf(file, logId, copied, firstSequence);
    extend(span, totals);
    span.liveBytes += bytes;
    file.entryBytes += bytes;
    file.liveBytes += bytes;
  }

  /** Notes at once all that a file holds of a log, at start. */
  addSpan(file: EntryFile, totals: SpanTotals): void {
    this.#insert({ ...totals, file, liveBytes: totals.bytes, entryRecords: 1, isLive: false });
    file.entryBytes += totals.bytes;
    file.liveBytes += totals.bytes;
  }

  #spanOf(file: EntryFile, logId: number, copied: boolean, firstSequence: number): Span {
    const known = file.span(logId, copied);
    if (known?.isLive) return known;
    const span: Span = {
      logId,
      copied,
      file,
      firstSequence,
      lastSequence: firstSequence - 1,
      isOrdered: true,
      records: 0,
      bytes: 0,
      persistentCount: 0,
      persistentBodyBytes: 0,
      liveBytes: 0,
      entryRecords: 1,
      isLive: false,
    };
    this.#insert(span);
    return span;
  }

  /** A span that is settled makes place: nothing of it is needed again. */
  #insert(span: Span): void {
    const log = this.log(span.logId);
    if (!span.file.setSpan(span)) log.holders++;
    span.isLive = true;
    span.file.liveSpans++;
    log.spans.push(span);
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
      const owed = countOwed(log, span.firstSequence, span.lastSequence);
      const liveBytes = Math.ceil(span.bytes * Math.min(1, owed / span.records));
      span.file.liveBytes += liveBytes - span.liveBytes;
      span.liveBytes = liveBytes;
      if (owed > 0) log.spans[kept++] = span;
      else this.#release(span);
    }
    log.spans.length = kept;
  }

  #release(span: Span): void {
    span.isLive = false;
    span.file.liveSpans--;
  }

  /** Everything in the file that is owed is in newer ones, too: it is dead. */
  abandon(file: EntryFile): void {
    for (const span of file.spans()) {
      if (!span.isLive) continue;
      const log = this.log(span.logId);
      log.spans.splice(log.spans.indexOf(span), 1);
      file.liveBytes -= span.liveBytes;
      this.#release(span);
    }
  }

  /**
   * Forgets a file whose content is gone for good.
   *
   * @returns dropped logs that no file holds any longer: their rows may go, too.
   */
  removeFile(file: EntryFile): number[] {
    const orphans: number[] = [];
    for (const { logId } of file.spans()) {
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

/** What a single entry is of its log. */
export function totalsOf(entry: EntryTotals, bytes: number, copied: boolean): SpanTotals {
  const { logId, firstSequence, count, persistentCount, persistentBodyBytes } = entry;
  const lastSequence = firstSequence + count - 1;
  return {
    logId,
    copied,
    firstSequence,
    lastSequence,
    isOrdered: true,
    records: count,
    bytes,
    persistentCount,
    persistentBodyBytes,
  };
}

/** Adds what follows in the same file. */
export function extend(totals: SpanTotals, more: SpanTotals): void {
  if (!more.isOrdered || more.firstSequence <= totals.lastSequence) totals.isOrdered = false;
  totals.firstSequence = Math.min(totals.firstSequence, more.firstSequence);
  totals.lastSequence = Math.max(totals.lastSequence, more.lastSequence);
  totals.records += more.records;
  totals.bytes += more.bytes;
  totals.persistentCount += more.persistentCount;
  totals.persistentBodyBytes += more.persistentBodyBytes;
}

/** How many sequences in `[first, last]` are owed. */
function countOwed(log: Log, first: number, last: number): number {
  if (log.dropped) return 0;
  const { readPosition, unsettled } = log;
  let owed = Math.max(0, last + 1 - Math.max(first, readPosition));
  for (let i = runReaching(unsettled, first); i < unsettled.length; i += 2) {
    const runFirst = unsettled[i] ?? 0;
    if (runFirst > last) break;
    const runEnd = runFirst + (unsettled[i + 1] ?? 0);
    owed += Math.min(runEnd, last + 1) - Math.max(runFirst, first);
  }
  return owed;
}

/** From the first to the last sequence in `[first, last]` that is owed; undefined when none is. */
export function owedWithin(log: Log, first: number, last: number): readonly [number, number] | undefined {
  if (log.dropped) return undefined;
  const { readPosition, unsettled } = log;
  const at = runReaching(unsettled, first);
  const runFirst = unsettled[at] ?? readPosition;
  const from = Math.max(first, Math.min(runFirst, readPosition));
  if (from > last) return undefined;
  if (last >= readPosition) return [from, last];
  let to = from;
  for (let i = at; i < unsettled.length && (unsettled[i] ?? 0) <= last; i += 2) {
    to = Math.min(last, (unsettled[i] ?? 0) + (unsettled[i + 1] ?? 0) - 1);
  }
  return [from, to];
}

/** Index of the first run that ends above a sequence, by bisection: there may be one for each message in flight. */
function runReaching(runs: readonly number[], sequence: number): number {
  let low = 0;
  let high = runs.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const end = (runs[2 * middle] ?? 0) + (runs[2 * middle + 1] ?? 0);
    if (end > sequence) high = middle;
    else low = middle + 1;
  }
  return 2 * low;
}
