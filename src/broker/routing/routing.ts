import type { Clock } from '../clock.ts';
import type { MessageSpans } from '../log/spans.ts';
import type { Message } from '../message.ts';
import type { Queue } from '../queues/queue.ts';
import type { Destination } from './binding.ts';
import { hasCopyHeaders, routingKeysOf } from './copy-headers.ts';
import type { Exchange } from './exchange.ts';
import type { Admission, Interceptor } from './interceptor.ts';
import type { ReplyAddresses } from './reply-addresses.ts';
import { Route } from './route.ts';

/** A virtual host, for those inside the broker who publish to it. */
export interface MessageRouter {
  /** `spans`: who follows messages, if anybody does. */
  readonly broker: { readonly clock: Clock; readonly spans?: MessageSpans | undefined };
  findExchange(name: string): Exchange | undefined;
  /** @throws AmqpError 406 when CC or BCC is no array */
  route(exchange: Exchange, message: Message): Route;
}

/** What routes lead through. */
export interface Roads {
  readonly exchanges: ReadonlyMap<string, Exchange>;
  /** Changes with every change of exchanges, queues or bindings: what was remembered before holds no more. */
  readonly version: number;
}

/**
 * Where messages go in a virtual host.
 *
 * A hit is one look into the exchange's cache, which knows what depends on the routing key alone. Where more
 * plays a part (headers, chance, an exchange further on that looks at each message, keys in CC and BCC) the way is
 * gone anew each time. What the exchange's own interceptors have to say comes first, and is asked each time.
 *
 * The default exchange also knows the reply addresses. They are no queues: a message that went nowhere else
 * was not routed.
 */
export class Routing {
  readonly #roads: Roads;
  readonly #replies: ReplyAddresses;

  constructor(roads: Roads, replies: ReplyAddresses) {
    this.#roads = roads;
    this.#replies = replies;
  }

  /** @throws AmqpError 406 when CC or BCC is no array */
  route(exchange: Exchange, message: Message): Route {
    const { interceptors } = exchange;
    if (interceptors.length === 0) return this.#routeBehind(exchange, message);
    const admissions: Admission[] = [];
    const behind = admits(interceptors, message, admissions)
      ? this.#routeBehind(exchange, message)
      : Route.nowhere;
    return behind.after(admissions);
  }

  /** Where a message goes that the exchange's interceptors have let pass. */
  #routeBehind(exchange: Exchange, message: Message): Route {
    if (message.scan.headersEnd !== 0 && hasCopyHeaders(message)) {
      const routingKeys = routingKeysOf(message);
      if (exchange.isDefault) this.#replies.deliver(routingKeys, message);
      return findRoute(this.#roads.exchanges, exchange, message, routingKeys).route;
    }
    const { routingKey } = message;
    const known = exchange.routes.get(this.#roads.version, routingKey);
    if (known !== undefined && known.queues.length > 0) return known;
    if (exchange.isDefault) this.#replies.deliver([routingKey], message);
    if (known !== undefined) return known;
    const { exchanges } = this.#roads;
    const { route: found, looksBeyondKey } = findRoute(exchanges, exchange, message, [routingKey]);
    if (!looksBeyondKey) exchange.routes.set(routingKey, found);
    return found;
  }
}

interface Found {
  readonly route: Route;
  /** Another message with the same routing key may go elsewhere. */
  readonly looksBeyondKey: boolean;
}

/**
 * Goes from the first exchange, whose interceptors have been asked, to others, breadth first and to each once, so
 * circles are harmless. An exchange whose bindings all decline hands the message to its alternate exchange.
 */
function findRoute(
  exchanges: ReadonlyMap<string, Exchange>,
  first: Exchange,
  message: Message,
  routingKeys: readonly string[],
): Found {
  const queues = new Set<Queue>();
  const admissions: Admission[] = [];
  const reached = new Set([first]);
  let looksBeyondKey = false;
  // A set that grows while it is walked is walked to its new end.
  for (const exchange of reached) {
    const { interceptors, matcher } = exchange;
    looksBeyondKey ||= matcher.looksBeyondKey;
    if (exchange !== first) {
      looksBeyondKey ||= interceptors.length > 0;
      if (!admits(interceptors, message, admissions)) continue;
    }
    const destinations = new Set<Destination>();
    matcher.match(routingKeys, message, destinations);
    for (const destination of destinations) {
      if (destination.kind === 'queue') {
        queues.add(destination);
      } else {
        const next = exchanges.get(destination.name);
        if (next !== undefined) reached.add(next);
      }
    }
    if (destinations.size > 0) continue;
    const alternate = alternateOf(exchange, exchanges);
    // The default exchange routes for those who publish to it only, as in RabbitMQ.
    if (alternate !== undefined && !alternate.isDefault) reached.add(alternate);
  }
  const isNowhere = queues.size === 0 && admissions.length === 0;
  return { route: isNowhere ? Route.nowhere : new Route([...queues], admissions), looksBeyondKey };
}

/** False when one of them keeps the message. */
function admits(interceptors: readonly Interceptor[], message: Message, into: Admission[]): boolean {
  for (const interceptor of interceptors) {
    const admission = interceptor.admit(message);
    if (admission !== undefined) into.push(admission);
    if (admission?.goesOn === false) return false;
  }
  return true;
}

/** The default exchange may be named but, as in RabbitMQ, routes nothing then: it has no real bindings. */
function alternateOf(
  { alternateExchange: name }: Exchange,
  exchanges: ReadonlyMap<string, Exchange>,
): Exchange | undefined {
  return name === undefined || name === '' ? undefined : exchanges.get(name);
}
