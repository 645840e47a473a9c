/**
 * Every rule of the table of permissions (RabbitMQ's page "Access Control", "How Permissions Work") over HTTP: what each
 * operation needs is enough, and without any part of it the operation is refused.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configureLeveret } from '../harness/broker.ts';
import { type Method, managementAvailable, request } from './api.ts';

configureLeveret({ managementPort: 0 });

type Permission = 'configure' | 'write' | 'read';
const permissions: readonly Permission[] = ['configure', 'write', 'read'];

interface Need {
  readonly kind: 'queues' | 'exchanges';
  readonly permissions: readonly Permission[];
}
const queue = (...needed: readonly Permission[]): Need => ({ kind: 'queues', permissions: needed });
const exchange = (...needed: readonly Permission[]): Need => ({ kind: 'exchanges', permissions: needed });

/** Names by their roles, `queue`, `exchange` and `other`. */
type Names = Readonly<Record<string, string>>;

interface Rule {
  readonly needs: Readonly<Record<string, Need>>;
  /** Below /api/, with `{role}` for names. */
  readonly call: string;
  readonly body?: (names: Names) => unknown;
  /** What does not exist yet. */
  readonly makes?: string;
  /** What has to be done before by somebody who may. */
  readonly before?: readonly [call: string, body: unknown];
}

const vhost = 'http-permissions';
const login = 'http-limited:secret';
const bound = { queue: queue('write'), exchange: exchange('read') };
const chained = { exchange: exchange('read'), other: exchange('write') };
const message = { routing_key: '', properties: {}, payload: 'x', payload_encoding: 'string' };

const rules: Readonly<Record<string, Rule>> = {
  'declare an exchange': {
    needs: { exchange: exchange('configure') },
    call: `PUT exchanges/${vhost}/{exchange}`,
    body: () => ({ type: 'fanout' }),
    makes: 'exchange',
  },
  'declare an exchange again': {
    needs: { exchange: exchange('configure') },
    call: `PUT exchanges/${vhost}/{exchange}`,
    body: () => ({ type: 'fanout' }),
  },
  'declare an exchange with an alternate one': {
    needs: { exchange: exchange('configure', 'read'), other: exchange('write') },
    call: `PUT exchanges/${vhost}/{exchange}`,
    body: ({ other }) => ({ type: 'fanout', arguments: { 'alternate-exchange': other } }),
    makes: 'exchange',
  },
  'delete an exchange': {
    needs: { exchange: exchange('configure') },
    call: `DELETE exchanges/${vhost}/{exchange}`,
  },
  'declare a queue': {
    needs: { queue: queue('configure') },
    call: `PUT queues/${vhost}/{queue}`,
    body: () => ({}),
    makes: 'queue',
  },
  'declare a queue again': {
    needs: { queue: queue('configure') },
    call: `PUT queues/${vhost}/{queue}`,
    body: () => ({}),
  },
  'declare a queue with a dead-letter exchange': {
    needs: { queue: queue('configure', 'read'), other: exchange('write') },
    call: `PUT queues/${vhost}/{queue}`,
    body: ({ other }) => ({ arguments: { 'x-dead-letter-exchange': other } }),
    makes: 'queue',
  },
  'delete a queue': { needs: { queue: queue('configure') }, call: `DELETE queues/${vhost}/{queue}` },
  'bind a queue': { needs: bound, call: `POST bindings/${vhost}/e/{exchange}/q/{queue}`, body: () => ({}) },
  'unbind a queue': {
    needs: bound,
    before: [`POST bindings/${vhost}/e/{exchange}/q/{queue}`, {}],
    call: `DELETE bindings/${vhost}/e/{exchange}/q/{queue}/~`,
  },
  'bind an exchange': {
    needs: chained,
    call: `POST bindings/${vhost}/e/{exchange}/e/{other}`,
    body: () => ({}),
  },
  'unbind an exchange': {
    needs: chained,
    before: [`POST bindings/${vhost}/e/{exchange}/e/{other}`, {}],
    call: `DELETE bindings/${vhost}/e/{exchange}/e/{other}/~`,
  },
  publish: {
    needs: { exchange: exchange('write') },
    call: `POST exchanges/${vhost}/{exchange}/publish`,
    body: () => message,
  },
  'get messages': {
    needs: { queue: queue('read') },
    call: `POST queues/${vhost}/{queue}/get`,
    body: () => ({ count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' }),
  },
  'purge a queue': { needs: { queue: queue('read') }, call: `DELETE queues/${vhost}/{queue}/contents` },
};

/** The prefix of names for which exactly this is allowed. */
function sufficient(needed: readonly Permission[]): string {
  return permissions.filter((permission) => needed.includes(permission)).join('');
}

/** Names with a prefix that says what is allowed. */
const patternOf = (permission: Permission) => `^[a-z]*${permission}[a-z]*-`;

let count = 0;

async function call(pattern: string, names: Names, body: unknown, as?: string) {
  const [method = 'GET', path = ''] = pattern.split(' ', 2);
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, role: string) => names[role] ?? '');
  const methods: readonly Method[] = ['GET', 'PUT', 'POST', 'DELETE'];
  const known = methods.find((each) => each === method) ?? 'GET';
  return request(known, `/api/${filled}`, body, as);
}

/** Carries out a rule with what is allowed for each role; the status. */
async function attempt(
  rule: Rule,
  allowed: Readonly<Record<string, readonly Permission[]>>,
): Promise<number> {
  const roles = Object.entries(rule.needs);
  const names = Object.fromEntries(
    roles.map(([role]) => [role, `${sufficient(allowed[role] ?? [])}-${count++}`]),
  );
  for (const [role, { kind }] of roles) {
    if (role === rule.makes) continue;
    const { status } = await call(
      `PUT ${kind}/${vhost}/{${role}}`,
      names,
      kind === 'queues' ? {} : { type: 'fanout' },
    );
    expect(status).toBe(201);
  }
  if (rule.before !== undefined) await call(rule.before[0], names, rule.before[1]);
  return (await call(rule.call, names, rule.body?.(names), login)).status;
}

describe.runIf(managementAvailable)('permissions over HTTP', () => {
  beforeAll(async () => {
    await request('PUT', `/api/vhosts/${vhost}`);
    await request('PUT', '/api/users/http-limited', { password: 'secret', tags: 'management' });
    const patterns = Object.fromEntries(permissions.map((permission) => [permission, patternOf(permission)]));
    await request('PUT', `/api/permissions/${vhost}/http-limited`, patterns);
    await request('PUT', `/api/permissions/${vhost}/guest`, { configure: '.*', write: '.*', read: '.*' });
  });

  afterAll(async () => {
    await request('DELETE', `/api/vhosts/${vhost}`);
    await request('DELETE', '/api/users/http-limited');
  });

  describe.each(Object.entries(rules))('to %s', (_title, rule) => {
    const roles = Object.entries(rule.needs);

    it('are enough', async () => {
      const allowed = Object.fromEntries(roles.map(([role, need]) => [role, need.permissions]));
      expect(await attempt(rule, allowed)).toBeLessThan(300);
    });

    const lacks = roles.flatMap(([role, need]) =>
      need.permissions.map((permission) => ({ role, permission })),
    );
    it.each(lacks)('are not enough without $permission on the $role', async ({ role, permission }) => {
      const allowed = Object.fromEntries(
        roles.map(([each]) => [each, permissions.filter((one) => each !== role || one !== permission)]),
      );
      // Of publishing RabbitMQ says 400.
      expect(await attempt(rule, allowed)).toBeOneOf([400, 401]);
    });
  });
});
