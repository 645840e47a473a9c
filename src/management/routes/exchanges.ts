import { exchangeTypes } from '../../broker/exchanges/registry.ts';
import type { Exchange } from '../../broker/routing/exchange.ts';
import { type Api, act, virtualHost, visibleVhosts } from '../api.ts';
import { badRequest, objectNotFound } from '../http/api-error.ts';
import { fieldTable } from '../http/arguments.ts';
import { compareText, selectColumns } from '../http/columns.ts';
import { Lister, listQuery, pagedListQuery } from '../http/listing.ts';
import type { Principal } from '../http/principal.ts';
import { created, noContent, type Route, route } from '../http/route.ts';
import { bool, object, optional, orElse, text } from '../http/schema.ts';
import { type Ranges, rangeQuery, rangesOf } from '../stats/ranges.ts';
import { exchangeDetailsView, exchangeView } from '../views/exchange.ts';

const tag = 'Exchanges';

/** How paths call the exchange without a name. */
const defaultExchange = 'amq.default';

interface Located {
  readonly vhost: string;
  readonly exchange: Exchange;
}

/** Exchanges: lists, declaration, deletion. */
export function exchangeRoutes(api: Api): readonly Route[] {
  const exchanges = new Lister<Located, Ranges>({
    nameOf: ({ exchange }) => exchange.name,
    compare: (left, right) =>
      compareText(left.vhost, right.vhost) || compareText(left.exchange.name, right.exchange.name),
    keyOf: ({ vhost, exchange }, path) =>
      path === 'name' ? exchange.name : path === 'vhost' ? vhost : undefined,
    view: ({ vhost, exchange }, ranges) => exchangeView(api, vhost, exchange, ranges),
  });
  return [
    route('GET', {
      path: '/exchanges',
      access: 'management',
      tag,
      summary: 'Exchanges of all virtual hosts',
      query: { ...pagedListQuery, ...rangeQuery },
      handle: ({ principal, query }) =>
        exchanges.page(principal.scope, visibleExchanges(api, principal), query, rangesOf(query)),
    }),
    route('GET', {
      path: '/exchanges/{vhost}',
      access: 'management',
      tag,
      summary: 'Exchanges of a virtual host',
      query: { ...pagedListQuery, ...rangeQuery },
      handle: ({ parameters: { vhost }, query }) =>
        exchanges.page(`in ${vhost}`, exchangesOf(api, vhost), query, rangesOf(query)),
    }),
    route('GET', {
      path: '/exchanges/{vhost}/{name}',
      access: 'management',
      tag,
      summary: 'One exchange; the default exchange is amq.default',
      query: { columns: listQuery.columns, ...rangeQuery },
      handle: ({ parameters: { vhost, name }, query }) => {
        const exchange = expectExchange(api, vhost, name);
        return selectColumns(exchangeDetailsView(api, vhost, exchange, rangesOf(query)), query.columns);
      },
    }),
    route('PUT', {
      path: '/exchanges/{vhost}/{name}',
      access: 'management',
      tag,
      summary: 'Declares an exchange',
      body: object({
        type: orElse(text('direct, fanout, topic, headers, ...'), 'direct'),
        durable: orElse(bool(), false),
        auto_delete: orElse(bool(), false),
        internal: orElse(bool(), false),
        arguments: fieldTable(),
      }),
      answers: { 201: 'Declared', 204: 'It was there already' },
      handle: async ({ parameters: { vhost, name: given }, body, principal }) => {
        const name = exchangeName(given);
        const { type, durable, internal, auto_delete: autoDelete, arguments: all } = body;
        if (!exchangeTypes.has(type)) throw badRequest(`invalid exchange type '${type}'`);
        const isNew = virtualHost(api, vhost).findExchange(name) === undefined;
        const declaration = { name, type, passive: false, durable, internal, autoDelete, arguments: all };
        await act(api, principal, vhost, (host, actor) => host.declareExchange(actor, declaration));
        return created(isNew);
      },
    }),
    route('DELETE', {
      path: '/exchanges/{vhost}/{name}',
      access: 'management',
      tag,
      summary: 'Deletes an exchange with its bindings',
      query: { 'if-unused': optional(bool('Only if nothing is bound to it.')) },
      handle: async ({ parameters: { vhost, name }, query, principal }) => {
        const exchange = expectExchange(api, vhost, name);
        const options = { name: exchange.name, ifUnused: query['if-unused'] === true };
        await act(api, principal, vhost, (host, actor) => host.deleteExchange(actor, options));
        return noContent;
      },
    }),
  ];
}

/** The name an exchange has in the model. */
export function exchangeName(given: string): string {
  return given === defaultExchange ? '' : given;
}

/** @throws ApiError 404 */
export function expectExchange(api: Api, vhost: string, name: string): Exchange {
  const exchange = virtualHost(api, vhost).findExchange(exchangeName(name));
  if (exchange === undefined) throw objectNotFound();
  return exchange;
}

function* exchangesOf(api: Api, vhost: string): Iterable<Located> {
  for (const exchange of virtualHost(api, vhost).exchanges()) yield { vhost, exchange };
}

function* visibleExchanges(api: Api, principal: Principal): Iterable<Located> {
  for (const { name } of visibleVhosts(api, principal)) yield* exchangesOf(api, name);
}
