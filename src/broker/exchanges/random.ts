import type { Message } from '../message.ts';
import type { Binding, Destination } from '../routing/binding.ts';
import type { BindingMatcher, ExchangeType } from './exchange-type.ts';

/** Picks any one of the bindings. */
export class RandomMatcher implements BindingMatcher {
  readonly looksBeyondKey = true;
  readonly #bindings: Binding[] = [];

  add(binding: Binding): void {
    this.#bindings.push(binding);
  }

  remove(binding: Binding): void {
    this.#bindings.splice(this.#bindings.indexOf(binding), 1);
  }

  match(_routingKeys: readonly string[], _message: Message, into: Set<Destination>): void {
    const chosen = this.#bindings[Math.floor(Math.random() * this.#bindings.length)];
    if (chosen !== undefined) into.add(chosen.destination);
  }
}

/** Any one of the bindings, whatever the routing key (RabbitMQ's plugin rabbitmq_random_exchange). */
export const random: ExchangeType = {
  name: 'x-random',
  description: 'Randomly picks a binding (queue) to route via (to).',
  createMatcher: () => new RandomMatcher(),
};
