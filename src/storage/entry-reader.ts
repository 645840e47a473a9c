import type { LogEntry, StoredEntry } from '../broker/store.ts';
import { decodeEntryKey, type EntryKey, entryIsIntact, entryPosition } from './entry-key.ts';
import type { Generation } from './generation.ts';
import type { Log, Span } from './log-index.ts';

/** An entry that fails its checksum. Its bytes are kept in no queue; the broker goes on without them. */
export interface DamagedEntry extends LogEntry {
  readonly path: string;
}

/** Keys fetched at once. No snapshot stays open between pages. */
const KEYS_PER_PAGE = 64;

/**
 * Entries of a log that overlap `[from, to)`, in order, over all generations, until `bytesMax` is reached.
 * Where generations hold the same sequences, the newest wins.
 */
export function readEntries(
  log: Log,
  from: number,
  to: number,
  bytesMax: number,
  onDamage: (damage: DamagedEntry) => void,
): StoredEntry[] {
  const entries: StoredEntry[] = [];
  const cursors = log.spans
    .filter((span) => span.lastSequence >= from && span.firstSequence < to)
    .map((span) => new EntryCursor(log.logId, span, from, to));
  let position = from;
  let bytes = 0;
  while (bytes < bytesMax || entries.length === 0) {
    const cursor = nearest(cursors, position);
    const key = cursor?.key;
    if (cursor === undefined || key === undefined) break;
    const value = cursor.value();
    cursor.advance();
    if (value === undefined) continue;
    if (!entryIsIntact(key.raw, value)) {
      onDamage({ ...key.decoded, path: cursor.generation.path, bytes: value });
      continue;
    }
    const { firstSequence, count } = key.decoded;
    position = firstSequence + count;
    bytes += value.length;
    entries.push({ firstSequence, count, bytes: value, recovered: firstSequence < log.recoveredEnd });
  }
  return entries;
}

/** The cursor whose entry comes first; of equal ones that of the newest generation. */
function nearest(cursors: readonly EntryCursor[], position: number): EntryCursor | undefined {
  let best: EntryCursor | undefined;
  let bestSequence = Number.POSITIVE_INFINITY;
  for (const cursor of cursors) {
    cursor.skipTo(position);
    const sequence = cursor.key?.decoded.firstSequence;
    if (sequence !== undefined && sequence <= bestSequence) {
      best = cursor;
      bestSequence = sequence;
    }
  }
  return best;
}

interface CursorKey {
  readonly raw: Uint8Array;
  readonly decoded: EntryKey;
}

/** Walks the keys of one log in one generation, page by page. */
class EntryCursor {
  readonly generation: Generation;
  readonly #logId: number;
  readonly #end: Buffer;
  #page: Uint8Array[];
  #at = 0;
  #key: CursorKey | undefined;

  constructor(logId: number, span: Span, from: number, to: number) {
    this.generation = span.generation;
    this.#logId = logId;
    this.#end = entryPosition(logId, Math.min(to, span.lastSequence + 1));
    this.#page = this.#fetch(this.#startAt(from));
    this.#load();
    this.skipTo(from);
  }

  get key(): CursorKey | undefined {
    return this.#key;
  }

  value(): Buffer | undefined {
    return this.#key && this.generation.environment.getBinary(this.#key.raw);
  }

  skipTo(position: number): void {
    while (this.#key !== undefined && endOf(this.#key.decoded) <= position) this.advance();
  }

  advance(): void {
    this.#at++;
    if (this.#at === KEYS_PER_PAGE) {
      const last = this.#page[this.#at - 1];
      this.#page = last === undefined ? [] : this.#fetch(last, true);
      this.#at = 0;
    }
    this.#load();
  }

  #load(): void {
    const raw = this.#page[this.#at];
    this.#key = raw && { raw, decoded: decodeEntryKey(raw) };
  }

  /** The entry that starts before `from` may reach beyond it. */
  #startAt(from: number): Uint8Array {
    const range = {
      start: entryPosition(this.#logId, from),
      end: entryPosition(this.#logId, 0),
      reverse: true,
      limit: 1,
    };
    const [before] = this.generation.environment.getKeys(range);
    return before ?? entryPosition(this.#logId, 0);
  }

  #fetch(start: Uint8Array, exclusiveStart = false): Uint8Array[] {
    const range = { start, end: this.#end, exclusiveStart, limit: KEYS_PER_PAGE };
    return Array.from(this.generation.environment.getKeys(range));
  }
}

function endOf(key: EntryKey): number {
  return key.firstSequence + key.count;
}
