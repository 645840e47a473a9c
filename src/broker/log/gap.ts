import type { Store } from '../store.ts';
import { ReadAhead } from './read-ahead.ts';
import { type RecordKeeper, RecordState, Segment } from './segment.ts';
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
  /** Records in it that are owed. */
  #count = 0;
  /** Bytes of their bodies. */
  #bodyBytes = 0;
  /** Those of them that are not persistent. */
  #transientCount = 0;
  #transientBytes = 0;
  #readAhead: ReadAhead | undefined;

  get isEmpty(): boolean {
    return this.from >= this.to;
  }

  /** Records in it that are owed. */
  get count(): number {
    return this.isEmpty ? 0 : this.#count;
  }

  /** Bytes of their bodies; of a stream, which is {@link trim}med, those of everything that has come here. */
  get bodyBytes(): number {
    return this.isEmpty ? 0 : this.#bodyBytes;
  }

  /** Those of them that are not persistent. */
  get transient(): { readonly count: number; readonly bytes: number } {
    return this.isEmpty
      ? { count: 0, bytes: 0 }
      : { count: this.#transientCount, bytes: this.#transientBytes };
  }

  /** What a restart has found; it has no transient records. */
  restore(from: number, to: number, count: number, bodyBytes: number): void {
    this.from = from;
    this.to = to;
    this.#count = count;
    this.#bodyBytes = bodyBytes;
  }

  /** The segment behind it leaves memory. */
  add(segment: Segment): void {
    if (this.isEmpty) this.from = segment.firstSequence;
    this.to = segment.endSequence;
    this.#count += segment.count - segment.settledCount;
    this.#bodyBytes += segment.bodyBytes;
    this.#transientCount += segment.transientCount;
    this.#transientBytes += segment.transientBytes;
  }

  /** What lies below a sequence is given up. */
  trim(sequence: number): void {
    this.from = Math.min(Math.max(this.from, sequence), this.to);
  }

  /** Gives all of it up. Returns how many records were owed. */
  clear(): number {
    const count = this.#count;
    this.from = this.to;
    this.#count = 0;
    this.#bodyBytes = 0;
    this.#transientCount = 0;
    this.#transientBytes = 0;
    return count;
  }

  /** Reads its front back; undefined when nothing of it is left in the store. */
  read(log: RecordKeeper, store: Store, slabs: SlabPool): Segment | undefined {
    const startedAt = performance.now();
    const entries = store.read(log.id, this.from, this.to, segmentBytes, slabs.space);
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
    this.#count -= segment.count - segment.settledCount;
    for (let i = 0; i < segment.count; i++) {
      if (segment.state(i) !== RecordState.Ready) continue;
      const bodySize = segment.bodySize(i);
      this.#bodyBytes -= bodySize;
      if (segment.isPersistent(i)) continue;
      this.#transientCount--;
      this.#transientBytes -= bodySize;
    }
    this.#readAhead ??= new ReadAhead(store);
    this.#readAhead.wasRead(segment, performance.now() - startedAt, this.to);
    return segment;
  }
}
