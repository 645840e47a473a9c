import { setTimeout as delay } from 'node:timers/promises';
import { RecordFlag, RecordOffset } from '../broker/record.ts';
import { type LogEntry, StoreFullError } from '../broker/store.ts';
import type { DamageReport } from './damage-report.ts';
import type { EntryKey } from './entry-key.ts';
import { EntryWalk, type FoundEntry } from './entry-reader.ts';
import type { FreeSpace } from './free-space.ts';
import type { Generation } from './generation.ts';
import type { Generations } from './generations.ts';
import { type Log, type LogIndex, owedWithin } from './log-index.ts';
import type { StoreLog } from './store-log.ts';

/** One step copies until it has this much, and at least one entry. */
const STEP_BYTES = 2 ** 20;
const STEP_ENTRIES = 256;
/** Between steps, so that commits have the disk to themselves most of the time. */
const PAUSE_MS = 10;
/** Until the next try when there was no room. */
const FULL_PAUSE_MS = 1000;

interface CopyForwardParts {
  readonly index: LogIndex;
  readonly generations: Generations;
  readonly freeSpace: FreeSpace;
  readonly damage: DamageReport;
  readonly log: StoreLog;
}

/**
 * Frees generations of which only little is owed still: that little is copied into the newest one, and the old
 * one is dead. So the disk holds about four times what is owed and one generation, whatever is left lying, and
 * every copy gives three times its size back.
 *
 * Copies keep their sequences; records that are settled are left out at both ends of an entry. A crash leaves
 * the same records in two generations, which readers expect.
 */
export class CopyForward {
  readonly #parts: CopyForwardParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  /** Told of a failed write: the store is broken then. */
  onFailure: (error: unknown) => void = () => {};

  constructor(parts: CopyForwardParts) {
    this.#parts = parts;
  }

  /** Looks for something to do, if it is not at it already. */
  start(): void {
    if (this.#running !== undefined || this.#stopping.signal.aborted) return;
    if (this.#parts.generations.mostlyDead === undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing is being copied any more, nor ever again. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { generations } = this.#parts;
    try {
      for (let source = generations.mostlyDead; source !== undefined; source = generations.mostlyDead) {
        await this.#empty(source);
      }
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.onFailure(error);
    }
  }

  /** Copies all that is owed of a generation and lets it go, unless it went by itself meanwhile. */
  async #empty(source: Generation): Promise<void> {
    const { index, generations, damage, log } = this.#parts;
    const walk = new OwedWalk(index, source);
    let bytes = 0;
    for (;;) {
      await this.#pause(PAUSE_MS);
      await this.#letRoll();
      const found = walk.take();
      if (found === undefined) break;
      await source.prefetch(found.map(({ entry }) => entry.rawKey));
      if (!generations.has(source)) return;
      bytes += await this.#copy(found);
    }
    // What is damaged was set aside: the file may go.
    await damage.settle();
    if (!generations.has(source)) return;
    log.info(`copied ${bytes} bytes that are still owed out of generation ${source.number}`);
    index.abandon(source);
    generations.retireDead();
  }

  /** Returns the bytes copied. */
  async #copy(found: readonly OwedEntry[]): Promise<number> {
    const { index, damage } = this.#parts;
    const copies: LogEntry[] = [];
    let bytes = 0;
    for (const { log, entry, first, last } of found) {
      if (isInNewer(log, entry.generation, first, last)) continue;
      const value = entry.intactValue((damaged) => damage.report(damaged));
      if (value === undefined) continue;
      const copy = cut(entry.key, value, first, last);
      copies.push(copy);
      bytes += copy.bytes.length;
    }
    if (copies.length > 0) {
      // Its end must stay written down while a copy is on the way, though the source may go meanwhile.
      for (const { log } of found) log.holders++;
      await this.#write(copies);
      for (const { log } of found) log.holders--;
    }
    // A state that came while they were written did not find them.
    for (const { log } of found) index.settle(log);
    return bytes;
  }

  async #write(copies: readonly LogEntry[]): Promise<void> {
    const { generations, freeSpace, log } = this.#parts;
    for (let isFirst = true; ; isFirst = false) {
      try {
        freeSpace.require(copies);
        await generations.write(copies, true);
        return;
      } catch (error) {
        if (!(error instanceof StoreFullError)) throw error;
        if (isFirst)
          log.warn(`copying what is owed out of old generations waits for disk space: ${error.message}`);
        await this.#pause(FULL_PAUSE_MS);
      }
    }
  }

  /** A roll waits until nothing is being written: without this one a commit might never find that moment. */
  async #letRoll(): Promise<void> {
    const { generations } = this.#parts;
    for (generations.roll(); generations.isRollDue; generations.roll()) await this.#pause(PAUSE_MS);
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

/** Walks what is owed of a generation. Nothing is held open between steps. */
class OwedWalk {
  readonly #entries: Iterator<OwedEntry | undefined>;

  constructor(index: LogIndex, generation: Generation) {
    this.#entries = owedEntries(index, generation);
  }

  /** As much as fits in one step, which may be nothing; undefined at the end. */
  take(): OwedEntry[] | undefined {
    const taken: OwedEntry[] = [];
    for (let bytes = 0, entries = 0; bytes < STEP_BYTES && entries < STEP_ENTRIES; entries++) {
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
function* owedEntries(index: LogIndex, generation: Generation): Generator<OwedEntry | undefined, void> {
  for (const span of generation.spans()) {
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

/** Whether a copy that was interrupted by a crash got as far as this one. */
function isInNewer(log: Log, than: Generation, first: number, last: number): boolean {
  const copies = log.spans.filter(({ copied, generation }) => copied && generation.number > than.number);
  const entry = new EntryWalk(copies, first, last + 1).next();
  return entry !== undefined && entry.key.firstSequence <= first && entry.end > last;
}

/** An entry with the records from `first` to `last` only. */
function cut(key: EntryKey, value: Buffer, first: number, last: number): LogEntry {
  if (first === key.firstSequence && last === key.firstSequence + key.count - 1)
    return { ...key, bytes: value };
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
