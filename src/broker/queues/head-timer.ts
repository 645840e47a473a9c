import type { Clock, Timer } from '../clock.ts';

/** Somebody who looks at the head of a queue when it is due. */
export interface HeadWatcher {
  headDue(): void;
}

/** Wakes a queue when the message at its head expires. One at a time: the head is the only one to leave. */
export class HeadTimer {
  readonly #watcher: HeadWatcher;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #due = 0;

  constructor(watcher: HeadWatcher, clock: Clock) {
    this.#watcher = watcher;
    this.#clock = clock;
  }

  /** `due` is in milliseconds since the epoch; 0: the head does not expire. */
  arm(due: number): void {
    if (due === 0 || (this.#timer !== undefined && this.#due === due)) return;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = this.#clock.setTimer(Math.max(0, due - this.#clock.now()), () => {
      this.#timer = undefined;
      this.#watcher.headDue();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
