import type { ExchangeType } from './exchange-type.ts';
import { TopicMatcher } from './topic.ts';

/** In the default virtual host: events of the whole broker (RabbitMQ's plugin rabbitmq_event_exchange). */
export const eventExchange = 'amq.rabbitmq.event';

/**
 * A topic exchange that events of its virtual host are published to, `queue.created` and the like: see
 * events/event-exchanges.ts.
 */
export const event: ExchangeType = {
  name: 'x-event',
  description: 'Events of the virtual host, by topic',
  createMatcher: () => new TopicMatcher(),
};
