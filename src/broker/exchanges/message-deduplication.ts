import { checkDeduplicationArguments, deduplicationArgument } from '../deduplication/settings.ts';
import type { ExchangeType } from './exchange-type.ts';
import { FanoutMatcher } from './fanout.ts';

/** Every binding gets every message once: see {@link Deduplicator} (RabbitMQ's plugin rabbitmq-message-deduplication). */
export const messageDeduplication: ExchangeType = {
  name: deduplicationArgument,
  description: 'Message Deduplication Exchange.',
  createMatcher: () => new FanoutMatcher(),
  checkArguments: (all) => checkDeduplicationArguments(all, true),
};
