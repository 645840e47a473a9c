import { setImmediate } from 'node:timers/promises';
import { collectWhenGrown } from './young-generation.ts';

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
    do {
      lastTurn = lastTurn.then(() => setImmediate());
      await lastTurn;
    } while (collectWhenGrown());
    this.#until = performance.now() + this.#ms;
  }
}

/** Takes the steps of a piece of work, each of them quick; a promise of the rest when they are too many to be taken at once. */
export function takeSteps(steps: Iterator<unknown>): Promise<void> | undefined {
  // There are none, mostly: that is not worth a look at the clock.
  if (steps.next().done === true) return undefined;
  const slices = new Slices();
  const pause = takeSome(steps, slices);
  return pause === undefined ? undefined : takeRest(pause, steps, slices);
}

async function takeRest(first: Promise<void>, steps: Iterator<unknown>, slices: Slices): Promise<void> {
  for (let pause: Promise<void> | undefined = first; pause !== undefined; pause = takeSome(steps, slices))
    await pause;
}

/** Undefined when all are taken. */
function takeSome(steps: Iterator<unknown>, slices: Slices): Promise<void> | undefined {
  while (steps.next().done !== true) {
    const pause = slices.next();
    if (pause !== undefined) return pause;
  }
  return undefined;
}
