import type { Message } from '../message.ts';
import type { Binding, Destination } from '../routing/binding.ts';
import { Destinations } from './destinations.ts';
import type { BindingMatcher, ExchangeType } from './exchange-type.ts';

/** Every binding matches, whatever the routing key. */
export class FanoutMatcher implements BindingMatcher {
  readonly looksBeyondKey = false;
  readonly #destinations = new Destinations();

  add(binding: Binding): void {
    this.#destinations.add(binding.destination);
  }

  remove(binding: Binding): void {
    this.#destinations.remove(binding.destination);
  }

  match(_routingKeys: readonly string[], _message: Message, into: Set<Destination>): void {
    this.#destinations.collect(into);
  }
}

/** Every binding gets every message. */
export const fanout: ExchangeType = {
  name: 'fanout',
  description: 'AMQP fanout exchange, as per the AMQP specification',
  createMatcher: () => new FanoutMatcher(),
};
