import type { Clock, Timer } from '../clock.ts';

/** A queue with x-expires. */
export interface IdleQueue {
  readonly consumerCount: number;
  /** It has not been used for as long as x-expires says. */
  idleExpired(): void;
}

/**
 * x-expires (RabbitMQ page "Time-To-Live and Expiration", "Queue TTL"): after that long without consumers,
 * declarations and gets a queue goes.
 */
export class IdleTimer {
  readonly #queue: IdleQueue;
  readonly #clock: Clock;
  readonly #expiresMs: number;
  #lastUsedAt = 0;
  #timer: Timer | undefined;

  constructor(queue: IdleQueue, clock: Clock, expiresMs: number) {
    this.#queue = queue;
    this.#clock = clock;
    this.#expiresMs = expiresMs;
    this.used();
  }

  /** The time starts anew. A timer that is set notices when it fires: gets come more often than it does. */
  used(): void {
    this.#lastUsedAt = this.#clock.now();
    if (this.#timer === undefined) this.#arm();
  }

  /** Until the queue is {@link used} again: it has a consumer, or is gone. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    if (this.#queue.consumerCount > 0) return;
    const due = this.#lastUsedAt + this.#expiresMs;
    this.#timer = this.#clock.setTimer(Math.max(0, due - this.#clock.now()), () => {
      this.#timer = undefined;
      if (this.#queue.consumerCount > 0) return;
      if (this.#clock.now() < this.#lastUsedAt + this.#expiresMs) this.#arm();
      else this.#queue.idleExpired();
    });
  }
}
