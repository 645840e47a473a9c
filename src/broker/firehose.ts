import type { Message } from './message.ts';
import type { Queue } from './queue.ts';
import type { DeliveryEnd, FollowedDelivery } from './spans.ts';
import { deliveryTrace, publishTrace, type TraceOrigin, traceExchange } from './trace.ts';
import type { VirtualHost } from './virtual-host.ts';

/**
 * Sees what is published and delivered in a virtual host: copies it, if that is wanted (RabbitMQ page "Firehose
 * Tracer"), and tells distributed tracing.
 */
export class Firehose {
  /** For the caller to look at first: somebody wants to know. */
  isWatching: boolean;
  readonly #vhost: VirtualHost;
  #isOn = false;

  constructor(vhost: VirtualHost) {
    this.#vhost = vhost;
    this.isWatching = vhost.broker.spans !== undefined;
  }

  /** Whether copies are made. Not kept on disk. */
  get isOn(): boolean {
    return this.#isOn;
  }

  set isOn(isOn: boolean) {
    this.#isOn = isOn;
    this.isWatching = isOn || this.#vhost.broker.spans !== undefined;
  }

  /** Before the message goes into its queues; it may be given a header to be followed by. */
  published(message: Message, routed: readonly Queue[], origin: TraceOrigin): void {
    if (message.exchange === traceExchange) return;
    this.#vhost.broker.spans?.published(message, routed, origin);
    if (this.#isOn) this.#publish(publishTrace(message, routed, origin));
  }

  /** To a consumer or with basic.get. */
  delivered(delivery: FollowedDelivery, origin: TraceOrigin): void {
    const { queue, segment, index, redelivered } = delivery;
    const message = segment.message(index);
    if (message.exchange === traceExchange) return;
    this.#vhost.broker.spans?.delivered(delivery, origin);
    if (this.#isOn) this.#publish(deliveryTrace(message, queue.name, redelivered, origin));
  }

  /** A delivery that had to be settled has ended. */
  settled(channel: object, tag: number, end: DeliveryEnd): void {
    this.#vhost.broker.spans?.settled(channel, tag, end);
  }

  #publish(copy: Message): void {
    const exchange = this.#vhost.findExchange(traceExchange);
    if (exchange === undefined) return;
    const now = this.#vhost.broker.clock.now();
    this.#vhost.route(exchange, copy).publish(copy, now);
  }
}
