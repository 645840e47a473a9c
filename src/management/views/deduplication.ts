import type { Json } from '../http/columns.ts';

/** What RabbitMQ's plugin tells of its cache, and the duplicates, which it does not count. */
export function deduplicationView(deduplicator: {
  readonly size: number;
  readonly duplicateCount: number;
}): Json {
  return { entries: deduplicator.size, duplicates: deduplicator.duplicateCount };
}
