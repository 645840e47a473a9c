import type { Message } from '../message.ts';
import type { Admission, Interceptor } from '../routing/interceptor.ts';

/** Sees messages pass by, and has no part in what becomes of them. It must not throw. */
export interface Tap {
  /** The message is a view that is valid only until this returns; `now` in milliseconds since the epoch. */
  saw(message: Message, now: number): void;
  /** The queue or exchange is gone: there is nothing more to see. */
  ended(): void;
}

/** Whoever watches one queue or one exchange at the moment. */
export class Taps implements Interceptor {
  readonly #taps = new Set<Tap>();
  /** Of an exchange: the message goes its way, and is seen on it. */
  readonly #admission: Admission = {
    goesOn: true,
    carryOut: (message, now) => {
      this.saw(message, now);
      return 0;
    },
  };

  get isEmpty(): boolean {
    return this.#taps.size === 0;
  }

  add(tap: Tap): void {
    this.#taps.add(tap);
  }

  remove(tap: Tap): void {
    this.#taps.delete(tap);
  }

  saw(message: Message, now: number): void {
    for (const tap of this.#taps) tap.saw(message, now);
  }

  end(): void {
    for (const tap of [...this.#taps]) tap.ended();
    this.#taps.clear();
  }

  admit(): Admission {
    return this.#admission;
  }
}
