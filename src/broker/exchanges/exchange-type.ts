import type { FieldTable } from '../../protocol/field-table.ts';
import type { Message } from '../message.ts';
import type { Binding, Destination } from '../routing/binding.ts';

/** How an exchange picks among its bindings. One per type, in the table of registry.ts. */
export interface ExchangeType {
  /** As in exchange.declare. */
  readonly name: string;
  /** As RabbitMQ's management lists it. */
  readonly description: string;
  /** The bindings of one exchange with these arguments, arranged for this type. */
  createMatcher(all: FieldTable): BindingMatcher;
  /** @throws AmqpError 406 when an exchange of this type cannot have such arguments */
  checkArguments?(all: FieldTable): void;
  /**
   * @param ofExchange arguments of the exchange
   * @throws AmqpError 406 when a binding of this type cannot have such a routing key, such arguments, or lead there
   */
  checkBinding?(routingKey: string, all: FieldTable, ofExchange: FieldTable, destination: Destination): void;
  /** Messages may have to wait at exchanges of this type before they are routed. */
  readonly delays?: true;
}

/** The bindings of one exchange. A binding is added once and removed once. */
export interface BindingMatcher {
  /** Two messages with the same routing key may go different ways, so they cannot be remembered by it. */
  readonly looksBeyondKey: boolean;
  add(binding: Binding): void;
  remove(binding: Binding): void;
  /**
   * Adds the destinations of a message with these routing keys: the one it was published with, then those in its
   * CC and BCC headers.
   */
  match(routingKeys: readonly string[], message: Message, into: Set<Destination>): void;
}
