import { reasonOf } from '../directory/reason-of.ts';
import type { StoreLog } from '../store-log.ts';
import type { JournalFill } from './journal-fill.ts';

/** Frees a file in which nothing is owed. */
type Release = (fill: JournalFill) => Promise<void>;

/**
 * Files in which nothing is owed any more, on their way to be free: one after the other, off the way of commits. As long as
 * a backup reads them, they stay as they are.
 */
export class RetiredFills {
  readonly #release: Release;
  readonly #log: StoreLog;
  /** Those that a backup still reads; undefined: there is no backup. */
  #held: JournalFill[] | undefined;
  /** The backup knows what it will copy. */
  #isSealed = false;
  #work: Promise<void> = Promise.resolve();

  constructor(release: Release, log: StoreLog) {
    this.#release = release;
    this.#log = log;
  }

  add(fill: JournalFill): void {
    if (this.#held === undefined) this.#releaseSoon(fill);
    else this.#held.push(fill);
  }

  /** Those that a backup still reads. */
  get held(): readonly JournalFill[] {
    return this.#held ?? [];
  }

  /** From now on none is freed. */
  hold(): void {
    this.#held = [];
  }

  /** A backup knows now which part of which file it copies. */
  seal(): void {
    this.#isSealed = true;
  }

  /** A backup has begun, and does not know yet what it will copy. */
  get isSealAwaited(): boolean {
    return this.#held !== undefined && !this.#isSealed;
  }

  /** Ends {@link hold}. */
  letGo(): void {
    const { held } = this;
    this.#held = undefined;
    this.#isSealed = false;
    for (const fill of held) this.#releaseSoon(fill);
  }

  #releaseSoon(fill: JournalFill): void {
    this.soon(() => this.#release(fill));
  }

  /** Something else for which files wait, or which waits for them. A failure is told of. */
  soon(work: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      try {
        await work();
      } catch (error) {
        this.#log.error(reasonOf(error));
      }
    });
  }

  /** Resolves when none is on its way. */
  async settle(): Promise<void> {
    await this.#work;
  }
}
