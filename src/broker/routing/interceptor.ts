import type { Message } from '../message.ts';

/** What an exchange does with messages besides choosing among its bindings. */
export interface Interceptor {
  /**
   * Looks at a message that has reached the exchange, before the bindings are asked. Changes nothing: whether the
   * message is put into queues at all turns out later ({@link Admission.carryOut}). Undefined: it goes its way as
   * from any other exchange.
   */
  admit(message: Message): Admission | undefined;
}

/** What an {@link Interceptor} has decided about one message. */
export interface Admission {
  /** False: the message takes none of the ways out of the exchange, not even to the alternate exchange. */
  readonly goesOn: boolean;
  /** The message is routed later, nobody knows where to: who published it as `mandatory` gets it back all the same. */
  readonly isDeferred?: true;
  /**
   * The message has been put into its queues at `now`, in milliseconds since the epoch, with the
   * {@link PublishOutcome} `outcome`. Returns what is to be added to it.
   */
  carryOut(message: Message, now: number, outcome: number): number;
}
