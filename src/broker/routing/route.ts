import type { Message } from '../message.ts';
import type { Queue } from '../queues/queue.ts';
import type { Admission } from './interceptor.ts';
import { PublishOutcome } from './publish-outcome.ts';

const none: readonly never[] = [];

/** Where one message goes, or all with the same routing key. Shared, so nothing of it may be changed. */
export class Route {
  static readonly nowhere = new Route(none, none);

  /** Distinct. */
  readonly queues: readonly Queue[];
  readonly #admissions: readonly Admission[];

  constructor(queues: readonly Queue[], admissions: readonly Admission[]) {
    this.queues = queues;
    this.#admissions = admissions;
  }

  /** False: no queue gets the message, nor did an exchange on the way keep it from them. */
  get isRouted(): boolean {
    return this.queues.length > 0 || this.#admissions.some(({ goesOn }) => !goesOn);
  }

  /** Who published it as `mandatory` gets the message back: as things are it reaches no queue. */
  get isReturned(): boolean {
    return (
      !this.isRouted || (this.queues.length === 0 && this.#admissions.some(({ isDeferred }) => isDeferred))
    );
  }

  /** Holds for this moment only: an exchange on the way may decide otherwise once other messages have come. */
  get isPassing(): boolean {
    return this.#admissions.length > 0;
  }

  /** The same way, before which an exchange has decided this. */
  after(admissions: readonly Admission[]): Route {
    return admissions.length === 0 ? this : new Route(this.queues, [...admissions, ...this.#admissions]);
  }

  /** The same way, but to these queues. */
  to(queues: readonly Queue[]): Route {
    return new Route(queues, this.#admissions);
  }

  /** Puts the message into all queues. Returns a {@link PublishOutcome}; for `now` see {@link Queue.publish}. */
  publish(message: Message, now: number): number {
    let outcome: number = PublishOutcome.Accepted;
    for (const queue of this.queues) outcome |= queue.publish(message, now);
    if (this.#admissions.length > 0) outcome = this.#carryOut(message, now, outcome);
    return outcome;
  }

  #carryOut(message: Message, now: number, ofQueues: number): number {
    let outcome = ofQueues;
    for (const admission of this.#admissions) outcome |= admission.carryOut(message, now, outcome);
    return outcome;
  }
}
