import type { Log } from './log-index.ts';

/** Most bytes of one log that are read ahead at once. */
const BYTES_MAX = 2 * 2 ** 20;

/** Brings the entries of a log that overlap `[from, to)` into memory, about {@link BYTES_MAX} at most. */
export function prefetchEntries(log: Log, from: number, to: number): void {
  for (const span of log.spans) {
    const first = Math.max(from, span.firstSequence);
    const end = Math.min(to, span.lastSequence + 1);
    if (first < end) void span.file.prefetchSpan(span, first, end, BYTES_MAX);
  }
}
