import type { FieldTable } from '../../protocol/field-table.ts';
import type { Binding, Destination } from '../binding.ts';
import type { Message } from '../message.ts';

/** How an exchange picks among its bindings. One per type, in the table of registry.ts. */
export interface ExchangeType {
  /** As in exchange.declare. */
  readonly name: string;
  /** Routes depend on more than the routing key, so they cannot be remembered by it. */
  readonly readsHeaders: boolean;
  /** The bindings of one exchange, arranged for this type. */
  createMatcher(): BindingMatcher;
  /** @throws AmqpError 406 when a binding of this type cannot have such arguments */
  checkBinding?(all: FieldTable): void;
}

/** The bindings of one exchange. A binding is added once and removed once. */
export interface BindingMatcher {
  add(binding: Binding): void;
  remove(binding: Binding): void;
  /** Adds the destinations that a message with this routing key goes to. */
  match(routingKey: string, message: Message, into: Set<Destination>): void;
}
