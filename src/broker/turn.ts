import type { Clock } from './clock.ts';
import type { HeldPublisher } from './queues/queue-flow.ts';

/** A queue that something has happened to. */
export interface TouchedQueue {
  readonly isDeleted: boolean;
  readonly readyCount: number;
  /** It has consumers, and more messages than they can take before they acknowledge others. */
  readonly outrunsConsumers: boolean;
  /** Stands in the list of queues to look at when the turn ends. */
  isTouched: boolean;
  /** Ready messages when it came to stand there. */
  readyBefore: number;
  drain(now: number): void;
  hold(publisher: HeldPublisher): boolean;
  forget(publisher: HeldPublisher): void;
}

/**
 * A turn of the event loop, at the end of which the queues that something has happened to hand out what is ready.
 * So a chunk with hundreds of publishes or acknowledgements makes each of its queues look at its consumers once.
 */
export class Turn {
  readonly #clock: Clock;
  #touched: TouchedQueue[] = [];
  #isEndScheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The queue has messages to hand out, or an expiry to look at, when the turn ends. */
  touch(queue: TouchedQueue): void {
    if (queue.isTouched) return;
    queue.isTouched = true;
    queue.readyBefore = queue.readyCount;
    this.#touched.push(queue);
    if (this.#isEndScheduled) return;
    this.#isEndScheduled = true;
    setImmediate(() => {
      this.#isEndScheduled = false;
      this.end(this.#clock.now());
    });
  }

  /** Returns a queue that has more than its consumers can take, if there is one; `now` is in milliseconds since the epoch. */
  end(now: number): TouchedQueue | undefined {
    const queues = this.#touched;
    if (queues.length === 0) return undefined;
    this.#touched = [];
    for (const queue of queues) queue.isTouched = false;
    let outrun: TouchedQueue | undefined;
    for (const queue of queues) {
      if (queue.isDeleted) continue;
      queue.drain(now);
      if (queue.outrunsConsumers) outrun = queue;
    }
    return outrun;
  }
}
