import type { Message } from '../broker/message.ts';
import type { Queue } from '../broker/queue.ts';
import type { Delivery } from './unsettled.ts';

/** A publish inside a transaction: checked and routed when it came, enqueued at commit. */
export interface PendingPublish {
  /** A copy of its own. */
  readonly message: Message;
  readonly queues: readonly Queue[];
  readonly mandatory: boolean;
}

/** What becomes of a delivery at commit. */
export type Settlement = 'acknowledge' | 'requeue' | 'reject';

export interface PendingSettlement {
  readonly delivery: Delivery;
  readonly settlement: Settlement;
}

/** What a channel in transaction mode has gathered since the last commit or rollback (class tx). */
export class Transaction {
  readonly publishes: PendingPublish[] = [];
  readonly settlements: PendingSettlement[] = [];
}
