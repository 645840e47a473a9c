import type { EntryMover } from './entry-mover.ts';

/** Gets the space of one file back. */
type Work = () => Promise<void>;

/** Empties one file after the other, as long as there is one whose space is wanted back. */
export class Clearing {
  readonly #mover: EntryMover;
  readonly #next: () => Work | undefined;
  #running: Promise<void> | undefined;
  /** Told of a failed write: the store is broken then. */
  onFailure: (error: unknown) => void = () => {};

  constructor(mover: EntryMover, next: () => Work | undefined) {
    this.#mover = mover;
    this.#next = next;
  }

  /** Looks for something to do, if it is not at it already. */
  start(): void {
    if (this.#running !== undefined || this.#mover.isStopped || this.#next() === undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing is under way. */
  async settle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      for (let work = this.#next(); work !== undefined; work = this.#next()) await work();
    } catch (error) {
      if (!this.#mover.isStopped) this.onFailure(error);
    }
  }
}
