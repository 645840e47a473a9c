import type { ResourceKind } from '../../broker/names.ts';
import type { Binding, Destination } from '../../broker/routing/binding.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import { type Api, act, virtualHost, visibleVhosts } from '../api.ts';
import { objectNotFound } from '../http/api-error.ts';
import { fieldTable } from '../http/arguments.ts';
import type { Json } from '../http/columns.ts';
import { Lister, listQuery } from '../http/listing.ts';
import { Answer, noContent, type Route, route } from '../http/route.ts';
import { object, orElse, text } from '../http/schema.ts';
import { bindingView, defaultBindingView, propertiesKey } from '../views/binding.ts';
import { exchangeName } from './exchanges.ts';
import { expectQueue } from './queues.ts';

const tag = 'Bindings';

/** A binding, or without one what every queue has: the way from the default exchange by its name. */
interface Located {
  readonly vhost: string;
  readonly binding: Binding | undefined;
  readonly destination: Destination;
}

interface Ends {
  readonly vhost: string;
  readonly source: string;
  readonly destination: string;
}

/** Bindings, those of the default exchange included, which nobody can change. */
export function bindingRoutes(api: Api): readonly Route[] {
  const bindings = new Lister<Located>({ nameOf: () => '', view: viewOf });
  return [
    route('GET', {
      path: '/bindings',
      access: 'management',
      tag,
      summary: 'Bindings of all virtual hosts',
      query: listQuery,
      handle: ({ principal, query }) => {
        const vhosts = visibleVhosts(api, principal);
        return bindings.all(concatenated(vhosts.map((vhost) => bindingsIn(vhost))), query, undefined);
      },
    }),
    route('GET', {
      path: '/bindings/{vhost}',
      access: 'management',
      tag,
      summary: 'Bindings of a virtual host',
      query: listQuery,
      handle: ({ parameters: { vhost }, query }) =>
        bindings.all(bindingsIn(virtualHost(api, vhost)), query, undefined),
    }),
    route('GET', {
      path: '/queues/{vhost}/{name}/bindings',
      access: 'management',
      tag,
      summary: 'Bindings that lead to a queue',
      query: listQuery,
      handle: ({ parameters: { vhost, name }, query }) => {
        const host = virtualHost(api, vhost);
        return bindings.all(bindingsTo(host, expectQueue(api, vhost, name)), query, undefined);
      },
    }),
    route('GET', {
      path: '/exchanges/{vhost}/{name}/bindings/source',
      access: 'management',
      tag,
      summary: 'Bindings that lead away from an exchange',
      query: listQuery,
      handle: ({ parameters: { vhost, name }, query }) => {
        const host = virtualHost(api, vhost);
        const exchange = host.findExchange(exchangeName(name));
        if (exchange?.isDefault === true) return bindings.all(defaultBindings(host), query, undefined);
        return bindings.all(located(vhost, exchange?.bindings() ?? []), query, undefined);
      },
    }),
    route('GET', {
      path: '/exchanges/{vhost}/{name}/bindings/destination',
      access: 'management',
      tag,
      summary: 'Bindings that lead to an exchange',
      query: listQuery,
      handle: ({ parameters: { vhost, name }, query }) => {
        const host = virtualHost(api, vhost);
        const exchange = host.findExchange(exchangeName(name));
        const all = exchange === undefined ? [] : host.bindingsTo(exchange);
        return bindings.all(located(vhost, all), query, undefined);
      },
    }),
    ...betweenRoutes(api, bindings, 'queue'),
    ...betweenRoutes(api, bindings, 'exchange'),
  ];
}

/** Bindings from an exchange to a queue (`q`) or another exchange (`e`). */
function betweenRoutes(api: Api, bindings: Lister<Located>, kind: ResourceKind): readonly Route[] {
  const path =
    kind === 'queue'
      ? '/bindings/{vhost}/e/{source}/q/{destination}'
      : '/bindings/{vhost}/e/{source}/e/{destination}';
  const onePath = `${path}/{props}` as const;
  const find = ({ vhost, source, destination }: Ends) =>
    between(virtualHost(api, vhost), exchangeName(source), kind, destination);
  const one = (ends: Ends, key: string): Located => {
    for (const found of find(ends)) if (keyOf(found) === key) return found;
    throw objectNotFound();
  };
  return [
    route('GET', {
      path,
      access: 'management',
      tag,
      summary: `Bindings between an exchange and ${kind === 'queue' ? 'a queue' : 'another exchange'}`,
      query: listQuery,
      handle: ({ parameters, query }) => bindings.all(find(parameters), query, undefined),
    }),
    route('POST', {
      path,
      access: 'management',
      tag,
      summary: `Binds ${kind === 'queue' ? 'a queue' : 'an exchange'} to an exchange`,
      body: object({ routing_key: orElse(text(), ''), arguments: fieldTable() }),
      answers: { 201: 'Bound; the header Location tells the path of the binding, relative to this one' },
      handle: async ({ parameters, body, principal }) => {
        const { vhost, source, destination } = parameters;
        const { routing_key: routingKey, arguments: all } = body;
        const declaration = {
          source: exchangeName(source),
          destination,
          destinationKind: kind,
          routingKey,
          arguments: all,
        };
        await act(api, principal, vhost, (host, actor) => host.bind(actor, declaration));
        const location = [destination, propertiesKey(routingKey, all)].map(encodeURIComponent).join('/');
        return new Answer(201, undefined, { location });
      },
    }),
    route('GET', {
      path: onePath,
      access: 'management',
      tag,
      summary: 'One binding, by its properties_key',
      query: { columns: listQuery.columns },
      handle: ({ parameters }) => viewOf(one(parameters, parameters.props)),
    }),
    route('DELETE', {
      path: onePath,
      access: 'management',
      tag,
      summary: 'Unbinds, by the properties_key',
      handle: async ({ parameters, principal }) => {
        const { binding } = one(parameters, parameters.props);
        const { vhost, source, destination } = parameters;
        await act(api, principal, vhost, (host, actor) =>
          host.unbind(actor, {
            source: exchangeName(source),
            destination,
            destinationKind: kind,
            routingKey: binding?.routingKey ?? destination,
            arguments: binding?.arguments ?? FieldTable.empty,
          }),
        );
        return noContent;
      },
    }),
  ];
}

function viewOf({ vhost, binding, destination }: Located): Json {
  return binding === undefined ? defaultBindingView(vhost, destination.name) : bindingView(vhost, binding);
}

function keyOf({ binding, destination }: Located): string {
  return binding === undefined
    ? propertiesKey(destination.name, FieldTable.empty)
    : propertiesKey(binding.routingKey, binding.arguments);
}

function* located(vhost: string, bindings: Iterable<Binding>): Iterable<Located> {
  for (const binding of bindings) yield { vhost, binding, destination: binding.destination };
}

function* defaultBindings(vhost: VirtualHost): Iterable<Located> {
  for (const destination of vhost.queues()) yield { vhost: vhost.name, binding: undefined, destination };
}

function* bindingsIn(vhost: VirtualHost): Iterable<Located> {
  yield* defaultBindings(vhost);
  yield* located(vhost.name, vhost.bindings());
}

function* bindingsTo(vhost: VirtualHost, destination: Destination): Iterable<Located> {
  yield { vhost: vhost.name, binding: undefined, destination };
  yield* located(vhost.name, vhost.bindingsTo(destination));
}

/** None where one of the ends is missing, as in RabbitMQ. */
function* between(vhost: VirtualHost, source: string, kind: ResourceKind, name: string): Iterable<Located> {
  const destination = kind === 'queue' ? vhost.findQueue(name) : vhost.findExchange(name);
  if (destination === undefined) return;
  if (source === '' && kind === 'queue') {
    yield { vhost: vhost.name, binding: undefined, destination };
    return;
  }
  for (const binding of vhost.bindingsTo(destination)) {
    if (binding.source.name === source) yield { vhost: vhost.name, binding, destination };
  }
}

function* concatenated<Item>(all: Iterable<Iterable<Item>>): Iterable<Item> {
  for (const each of all) yield* each;
}
