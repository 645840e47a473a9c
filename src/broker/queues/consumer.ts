import type { FieldTable } from '../../protocol/field-table.ts';
import type { ReturnReason } from '../delays/return-reason.ts';
import type { Segment } from '../log/segment.ts';
import type { DeliveryTracer } from '../taps/trace.ts';
import type { QueueSettings } from './queue-settings.ts';

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

/** A queue as those know it who have messages of it. */
export interface DeliveringQueue {
  readonly name: string;
  readonly settings: QueueSettings;
  readonly vhost: { readonly name: string; readonly firehose: DeliveryTracer };
  /** A delivered message is done with. */
  acknowledge(segment: Segment, index: number, consumer?: Consumer): void;
  /** A consumer gives a message back: to its old place, marked redelivered, or for later where that is delayed. */
  requeue(segment: Segment, index: number, reason?: ReturnReason): void;
  /**
   * A delivered message that nobody gives back, nor ever settles, goes to its old place, or for later where that is
   * delayed. Without a reason it was only looked at.
   */
  abandon(segment: Segment, index: number, consumer?: Consumer, reason?: ReturnReason): void;
  /** A delivered message is refused for good: dead-lettered if the queue says where to, else dropped. */
  reject(segment: Segment, index: number): void;
  /** A consumer can take messages (again). */
  consumerHasCapacity(consumer: Consumer): void;
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
  deliver(queue: DeliveringQueue, segment: Segment, index: number, redelivered: boolean): void;
  /** A message that was given back `deliveryCount` times comes again, and says so in x-delivery-count. */
  deliverAgain(queue: DeliveringQueue, segment: Segment, index: number, deliveryCount: number): void;
  /** The queue is gone: no further delivery will come. */
  cancelledByServer(): void;
}
