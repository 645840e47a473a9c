import type { NewPolicy } from '../../administration/policy-control.ts';
import type { Policy, PolicyKind } from '../../broker/policies/policy.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import { type Api, virtualHost, visibleVhosts } from '../api.ts';
import { objectNotFound } from '../http/api-error.ts';
import { compareText } from '../http/columns.ts';
import { Lister, listQuery } from '../http/listing.ts';
import { created, noContent, type Route, route } from '../http/route.ts';
import { anything, object, orElse } from '../http/schema.ts';
import { policyView } from '../views/policy.ts';
import { numberOf } from './fields.ts';

const tag = 'Policies';

/** Policies, and operator policies, which only administrators change. */
export function policyRoutes(api: Api): readonly Route[] {
  return [
    ...routesOf(api, 'policy', '/policies', 'policies', 'policymaker'),
    ...routesOf(api, 'operator_policy', '/operator-policies', 'operator policies', 'administrator'),
  ];
}

/** Those of one kind, as {@link PolicyControl} has them. */
interface PolicyStore {
  set(policy: NewPolicy): Promise<void>;
  clear(name: string, vhost: string): Promise<boolean>;
}

function storeOf({ administration: { policies } }: Api, kind: PolicyKind): PolicyStore {
  return kind === 'policy'
    ? {
        set: (policy) => policies.setPolicy(policy),
        clear: (name, vhost) => policies.clearPolicy(name, vhost),
      }
    : {
        set: (policy) => policies.setOperatorPolicy(policy),
        clear: (name, vhost) => policies.clearOperatorPolicy(name, vhost),
      };
}

interface Located {
  readonly vhost: string;
  readonly policy: Policy;
}

function routesOf(
  api: Api,
  kind: PolicyKind,
  base: '/policies' | '/operator-policies',
  plural: string,
  access: 'policymaker' | 'administrator',
): readonly Route[] {
  const ofVhost = `${base}/{vhost}` as const;
  const one = `${base}/{vhost}/{name}` as const;
  const lister = new Lister<Located>({
    nameOf: ({ policy }) => policy.name,
    compare: (left, right) =>
      compareText(left.vhost, right.vhost) || compareText(left.policy.name, right.policy.name),
    view: ({ vhost, policy }) => policyView(vhost, policy),
  });
  const control = storeOf(api, kind);
  const policiesOf = ({ name, policies }: VirtualHost) =>
    policies.list(kind).map((policy) => ({ vhost: name, policy }));
  return [
    route('GET', {
      path: base,
      access: 'management',
      tag,
      summary: `All ${plural}`,
      query: listQuery,
      handle: ({ principal, query }) =>
        lister.all(visibleVhosts(api, principal).flatMap(policiesOf), query, undefined),
    }),
    route('GET', {
      path: ofVhost,
      access: 'management',
      tag,
      summary: `The ${plural} of a virtual host`,
      query: listQuery,
      handle: ({ parameters: { vhost }, query }) =>
        lister.all(policiesOf(virtualHost(api, vhost)), query, undefined),
    }),
    route('GET', {
      path: one,
      access: 'management',
      tag,
      summary: `One of the ${plural}`,
      handle: ({ parameters: { vhost, name } }) => {
        const policy = virtualHost(api, vhost).policies.find(kind, name);
        if (policy === undefined) throw objectNotFound();
        return policyView(vhost, policy);
      },
    }),
    route('PUT', {
      path: one,
      access,
      tag,
      summary: `Sets one of the ${plural}`,
      body: object({
        pattern: anything('A regular expression for names.'),
        definition: anything('The settings.'),
        priority: orElse(anything('A number; the highest one applies.'), 0),
        'apply-to': orElse(anything('queues, exchanges or all.'), 'all'),
      }),
      answers: { 201: 'Set', 204: 'Replaced' },
      handle: async ({ parameters: { vhost, name }, body }) => {
        const { pattern, definition, priority, 'apply-to': applyTo } = body;
        const isNew = virtualHost(api, vhost).policies.find(kind, name) === undefined;
        await control.set({ vhost, name, pattern, definition, priority: numberOf(priority), applyTo });
        return created(isNew);
      },
    }),
    route('DELETE', {
      path: one,
      access,
      tag,
      summary: `Clears one of the ${plural}`,
      handle: async ({ parameters: { vhost, name } }) => {
        virtualHost(api, vhost);
        if (!(await control.clear(name, vhost))) throw objectNotFound();
        return noContent;
      },
    }),
  ];
}
