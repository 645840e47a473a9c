import type { Message } from '../message.ts';
import type { DeliveryEnd, TracedDelivery, TraceOrigin } from '../taps/trace.ts';

/** Somebody who follows messages on their way: distributed tracing. */
export interface MessageSpans {
  /** Before the message goes into its queues; it may be given another header. */
  published(message: Message, routed: readonly unknown[], origin: TraceOrigin): void;
  delivered(delivery: TracedDelivery, origin: TraceOrigin): void;
  /** A delivery with `isSettledLater` has ended. */
  settled(channel: object, tag: number, end: DeliveryEnd): void;
}
