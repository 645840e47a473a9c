import type { Consumer } from './consumer.ts';

/**
 * The consumers that can take a message now, highest priority first and in turn within a priority
 * (RabbitMQ page "Consumer Priorities"). A consumer leaves the ring when it has no capacity and is put
 * back when it has some again, so finding the next one does not depend on how many there are.
 */
export class ConsumerRing {
  #levels: Level[] = [];

  /** Nobody in it, whether or not some would still be found to have no capacity. */
  get isEmpty(): boolean {
    return this.#levels.every(({ consumers }) => consumers.length === 0);
  }

  add(consumer: Consumer): void {
    if (consumer.isInRing) return;
    consumer.isInRing = true;
    this.#level(consumer.priority).consumers.push(consumer);
  }

  remove(consumer: Consumer): void {
    if (!consumer.isInRing) return;
    consumer.isInRing = false;
    const { consumers } = this.#level(consumer.priority);
    consumers.splice(consumers.indexOf(consumer), 1);
  }

  /** The consumer whose turn it is, or undefined when none has capacity. */
  next(): Consumer | undefined {
    for (const { consumers } of this.#levels) {
      for (let consumer = consumers[0]; consumer !== undefined; consumer = consumers[0]) {
        if (consumer.hasCapacity) return consumer;
        consumer.isInRing = false;
        consumers.shift();
      }
    }
    return undefined;
  }

  /** `consumer`, just returned by {@link next}, had its turn. */
  rotate(consumer: Consumer): void {
    const { consumers } = this.#level(consumer.priority);
    if (consumers.length > 1 && consumers[0] === consumer) {
      consumers.shift();
      consumers.push(consumer);
    }
  }

  #level(priority: number): Level {
    const first = this.#levels[0];
    if (first?.priority === priority) return first;
    let level = this.#levels.find((candidate) => candidate.priority === priority);
    if (level === undefined) {
      // A priority that nobody waits with any more is forgotten, so that their number does not grow.
      this.#levels = this.#levels.filter(({ consumers }) => consumers.length > 0);
      level = { priority, consumers: [] };
      this.#levels.push(level);
      this.#levels.sort((left, right) => right.priority - left.priority);
    }
    return level;
  }
}

interface Level {
  readonly priority: number;
  readonly consumers: Consumer[];
}
