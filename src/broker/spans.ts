import type { Message } from './message.ts';
import type { Queue } from './queue.ts';
import type { Segment } from './queues/segment.ts';
import type { TraceOrigin } from './trace.ts';

/** How a delivery ended, for whoever follows messages. */
export type DeliveryEnd = 'acknowledge' | 'requeue' | 'reject' | 'abandon' | 'automatic';

/** A message that is handed out. */
export interface FollowedDelivery {
  readonly queue: Queue;
  readonly segment: Segment;
  readonly index: number;
  readonly redelivered: boolean;
  /** Together with the tag it names the delivery. */
  readonly channel: object;
  readonly tag: number;
  /** It has to be acknowledged. */
  readonly isSettledLater: boolean;
}

/** Somebody who follows messages on their way: distributed tracing. */
export interface MessageSpans {
  /** Before the message goes into its queues; it may be given another header. */
  published(message: Message, routed: readonly Queue[], origin: TraceOrigin): void;
  delivered(delivery: FollowedDelivery, origin: TraceOrigin): void;
  /** A delivery with `isSettledLater` has ended. */
  settled(channel: object, tag: number, end: DeliveryEnd): void;
}
