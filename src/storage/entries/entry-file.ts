import type { Space } from '../../broker/store.ts';
import type { OpenValue } from './open-value.ts';

/** Sums over entries of one log in one file. */
export interface SpanTotals {
  readonly logId: number;
  /** The entries were copied from an older generation: there may be holes between them. */
  readonly copied: boolean;
  firstSequence: number;
  lastSequence: number;
  /** No sequence is in it twice, as far as the order of its entries tells. */
  isOrdered: boolean;
  records: number;
  bytes: number;
  persistentCount: number;
  persistentBodyBytes: number;
}

/**
 * The entries of one log in one file. What it leaves out below `firstSequence` was settled. Entries that
 * were written there and those that were copied there make two spans, so that neither is full of holes.
 */
export interface Span extends SpanTotals {
  readonly file: EntryFile;
  /** About how many of `bytes` are still owed to somebody. */
  liveBytes: number;
  /** About how many records an entry has, as far as was seen when it was read. */
  entryRecords: number;
  /** It stands in the spans of its log: something of it is owed. */
  isLive: boolean;
}

/**
 * Where entries are: a generation, or a file of the journal. Entries are only ever added; space comes back at once
 * when nothing in it is owed any more. What is in it of which log is known by its spans.
 */
export abstract class EntryFile {
  abstract readonly path: string;
  /** What is owed of other files is moved there. */
  abstract readonly isGeneration: boolean;

  /** The file in which the bytes of an entry are. */
  pathOf(_key: Uint8Array): string {
    return this.path;
  }

  /** Entries in it, settled or not, and those of their bytes that the index knows of. */
  entries = 0;
  entryBytes = 0;
  /** Spans of logs in it that are still owed to somebody, and about how many bytes that is. */
  liveSpans = 0;
  liveBytes = 0;
  /** The newest span of every log that has an entry here, settled or not. */
  readonly #written = new Map<number, Span>();
  readonly #copied = new Map<number, Span>();

  /** What is known here of a log: what was written here, or what was copied here from older generations. */
  span(logId: number, copied: boolean): Span | undefined {
    return (copied ? this.#copied : this.#written).get(logId);
  }

  /** Takes the place of a span that is settled. True when there was one. */
  setSpan(span: Span): boolean {
    const spans = span.copied ? this.#copied : this.#written;
    const isKnown = spans.has(span.logId);
    spans.set(span.logId, span);
    return isKnown;
  }

  *spans(): Iterable<Span> {
    yield* this.#written.values();
    yield* this.#copied.values();
  }

  /**
   * Keys of entries of a log in order: first the one that begins at or before `from`, which may end before it, if
   * there is one. Only such as begin below `below`, and at most `limit`.
   */
  abstract keysFrom(logId: number, from: number, below: number, limit: number): Uint8Array[];

  /** Keys of entries of the same log that follow `key`, likewise. */
  abstract keysBehind(key: Uint8Array, below: number, limit: number): Uint8Array[];

  /** The bytes of an entry, a copy, in memory of `space` if that helps; undefined when it is not there. Synchronous. */
  abstract value(key: Uint8Array, space?: Space): Buffer | undefined;

  /** Its first bytes, so many or as many as there are; undefined when it is not there. Synchronous. */
  abstract head(key: Uint8Array, byteLength: number): Buffer | undefined;

  /**
   * All of it off the event loop, undefined where that takes no less of it. Whatever becomes of the file meanwhile, wrong
   * bytes or none are the worst that can come.
   */
  abstract valueSoon(key: Uint8Array, space: Space): Promise<Buffer | undefined> | undefined;

  /**
   * The same piece by piece and off the event loop as far as it goes. Whatever becomes of the file meanwhile, wrong bytes
   * are the worst that can come.
   *
   * @throws Error when the file is gone
   */
  abstract openValue(key: Uint8Array): Promise<OpenValue>;

  /** The same for as long as the file is being moved: whoever has brought it into memory need not copy. */
  view(key: Uint8Array): Buffer | undefined {
    return this.value(key);
  }

  /** Has entries brought into memory, off the event loop. */
  abstract prefetch(keys: Uint8Array[]): Promise<void>;

  /** Entries `[from, to)` of a span will be read soon, up to `bytesMax` of them. Only a hint. */
  abstract prefetchSpan(span: Span, from: number, to: number, bytesMax: number): Promise<void>;

  /** When what is owed here is moved: whether a span may already hold some of it, moved there before a crash. */
  abstract mayHaveMovedTo(span: Span): boolean;
}
