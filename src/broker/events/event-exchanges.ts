import { writeProperties } from '../../protocol/basic-properties.ts';
import { ByteWriter } from '../../protocol/byte-writer.ts';
import { persistentDeliveryMode } from '../../protocol/properties.ts';
import { eventExchange } from '../exchanges/event.ts';
import { Message } from '../message.ts';
import { defaultVirtualHost } from '../names.ts';
import type { Exchange } from '../routing/exchange.ts';
import type { VirtualHost } from '../virtual-host.ts';
import type { BrokerEvent } from './event-hub.ts';

const nothing = Buffer.alloc(0);

/**
 * Publishes events as messages: to amq.rabbitmq.event, and what concerns a virtual host to its exchanges of type
 * x-event. The routing key is the event, the headers say what there is to know, the body is empty.
 */
export function publishEvent(event: BrokerEvent, vhosts: ReadonlyMap<string, VirtualHost>): void {
  const global = vhosts.get(defaultVirtualHost);
  const own = event.vhost === undefined ? undefined : vhosts.get(event.vhost);
  const exchange = global?.findExchange(eventExchange);
  if (global !== undefined && exchange !== undefined) publish(event, exchange, global);
  if (own === undefined) return;
  for (const one of own.eventExchanges) publish(event, one, own);
}

function publish(event: BrokerEvent, exchange: Exchange, vhost: VirtualHost): void {
  if (exchange.bindingCount === 0 && !exchange.isWatched) return;
  const writer = new ByteWriter();
  writeProperties(writer, {
    headers: event.details,
    deliveryMode: persistentDeliveryMode,
    timestamp: BigInt(Math.floor(event.at / 1000)),
  });
  const message = Message.of(exchange.name, event.type, writer.bytes(), nothing);
  vhost.route(exchange, message).publish(message, event.at);
}
