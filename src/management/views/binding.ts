import { createHash } from 'node:crypto';
import { type Binding, sortedArgumentBytes } from '../../broker/routing/binding.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import type { Json } from '../http/columns.ts';

/** A binding as lists show it. */
export function bindingView(vhost: string, binding: Binding): Json {
  const { source, destination, routingKey, arguments: all } = binding;
  return {
    source: source.name,
    vhost,
    destination: destination.name,
    destination_type: destination.kind,
    routing_key: routingKey,
    arguments: all.toJSON(),
    properties_key: propertiesKey(routingKey, all),
  };
}

/** What every queue has without asking: a binding to the default exchange by its name. */
export function defaultBindingView(vhost: string, queue: string): Json {
  return {
    source: '',
    vhost,
    destination: queue,
    destination_type: 'queue',
    routing_key: queue,
    arguments: {},
    properties_key: quoted(queue),
  };
}

/**
 * The name of a binding among those with the same ends: the routing key, encoded as in a form, and a hash of the
 * arguments, if there are any. RabbitMQ hashes Erlang terms, so its hashes look alike but are not the same.
 */
export function propertiesKey(routingKey: string, all: FieldTable): string {
  if (all.size === 0) return routingKey === '' ? '~' : quoted(routingKey);
  const hash = createHash('sha256').update(sortedArgumentBytes(all)).digest().subarray(0, hashBytes);
  return `${quoted(routingKey)}~${hash.toString('base64url')}`;
}

/** RabbitMQ has four; more make it unlikely that two bindings share a name. */
const hashBytes = 9;

/** As mochiweb's quote_plus: spaces become `+`, everything but letters, digits, `.`, `-` and `_` is escaped. */
function quoted(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*~]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}
