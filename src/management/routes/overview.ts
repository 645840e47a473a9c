import type { Api } from '../api.ts';
import { objectNotFound } from '../http/api-error.ts';
import { selectColumns } from '../http/columns.ts';
import { Lister, listQuery } from '../http/listing.ts';
import { noContent, type Route, route } from '../http/route.ts';
import { bool, object, optional, text } from '../http/schema.ts';
import { type Ranges, rangeQuery, rangesOf } from '../stats/ranges.ts';
import { nodeView } from '../views/node.ts';
import { overviewView } from '../views/overview.ts';

const tag = 'Overview';

/** What concerns the broker as a whole. */
export function overviewRoutes(api: Api): readonly Route[] {
  const nodes = new Lister<string, Ranges>({
    nameOf: (name) => name,
    view: (_name, ranges) => nodeView(api, ranges),
  });
  return [
    route('GET', {
      path: '/overview',
      access: 'management',
      tag,
      summary: 'Versions, totals, rates and listeners',
      query: { columns: listQuery.columns, ...rangeQuery },
      handle: ({ query, principal }) =>
        selectColumns(overviewView(api, principal, rangesOf(query)), query.columns),
    }),
    route('GET', {
      path: '/whoami',
      access: 'management',
      tag,
      summary: 'The user who asks',
      handle: ({ principal: { username, tags } }) => ({ name: username, tags }),
    }),
    route('GET', {
      path: '/cluster-name',
      access: 'management',
      tag,
      summary: 'The name of the cluster',
      handle: () => ({ name: api.administration.clusterName }),
    }),
    route('PUT', {
      path: '/cluster-name',
      access: 'administrator',
      tag,
      summary: 'Names the cluster',
      body: object({ name: text() }),
      handle: async ({ body }) => {
        await api.administration.setClusterName(body.name);
        return noContent;
      },
    }),
    route('GET', {
      path: '/nodes',
      access: 'monitoring',
      tag,
      summary: 'The nodes, of which there is one',
      query: { ...listQuery, ...rangeQuery },
      handle: ({ query }) => {
        return nodes.all([api.node], query, rangesOf(query));
      },
    }),
    route('GET', {
      path: '/nodes/{name}',
      access: 'monitoring',
      tag,
      summary: 'One node',
      query: { columns: listQuery.columns, memory: optional(bool('Also where memory goes')), ...rangeQuery },
      handle: ({ parameters, query }) => {
        expectNode(api, parameters.name);
        const view = nodeView(api, rangesOf(query));
        return selectColumns(
          query.memory === true ? { ...view, memory: memoryView(api) } : view,
          query.columns,
        );
      },
    }),
    route('GET', {
      path: '/nodes/{name}/memory',
      access: 'monitoring',
      tag,
      summary: 'Where memory goes, in bytes',
      handle: ({ parameters }) => {
        expectNode(api, parameters.name);
        return { memory: memoryView(api) };
      },
    }),
    route('GET', {
      path: '/extensions',
      access: 'management',
      tag,
      summary: "Scripts that RabbitMQ's management page loads: the one that is part of it",
      handle: () => [{ javascript: 'dispatcher.js' }],
    }),
    route('GET', {
      path: '/auth',
      access: 'public',
      tag,
      summary: 'How the management page lets people log in',
      handle: () => ({ enable_uaa: false, uaa_client_id: '', uaa_location: '' }),
    }),
    route('GET', {
      path: '/feature-flags',
      access: 'administrator',
      tag,
      summary: "RabbitMQ's feature flags, of which there are none: everything is always enabled",
      query: listQuery,
      handle: () => [],
    }),
    route('POST', {
      path: '/rebalance/queues',
      access: 'administrator',
      tag,
      summary: 'Spreads the leaders of queues over the nodes; on one node there is nothing to do',
      handle: () => noContent,
    }),
  ];
}

/** Monitoring that was set up for RabbitMQ knows the node by `rabbit@host`. @throws ApiError 404 */
function expectNode({ node }: Api, name: string): void {
  const [, host] = node.split('@', 2);
  if (name !== node && name !== `rabbit@${host}`) throw objectNotFound();
}

function memoryView({ broker, figures }: Api): Record<string, unknown> {
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  return {
    ...Object.fromEntries(erlangMemory.map((name) => [name, 0])),
    // Messages in memory lie in these.
    binary: arrayBuffers,
    slabs: broker.slabs.bytesInUse,
    heap: heapUsed,
    external,
    other_proc: heapUsed,
    other_system: Math.max(0, rss - heapUsed - arrayBuffers),
    strategy: 'rss',
    total: { erlang: heapUsed + external, rss, allocated: figures.memoryUsed },
  };
}

/** Where memory goes in Erlang. Clients insist on each; what this broker has instead is in `heap`, `external` and `binary`. */
const erlangMemory = [
  'connection_readers',
  'connection_writers',
  'connection_channels',
  'connection_other',
  'queue_procs',
  'queue_slave_procs',
  'quorum_queue_procs',
  'quorum_queue_dlx_procs',
  'stream_queue_procs',
  'stream_queue_replica_reader_procs',
  'stream_queue_coordinator_procs',
  'plugins',
  'metadata_store',
  'metrics',
  'mgmt_db',
  'mnesia',
  'quorum_ets',
  'metadata_store_ets',
  'other_ets',
  'msg_index',
  'code',
  'atom',
  'allocated_unused',
  'reserved_unallocated',
];
