import { type InternalUser, userLimitNames } from '../../access/users.ts';
import type { Api } from '../api.ts';
import { badRequest, objectNotFound } from '../http/api-error.ts';
import { Lister, listQuery } from '../http/listing.ts';
import { created, noContent, type Route, route } from '../http/route.ts';
import { anything, list, object, optional, text } from '../http/schema.ts';
import { userView } from '../views/user.ts';
import { numberOf, tags } from './fields.ts';

const tag = 'Users';
const usersAtOnceMax = 10_000;

/** Users of the broker's own database, and their limits. */
export function userRoutes(api: Api): readonly Route[] {
  const { users, permissions } = api.administration;
  const lister = new Lister<InternalUser>({ nameOf: ({ name }) => name, view: userView });
  const expect = (name: string): InternalUser => {
    const user = users.get(name);
    if (user === undefined) throw objectNotFound();
    return user;
  };
  return [
    route('GET', {
      path: '/users',
      access: 'administrator',
      tag,
      summary: 'Users',
      query: listQuery,
      handle: ({ query }) => lister.all(users.list(), query, undefined),
    }),
    route('GET', {
      path: '/users/without-permissions',
      access: 'administrator',
      tag,
      summary: 'Users who may enter no virtual host',
      query: listQuery,
      handle: ({ query }) => {
        const withSome = new Set(permissions.list().map(({ user }) => user));
        return lister.all(
          users.list().filter(({ name }) => !withSome.has(name)),
          query,
          undefined,
        );
      },
    }),
    route('POST', {
      path: '/users/bulk-delete',
      access: 'administrator',
      tag,
      summary: 'Deletes several users',
      body: object({ users: list(text(), usersAtOnceMax) }),
      handle: async ({ body }) => {
        for (const name of body.users) {
          if (users.get(name) === undefined)
            throw badRequest(['no_such_user', name], `There is no user '${name}'.`);
        }
        for (const name of body.users) await users.delete(name);
        return noContent;
      },
    }),
    route('GET', {
      path: '/users/{user}',
      access: 'administrator',
      tag,
      summary: 'One user',
      handle: ({ parameters }) => userView(expect(parameters.user)),
    }),
    route('PUT', {
      path: '/users/{user}',
      access: 'administrator',
      tag,
      summary: 'Adds a user, or replaces one',
      body: object({
        tags: optional(tags()),
        password: optional(text()),
        password_hash: optional(text('Base64 of salt and digest; empty: no login with a password.')),
        hashing_algorithm: optional(text('rabbit_password_hashing_sha256, _sha512 or _md5.')),
      }),
      answers: { 201: 'Added', 204: 'Replaced' },
      handle: async ({ parameters: { user: name }, body }) => {
        const {
          tags: given,
          password,
          password_hash: passwordHash,
          hashing_algorithm: hashingAlgorithm,
        } = body;
        if (given === undefined) throw badRequest('tags_not_present', "Send 'tags', which may be empty.");
        if (password !== undefined && passwordHash !== undefined) {
          throw badRequest('both_password_and_password_hash_are_provided');
        }
        const isNew = await users.put({
          name,
          tags: given,
          ...(password !== undefined && { password }),
          ...(passwordHash !== undefined && { passwordHash }),
          ...(hashingAlgorithm !== undefined && { hashingAlgorithm }),
        });
        return created(isNew);
      },
    }),
    route('DELETE', {
      path: '/users/{user}',
      access: 'administrator',
      tag,
      summary: 'Deletes a user, and closes their connections',
      handle: async ({ parameters }) => {
        if (!(await users.delete(parameters.user))) throw objectNotFound();
        return noContent;
      },
    }),
    ...limitRoutes(),
  ];

  function limitRoutes(): readonly Route[] {
    const limited = ({ limits }: InternalUser) => Object.keys(limits).length > 0;
    const limitLister = new Lister<InternalUser>({
      nameOf: ({ name }) => name,
      view: ({ name, limits }) => ({ user: name, value: limits }),
    });
    return [
      route('GET', {
        path: '/user-limits',
        access: 'management',
        tag,
        summary: 'Limits of all users that have some',
        query: listQuery,
        handle: ({ principal, query }) => {
          const seen = principal.isMonitoring ? users.list() : [];
          return limitLister.all(seen.filter(limited), query, undefined);
        },
      }),
      route('GET', {
        path: '/user-limits/{user}',
        access: 'management',
        tag,
        summary: 'Limits of a user',
        query: listQuery,
        handle: ({ parameters: { user }, principal, query }) => {
          const isSeen = principal.isMonitoring || principal.username === user;
          const found = [expect(user)].filter((each) => isSeen && limited(each));
          return limitLister.all(found, query, undefined);
        },
      }),
      route('PUT', {
        path: '/user-limits/{user}/{name}',
        access: 'administrator',
        tag,
        summary: `Sets a limit: ${userLimitNames.join(' or ')}; a negative one is none`,
        body: object({ value: anything('A number.') }),
        handle: async ({ parameters: { user, name }, body }) => {
          if (users.get(user) === undefined) {
            throw badRequest(['no_such_user', user], `There is no user '${user}'.`);
          }
          await users.setLimits(user, { [name]: numberOf(body.value) });
          return noContent;
        },
      }),
      route('DELETE', {
        path: '/user-limits/{user}/{name}',
        access: 'administrator',
        tag,
        summary: 'Lifts a limit',
        handle: async ({ parameters: { user, name } }) => {
          expect(user);
          const known = userLimitNames.find((each) => each === name);
          if (known !== undefined) await users.clearLimits(user, known);
          return noContent;
        },
      }),
    ];
  }
}
