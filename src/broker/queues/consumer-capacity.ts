/** How fast what was is forgotten, as in RabbitMQ: after so many milliseconds it counts half. */
const halfLifeMs = 1000;

/**
 * For which part of the time a queue's consumers could take messages at once, 0 to 1: RabbitMQ's `consumer_capacity`.
 * The queue has messages for consumers that are busy, or not; the last seconds count most.
 */
export class ConsumerCapacity {
  #isHeldUp = false;
  #since = 0;
  #average = 1;

  /** The consumers are too slow, or no longer: `now`, in milliseconds since the epoch. */
  note(isHeldUp: boolean, now: number): void {
    if (isHeldUp === this.#isHeldUp) return;
    this.#average = this.at(now);
    this.#isHeldUp = isHeldUp;
    this.#since = now;
  }

  at(now: number): number {
    const weight = 2 ** (-Math.max(0, now - this.#since) / halfLifeMs);
    return this.#average * weight + (this.#isHeldUp ? 0 : 1 - weight);
  }
}
