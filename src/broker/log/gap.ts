import type { Store, StoredEntry } from '../store.ts';
import { Amount } from './amount.ts';
import { ComingSegments } from './coming-segments.ts';
import { ReadAhead } from './read-ahead.ts';
import { type RecordKeeper, Segment } from './segment.ts';
import { type SlabPool, segmentBytes } from './slab.ts';

/** Sequences without a record that one segment read back may span; a longer hole starts the next one. */
const holeRecordsMax = 4096;

/**
 * The part of a log that is on disk only, however long it is: two sequence numbers, how many records between them are
 * owed, and their size. It grows at its back when segments leave memory, and is read back from its front.
 */
export class Gap {
  from = 0;
  to = 0;
  /** The records in it that are owed. */
  readonly owed = new Amount();
  #readAhead: ReadAhead | undefined;
  #coming: ComingSegments | undefined;
  /** How long the last read took, of what is read at once. */
  #readMs: number | undefined;

  get isEmpty(): boolean {
    return this.from >= this.to;
  }

  /** What a restart has found; it has no transient records. */
  restore(from: number, to: number, count: number, bodyBytes: number): void {
    this.from = from;
    this.to = to;
    this.owed.count = count;
    this.owed.bytes = bodyBytes;
  }

  /** The segment behind it leaves memory. */
  add(segment: Segment): void {
    if (this.isEmpty) this.from = segment.firstSequence;
    this.to = segment.endSequence;
    this.owed.addAll(segment.owed);
  }

  /** What lies below a sequence is given up, bodies of so many bytes; every record behind is owed. */
  trim(sequence: number, bodyBytes: number): void {
    this.from = Math.min(Math.max(this.from, sequence), this.to);
    this.owed.count = this.to - this.from;
    this.owed.bytes -= bodyBytes;
    if (this.isEmpty) this.owed.clear();
  }

  /** Gives all of it up. Returns how many records were owed. */
  clear(): number {
    const { count } = this.owed;
    this.from = this.to;
    this.owed.clear();
    this.dropComing();
    return count;
  }

  /** What is being read ahead of its front is not needed. */
  dropComing(): void {
    this.#coming?.clear();
  }

  /** Reads its front, for {@link take}. A promise when that has to be waited for. */
  read(logId: number, store: Store, slabs: SlabPool): StoredEntry[] | Promise<StoredEntry[] | undefined> {
    this.#readMs = undefined;
    const { from, to } = this;
    const read = () => store.readGently(logId, from, to, segmentBytes, slabs.spaceForSegment());
    const coming = this.#coming?.take(from);
    if (coming instanceof Promise) return coming.then((entries) => entries ?? read());
    if (coming !== undefined) return coming;
    const begun = performance.now();
    const entries = read();
    if (!(entries instanceof Promise)) this.#readMs = performance.now() - begun;
    return entries;
  }

  /** What was read of its front belongs to it no longer; undefined when nothing of it is left in the store. */
  take(
    entries: readonly StoredEntry[],
    log: RecordKeeper,
    store: Store,
    slabs: SlabPool,
  ): Segment | undefined {
    const first = entries[0];
    if (first === undefined) return undefined;
    const start = Math.max(first.firstSequence, this.from);
    let end = start;
    let taken = 0;
    for (const entry of entries) {
      if (entry.firstSequence - end > holeRecordsMax) break;
      end = Math.min(entry.firstSequence + entry.count, this.to);
      taken++;
    }
    const segment = Segment.fromEntries(log, start, end - start, entries.slice(0, taken), slabs);
    this.from = end;
    this.owed.removeAll(segment.owed);
    if (this.isEmpty) this.owed.clear();
    this.#readOn(segment, store, slabs);
    return segment;
  }
  #readOn(segment: Segment, store: Store, slabs: SlabPool): void {
    if (this.#readMs !== undefined) {
      this.#readAhead ??= new ReadAhead(store);
      this.#readAhead.wasRead(segment, this.#readMs, this.to);
    }
    this.#coming ??= new ComingSegments(slabs);
    this.#coming.readOn(segment.log.id, this.from, this.to, store);
  }
}
