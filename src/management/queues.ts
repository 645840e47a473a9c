import type { BrokerView, QueueView } from './view.ts';

/** An element of `GET /api/queues`, under RabbitMQ's names. */
export type QueueBody = Readonly<Record<string, unknown>>;

/** The queues of a virtual host, or all, by virtual host and name. */
export function queueBodies(view: BrokerView, vhost?: string): QueueBody[] {
  return [...view.queues()]
    .filter((queue) => vhost === undefined || queue.vhost === vhost)
    .sort((a, b) => compare(a.vhost, b.vhost) || compare(a.name, b.name))
    .map((queue) => queueBody(queue, view.nodeName));
}

/** Keeps the fields that the query parameter `columns` names: `name,messages`. */
export function selectColumns(body: QueueBody, columns: string | undefined): QueueBody {
  if (columns === undefined || columns === '') return body;
  const wanted = new Set(columns.split(','));
  return Object.fromEntries(Object.entries(body).filter(([field]) => wanted.has(field)));
}

function queueBody(queue: QueueView, node: string): QueueBody {
  return {
    name: queue.name,
    vhost: queue.vhost,
    type: queue.type,
    durable: queue.durable,
    auto_delete: queue.autoDelete,
    exclusive: queue.exclusive,
    arguments: queue.arguments,
    node,
    state: queue.state,
    policy: queue.policy ?? null,
    operator_policy: queue.operatorPolicy ?? null,
    effective_policy_definition: queue.effectivePolicyDefinition,
    consumers: queue.consumers,
    messages: queue.messagesReady + queue.messagesUnacknowledged,
    messages_ready: queue.messagesReady,
    messages_unacknowledged: queue.messagesUnacknowledged,
  };
}

/** By code units, so that the order does not depend on the machine's language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
