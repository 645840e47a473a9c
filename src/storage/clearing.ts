import type { EntryMover, MoveSource } from './entry-mover.ts';

/** Empties one file after the other, as long as there is one whose space is wanted back. */
export class Clearing {
  readonly #mover: EntryMover;
  readonly #next: () => MoveSource | undefined;
  #running: Promise<void> | undefined;
  /** Told of a failed write: the store is broken then. */
  onFailure: (error: unknown) => void = () => {};

  constructor(mover: EntryMover, next: () => MoveSource | undefined) {
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
      for (let source = this.#next(); source !== undefined; source = this.#next()) {
        const bytes = await this.#mover.empty(source);
        if (bytes !== undefined) source.emptied(bytes);
      }
    } catch (error) {
      if (!this.#mover.isStopped) this.onFailure(error);
    }
  }
}
