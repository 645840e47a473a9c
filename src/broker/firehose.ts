import type { Message } from './message.ts';
import type { MessageRouter } from './routing.ts';
import {
  type DeliveryTracer,
  deliveryTrace,
  publishTrace,
  type TraceOrigin,
  traceExchange,
} from './trace.ts';

/** Copies what is published and delivered in a virtual host (RabbitMQ page "Firehose Tracer"). */
export class Firehose implements DeliveryTracer {
  /** Not kept on disk. */
  isOn = false;
  readonly #vhost: MessageRouter;

  constructor(vhost: MessageRouter) {
    this.#vhost = vhost;
  }

  published(message: Message, routed: readonly { readonly name: string }[], origin: TraceOrigin): void {
    if (message.exchange !== traceExchange) this.#publish(publishTrace(message, routed, origin));
  }

  delivered(
    message: Message,
    queue: { readonly name: string },
    redelivered: boolean,
    origin: TraceOrigin,
  ): void {
    if (message.exchange === traceExchange) return;
    this.#publish(deliveryTrace(message, queue.name, redelivered, origin));
  }

  #publish(copy: Message): void {
    const exchange = this.#vhost.findExchange(traceExchange);
    if (exchange === undefined) return;
    const now = this.#vhost.broker.clock.now();
    this.#vhost.route(exchange, copy).publish(copy, now);
  }
}
