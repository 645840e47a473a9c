import type { Message } from '../message.ts';
import type { MessageRouter } from '../routing/routing.ts';
import {
  type DeliveryEnd,
  type DeliveryTracer,
  deliveryTrace,
  publishTrace,
  type TracedDelivery,
  type TraceOrigin,
  traceExchange,
} from './trace.ts';

/**
 * Sees what is published and delivered in a virtual host: copies it, if that is wanted (RabbitMQ page "Firehose
 * Tracer"), and tells distributed tracing.
 */
export class Firehose implements DeliveryTracer {
  isWatching: boolean;
  readonly #vhost: MessageRouter;
  #isOn = false;

  constructor(vhost: MessageRouter) {
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
  published(message: Message, routed: readonly { readonly name: string }[], origin: TraceOrigin): void {
    if (message.exchange === traceExchange) return;
    this.#vhost.broker.spans?.published(message, routed, origin);
    if (this.#isOn) this.#publish(publishTrace(message, routed, origin));
  }

  delivered(delivery: TracedDelivery, origin: TraceOrigin): void {
    const { message, queue, redelivered } = delivery;
    if (message.exchange === traceExchange) return;
    this.#vhost.broker.spans?.delivered(delivery, origin);
    if (this.#isOn) this.#publish(deliveryTrace(message, queue.name, redelivered, origin));
  }

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
