import type { ComingEntries, Store, StoredEntry } from '../store.ts';
import { type SlabPool, segmentBytes } from './slab.ts';

/** Of one log. It is read on when half of that is left: what lies together is read in one go. */
const bytesMax = 4 * 2 ** 20;

/** Entries of one segment on their way into memory. */
interface ComingSegment {
  readonly from: number;
  readonly coming: ComingEntries;
}

/** The next segments of a log that is read from its front: the disk is at work on them before somebody waits for it. */
export class ComingSegments {
  readonly #segments: ComingSegment[] = [];
  readonly #slabs: SlabPool;
  #bytes = 0;

  constructor(slabs: SlabPool) {
    this.#slabs = slabs;
  }

  /** The one that begins at a sequence; undefined: it has to be read yet. */
  take(from: number): StoredEntry[] | Promise<StoredEntry[] | undefined> | undefined {
    const first = this.#segments[0];
    if (first?.from !== from) {
      this.clear();
      return undefined;
    }
    this.#segments.shift();
    const { coming } = first;
    this.#count(-memoryOf(coming));
    return coming.isRead ? coming.take() : coming.read.then(() => coming.take());
  }

  /** Begins to read on in `[from, to)`, as far as there is memory for it. */
  readOn(logId: number, from: number, to: number, store: Store): void {
    const { ahead } = this.#slabs;
    if (this.#bytes > bytesMax / 2) return;
    for (;;) {
      const position = this.#segments.at(-1)?.coming.end ?? from;
      const isFull = this.#bytes + segmentBytes > bytesMax || !ahead.hasRoom;
      if (position >= to || isFull) return;
      const coming = store.readAhead(logId, position, to, segmentBytes, this.#slabs.spaceForSegment());
      if (coming === undefined) return;
      this.#segments.push({ from: position, coming });
      this.#count(memoryOf(coming));
    }
  }

  /** Gives them up. */
  clear(): void {
    this.#segments.length = 0;
    this.#count(-this.#bytes);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#slabs.ahead.count(this, bytes, this.#bytes);
  }
}

/** However few bytes it has, a segment is read into memory of full size. */
function memoryOf({ byteLength }: ComingEntries): number {
  return Math.max(byteLength, segmentBytes);
}
