import { newHash } from '../hash.ts';
import type { Message } from '../message.ts';
import type { Binding, Destination } from '../routing/binding.ts';
import { Destinations } from './destinations.ts';
import type { BindingMatcher, ExchangeType } from './exchange-type.ts';
import { routingKeySource } from './hash-source.ts';

class ModulusHashMatcher implements BindingMatcher {
  readonly looksBeyondKey = false;
  readonly #destinations = new Destinations();
  readonly #hash = newHash();
  /** By name, whatever order the bindings came in; undefined when they have changed. */
  #sorted: readonly Destination[] | undefined;

  add(binding: Binding): void {
    this.#destinations.add(binding.destination);
    this.#sorted = undefined;
  }

  remove(binding: Binding): void {
    this.#destinations.remove(binding.destination);
    this.#sorted = undefined;
  }

  match(_routingKeys: readonly string[], message: Message, into: Set<Destination>): void {
    this.#sorted ??= this.#destinations.sorted();
    routingKeySource(message, this.#hash);
    const chosen = this.#sorted[(this.#hash[0] ?? 0) % this.#sorted.length];
    if (chosen !== undefined) into.add(chosen);
  }
}

/**
 * The routing key's hash modulo the number of destinations (RabbitMQ's plugin rabbitmq_sharding). Nearly every key
 * moves when one comes or goes: x-consistent-hash is the better choice wherever that matters.
 */
export const modulusHash: ExchangeType = {
  name: 'x-modulus-hash',
  description: 'Modulus Hashing Exchange',
  createMatcher: () => new ModulusHashMatcher(),
};
