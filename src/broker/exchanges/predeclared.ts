import type { Message } from '../message.ts';
import { defaultVirtualHost } from '../names.ts';
import type { Queue } from '../queues/queue.ts';
import type { Destination } from '../routing/binding.ts';
import { Exchange } from '../routing/exchange.ts';
import { direct } from './direct.ts';
import { eventExchange } from './event.ts';
import type { BindingMatcher } from './exchange-type.ts';
import { fanout } from './fanout.ts';
import { headers } from './headers.ts';
import { topic } from './topic.ts';

/** Every queue is bound to the default exchange by its name, and by nothing else. */
class QueueNameMatcher implements BindingMatcher {
  readonly looksBeyondKey = false;
  readonly #queues: ReadonlyMap<string, Queue>;

  constructor(queues: ReadonlyMap<string, Queue>) {
    this.#queues = queues;
  }

  add(): void {
    throw new Error('bind to the default exchange');
  }

  remove(): void {
    throw new Error('unbind from the default exchange');
  }

  match(routingKeys: readonly string[], _message: Message, into: Set<Destination>): void {
    for (const routingKey of routingKeys) {
      const queue = this.#queues.get(routingKey);
      if (queue !== undefined) into.add(queue);
    }
  }
}

/** The exchanges that a virtual host of that name is born with; `queues` are its queues by name. */
export function predeclaredExchanges(vhost: string, queues: ReadonlyMap<string, Queue>): readonly Exchange[] {
  const durable = true;
  const events = new Exchange({ name: eventExchange, type: topic, durable, internal: true });
  return [
    new Exchange({ name: '', type: direct, durable, matcher: new QueueNameMatcher(queues) }),
    new Exchange({ name: 'amq.direct', type: direct, durable }),
    new Exchange({ name: 'amq.fanout', type: fanout, durable }),
    new Exchange({ name: 'amq.headers', type: headers, durable }),
    new Exchange({ name: 'amq.match', type: headers, durable }),
    ...(vhost === defaultVirtualHost ? [events] : []),
    new Exchange({ name: 'amq.rabbitmq.trace', type: topic, durable, internal: true }),
    new Exchange({ name: 'amq.topic', type: topic, durable }),
  ];
}
