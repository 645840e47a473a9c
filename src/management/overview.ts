import { version } from '../version.ts';
import type { BrokerView } from './view.ts';

/** The RabbitMQ whose API this is: clients look here before they use what only newer versions have. */
const rabbitmqVersion = '3.10.8';

const exchangeTypes = ['direct', 'fanout', 'headers', 'topic'];

/** `GET /api/overview`. */
export function overviewBody(view: BrokerView): Record<string, unknown> {
  const totals = view.totals();
  const node = view.nodeName;
  return {
    management_version: rabbitmqVersion,
    rabbitmq_version: rabbitmqVersion,
    product_name: 'Leveret',
    product_version: version,
    cluster_name: node,
    node,
    rates_mode: 'none',
    exchange_types: exchangeTypes.map((name) => ({
      name,
      description: `AMQP ${name} exchange, as per the AMQP specification`,
      enabled: true,
    })),
    message_stats: {},
    churn_rates: {},
    queue_totals: {
      messages: totals.messagesReady + totals.messagesUnacknowledged,
      messages_ready: totals.messagesReady,
      messages_unacknowledged: totals.messagesUnacknowledged,
    },
    object_totals: {
      channels: totals.channels,
      connections: totals.connections,
      consumers: totals.consumers,
      exchanges: totals.exchanges,
      queues: totals.queues,
    },
    listeners: view.listeners().map((listener) => ({
      node,
      protocol: listener.protocol,
      ip_address: listener.address,
      port: listener.port,
    })),
    contexts: [],
  };
}
