import type { PermissionRow } from '../../access/permissions.ts';
import type { TopicPermissionRow } from '../../access/topic-permissions.ts';
import { AdministrationError } from '../../administration/administration-error.ts';
import type { Api } from '../api.ts';
import { badRequest, objectNotFound } from '../http/api-error.ts';
import { Lister, listQuery } from '../http/listing.ts';
import { created, noContent, type Route, route } from '../http/route.ts';
import { object, text } from '../http/schema.ts';

const tag = 'Permissions';

/** Permissions and topic permissions. */
export function permissionRoutes(api: Api): readonly Route[] {
  const { permissions, topicPermissions, users } = api.administration;
  const rows = new Lister<PermissionRow>({
    nameOf: ({ user }) => user,
    view: ({ user, vhost, configure, write, read }) => ({ user, vhost, configure, write, read }),
  });
  const topicRows = new Lister<TopicPermissionRow>({
    nameOf: ({ user }) => user,
    view: ({ user, vhost, exchange, write, read }) => ({ user, vhost, exchange, write, read }),
  });
  const expectUser = (name: string) => {
    if (users.get(name) === undefined) throw objectNotFound();
  };
  const administrator = { access: 'administrator', tag } as const;
  return [
    route('GET', {
      ...administrator,
      path: '/permissions',
      summary: 'Permissions of all users',
      query: listQuery,
      handle: ({ query }) => rows.all(permissions.list(), query, undefined),
    }),
    route('GET', {
      ...administrator,
      path: '/vhosts/{vhost}/permissions',
      summary: 'Permissions in a virtual host',
      query: listQuery,
      handle: ({ parameters: { vhost }, query }) => rows.all(permissions.list({ vhost }), query, undefined),
    }),
    route('GET', {
      ...administrator,
      path: '/users/{user}/permissions',
      summary: 'Permissions of a user',
      query: listQuery,
      handle: ({ parameters: { user }, query }) => {
        expectUser(user);
        return rows.all(permissions.list({ user }), query, undefined);
      },
    }),
    route('GET', {
      ...administrator,
      path: '/permissions/{vhost}/{user}',
      summary: 'Permissions of a user in a virtual host',
      handle: ({ parameters: { vhost, user } }) => {
        const row = permissions.get(vhost, user);
        if (row === undefined) throw objectNotFound();
        const { configure, write, read } = row;
        return { user, vhost, configure, write, read };
      },
    }),
    route('PUT', {
      ...administrator,
      path: '/permissions/{vhost}/{user}',
      summary: 'Sets what a user may do in a virtual host: three regular expressions for names',
      body: object({ configure: text(), write: text(), read: text() }),
      answers: { 201: 'Set', 204: 'Replaced' },
      handle: async ({ parameters: { vhost, user }, body }) =>
        created(await permissions.put({ vhost, user, ...body }).catch(asBadRequest)),
    }),
    route('DELETE', {
      ...administrator,
      path: '/permissions/{vhost}/{user}',
      summary: 'Takes the permissions of a user in a virtual host away',
      handle: async ({ parameters: { vhost, user } }) => {
        if (!(await permissions.delete(vhost, user))) throw objectNotFound();
        return noContent;
      },
    }),
    route('GET', {
      ...administrator,
      path: '/topic-permissions',
      summary: 'Topic permissions of all users',
      query: listQuery,
      handle: ({ query }) => topicRows.all(topicPermissions.list(), query, undefined),
    }),
    route('GET', {
      ...administrator,
      path: '/vhosts/{vhost}/topic-permissions',
      summary: 'Topic permissions in a virtual host',
      query: listQuery,
      handle: ({ parameters: { vhost }, query }) =>
        topicRows.all(topicPermissions.list({ vhost }), query, undefined),
    }),
    route('GET', {
      ...administrator,
      path: '/users/{user}/topic-permissions',
      summary: 'Topic permissions of a user',
      query: listQuery,
      handle: ({ parameters: { user }, query }) => {
        expectUser(user);
        return topicRows.all(topicPermissions.list({ user }), query, undefined);
      },
    }),
    route('GET', {
      ...administrator,
      path: '/topic-permissions/{vhost}/{user}',
      summary: 'Topic permissions of a user in a virtual host',
      query: listQuery,
      handle: ({ parameters: { vhost, user }, query }) => {
        const found = topicPermissions.list({ vhost, user });
        if (found.length === 0) throw objectNotFound();
        return topicRows.all(found, query, undefined);
      },
    }),
    route('PUT', {
      ...administrator,
      path: '/topic-permissions/{vhost}/{user}',
      summary: 'Sets with which routing keys a user may use a topic exchange',
      body: object({ exchange: text(), write: text(), read: text() }),
      answers: { 201: 'Set', 204: 'Replaced' },
      handle: async ({ parameters: { vhost, user }, body }) =>
        created(await topicPermissions.put({ vhost, user, ...body }).catch(asBadRequest)),
    }),
    route('DELETE', {
      ...administrator,
      path: '/topic-permissions/{vhost}/{user}',
      summary: 'Takes all topic permissions of a user in a virtual host away',
      handle: async ({ parameters: { vhost, user } }) => {
        if (!(await topicPermissions.delete(vhost, user))) throw objectNotFound();
        return noContent;
      },
    }),
    route('DELETE', {
      ...administrator,
      path: '/topic-permissions/{vhost}/{user}/{exchange}',
      summary: 'Takes the topic permissions for one exchange away; there need not be any',
      handle: async ({ parameters: { vhost, user, exchange } }) => {
        await topicPermissions.delete(vhost, user, exchange);
        return noContent;
      },
    }),
  ];
}

/** Whoever is meant does not exist: a mistake in the request, as RabbitMQ has it. */
function asBadRequest(error: unknown): never {
  if (error instanceof AdministrationError && error.kind === 'not-found') {
    throw badRequest('vhost_or_user_not_found', error.message);
  }
  throw error;
}
