import type { Consumer } from '../../broker/queues/consumer.ts';
import type { Queue } from '../../broker/queues/queue.ts';
import { type Api, visibleVhosts } from '../api.ts';
import { type ClientConnection, type OpenChannel, openChannels, openConnections } from '../clients.ts';
import { notAuthorised, objectNotFound } from '../http/api-error.ts';
import { compareText, selectColumns } from '../http/columns.ts';
import { Lister, listQuery, pagedListQuery } from '../http/listing.ts';
import type { Principal } from '../http/principal.ts';
import { noContent, type Route, route } from '../http/route.ts';
import type { ValuesOf } from '../http/schema.ts';
import { type Ranges, rangeQuery, rangesOf } from '../stats/ranges.ts';
import { channelView, connectionView } from '../views/connection.ts';
import { consumerView } from '../views/consumer.ts';

/** What the client is told; RabbitMQ's words. */
const defaultReason = 'Closed via management plugin';
/** Longest reason that is passed on, in characters. */
const reasonMax = 200;

const pagedQuery = { ...pagedListQuery, ...rangeQuery };
const oneQuery = { columns: listQuery.columns, ...rangeQuery };
type PagedQuery = ValuesOf<typeof pagedQuery>;

interface Subscription {
  readonly queue: Queue;
  readonly consumer: Consumer;
}

/** Connections, channels and consumers. Who may not monitor sees and closes those of the same user only. */
export function connectionRoutes(api: Api): readonly Route[] {
  const connections = new Lister<ClientConnection, Ranges>({
    nameOf: ({ name }) => name,
    compare: (left, right) => compareText(left.name, right.name),
    view: (connection, ranges) => (connection.isOpen ? connectionView(api, connection, ranges) : undefined),
  });
  const channels = new Lister<OpenChannel, Ranges>({
    nameOf: ({ channel }) => channel.name,
    compare: (left, right) =>
      compareText(left.connection.name, right.connection.name) || left.channel.number - right.channel.number,
    view: (open, ranges) => channelView(api, open, ranges),
  });
  const consumers = new Lister<Subscription>({
    nameOf: ({ consumer }) => consumer.tag,
    view: ({ queue, consumer }) => consumerView(api, queue, consumer),
  });
  const listConnections = (scope: string, items: Iterable<ClientConnection>, query: PagedQuery) =>
    connections.page(scope, items, query, rangesOf(query));
  const listChannels = (scope: string, items: Iterable<ClientConnection>, query: PagedQuery) =>
    channels.page(scope, openChannels(items), query, rangesOf(query));
  const expectConnection = (name: string, principal: Principal): ClientConnection => {
    for (const connection of openConnections(api.clients)) {
      if (connection.name !== name) continue;
      if (isVisible(connection, principal)) return connection;
      throw notAuthorised('User not authorised to access object');
    }
    throw objectNotFound();
  };
  const close = (connection: ClientConnection, reason: string | readonly string[] | undefined) => {
    const text = typeof reason === 'string' && reason !== '' ? reason : defaultReason;
    api.logger.info({ connection: connection.name }, `an operator closes connection ${connection.name}`);
    connection.closeForced(text.slice(0, reasonMax));
  };

  return [
    route('GET', {
      path: '/connections',
      access: 'management',
      tag: 'Connections',
      summary: 'Connections that are open',
      query: pagedQuery,
      handle: ({ principal, query }) => listConnections(scopeOf(principal), visible(api, principal), query),
    }),
    route('GET', {
      path: '/vhosts/{vhost}/connections',
      access: 'management',
      tag: 'Connections',
      summary: 'Connections to a virtual host',
      query: pagedQuery,
      handle: ({ parameters: { vhost }, principal, query }) =>
        listConnections(`${scopeOf(principal)} ${vhost}`, inVhost(visible(api, principal), vhost), query),
    }),
    route('GET', {
      path: '/connections/username/{username}',
      access: 'management',
      tag: 'Connections',
      summary: 'Connections of a user',
      query: pagedQuery,
      handle: ({ parameters: { username }, principal, query }) =>
        listConnections(
          `${scopeOf(principal)} of ${username}`,
          ofUser(visible(api, principal), username),
          query,
        ),
    }),
    route('DELETE', {
      path: '/connections/username/{username}',
      access: 'management',
      tag: 'Connections',
      summary: 'Closes the connections of a user; the header X-Reason says why',
      handle: ({ parameters: { username }, principal, headers }) => {
        if (!principal.isAdministrator && principal.username !== username) {
          throw notAuthorised('User not authorised to access object');
        }
        for (const connection of [...ofUser(visible(api, principal), username)]) {
          close(connection, headers['x-reason']);
        }
        return noContent;
      },
    }),
    route('GET', {
      path: '/connections/{name}',
      access: 'management',
      tag: 'Connections',
      summary: 'One connection',
      query: oneQuery,
      handle: ({ parameters: { name }, principal, query }) =>
        selectColumns(connectionView(api, expectConnection(name, principal), rangesOf(query)), query.columns),
    }),
    route('DELETE', {
      path: '/connections/{name}',
      access: 'management',
      tag: 'Connections',
      summary: 'Closes a connection; the header X-Reason says why',
      handle: ({ parameters: { name }, principal, headers }) => {
        const connection = expectConnection(name, principal);
        if (!principal.isAdministrator && connection.user.name !== principal.username) {
          throw notAuthorised('User not authorised to access object');
        }
        close(connection, headers['x-reason']);
        return noContent;
      },
    }),
    route('GET', {
      path: '/connections/{name}/channels',
      access: 'management',
      tag: 'Channels',
      summary: 'Channels of a connection',
      query: pagedQuery,
      handle: ({ parameters: { name }, principal, query }) =>
        listChannels(`${scopeOf(principal)} of ${name}`, [expectConnection(name, principal)], query),
    }),
    route('GET', {
      path: '/channels',
      access: 'management',
      tag: 'Channels',
      summary: 'Channels that are open',
      query: pagedQuery,
      handle: ({ principal, query }) => listChannels(scopeOf(principal), visible(api, principal), query),
    }),
    route('GET', {
      path: '/vhosts/{vhost}/channels',
      access: 'management',
      tag: 'Channels',
      summary: 'Channels in a virtual host',
      query: pagedQuery,
      handle: ({ parameters: { vhost }, principal, query }) =>
        listChannels(`${scopeOf(principal)} ${vhost}`, inVhost(visible(api, principal), vhost), query),
    }),
    route('GET', {
      path: '/channels/{name}',
      access: 'management',
      tag: 'Channels',
      summary: 'One channel, with its consumers',
      query: oneQuery,
      handle: ({ parameters: { name }, principal, query }) => {
        const [, connectionName = '', number = ''] = /^(.*) \((\d+)\)$/.exec(name) ?? [];
        const connection = expectConnection(connectionName, principal);
        for (const open of openChannels([connection])) {
          if (open.channel.number !== Number(number)) continue;
          const view = {
            ...channelView(api, open, rangesOf(query)),
            consumer_details: [...open.channel.consumers].map((consumer) =>
              consumerView(api, consumer.queue, consumer),
            ),
            // RabbitMQ fills these with rates_mode = detailed only.
            deliveries: [],
            publishes: [],
          };
          return selectColumns(view, query.columns);
        }
        throw objectNotFound();
      },
    }),
    route('GET', {
      path: '/consumers',
      access: 'management',
      tag: 'Consumers',
      summary: 'Consumers of all queues',
      query: listQuery,
      handle: ({ principal, query }) => consumers.all(subscriptions(api, principal), query, undefined),
    }),
    route('GET', {
      path: '/consumers/{vhost}',
      access: 'management',
      tag: 'Consumers',
      summary: 'Consumers of the queues of a virtual host',
      query: listQuery,
      handle: ({ parameters, principal, query }) =>
        consumers.all(subscriptions(api, principal, parameters.vhost), query, undefined),
    }),
  ];
}

function isVisible(connection: ClientConnection, principal: Principal): boolean {
  return principal.isMonitoring || connection.user.name === principal.username;
}

function* visible(api: Api, principal: Principal): Iterable<ClientConnection> {
  for (const connection of openConnections(api.clients))
    if (isVisible(connection, principal)) yield connection;
}

function* inVhost(connections: Iterable<ClientConnection>, vhost: string): Iterable<ClientConnection> {
  for (const connection of connections) if (connection.vhost.name === vhost) yield connection;
}

function* ofUser(connections: Iterable<ClientConnection>, username: string): Iterable<ClientConnection> {
  for (const connection of connections) if (connection.user.name === username) yield connection;
}

function scopeOf(principal: Principal): string {
  return principal.isMonitoring ? '*' : principal.username;
}

function* subscriptions(api: Api, principal: Principal, vhostName?: string): Iterable<Subscription> {
  for (const vhost of visibleVhosts(api, principal)) {
    if (vhostName !== undefined && vhost.name !== vhostName) continue;
    for (const queue of vhost.queues()) {
      for (const consumer of queue.consumers) {
        const { username } = consumer.channel;
        if (principal.isMonitoring || username === principal.username) yield { queue, consumer };
      }
    }
  }
}
