import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { RecordFlag, RecordOffset } from '../../broker/log/record.ts';
import { StoreFullError } from '../../broker/store.ts';
import type { DamageReport } from '../damage-report.ts';
import type { FreeSpace } from '../directory/free-space.ts';
import type { EntryFile } from '../entries/entry-file.ts';
import type { KeyedEntry } from '../entries/entry-key.ts';
import {
  type DamagedEntry,
  EntryWalk,
  type FoundEntry,
  UnreadableEntryError,
} from '../entries/entry-reader.ts';
import { type Log, type LogIndex, owedWithin } from '../entries/log-index.ts';
import type { UnreadableFiles } from '../entries/unreadable-files.ts';
import type { Generations } from '../generations/generations.ts';
import { PlacedEntries } from '../generations/placed-entries.ts';
import type { JournalFill } from '../journal/journal-fill.ts';
import type { StoreLog } from '../store-log.ts';

/** As much as is looked at in one turn of the event loop: commits and deliveries wait meanwhile. */
interface Portion {
  readonly bytes: number;
  readonly entries: number;
}
/** Of a file that is taken over only the keys are looked at. */
const keysOnly: Portion = { bytes: Number.POSITIVE_INFINITY, entries: 128 };

/** One step moves until it has this much, and at least one entry. */
interface Pace extends Portion {
  /** Before the step, so that commits have the disk to themselves most of the time. */
  readonly pauseMs: number;
}
/** Each transaction flushes twice, beside commits that wait for their one flush: better few of them than small ones. */
const atLeisure: Pace = { bytes: 2 ** 20, entries: 256, pauseMs: 25 };
/** Few large transactions take LMDB less time than many small ones. */
const inHaste: Pace = { bytes: 4 * 2 ** 20, entries: 1024, pauseMs: 0 };
/** Between looks whether the newest generation can make way for the next. */
const rollPauseMs = 10;
/** Until the next try when there was no room. */
const fullPauseMs = 1000;

/** Where entries come from and go to, and who is told of damaged ones. */
export interface EntryMoverParts {
  readonly index: LogIndex;
  readonly generations: Generations;
  readonly freeSpace: FreeSpace;
  readonly damage: DamageReport;
  readonly unreadable: UnreadableFiles;
  readonly log: StoreLog;
}

/** A file whose space is wanted back: what is owed of it is to be moved. */
export interface MoveSource {
  readonly file: EntryFile;
  /** What is moved are copies of what was copied before: see {@link LogIndex}. */
  readonly copied: boolean;
  /** Brings it into memory, if that is worth it. */
  prepare(): Promise<void>;
  /** It has not gone by itself meanwhile. */
  isThere(): boolean;
  /** Commits may come to find no room: there is no time for pauses. */
  isUrgent(): boolean;
}

/** A journal file of which nearly all is owed, and which the newest generation is to take over as it is. */
export interface AdoptionSource {
  readonly fill: JournalFill;
  /** It has not gone by itself meanwhile, and no backup has begun that needs what is settled in it. */
  mayBeTaken(): boolean;
  /** It is the generation's. */
  adopted(): void;
}

/**
 * Moves what is owed of a file into the newest generation, step by step and outside of commits. Records keep their
 * sequences; settled ones are left out at both ends of an entry. A crash leaves the same records in two files,
 * which readers expect.
 */
export class EntryMover {
  readonly #parts: EntryMoverParts;
  readonly #stopping = new AbortController();

  constructor(parts: EntryMoverParts) {
    this.#parts = parts;
  }

  /** Everything that is under way ends with an error at its next pause. */
  stop(): void {
    this.#stopping.abort();
  }

  /** {@link stop} was called: nothing more is moved. */
  get isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /**
   * Resolves when nothing of the file is owed any more.
   *
   * @returns bytes that were moved; undefined when the file went by itself.
   */
  async empty(source: MoveSource): Promise<number | undefined> {
    const { index, damage } = this.#parts;
    const walk = new OwedWalk(index, source.file);
    let bytes = 0;
    await source.prepare();
    for (;;) {
      const pace = source.isUrgent() ? inHaste : atLeisure;
      await this.#pause(pace.pauseMs);
      await this.#letRoll();
      const found = walk.take(pace);
      if (found === undefined) break;
      await source.file.prefetch(found.map(({ entry }) => entry.rawKey));
      const moved = await this.#move(found, source);
      if (moved === undefined) return undefined;
      bytes += moved;
    }
    // What is damaged was set aside: the file may go.
    await damage.settle();
    if (!source.isThere()) return undefined;
    index.abandon(source.file);
    return bytes;
  }

  /** Has the newest generation take over a file. Entries of which something is owed are its own then, whole. */
  async adopt({ fill, mayBeTaken, adopted }: AdoptionSource): Promise<void> {
    const { index, generations, damage } = this.#parts;
    // What is damaged may be cut off with the end of the file.
    await damage.settle();
    await this.#letRoll();
    this.#stopping.signal.throwIfAborted();
    if (!mayBeTaken()) return;
    fill.isBusy = true;
    const logs = new Set<Log>();
    const entries = new PlacedEntries(fill.file.number);
    const walk = new OwedWalk(index, fill);
    for (let found = walk.take(keysOnly); found !== undefined; found = walk.take(keysOnly)) {
      for (const one of found) {
        logs.add(one.log);
        if (wasMoved(one)) continue;
        const { key, rawKey } = one.entry;
        entries.add(key, rawKey, fill.offsetOf(rawKey));
      }
      await nextTurn(undefined, { signal: this.#stopping.signal });
    }
    if (!mayBeTaken()) {
      fill.isBusy = false;
      return;
    }
    if (entries.rows.length === 0) {
      // Everything had been moved when the broker ended.
      index.abandon(fill);
      fill.isBusy = false;
      return;
    }
    await this.#keepingEnds(logs, () =>
      this.#whenThereIsRoom([], () =>
        generations.adopt(fill.file, fill.endWithMark, entries, () => {
          index.abandon(fill);
          adopted();
        }),
      ),
    );
  }

  /** Returns the bytes moved; undefined when the file went by itself. */
  async #move(found: readonly OwedEntry[], source: MoveSource): Promise<number | undefined> {
    const { generations } = this.#parts;
    const copies = await this.#copiesOf(found, source);
    if (copies === undefined) return undefined;
    if (copies.length > 0) {
      await this.#keepingEnds(new Set(found.map(({ log }) => log)), () =>
        this.#whenThereIsRoom(copies, () => generations.write(copies, source.copied)),
      );
    }
    return copies.reduce((bytes, copy) => bytes + copy.bytes.length, 0);
  }

  /** Undefined when the file went by itself. Waits for as long as it cannot be read. */
  async #copiesOf(found: readonly OwedEntry[], source: MoveSource): Promise<KeyedEntry[] | undefined> {
    const { damage, unreadable } = this.#parts;
    while (source.isThere()) {
      try {
        return copiesOf(found, (damaged) => damage.report(damaged));
      } catch (error) {
        if (!(error instanceof UnreadableEntryError)) throw error;
        await unreadable.note(error).again;
        this.#stopping.signal.throwIfAborted();
      }
    }
    return undefined;
  }

  /** The end of a log must stay written down while a copy is on the way, though the source may go meanwhile. */
  async #keepingEnds(logs: ReadonlySet<Log>, write: () => Promise<void>): Promise<void> {
    for (const log of logs) log.holders++;
    await write();
    for (const log of logs) log.holders--;
    // A state that came while they were written did not find them.
    for (const log of logs) this.#parts.index.settle(log);
  }

  async #whenThereIsRoom(copies: readonly KeyedEntry[], write: () => Promise<void>): Promise<void> {
    const { freeSpace, log } = this.#parts;
    for (let isFirst = true; ; isFirst = false) {
      try {
        freeSpace.require(copies);
        await write();
        return;
      } catch (error) {
        if (!(error instanceof StoreFullError)) throw error;
        if (isFirst) log.warn(`moving what is still owed waits for disk space: ${error.message}`);
        await this.#pause(fullPauseMs);
      }
    }
  }

  /** A roll waits until nothing is being written: without this one a commit might never find that moment. */
  async #letRoll(): Promise<void> {
    const { generations } = this.#parts;
    for (generations.roll(); generations.isRollDue; generations.roll()) await this.#pause(rollPauseMs);
  }

  async #pause(milliseconds: number): Promise<void> {
    await delay(milliseconds, undefined, { signal: this.#stopping.signal });
  }
}

/** An entry, and from where to where something of it is owed. */
interface OwedEntry {
  readonly log: Log;
  readonly entry: FoundEntry;
  readonly first: number;
  readonly last: number;
}

/** Walks what is owed of a file. Nothing is held open between steps. */
class OwedWalk {
  readonly #entries: Iterator<OwedEntry | undefined>;

  constructor(index: LogIndex, file: EntryFile) {
    this.#entries = owedEntries(index, file);
  }

  /** As much as fits in one portion, which may be nothing; undefined at the end. */
  take({ bytes: bytesMax, entries: entriesMax }: Portion): OwedEntry[] | undefined {
    const taken: OwedEntry[] = [];
    for (let bytes = 0, entries = 0; bytes < bytesMax && entries < entriesMax; entries++) {
      const { value, done } = this.#entries.next();
      if (done) return taken.length > 0 ? taken : undefined;
      if (value === undefined) continue;
      taken.push(value);
      bytes += value.entry.key.byteLength;
    }
    return taken;
  }
}

/** Undefined for an entry that was looked at in vain, so that no step looks at too many. */
function* owedEntries(index: LogIndex, file: EntryFile): Generator<OwedEntry | undefined, void> {
  for (const span of file.spans()) {
    const log = index.log(span.logId);
    let walk: EntryWalk | undefined;
    while (span.isLive) {
      const position: number = walk?.position ?? span.firstSequence;
      const owed = owedWithin(log, position, span.lastSequence);
      if (owed === undefined) break;
      if (walk === undefined || owed[0] > position)
        walk = new EntryWalk([span], owed[0], span.lastSequence + 1);
      const entry = walk.next();
      if (entry === undefined) break;
      walk.position = entry.end;
      const extent = owedWithin(log, entry.key.firstSequence, entry.end - 1);
      yield extent && { log, entry, first: extent[0], last: extent[1] };
    }
  }
}

/**
 * What is still owed of them and was not moved yet. Without what is damaged.
 *
 * @throws UnreadableEntryError
 */
function copiesOf(found: readonly OwedEntry[], onDamage: (damage: DamagedEntry) => void): KeyedEntry[] {
  const copies: KeyedEntry[] = [];
  for (const { log, entry, first, last } of found) {
    const extent = owedWithin(log, first, last);
    if (extent === undefined) continue;
    const owed = { log, entry, first: extent[0], last: extent[1] };
    if (wasMoved(owed)) continue;
    const copy = isWhole(owed) ? whole(owed) : cut(owed, onDamage);
    if (copy !== undefined) copies.push(copy);
  }
  return copies;
}

/** Whether a move that was interrupted by a crash got as far as this one. */
function wasMoved({ log, entry: { file }, first, last }: OwedEntry): boolean {
  const spans = log.spans.filter((span) => file.mayHaveMovedTo(span));
  if (spans.length === 0) return false;
  const entry = new EntryWalk(spans, first, last + 1).next();
  return entry !== undefined && entry.key.firstSequence <= first && entry.end > last;
}

function isWhole({ entry: { key, end }, first, last }: OwedEntry): boolean {
  return first === key.firstSequence && last === end - 1;
}

/** Goes with its key as it is: whether it is damaged is seen by the same checksum when it is read, then as now. */
function whole({ entry }: OwedEntry): KeyedEntry | undefined {
  const bytes = entry.view();
  return bytes && { ...entry.key, rawKey: entry.rawKey, bytes };
}

/** An entry with the records from `first` to `last` only; undefined when it is damaged. */
function cut(
  { entry, first, last }: OwedEntry,
  onDamage: (damage: DamagedEntry) => void,
): KeyedEntry | undefined {
  const { key } = entry;
  const value = entry.intactValue(onDamage);
  if (value === undefined) return undefined;
  let start = 0;
  let end = 0;
  let persistentCount = 0;
  let persistentBodyBytes = 0;
  for (let sequence = key.firstSequence; sequence <= last; sequence++) {
    const at = end;
    end += value.readUInt32BE(at + RecordOffset.Size);
    if (sequence < first) {
      start = end;
    } else if ((value.readUInt8(at + RecordOffset.Flags) & RecordFlag.Persistent) !== 0) {
      persistentCount++;
      persistentBodyBytes += value.readUInt32BE(at + RecordOffset.BodySize);
    }
  }
  return {
    logId: key.logId,
    firstSequence: first,
    count: last - first + 1,
    persistentCount,
    persistentBodyBytes,
    bytes: value.subarray(start, end),
  };
}
