import { type StoredEntry, StoreUnreadableError } from '../store.ts';
import type { LogContext } from './log-context.ts';
import type { LogParts } from './log-parts.ts';
import type { LogStorage } from './log-storage.ts';
import { RecordOffset, recordHeaderBytes } from './record.ts';
import { readTime } from './record-bytes.ts';
import type { RecordKeeper, Segment } from './segment.ts';

/**
 * Brings records of a log back into memory: at once or, where they are large and whoever wants them can wait, bit by bit.
 * One large record at a time. What cannot be read now is waited for likewise.
 */
export class ReadBack {
  readonly #log: RecordKeeper;
  readonly #parts: LogParts;
  readonly #storage: LogStorage;
  readonly #context: LogContext;
  readonly #loaded: () => void;
  #loading: Promise<void> | undefined;
  #isCancelled = false;
  /** What {@link largeHeadExpiresAt} has found. */
  #lookedAt: { readonly sequence: number; readonly expiresAt: number | undefined } | undefined;
  /** Ends waiting for what cannot be read now. */
  #giveUp: (() => void) | undefined;

  /** `loaded` is called when what was waited for is in memory, or can be read. */
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

  /** Resolves when the record that is waited for is there, or to be asked for again; undefined: none is. */
  get loading(): Promise<void> | undefined {
    return this.#loading;
  }

  /** Nobody wants anything any more. */
  cancel(): void {
    this.#isCancelled = true;
    this.#parts.gap.dropComing();
    this.#giveUp?.();
  }

  /** Nobody wants what cannot be read now. */
  giveUp(): void {
    this.#giveUp?.();
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
        const segment = gap.take(entries, this.#log, store, slabs);
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

  /**
   * When the record that would be delivered next expires, 0 for never, if it is so large that it should not be read for
   * that alone. Undefined: it is not, or cannot be looked at now.
   */
  get largeHeadExpiresAt(): number | undefined {
    const head = this.#parts.headOnDisk();
    if (head === undefined) return undefined;
    if (this.#lookedAt?.sequence !== head.from) {
      try {
        this.#lookedAt = { sequence: head.from, expiresAt: this.#expiresAt(head) };
      } catch (error) {
        if (!(error instanceof StoreUnreadableError)) throw error;
        return undefined;
      }
    }
    return this.#lookedAt?.expiresAt;
  }

  #expiresAt({ from, to }: { readonly from: number; readonly to: number }): number | undefined {
    const header = this.#context.store.headOfLarge(this.#log.id, from, to, recordHeaderBytes);
    return header?.length === recordHeaderBytes ? readTime(header, RecordOffset.ExpiresAt) : undefined;
  }

  /** Makes sure that a segment's records are in memory. False: they cannot be read now. */
  load(segment: Segment): boolean {
    if (segment.slab !== undefined) return true;
    try {
      this.#restore(segment, this.#readAll(segment));
      return true;
    } catch (error) {
      if (error instanceof StoreUnreadableError) return false;
      throw error;
    }
  }

  #readAll({ firstSequence, endSequence }: Segment): StoredEntry[] {
    const { store, slabs } = this.#context;
    const space = slabs.spaceForSegment();
    return store.read(this.#log.id, firstSequence, endSequence, Number.MAX_SAFE_INTEGER, space);
  }

  /** The same for whoever can wait; false: they are not there yet. */
  loadGently(segment: Segment): boolean {
    if (segment.slab !== undefined) return true;
    const { store, slabs } = this.#context;
    const { firstSequence, endSequence } = segment;
    return this.#whenRead(
      () =>
        store.readGently(
          this.#log.id,
          firstSequence,
          endSequence,
          Number.MAX_SAFE_INTEGER,
          slabs.spaceForSegment(),
        ),
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
    let entries: StoredEntry[] | Promise<StoredEntry[] | undefined>;
    try {
      entries = read();
    } catch (error) {
      if (!(error instanceof StoreUnreadableError)) throw error;
      this.#loading = this.#askAgain(error);
      return false;
    }
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
    const givenUp = this.#untilGivenUp();
    let entries: StoredEntry[] | undefined;
    try {
      entries = await read;
    } catch (error) {
      if (!(error instanceof StoreUnreadableError)) throw error;
      await this.#askAgain(error, givenUp);
      return;
    }
    this.#giveUp = undefined;
    this.#loading = undefined;
    if (entries === undefined || this.#isCancelled) return;
    take(entries);
    this.#loaded();
  }

  /** Waits until what could not be read can be, or is not wanted any more: whoever reads finds out. */
  async #askAgain({ again }: StoreUnreadableError, givenUp = this.#untilGivenUp()): Promise<void> {
    const isOpen = await Promise.race([again, givenUp]);
    this.#giveUp = undefined;
    this.#loading = undefined;
    if (isOpen && !this.#isCancelled) this.#loaded();
  }

  /** Resolves, with true, when nobody wants any more what is being waited for from now on. */
  #untilGivenUp(): Promise<boolean> {
    return new Promise<boolean>((resolve) => {
      this.#giveUp = () => resolve(true);
    });
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
