import type { Administration } from '../administration/administration.ts';
import type { Broker } from '../broker/broker.ts';
import { isReserved } from '../broker/names.ts';
import type { VirtualHost } from '../broker/virtual-host.ts';
import { version } from '../version.ts';

/** Whose definitions are exported, and into what a file is imported. */
export interface DefinitionsSource {
  readonly broker: Broker;
  readonly administration: Administration;
}

type Row = Readonly<Record<string, unknown>>;

/** A definition file, section by section, in RabbitMQ's order; rows are made when they are asked for. */
export type Sections = Readonly<Record<string, unknown>>;

/** The RabbitMQ whose format this is. */
const rabbitmqVersion = '3.10.8';

/** Definitions of the whole broker (RabbitMQ page "Definitions"): everything but messages. */
export function exportAll(source: DefinitionsSource): Sections {
  const { administration } = source;
  const vhosts = administration.vhosts.list();
  return {
    rabbit_version: rabbitmqVersion,
    rabbitmq_version: rabbitmqVersion,
    product_name: 'Leveret',
    product_version: version,
    users: administration.users.list().map(({ name, password, tags, limits }) => ({
      name,
      password_hash: password.hash,
      hashing_algorithm: password.algorithm,
      tags,
      limits,
    })),
    vhosts: vhosts.map(vhostRow),
    permissions: administration.permissions.list().map(({ user, vhost, configure, write, read }) => ({
      user,
      vhost,
      configure,
      write,
      read,
    })),
    topic_permissions: administration.topicPermissions
      .list()
      .map(({ user, vhost, exchange, write, read }) => ({
        user,
        vhost,
        exchange,
        write,
        read,
      })),
    parameters: vhosts.flatMap((vhost) => parameterRows(administration, vhost)),
    global_parameters: administration.parameters.listGlobal().map(({ name, value }) => ({ name, value })),
    policies: vhosts.flatMap(policyRows),
    queues: concatenated(vhosts, (vhost) => queueRows(vhost, true)),
    exchanges: concatenated(vhosts, (vhost) => exchangeRows(vhost, true)),
    bindings: concatenated(vhosts, (vhost) => bindingRows(vhost, true)),
  };
}

/**
 * Definitions of one virtual host. Queues, exchanges and bindings do not name it, and
 * what does counts for the virtual host that it is imported into.
 */
export function exportVhost({ administration }: DefinitionsSource, vhost: VirtualHost): Sections {
  return {
    rabbit_version: rabbitmqVersion,
    parameters: parameterRows(administration, vhost),
    policies: policyRows(vhost),
    queues: queueRows(vhost, false),
    exchanges: exchangeRows(vhost, false),
    bindings: bindingRows(vhost, false),
  };
}

function vhostRow({ name, metadata }: VirtualHost): Row {
  const { description, tags, defaultQueueType } = metadata;
  if (description === '' && tags.length === 0 && defaultQueueType === undefined) return { name };
  const type = defaultQueueType === undefined ? {} : { default_queue_type: defaultQueueType };
  return { name, description, tags, ...type, metadata: { description, tags, ...type } };
}

/** Operator policies are parameters here, as RabbitMQ has it. */
function parameterRows(
  { parameters }: Administration,
  { name: vhost, policies }: VirtualHost,
): readonly Row[] {
  const operatorPolicies = policies
    .list('operator_policy')
    .map(({ name, pattern, definition, priority, applyTo }) => ({
      value: { pattern, definition, priority, 'apply-to': applyTo },
      vhost,
      component: 'operator_policy',
      name,
    }));
  const others = parameters
    .list({ vhost })
    .map(({ value, component, name }) => ({ value, vhost, component, name }));
  return [...operatorPolicies, ...others];
}

function policyRows({ name: vhost, policies }: VirtualHost): readonly Row[] {
  return policies.list('policy').map(({ name, pattern, applyTo, definition, priority }) => ({
    vhost,
    name,
    pattern,
    'apply-to': applyTo,
    definition,
    priority,
  }));
}

/** Exclusive queues live no longer than a connection. */
function* queueRows(vhost: VirtualHost, named: boolean): Iterable<Row> {
  for (const { name, durable, autoDelete, exclusiveOwner, arguments: all } of vhost.queues()) {
    if (exclusiveOwner !== undefined) continue;
    yield {
      name,
      ...(named && { vhost: vhost.name }),
      durable,
      auto_delete: autoDelete,
      arguments: all.toJSON(),
    };
  }
}

function* exchangeRows(vhost: VirtualHost, named: boolean): Iterable<Row> {
  for (const exchange of vhost.exchanges()) {
    const { name, type, durable, autoDelete, internal, arguments: all } = exchange;
    if (exchange.isDefault || isReserved(name)) continue;
    yield {
      name,
      ...(named && { vhost: vhost.name }),
      type: type.name,
      durable,
      auto_delete: autoDelete,
      internal,
      arguments: all.toJSON(),
    };
  }
}

function* bindingRows(vhost: VirtualHost, named: boolean): Iterable<Row> {
  for (const { source, destination, routingKey, arguments: all } of vhost.bindings()) {
    if ('exclusiveOwner' in destination && destination.exclusiveOwner !== undefined) continue;
    yield {
      source: source.name,
      ...(named && { vhost: vhost.name }),
      destination: destination.name,
      destination_type: destination.kind,
      routing_key: routingKey,
      arguments: all.toJSON(),
    };
  }
}

function* concatenated<Item, Result>(
  items: Iterable<Item>,
  each: (item: Item) => Iterable<Result>,
): Iterable<Result> {
  for (const item of items) yield* each(item);
}
