import type { StoredEntry } from '../store.ts';
import type { LogContext } from './log-context.ts';
import type { LogParts } from './log-parts.ts';
import type { LogStorage } from './log-storage.ts';
import type { RecordKeeper, Segment } from './segment.ts';

/**
 * Brings records of a log back into memory: at once or, where they are large and whoever wants them can wait, bit by bit.
 * One large record at a time.
 */
export class ReadBack {
  readonly #log: RecordKeeper;
  readonly #parts: LogParts;
  readonly #storage: LogStorage;
  readonly #context: LogContext;
  readonly #loaded: () => void;
  #loading: Promise<void> | undefined;
  #isCancelled = false;

  /** `loaded` is called when a large record that was waited for is in memory. */
  constructor(
    log: RecordKeeper,
    parts: LogParts,
    storage: LogStorage,
    context: LogContext,
    loaded: () => void,
  ) {
    this.#log = log;
    this.#parts = parts;
    this.#storage = storage;
    this.#context = context;
    this.#loaded = loaded;
  }

  /** Resolves when the large record that is on its way is there; undefined: none is. */
  get loading(): Promise<void> | undefined {
    return this.#loading;
  }

  /** Nobody wants anything any more. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /** Moves the read position to the next segment; false when there is none, or none yet. */
  reachNext(): boolean {
    const { gap, tail, ready } = this.#parts;
    if (!gap.isEmpty) return this.#reachGap();
    const next = tail.segments.shift();
    if (next === undefined) this.#miss(ready.count);
    else this.#reach(next);
    return next !== undefined;
  }

  #reachGap(): boolean {
    const { gap } = this.#parts;
    const { store, slabs } = this.#context;
    const { from } = gap;
    return this.#whenRead(
      () => gap.read(this.#log.id, store, slabs),
      (entries) => {
        // It may have been purged meanwhile.
        if (gap.isEmpty || gap.from !== from) return;
        const segment = gap.take(entries, this.#log, slabs);
        if (segment === undefined) {
          this.#miss(gap.clear());
        } else {
          this.#reach(segment);
          this.#keepForReader(segment);
        }
      },
    );
  }

  #reach(segment: Segment): void {
    const { reached, tail } = this.#parts;
    const { last } = reached;
    if (last !== undefined && last !== tail.open) this.#storage.letGoIfSettled(last);
    reached.add(segment);
  }

  /** Makes sure that a segment's records are in memory. */
  load(segment: Segment): void {
    if (segment.slab !== undefined) return;
    const { store, slabs } = this.#context;
    const { firstSequence, endSequence } = segment;
    const space = slabs.spaceForSegment();
    this.#restore(
      segment,
      store.read(this.#log.id, firstSequence, endSequence, Number.MAX_SAFE_INTEGER, space),
    );
  }

  /** The same for whoever can wait; false: they are not there yet. */
  loadGently(segment: Segment): boolean {
    if (segment.slab !== undefined) return true;
    if (segment.count > 1) {
      // None of them is large.
      this.load(segment);
      return true;
    }
    const { store, slabs } = this.#context;
    const { firstSequence, endSequence } = segment;
    return this.#whenRead(
      () => store.readGently(this.#log.id, firstSequence, endSequence, 1, slabs.spaceForSegment()),
      (entries) => {
        if (segment.slab !== undefined || segment.isSettled) return;
        this.#restore(segment, entries);
        this.#keepForReader(segment);
      },
    );
  }

  /** Whoever waited for it comes a little later: where memory is short, it might have to be read again and again. */
  #keepForReader(segment: Segment): void {
    this.#parts.reached.standOn(segment, 0);
  }

  /** Has `take` called with what `read` finds. False: not yet, as that is to be waited for, or something else is. */
  #whenRead(
    read: () => StoredEntry[] | Promise<StoredEntry[] | undefined>,
    take: (entries: readonly StoredEntry[]) => void,
  ): boolean {
    if (this.#loading !== undefined) return false;
    const entries = read();
    if (entries instanceof Promise) {
      this.#loading = this.#wait(entries, take);
      return false;
    }
    take(entries);
    return true;
  }

  async #wait(
    read: Promise<StoredEntry[] | undefined>,
    take: (entries: readonly StoredEntry[]) => void,
  ): Promise<void> {
    const entries = await read;
    this.#loading = undefined;
    if (entries === undefined || this.#isCancelled) return;
    take(entries);
    this.#loaded();
  }

  /** The segment is in memory again. What was not there any more is settled. */
  #restore(segment: Segment, entries: readonly StoredEntry[]): void {
    const { reached, ready } = this.#parts;
    const owedBefore = segment.owed.count;
    const returnedBefore = segment.returnedCount;
    ready.removeAll(segment.owed);
    ready.addAll(segment.delivered);
    segment.restore(entries, this.#context.slabs);
    this.#storage.putAside(segment);
    ready.addAll(segment.owed);
    ready.removeAll(segment.delivered);
    reached.returnedCount -= returnedBefore - segment.returnedCount;
    const gone = owedBefore - segment.owed.count;
    if (gone > 0) this.#context.reportMissing(this.#log, gone);
  }

  /** So many ready records are gone. */
  #miss(count: number): void {
    if (count <= 0) return;
    const { ready } = this.#parts;
    ready.count -= count;
    // Their sizes are lost with them; without this an empty log would count as too long for ever.
    if (ready.count === 0) ready.clear();
    this.#context.reportMissing(this.#log, count);
  }
}
