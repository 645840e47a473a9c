import type { Message } from './message.ts';
import type { Queue } from './queue.ts';
import { deliveryTrace, publishTrace, type TraceOrigin, traceExchange } from './trace.ts';
import type { VirtualHost } from './virtual-host.ts';

/** Copies what is published and delivered in a virtual host (RabbitMQ page "Firehose Tracer"). */
export class Firehose {
  /** For the caller to look at first. Not kept on disk. */
  isOn = false;
  readonly #vhost: VirtualHost;

  constructor(vhost: VirtualHost) {
    this.#vhost = vhost;
  }

  published(message: Message, routed: readonly Queue[], origin: TraceOrigin): void {
    if (message.exchange !== traceExchange) this.#publish(publishTrace(message, routed, origin));
  }

  /** To a consumer or with basic.get. */
  delivered(message: Message, queue: Queue, redelivered: boolean, origin: TraceOrigin): void {
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
