import type { ComingEntries, Space, StoredEntry } from '../../broker/store.ts';
import { entryIsIntact, largeEntryBytes } from './entry-key.ts';
import { EntryWalk, type FoundEntry, storedEntry } from './entry-reader.ts';
import type { Log } from './log-index.ts';

/** Entries of a log that are being read, in order. */
class EntriesBeingRead implements ComingEntries {
  readonly end: number;
  readonly byteLength: number;
  readonly read: Promise<void>;
  #isRead = false;
  #values: readonly (Buffer | undefined)[] = [];
  readonly #log: Log;
  readonly #found: readonly FoundEntry[];

  constructor(log: Log, found: readonly FoundEntry[], values: readonly ComingValue[]) {
    this.#log = log;
    this.#found = found;
    this.end = found.at(-1)?.end ?? 0;
    this.byteLength = found.reduce((sum, { key }) => sum + key.byteLength, 0);
    this.read = this.#wait(values);
  }

  async #wait(values: readonly ComingValue[]): Promise<void> {
    this.#values = await Promise.all(values);
    this.#isRead = true;
  }

  get isRead(): boolean {
    return this.#isRead;
  }

  take(): StoredEntry[] | undefined {
    const entries: StoredEntry[] = [];
    for (const [i, { rawKey, key }] of this.#found.entries()) {
      const bytes = this.#values[i];
      if (bytes === undefined || !entryIsIntact(rawKey, bytes)) return undefined;
      entries.push(storedEntry(this.#log, key, bytes));
    }
    return entries;
  }
}

type ComingValue = Promise<Buffer | undefined> | Buffer | undefined;

/**
 * Begins to read entries of a log that overlap `[from, to)`, in order, as many as are no more than `bytesMax`, but one at
 * least. Undefined when there are none, or the first is large, or read at once as quickly.
 */
export function beginToRead(
  log: Log,
  from: number,
  to: number,
  bytesMax: number,
  space: Space,
): ComingEntries | undefined {
  const walk = new EntryWalk(log.spans, from, to);
  const entries: FoundEntry[] = [];
  const values: ComingValue[] = [];
  let bytes = 0;
  for (let found = walk.next(); found !== undefined; found = walk.next()) {
    const { byteLength } = found.key;
    if (byteLength > largeEntryBytes || (entries.length > 0 && bytes + byteLength > bytesMax)) break;
    const value = found.file.valueSoon(found.rawKey, space);
    if (value === undefined && entries.length === 0) return undefined;
    entries.push(found);
    values.push(value ?? found.file.value(found.rawKey, space));
    bytes += byteLength;
    walk.position = found.end;
  }
  return entries.length === 0 ? undefined : new EntriesBeingRead(log, entries, values);
}
