import type { FieldTable } from '../protocol/field-table.ts';
import type { Queue } from './queue.ts';
import type { Segment } from './queues/segment.ts';

/** The channel a consumer is on, for listings. */
export interface ConsumerChannel {
  /** `client address -> broker address (number)` */
  readonly name: string;
  readonly number: number;
  readonly connectionName: string;
  readonly username: string;
  readonly peerHost: string;
  readonly peerPort: number;
}

/** Who takes messages from a queue. The server's channels implement it. */
export interface Consumer {
  readonly tag: string;
  /** Messages are settled as soon as they are handed over. */
  readonly noAck: boolean;
  readonly exclusive: boolean;
  /** x-priority: as long as a consumer with a higher one can take messages, lower ones get none. */
  readonly priority: number;
  readonly arguments: FieldTable;
  /** basic.qos when it was started; 0: no limit. */
  readonly prefetch: number;
  readonly channel: ConsumerChannel;
  /** May be handed a message now: below its prefetch limits, its socket not backed up. */
  readonly hasCapacity: boolean;
  /** Stands in the queue's ring of consumers with capacity; kept by the ring. */
  isInRing: boolean;
  deliver(queue: Queue, segment: Segment, index: number, redelivered: boolean): void;
  /** A message that was given back `deliveryCount` times comes again, and says so in x-delivery-count. */
  deliverAgain(queue: Queue, segment: Segment, index: number, deliveryCount: number): void;
  /** The queue is gone: no further delivery will come. */
  cancelledByServer(): void;
}
