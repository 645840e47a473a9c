import type { LogEntry } from '../store.ts';
import type { Segment } from './segment.ts';

/** The segments of a log with records that are still to be written, and those that the commit under way carries. */
export class UnwrittenSegments {
  /** In order. */
  readonly #due: Segment[] = [];
  /** Their slabs are held by the commit. */
  #writing: Segment[] = [];

  get isEmpty(): boolean {
    return this.#due.length === 0;
  }

  /** The segment has something to write. */
  add(segment: Segment): void {
    if (this.#due.at(-1) !== segment) this.#due.push(segment);
  }

  /** Nothing of the segment is needed any more. */
  remove(segment: Segment): void {
    const at = this.#due.indexOf(segment);
    if (at >= 0) this.#due.splice(at, 1);
  }

  clear(): void {
    this.#due.length = 0;
  }

  /** Adds what is due to a commit, until {@link flushed} or {@link refused}. False: there was nothing. */
  collect(logId: number, into: LogEntry[]): boolean {
    const before = into.length;
    for (const segment of this.#due) {
      if (segment.slab === undefined) continue;
      const entry = segment.takeUnwritten(logId);
      if (entry === undefined) continue;
      segment.writing++;
      this.#writing.push(segment);
      into.push(entry);
    }
    this.#due.length = 0;
    return into.length > before;
  }

  /** The commit is on disk. Returns the segments it carried. */
  flushed(): readonly Segment[] {
    const written = this.#writing;
    this.#writing = [];
    for (const segment of written) segment.writing--;
    return written;
  }

  /** The store refused the commit: what is still needed of it is due again. Returns the segments it carried. */
  refused(): readonly Segment[] {
    const refused = this.flushed();
    const again = refused.filter((segment) => segment.putBackUnwritten() && !this.#due.includes(segment));
    this.#due.unshift(...again);
    return refused;
  }
}
