import type { Exchange } from './routing/exchange.ts';

/** What a permission row grants on queues and exchanges (RabbitMQ page "Access Control"). */
export type Permission = 'configure' | 'write' | 'read';

/** On whose behalf an operation on a virtual host runs. */
export interface Actor {
  /** Identity of the connection: owner of exclusive queues. */
  readonly owner: object;
  readonly username: string;
  /** What was allowed once is, for as long as this stays the same. */
  readonly version: number;
  /**
   * @throws AmqpError 403 ACCESS_REFUSED with RabbitMQ 3.10's text
   * @throws Undecided when somebody else has to be asked first
   */
  require(permission: Permission, kind: 'queue' | 'exchange', name: string): void;
  /** False where {@link requireTopic} lets every routing key pass. */
  checksTopics(exchange: Exchange): boolean;
  /**
   * Whether the routing key may be used with a topic exchange: to publish (`write`) or to bind (`read`).
   *
   * @throws AmqpError, Undecided as {@link require} does
   */
  requireTopic(permission: 'write' | 'read', exchange: Exchange, routingKey: string): void;
}

/**
 * Whether an operation is allowed is not known yet. Nothing of it has been done: it is to be tried again once
 * the promise has resolved, which it always does.
 */
export class Undecided {
  readonly decided: Promise<void>;

  constructor(decided: Promise<void>) {
    this.decided = decided;
  }
}
