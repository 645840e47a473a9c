import type { LogEntry, Space, StoredEntry } from '../../broker/store.ts';
import type { EntryFile, Span } from './entry-file.ts';
import { decodeEntryKey, type EntryKey, entryIsIntact, largeEntryBytes } from './entry-key.ts';
import type { Log } from './log-index.ts';

/** An entry that fails its checksum. Its bytes are kept in no queue; the broker goes on without them. */
export interface DamagedEntry extends LogEntry {
  readonly path: string;
}

/** Keys fetched at once. No snapshot stays open between pages. Most readers take an entry or two and go. */
const keysPerPage = 64;
const keysAtFirst = 4;

/**
 * Entries of a log that overlap `[from, to)`, in order, over all files, as many as are no more than `bytesMax`, but
 * one at least. Where files hold the same sequences, the newest wins.
 *
 * @param onLarge is called with a large entry rather than that it is read; it ends there. Undefined: it is read, too.
 */
export function readEntries(
  log: Log,
  from: number,
  to: number,
  bytesMax: number,
  onDamage: (damage: DamagedEntry) => void,
  space?: Space,
  onLarge?: (entry: FoundEntry) => void,
): StoredEntry[] {
  const entries: StoredEntry[] = [];
  const walk = new EntryWalk(log.spans, from, to);
  let bytes = 0;
  while (bytes < bytesMax || entries.length === 0) {
    const found = walk.next();
    if (found === undefined) break;
    if (entries.length > 0 && bytes + found.key.byteLength > bytesMax) break;
    if (onLarge !== undefined && found.key.byteLength > largeEntryBytes) {
      onLarge(found);
      break;
    }
    const value = found.intactValue(onDamage, space);
    if (value === undefined) continue;
    walk.position = found.end;
    bytes += value.length;
    entries.push(storedEntry(log, found.key, value));
  }
  return entries;
}

/**
 * The first bytes of the first entry of a log that overlaps `[from, to)`, as they are; undefined when it is not large.
 *
 * @throws UnreadableEntryError
 */
export function headOfLargeEntry(log: Log, from: number, to: number, byteLength: number): Buffer | undefined {
  const found = new EntryWalk(log.spans, from, to).next();
  return found !== undefined && found.key.byteLength > largeEntryBytes ? found.head(byteLength) : undefined;
}

/** An entry of a log as the broker has it. */
export function storedEntry(
  { recoveredEnd }: Log,
  { firstSequence, count }: EntryKey,
  bytes: Buffer,
): StoredEntry {
  return { firstSequence, count, bytes, recovered: firstSequence < recoveredEnd };
}

/** Walks the entries in spans of one log by sequence, each sequence once. */
export class EntryWalk {
  /** Entries that end at or below are passed over: the caller moves it behind what it has taken. */
  position: number;
  readonly #cursors: readonly EntryCursor[];

  /** @param spans of one log, ascending by age. Where they hold the same, the newest wins. */
  constructor(spans: readonly Span[], from: number, to: number) {
    this.position = from;
    this.#cursors = spans
      .filter((span) => span.lastSequence >= from && span.firstSequence < to)
      .map((span) => new EntryCursor(span, from, to));
  }

  /** The next entry; one that is not taken is not found again. */
  next(): FoundEntry | undefined {
    let nearest: EntryCursor | undefined;
    let sequence = Number.POSITIVE_INFINITY;
    for (const cursor of this.#cursors) {
      cursor.skipTo(this.position);
      const first = cursor.found?.key.firstSequence;
      if (first !== undefined && first <= sequence) {
        nearest = cursor;
        sequence = first;
      }
    }
    const found = nearest?.found;
    nearest?.advance();
    return found;
  }
}

/** An entry that was come across: its key is read, its value is not. */
export class FoundEntry {
  readonly file: EntryFile;
  readonly rawKey: Uint8Array;
  readonly key: EntryKey;

  constructor(file: EntryFile, rawKey: Uint8Array) {
    this.file = file;
    this.rawKey = rawKey;
    this.key = decodeEntryKey(rawKey);
  }

  get end(): number {
    return this.key.firstSequence + this.key.count;
  }

  /** The records, or undefined when they are damaged. @throws UnreadableEntryError */
  intactValue(onDamage: (damage: DamagedEntry) => void, space?: Space): Buffer | undefined {
    const bytes = this.#read(() => this.file.value(this.rawKey, space));
    if (bytes === undefined) return undefined;
    if (entryIsIntact(this.rawKey, bytes)) return bytes;
    // The memory is the reader's, who goes on to use it.
    onDamage({ ...this.key, path: this.path, bytes: Buffer.from(bytes) });
    return undefined;
  }

  /** The bytes as they are, for as long as the file is being moved. @throws UnreadableEntryError */
  view(): Buffer | undefined {
    return this.#read(() => this.file.view(this.rawKey));
  }

  /** Its first bytes as they are. @throws UnreadableEntryError */
  head(byteLength: number): Buffer | undefined {
    return this.#read(() => this.file.head(this.rawKey, byteLength));
  }

  /** The file in which the bytes are. */
  get path(): string {
    return this.file.pathOf(this.rawKey);
  }

  #read(read: () => Buffer | undefined): Buffer | undefined {
    try {
      return read();
    } catch (error) {
      // What the system refuses it may allow again; what LMDB says of itself is final.
      if (error instanceof Error && 'syscall' in error) throw new UnreadableEntryError(this, error);
      throw error;
    }
  }
}

/** The file with an entry cannot be read now: what is in it may be intact. */
export class UnreadableEntryError extends Error {
  override readonly name = 'UnreadableEntryError';
  readonly entry: FoundEntry;
  /** What the system says. */
  readonly reason: string;

  constructor(entry: FoundEntry, cause: Error) {
    super(`${entry.path} cannot be read: ${cause.message}`, { cause });
    this.entry = entry;
    this.reason = cause.message;
  }
}

/** Walks the keys of one span, page by page. */
class EntryCursor {
  readonly #span: Span;
  readonly #below: number;
  #page: Uint8Array[];
  #pageKeysMax = keysAtFirst;
  #at = 0;
  #found: FoundEntry | undefined;

  constructor(span: Span, from: number, to: number) {
    this.#span = span;
    const start = Math.max(from, span.firstSequence);
    this.#below = Math.min(to, span.lastSequence + 1);
    this.#page = span.file.keysFrom(span.logId, start, this.#below, keysAtFirst);
    this.#load();
    // What lies before the span is another one's: the file may hold copies of the same log, too.
    this.skipTo(start);
  }

  get found(): FoundEntry | undefined {
    return this.#found;
  }

  skipTo(position: number): void {
    while (this.#found !== undefined && this.#found.end <= position) this.advance();
  }

  advance(): void {
    this.#at++;
    if (this.#at === this.#pageKeysMax) {
      const last = this.#page[this.#at - 1];
      this.#page = last === undefined ? [] : this.#span.file.keysBehind(last, this.#below, keysPerPage);
      this.#pageKeysMax = keysPerPage;
      this.#at = 0;
    }
    this.#load();
  }

  #load(): void {
    const raw = this.#page[this.#at];
    this.#found = raw && new FoundEntry(this.#span.file, raw);
  }
}
