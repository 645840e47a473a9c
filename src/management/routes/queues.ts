import type { Queue } from '../../broker/queues/queue.ts';
import { AmqpError } from '../../protocol/errors.ts';
import { type Api, act, virtualHost, visibleVhosts } from '../api.ts';
import { badRequest, explanation, objectNotFound } from '../http/api-error.ts';
import { fieldTable } from '../http/arguments.ts';
import { compareText, selectColumns } from '../http/columns.ts';
import { Lister, listQuery, pagedListQuery } from '../http/listing.ts';
import type { Principal } from '../http/principal.ts';
import { created, noContent, type Route, route } from '../http/route.ts';
import { bool, object, oneOf, optional, orElse, text, type ValuesOf } from '../http/schema.ts';
import { type Ranges, rangeQuery, rangesOf } from '../stats/ranges.ts';
import { queueDetailsView, queueKey, queueTotalsView, queueView } from '../views/queue.ts';

const tag = 'Queues';

const queueListQuery = {
  ...pagedListQuery,
  ...rangeQuery,
  disable_stats: optional(bool('Leaves out everything but definitions.')),
  enable_queue_totals: optional(bool('With `disable_stats`: numbers of messages all the same.')),
};
type QueueListQuery = ValuesOf<typeof queueListQuery>;

/** Queues: lists, declaration, deletion, purging. */
export function queueRoutes(api: Api): readonly Route[] {
  const kind = {
    nameOf: ({ name }: Queue) => name,
    compare: (left: Queue, right: Queue) =>
      compareText(left.vhost.name, right.vhost.name) || compareText(left.name, right.name),
    keyOf: (queue: Queue, path: string) => queueKey(api, queue, path),
  };
  const queues = new Lister<Queue, Ranges>({
    ...kind,
    view: (queue, ranges) => (queue.isDeleted ? undefined : queueView(api, queue, ranges)),
  });
  const totals = new Lister<Queue>({
    ...kind,
    view: (queue) => (queue.isDeleted ? undefined : queueTotalsView(api.node, queue)),
  });
  const list = (scope: string, items: Iterable<Queue>, query: QueueListQuery) =>
    query.disable_stats === true
      ? totals.page(scope, items, query, undefined)
      : queues.page(scope, items, query, rangesOf(query));

  return [
    route('GET', {
      path: '/queues',
      access: 'management',
      tag,
      summary: 'Queues of all virtual hosts',
      query: queueListQuery,
      handle: ({ principal, query }) => list(principal.scope, visibleQueues(api, principal), query),
    }),
    route('GET', {
      path: '/queues/{vhost}',
      access: 'management',
      tag,
      summary: 'Queues of a virtual host',
      query: queueListQuery,
      handle: ({ parameters: { vhost }, query }) =>
        list(`in ${vhost}`, virtualHost(api, vhost).queues(), query),
    }),
    route('GET', {
      path: '/queues/{vhost}/{name}',
      access: 'management',
      tag,
      summary: 'One queue, with its consumers',
      query: { columns: listQuery.columns, ...rangeQuery },
      handle: ({ parameters: { vhost, name }, query }) => {
        const queue = virtualHost(api, vhost).findQueue(name);
        if (queue === undefined) throw objectNotFound();
        return selectColumns(queueDetailsView(api, queue, rangesOf(query)), query.columns);
      },
    }),
    route('PUT', {
      path: '/queues/{vhost}/{name}',
      access: 'management',
      tag,
      summary: 'Declares a queue',
      body: object({
        durable: orElse(bool(), false),
        auto_delete: orElse(bool(), false),
        arguments: fieldTable(),
        node: optional(text('Where its leader is to be; there is one node only.')),
      }),
      answers: { 201: 'Declared', 204: 'It was there already' },
      handle: async ({ parameters: { vhost, name }, body, principal }) => {
        const { durable, auto_delete: autoDelete, arguments: all } = body;
        const declaration = { name, passive: false, exclusive: false, durable, autoDelete, arguments: all };
        const isNew = virtualHost(api, vhost).findQueue(name) === undefined;
        await act(api, principal, vhost, (host, actor) => host.declareQueue(actor, declaration));
        return created(isNew);
      },
    }),
    route('DELETE', {
      path: '/queues/{vhost}/{name}',
      access: 'management',
      tag,
      summary: 'Deletes a queue with its messages',
      query: {
        'if-empty': optional(bool('Only if there are no messages.')),
        'if-unused': optional(bool('Only if there are no consumers.')),
      },
      handle: async ({ parameters: { vhost, name }, query, principal }) => {
        expectQueue(api, vhost, name);
        const [ifEmpty, ifUnused] = [query['if-empty'] === true, query['if-unused'] === true];
        await act(api, principal, vhost, (host, actor) =>
          host.deleteQueue(actor, { name, ifEmpty, ifUnused }),
        ).catch(asBadRequest);
        return noContent;
      },
    }),
    route('DELETE', {
      path: '/queues/{vhost}/{name}/contents',
      access: 'management',
      tag,
      summary: 'Drops the ready messages of a queue',
      handle: async ({ parameters: { vhost, name }, principal }) => {
        expectQueue(api, vhost, name);
        await act(api, principal, vhost, (host, actor) => host.purgeQueue(actor, name));
        return noContent;
      },
    }),
    route('POST', {
      path: '/queues/{vhost}/{name}/actions',
      access: 'administrator',
      tag,
      summary: 'Synchronises a mirrored queue; there are no mirrors, so nothing is to be done',
      body: object({ action: oneOf(['sync', 'cancel_sync']) }),
      handle: ({ parameters: { vhost, name } }) => {
        expectQueue(api, vhost, name);
        return noContent;
      },
    }),
  ];
}

/** @throws ApiError 404 */
export function expectQueue(api: Api, vhost: string, name: string): Queue {
  const queue = virtualHost(api, vhost).findQueue(name);
  if (queue === undefined) throw objectNotFound();
  return queue;
}

function* visibleQueues(api: Api, principal: Principal): Iterable<Queue> {
  for (const vhost of visibleVhosts(api, principal)) yield* vhost.queues();
}

/** What a quorum queue does not support is 540 in AMQP, and the client's fault here. */
function asBadRequest(error: unknown): never {
  if (error instanceof AmqpError && error.code === 540) throw badRequest(explanation(error));
  throw error;
}
