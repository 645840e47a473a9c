import { entryPosition } from './entry-key.ts';
import type { Log, Span } from './log-index.ts';

/** Most bytes of one log that are read ahead at once. */
const BYTES_MAX = 2 * 2 ** 20;
/** LMDB's pages are as large or larger. */
const PAGE_BYTES = 4096;

/** Brings the entries of a log that overlap `[from, to)` into memory, about {@link BYTES_MAX} at most. */
export function prefetchEntries(log: Log, from: number, to: number): void {
  for (const span of log.spans) {
    const first = Math.max(from, span.firstSequence);
    const end = Math.min(to, span.lastSequence + 1);
    if (first < end) void prefetchSpan(span, first, end);
  }
}

/** First the pages with the keys, which hold small values, too; then, now that keys can be read at once, large values. */
async function prefetchSpan(span: Span, from: number, to: number): Promise<void> {
  const { logId, generation } = span;
  const recordBytes = span.bytes / span.records;
  const pageRecords = Math.max(1, Math.floor(PAGE_BYTES / recordBytes), Math.floor(span.entryRecords));
  const end = Math.min(to, from + Math.ceil(BYTES_MAX / recordBytes));
  const positions: Buffer[] = [];
  for (let at = from; at < end; at += pageRecords) positions.push(entryPosition(logId, at));
  await generation.prefetch(positions);
  if (generation.isClosing) return;
  const range = { start: entryPosition(logId, from), end: entryPosition(logId, end) };
  const keys = [...generation.environment.getKeys(range)];
  // Entries that are larger than a page have fewer keys to look for, the next time.
  if (keys.length > 0) span.entryRecords = (end - from) / keys.length;
  await generation.prefetch(keys);
}
