import type { RecoveredLog, UnsettledRange } from '../store.ts';
import type { LogContext } from './log-context.ts';
import type { LogParts } from './log-parts.ts';
import { type RecordKeeper, Segment } from './segment.ts';

/** Puts into a new log what a restart has found: everything that was owed is ready again. */
export function restoreRecords(
  log: RecordKeeper,
  parts: LogParts,
  { state, nextSequence, unreadCount, unreadBodyBytes }: RecoveredLog,
  context: LogContext,
): void {
  for (const range of state.unsettled) restoreRange(log, parts, range, context);
  if (unreadCount === 0) return;
  parts.gap.restore(state.readPosition, nextSequence, unreadCount, unreadBodyBytes);
  parts.ready.addAll(parts.gap.owed);
}

/** Records that were with consumers, or had been given back. */
function restoreRange(
  log: RecordKeeper,
  { reached, ready }: LogParts,
  range: UnsettledRange,
  { store, slabs }: LogContext,
): void {
  const { firstSequence, count } = range;
  const entries = store.read(log.id, firstSequence, firstSequence + count, Number.MAX_SAFE_INTEGER);
  if (entries.length === 0) return;
  const segment = Segment.fromEntries(log, firstSequence, count, entries, slabs);
  reached.restore(segment, range);
  ready.addAll(segment.owed);
  segment.putAside(slabs);
}
