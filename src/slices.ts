import { setImmediate } from 'node:timers/promises';

/** How long a long piece of work may keep the event loop before others get their turn, unless it says otherwise. */
const usualMs = 3;

/** Items looked at between two looks at the clock, where each is quick. */
const quickItems = 64;

/** Of all works that pause, one goes on in each turn of the event loop, so that many do not keep it for longer. */
let lastTurn: Promise<void> = Promise.resolve();

/** Lets the broker go on with its work whenever a slice of time is used up. */
export class Slices {
  #until: number;
  #count = 0;
  readonly #itemsPerLook: number;
  readonly #ms: number;

  /**
   * @param itemsPerLook 1 where an item may take a while
   * @param ms length of a slice, in milliseconds
   */
  constructor(itemsPerLook: number = quickItems, ms: number = usualMs) {
    this.#itemsPerLook = itemsPerLook;
    this.#ms = ms;
    this.#until = performance.now() + ms;
  }

  /** To be called for each item; a promise when it is time to wait. */
  next(): Promise<void> | undefined {
    if (++this.#count % this.#itemsPerLook !== 0 || performance.now() < this.#until) return undefined;
    return this.#pause();
  }

  async #pause(): Promise<void> {
    lastTurn = lastTurn.then(() => setImmediate());
    await lastTurn;
    this.#until = performance.now() + this.#ms;
  }
}
