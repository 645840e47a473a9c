import { RecordFlag, RecordOffset, recordHeaderBytes } from '../broker/log/record.ts';
import type { LogState, RecoveredLog } from '../broker/store.ts';
import type { Span } from './entries/entry-file.ts';
import { decodeEntryKey } from './entries/entry-key.ts';
import { type DamagedEntry, EntryWalk } from './entries/entry-reader.ts';
import type { Log, LogIndex } from './entries/log-index.ts';
import type { Generation } from './generations/generation.ts';
import { readAtStart } from './lmdb/environment.ts';

/**
 * Fills the index with what the generations hold: one row of each that has a summary, the keys of the others.
 *
 * @param trustSummaries false: look at all keys (a summary leaves out what was settled when it was written).
 */
export function indexGenerations(
  generations: readonly Generation[],
  index: LogIndex,
  trustSummaries: boolean,
): void {
  for (const generation of generations) {
    readAtStart(generation.environment, () => {
      const summary = generation.readSummary();
      if (summary === undefined || !trustSummaries) scanKeys(generation, index);
      else for (const span of summary.spans) index.addSpan(generation, span);
    });
  }
}

function scanKeys(generation: Generation, index: LogIndex): void {
  let logId = 0;
  /** Sequences below are in older generations: what is found of them here was copied. */
  let knownEnd = 0;
  for (const raw of generation.entryKeys()) {
    const key = decodeEntryKey(raw);
    if (key.logId !== logId) {
      logId = key.logId;
      knownEnd = endOf(index.log(logId));
    }
    index.addEntry(generation, key, key.byteLength, key.firstSequence < knownEnd);
  }
}

/**
 * Counts what is unread in each log, and settles in the index what the states say. Keys are read only where
 * sums do not tell: about the read position, and where an interrupted copy left the same records twice.
 *
 * @param states of the logs, already applied to the index.
 */
export function recoverLogs(
  states: ReadonlyMap<number, LogState>,
  index: LogIndex,
  onDamage: (damage: DamagedEntry) => void,
): Map<number, RecoveredLog> {
  const recovered = new Map<number, RecoveredLog>();
  for (const log of index.logs()) {
    const { logId, readPosition, dropped } = log;
    if (!dropped) {
      log.recoveredEnd = Math.max(readPosition, endOf(log));
      const state = states.get(logId) ?? { logId, readPosition, unsettled: [] };
      recovered.set(logId, { logId, state, nextSequence: log.recoveredEnd, ...countUnread(log, onDamage) });
    }
    index.settle(log);
  }
  return recovered;
}

function endOf(log: Log): number {
  let end = 0;
  for (const { lastSequence } of log.spans) end = Math.max(end, lastSequence + 1);
  return end;
}

interface Unread {
  unreadCount: number;
  unreadBodyBytes: number;
}

function countUnread(log: Log, onDamage: (damage: DamagedEntry) => void): Unread {
  const unread: Unread = { unreadCount: 0, unreadBodyBytes: 0 };
  const spans = log.spans.filter((span) => span.lastSequence >= log.readPosition);
  const unclear: Span[] = [];
  for (const span of spans) {
    if (span.firstSequence < log.readPosition || !span.isOrdered || overlapsAny(span, spans)) {
      unclear.push(span);
      continue;
    }
    unread.unreadCount += span.persistentCount;
    unread.unreadBodyBytes += span.persistentBodyBytes;
  }
  if (unclear.length > 0) walkUnread(log, unclear, unread, onDamage);
  return unread;
}

function overlapsAny(span: Span, spans: readonly Span[]): boolean {
  return spans.some(
    (other) =>
      other !== span && other.firstSequence <= span.lastSequence && other.lastSequence >= span.firstSequence,
  );
}

function walkUnread(
  log: Log,
  spans: readonly Span[],
  unread: Unread,
  onDamage: (damage: DamagedEntry) => void,
): void {
  const walk = new EntryWalk(spans, log.readPosition, Number.MAX_SAFE_INTEGER);
  for (let found = walk.next(); found !== undefined; found = walk.next()) {
    const { firstSequence, persistentCount, persistentBodyBytes } = found.key;
    if (firstSequence >= walk.position) {
      unread.unreadCount += persistentCount;
      unread.unreadBodyBytes += persistentBodyBytes;
    } else {
      const bytes = found.intactValue(onDamage);
      if (bytes === undefined) continue;
      countRecords(bytes, walk.position - firstSequence, unread);
    }
    walk.position = found.end;
  }
}

/** Counts the persistent records of an entry behind the first `skip`. */
function countRecords(bytes: Buffer, skip: number, unread: Unread): void {
  let at = 0;
  for (let i = 0; at + recordHeaderBytes <= bytes.length; i++) {
    const size = bytes.readUInt32BE(at + RecordOffset.Size);
    if (size < recordHeaderBytes) return;
    const flags = bytes.readUInt8(at + RecordOffset.Flags);
    if (i >= skip && (flags & RecordFlag.Persistent) !== 0) {
      unread.unreadCount++;
      unread.unreadBodyBytes += bytes.readUInt32BE(at + RecordOffset.BodySize);
    }
    at += size;
  }
}
