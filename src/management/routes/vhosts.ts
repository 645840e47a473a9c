import { type VhostLimitName, vhostLimitNames } from '../../broker/topology/vhost-metadata.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import { type Api, virtualHost, visibleVhosts } from '../api.ts';
import { badRequest, objectNotFound } from '../http/api-error.ts';
import { selectColumns } from '../http/columns.ts';
import { Lister, listQuery, pagedListQuery } from '../http/listing.ts';
import { created, noContent, type Route, route } from '../http/route.ts';
import { anything, bool, object, optional, text } from '../http/schema.ts';
import { type Ranges, rangeQuery, rangesOf } from '../stats/ranges.ts';
import type { TotalsByVhost } from '../stats/totals.ts';
import { vhostView } from '../views/vhost.ts';
import { numberOf, tags } from './fields.ts';

const tag = 'Virtual hosts';
const everything = { configure: '.*', write: '.*', read: '.*' };

/** Virtual hosts and their limits. */
export function vhostRoutes(api: Api): readonly Route[] {
  const { vhosts, vhostLimits, permissions } = api.administration;
  const lister = new Lister<VirtualHost, { readonly totals: TotalsByVhost; readonly ranges: Ranges }>({
    nameOf: ({ name }) => name,
    view: (vhost, { totals, ranges }) => vhostView(api, vhost, totals, ranges),
  });
  return [
    route('GET', {
      path: '/vhosts',
      access: 'management',
      tag,
      summary: 'Virtual hosts',
      query: { ...pagedListQuery, ...rangeQuery },
      handle: ({ principal, query }) => {
        const seen = principal.isMonitoring ? vhosts.list() : visibleVhosts(api, principal);
        const scope = principal.isMonitoring ? '*' : principal.scope;
        return lister.page(scope, seen, query, { totals: api.sampler.totals(), ranges: rangesOf(query) });
      },
    }),
    route('GET', {
      path: '/vhosts/{vhost}',
      access: 'administrator',
      tag,
      summary: 'One virtual host',
      query: { columns: listQuery.columns, ...rangeQuery },
      handle: ({ parameters, query }) => {
        const vhost = virtualHost(api, parameters.vhost);
        return selectColumns(vhostView(api, vhost, api.sampler.totals(), rangesOf(query)), query.columns);
      },
    }),
    route('PUT', {
      path: '/vhosts/{vhost}',
      access: 'administrator',
      tag,
      summary: 'Adds a virtual host, or changes one; whoever adds it gets all permissions in it',
      body: object({
        description: optional(text()),
        tags: optional(tags()),
        default_queue_type: optional(text('classic, quorum, stream')),
        tracing: optional(bool('Copies everything to amq.rabbitmq.trace.')),
      }),
      answers: { 201: 'Added', 204: 'Changed' },
      handle: async ({ parameters: { vhost: name }, body, principal }) => {
        const { description, tags: given, default_queue_type: defaultQueueType, tracing } = body;
        const isNew = await vhosts.put({
          name,
          ...(description !== undefined && { description }),
          ...(given !== undefined && { tags: given }),
          ...(defaultQueueType !== undefined && { defaultQueueType }),
        });
        if (isNew && api.administration.users.get(principal.username) !== undefined) {
          await permissions.put({ vhost: name, user: principal.username, ...everything });
        }
        if (tracing !== undefined) virtualHost(api, name).firehose.isOn = tracing;
        return created(isNew);
      },
    }),
    route('DELETE', {
      path: '/vhosts/{vhost}',
      access: 'administrator',
      tag,
      summary: 'Deletes a virtual host and everything in it, and closes its connections',
      handle: async ({ parameters }) => {
        if (!(await vhosts.delete(parameters.vhost))) throw objectNotFound();
        return noContent;
      },
    }),
    route('POST', {
      path: '/vhosts/{vhost}/start/{node}',
      access: 'administrator',
      tag,
      summary: 'Starts a virtual host on a node; they always run',
      handle: ({ parameters: { node } }) => {
        if (node !== api.node) throw badRequest(`Request to node ${node} failed with nodedown`);
        return noContent;
      },
    }),
    ...limitRoutes(),
  ];

  function limitRoutes(): readonly Route[] {
    const view = ({ name, limits }: VirtualHost) => ({ vhost: name, value: limits });
    const limited = ({ limits }: VirtualHost) => Object.keys(limits).length > 0;
    const limit = new Lister<VirtualHost>({ nameOf: ({ name }) => name, view });
    return [
      route('GET', {
        path: '/vhost-limits',
        access: 'management',
        tag,
        summary: 'Limits of all virtual hosts that have some',
        query: listQuery,
        handle: ({ principal, query }) => {
          const seen = principal.isMonitoring ? vhosts.list() : visibleVhosts(api, principal);
          return limit.all(seen.filter(limited), query, undefined);
        },
      }),
      route('GET', {
        path: '/vhost-limits/{vhost}',
        access: 'management',
        tag,
        summary: 'Limits of a virtual host',
        query: listQuery,
        handle: ({ parameters: { vhost }, query }) =>
          limit.all([virtualHost(api, vhost)].filter(limited), query, undefined),
      }),
      route('PUT', {
        path: '/vhost-limits/{vhost}/{name}',
        access: 'administrator',
        tag,
        summary: `Sets a limit: ${vhostLimitNames.join(' or ')}; a negative one is none`,
        body: object({ value: anything('A number.') }),
        handle: async ({ parameters: { vhost, name }, body }) => {
          await vhostLimits.update(vhost, { [name]: numberOf(body.value) });
          return noContent;
        },
      }),
      route('DELETE', {
        path: '/vhost-limits/{vhost}/{name}',
        access: 'administrator',
        tag,
        summary: 'Lifts a limit',
        handle: async ({ parameters: { vhost, name } }) => {
          const known = vhostLimitNames.find((each): each is VhostLimitName => each === name);
          if (known !== undefined) await vhostLimits.clear(vhost, known);
          return noContent;
        },
      }),
    ];
  }
}
