import type { Destination } from './binding.ts';
import { hasCopyHeaders, routingKeysOf } from './copy-headers.ts';
import { Exchange } from './exchange.ts';
import type { Message } from './message.ts';
import type { Queue } from './queue.ts';
import type { ReplyAddresses } from './reply-addresses.ts';

const nowhere: readonly Queue[] = [];

/**
 * Distinct queues for a message. The result is shared and must not be changed.
 *
 * A hit is one look into the exchange's cache, which knows what depends on the routing key alone. Where
 * headers play a part (a headers exchange on the way, keys in CC and BCC) the way is gone anew each time.
 *
 * The default exchange also knows the reply addresses. They are no queues: a message that went nowhere else
 * was not routed.
 *
 * @throws AmqpError 406 when CC or BCC is no array
 */
export function route(
  exchanges: ReadonlyMap<string, Exchange>,
  replies: ReplyAddresses,
  topologyVersion: number,
  exchange: Exchange,
  message: Message,
): readonly Queue[] {
  if (message.scan.headersEnd !== 0 && hasCopyHeaders(message)) {
    const routingKeys = routingKeysOf(message);
    if (exchange.isDefault) replies.deliver(routingKeys, message);
    return findQueues(exchanges, exchange, message, routingKeys).queues;
  }
  const { routingKey } = message;
  const known = exchange.routes.get(topologyVersion, routingKey);
  if (known !== undefined && known.length > 0) return known;
  if (exchange.isDefault) replies.deliver([routingKey], message);
  if (known !== undefined) return known;
  const { queues, readsHeaders } = findQueues(exchanges, exchange, message, [routingKey]);
  if (!readsHeaders) exchange.routes.set(routingKey, queues);
  return queues;
}

interface Found {
  readonly queues: readonly Queue[];
  /** Another message with the same routing key may go elsewhere. */
  readonly readsHeaders: boolean;
}

/**
 * Goes from exchange to exchange, breadth first and to each once, so circles are harmless. An exchange
 * whose bindings all decline hands the message to its alternate exchange.
 */
function findQueues(
  exchanges: ReadonlyMap<string, Exchange>,
  first: Exchange,
  message: Message,
  routingKeys: readonly string[],
): Found {
  const queues = new Set<Queue>();
  const reached = new Set([first]);
  let readsHeaders = false;
  // A set that grows while it is walked is walked to its new end.
  for (const exchange of reached) {
    readsHeaders ||= exchange.type.readsHeaders;
    const destinations = new Set<Destination>();
    for (const routingKey of routingKeys) exchange.matcher.match(routingKey, message, destinations);
    for (const destination of destinations) {
      if (destination instanceof Exchange) reached.add(destination);
      else queues.add(destination);
    }
    if (destinations.size > 0) continue;
    const alternate = alternateOf(exchange, exchanges);
    // The default exchange routes for those who publish to it only, as in RabbitMQ.
    if (alternate !== undefined && !alternate.isDefault) reached.add(alternate);
  }
  return { queues: queues.size === 0 ? nowhere : [...queues], readsHeaders };
}

/** The default exchange may be named but, as in RabbitMQ, routes nothing then: it has no real bindings. */
function alternateOf(
  { alternateExchange: name }: Exchange,
  exchanges: ReadonlyMap<string, Exchange>,
): Exchange | undefined {
  return name === undefined || name === '' ? undefined : exchanges.get(name);
}
