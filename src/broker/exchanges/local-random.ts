import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { Destination } from '../routing/binding.ts';
import type { ExchangeType } from './exchange-type.ts';
import { RandomMatcher } from './random.ts';

function check(routingKey: string, destination: Destination): void {
  if (routingKey !== '') throw invalid(`Non empty binding '${routingKey}' key not permitted`);
  if (destination.kind !== 'queue') throw invalid('Destination not found');
  const { type } = destination;
  if (type !== 'classic') throw invalid(`Queue type rabbit_${type}_queue not valid for this exchange type`);
}

function invalid(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, explanation);
}

/**
 * Any one of the classic queues that are bound on the publisher's node (RabbitMQ 4.0, page "Local Random Exchange"):
 * here all of them are.
 */
export const localRandom: ExchangeType = {
  name: 'x-local-random',
  description: 'Picks one random local binding (queue) to route via (to).',
  createMatcher: () => new RandomMatcher(),
  checkBinding: (routingKey, _all, _ofExchange, destination) => check(routingKey, destination),
};
