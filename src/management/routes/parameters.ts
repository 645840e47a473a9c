import type { GlobalParameter, Parameter } from '../../administration/parameters.ts';
import type { PolicyKind } from '../../broker/policies/policy.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import { type Api, visibleVhosts } from '../api.ts';
import { badRequest, objectNotFound } from '../http/api-error.ts';
import { Lister, listQuery } from '../http/listing.ts';
import { created, noContent, type Route, route } from '../http/route.ts';
import { anything, object } from '../http/schema.ts';

const tag = 'Parameters';
const policymaker = { access: 'policymaker', tag } as const;

/** RabbitMQ keeps policies as parameters, and shows them when they are asked for by component. */
const policyKinds: readonly PolicyKind[] = ['policy', 'operator_policy'];

/** Runtime parameters, of virtual hosts and global. */
export function parameterRoutes(api: Api): readonly Route[] {
  const { parameters } = api.administration;
  const lister = new Lister<Parameter>({
    nameOf: ({ name }) => name,
    view: ({ value, vhost, component, name }) => ({ value, vhost, component, name }),
  });
  const globals = new Lister<GlobalParameter>({
    nameOf: ({ name }) => name,
    view: ({ name, value }) => ({ value, name }),
  });
  const list = (vhosts: readonly VirtualHost[], component?: string) =>
    vhosts.flatMap((vhost) => parametersOf(api, vhost, component));
  return [
    route('GET', {
      ...policymaker,
      path: '/parameters',
      summary: 'Parameters of all virtual hosts',
      query: listQuery,
      handle: ({ principal, query }) => lister.all(list(visibleVhosts(api, principal)), query, undefined),
    }),
    route('GET', {
      ...policymaker,
      path: '/parameters/{component}',
      summary: 'Parameters of a component: shovel, federation-upstream, ...',
      query: listQuery,
      handle: ({ parameters: { component }, principal, query }) =>
        lister.all(list(visibleVhosts(api, principal), component), query, undefined),
    }),
    route('GET', {
      ...policymaker,
      path: '/parameters/{component}/{vhost}',
      summary: 'Parameters of a component in a virtual host',
      query: listQuery,
      handle: ({ parameters: { component, vhost }, principal, query }) => {
        const vhosts = visibleVhosts(api, principal).filter(({ name }) => name === vhost);
        return lister.all(list(vhosts, component), query, undefined);
      },
    }),
    route('GET', {
      ...policymaker,
      path: '/parameters/{component}/{vhost}/{name}',
      summary: 'One parameter',
      handle: ({ parameters: { component, vhost, name } }) => {
        const found = parameters.get(vhost, component, name);
        if (found === undefined) throw objectNotFound();
        return { value: found.value, vhost, component, name };
      },
    }),
    route('PUT', {
      ...policymaker,
      path: '/parameters/{component}/{vhost}/{name}',
      summary: 'Sets a parameter',
      body: object({ value: anything() }),
      answers: { 201: 'Set', 204: 'Replaced' },
      handle: async ({ parameters: { component, vhost, name }, body }) => {
        checkNoPolicy(component);
        return created(await parameters.put({ vhost, component, name, value: body.value }));
      },
    }),
    route('DELETE', {
      ...policymaker,
      path: '/parameters/{component}/{vhost}/{name}',
      summary: 'Clears a parameter',
      handle: async ({ parameters: { component, vhost, name } }) => {
        checkNoPolicy(component);
        if (!(await parameters.delete(vhost, component, name))) throw objectNotFound();
        return noContent;
      },
    }),
    route('GET', {
      ...policymaker,
      path: '/global-parameters',
      summary: 'Parameters of no virtual host',
      query: listQuery,
      handle: ({ query }) => globals.all(parameters.listGlobal(), query, undefined),
    }),
    route('GET', {
      ...policymaker,
      path: '/global-parameters/{name}',
      summary: 'One of them',
      handle: ({ parameters: { name } }) => {
        const found = parameters.getGlobal(name);
        if (found === undefined) throw objectNotFound();
        return { value: found.value, name };
      },
    }),
    route('PUT', {
      ...policymaker,
      path: '/global-parameters/{name}',
      summary: 'Sets one of them',
      body: object({ value: anything() }),
      answers: { 201: 'Set', 204: 'Replaced' },
      handle: async ({ parameters: { name }, body }) =>
        created(await parameters.putGlobal({ name, value: body.value })),
    }),
    route('DELETE', {
      ...policymaker,
      path: '/global-parameters/{name}',
      summary: 'Clears one of them',
      handle: async ({ parameters: { name } }) => {
        if (!(await parameters.deleteGlobal(name))) throw objectNotFound();
        return noContent;
      },
    }),
  ];
}

function parametersOf(api: Api, vhost: VirtualHost, component: string | undefined): readonly Parameter[] {
  const kind = policyKinds.find((each) => each === component);
  if (kind === undefined) {
    const filter = component === undefined ? {} : { component };
    return api.administration.parameters.list({ ...filter, vhost: vhost.name });
  }
  return vhost.policies.list(kind).map(({ name, pattern, definition, priority, applyTo }) => ({
    vhost: vhost.name,
    component: kind,
    name,
    value: { pattern, definition, priority, 'apply-to': applyTo },
  }));
}

function checkNoPolicy(component: string): void {
  if (component === 'policy')
    throw badRequest('policies may not be set using this method', 'Use /api/policies.');
  if (component === 'operator_policy') {
    throw badRequest('operator policies may not be set using this method', 'Use /api/operator-policies.');
  }
}
