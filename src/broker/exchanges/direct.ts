import type { Message } from '../message.ts';
import type { Binding, Destination } from '../routing/binding.ts';
import { Destinations } from './destinations.ts';
import type { BindingMatcher, ExchangeType } from './exchange-type.ts';

class DirectMatcher implements BindingMatcher {
  readonly looksBeyondKey = false;
  readonly #byKey = new Map<string, Destinations>();

  add({ routingKey, destination }: Binding): void {
    let destinations = this.#byKey.get(routingKey);
    if (destinations === undefined) {
      destinations = new Destinations();
      this.#byKey.set(routingKey, destinations);
    }
    destinations.add(destination);
  }

  remove({ routingKey, destination }: Binding): void {
    const destinations = this.#byKey.get(routingKey);
    destinations?.remove(destination);
    if (destinations?.isEmpty) this.#byKey.delete(routingKey);
  }

  match(routingKeys: readonly string[], _message: Message, into: Set<Destination>): void {
    for (const routingKey of routingKeys) this.#byKey.get(routingKey)?.collect(into);
  }
}

/** The routing key is that of the binding, byte for byte. */
export const direct: ExchangeType = {
  name: 'direct',
  description: 'AMQP direct exchange, as per the AMQP specification',
  createMatcher: () => new DirectMatcher(),
};
