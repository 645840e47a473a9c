import type { Log } from './log-index.ts';

/** Most bytes of one log that are read ahead at once. */
const prefetchBytesMax = 2 * 2 ** 20;

/**
 * Brings the entries of a log that overlap `[from, to)` into memory, about {@link prefetchBytesMax} at most. Resolves when they
 * are there.
 */
export async function prefetchEntries(log: Log, from: number, to: number): Promise<void> {
  const reads: Promise<void>[] = [];
  for (const span of log.spans) {
    const first = Math.max(from, span.firstSequence);
    const end = Math.min(to, span.lastSequence + 1);
    if (first < end) reads.push(span.file.prefetchSpan(span, first, end, prefetchBytesMax));
  }
  await Promise.all(reads);
}
