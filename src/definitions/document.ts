import type { JsonValue } from '../broker/store.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import { longString } from '../protocol/field-value.ts';
import { DefinitionError } from './definition-error.ts';
import { isJsonObject, Row } from './row.ts';

export interface UserRow {
  readonly name: string;
  readonly passwordHash: string | undefined;
  readonly hashingAlgorithm: string | undefined;
  readonly tags: readonly string[];
  readonly limits: { readonly [name: string]: JsonValue };
}

export interface VhostRow {
  readonly name: string;
  readonly description: string | undefined;
  readonly tags: readonly string[];
  readonly defaultQueueType: string | undefined;
}

export interface PermissionRow {
  readonly vhost: string;
  readonly user: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

export type TopicPermissionRow = Omit<PermissionRow, 'configure'> & { readonly exchange: string };

export interface ParameterRow {
  readonly vhost: string;
  readonly component: string;
  readonly name: string;
  readonly value: JsonValue;
}

export interface PolicyRow {
  readonly vhost: string;
  readonly name: string;
  readonly pattern: JsonValue;
  readonly definition: JsonValue;
  readonly priority: JsonValue;
  readonly applyTo: JsonValue;
}

export interface QueueRow {
  readonly vhost: string;
  readonly name: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
}

export type ExchangeRow = QueueRow & { readonly type: string; readonly internal: boolean };

export interface BindingRow {
  readonly vhost: string;
  readonly source: string;
  readonly destination: string;
  readonly destinationKind: 'queue' | 'exchange';
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/** A definition file, read as a whole before anything is done with it. */
export interface DefinitionDocument {
  readonly users: readonly UserRow[];
  readonly vhosts: readonly VhostRow[];
  readonly permissions: readonly PermissionRow[];
  readonly topicPermissions: readonly TopicPermissionRow[];
  readonly parameters: readonly ParameterRow[];
  readonly globalParameters: readonly { readonly name: string; readonly value: JsonValue }[];
  readonly policies: readonly PolicyRow[];
  readonly operatorPolicies: readonly PolicyRow[];
  readonly queues: readonly QueueRow[];
  readonly exchanges: readonly ExchangeRow[];
  readonly bindings: readonly BindingRow[];
}

/** Other brokers' names for the same hashes. */
const hashingAliases: Readonly<Record<string, string>> = {
  sha256: 'rabbit_password_hashing_sha256',
  sha512: 'rabbit_password_hashing_sha512',
  md5: 'rabbit_password_hashing_md5',
};

/**
 * Reads what RabbitMQ 3.6 to 4.x exports. With `into` everything is for that virtual host, whatever is said in it,
 * and users and virtual hosts are left out. Keys that are not known are ignored.
 *
 * @throws DefinitionError
 */
export function readDocument(json: JsonValue, into?: string): DefinitionDocument {
  if (!isJsonObject(json)) throw new DefinitionError('definitions have to be a JSON object');
  const rows = <Result>(section: string, read: (row: Row) => Result): readonly Result[] => {
    const entries = Object.hasOwn(json, section) ? (json[section] ?? []) : [];
    if (!Array.isArray(entries)) throw new DefinitionError(`'${section}' has to be a list`);
    return entries.map((entry, index) => read(new Row(section, index, entry)));
  };
  const vhostOf = (row: Row): string => into ?? row.text('vhost');
  const global = <Result>(section: string, read: (row: Row) => Result) =>
    into === undefined ? rows(section, read) : [];
  const parameters = rows('parameters', (row) => readParameter(row, vhostOf(row)));
  return {
    users: global('users', readUser),
    vhosts: global('vhosts', readVhost),
    permissions: global('permissions', (row) => ({
      vhost: row.text('vhost'),
      user: row.text('user'),
      configure: row.text('configure'),
      write: row.text('write'),
      read: row.text('read'),
    })),
    topicPermissions: global('topic_permissions', (row) => ({
      vhost: row.text('vhost'),
      user: row.text('user'),
      exchange: row.text('exchange'),
      write: row.text('write'),
      read: row.text('read'),
    })),
    parameters: parameters.filter(({ component }) => component !== 'operator_policy'),
    globalParameters: global('global_parameters', (row) => ({
      name: row.text('name'),
      value: row.json('value') ?? null,
    })),
    policies: rows('policies', (row) => readPolicy(row, vhostOf(row))),
    operatorPolicies: parameters
      .filter(({ component }) => component === 'operator_policy')
      .map(({ vhost, name, value }, index) => ({
        ...readPolicy(new Row('parameters', index, value), vhost, name),
      })),
    queues: rows('queues', (row) => readQueue(row, vhostOf(row))),
    exchanges: rows('exchanges', (row) => ({
      ...readDeclaration(row, vhostOf(row)),
      type: row.text('type'),
      internal: row.bool('internal', false),
    })),
    bindings: rows('bindings', (row) => ({
      vhost: vhostOf(row),
      source: row.text('source'),
      destination: row.text('destination'),
      destinationKind: row.optionalText('destination_type') === 'exchange' ? 'exchange' : 'queue',
      routingKey: row.optionalText('routing_key') ?? '',
      arguments: row.table('arguments'),
    })),
  };
}

function readUser(row: Row): UserRow {
  const algorithm = row.optionalText('hashing_algorithm');
  return {
    name: row.text('name'),
    passwordHash: row.optionalText('password_hash'),
    hashingAlgorithm:
      algorithm === undefined ? undefined : (hashingAliases[algorithm.toLowerCase()] ?? algorithm),
    tags: row.tags('tags'),
    limits: row.object('limits'),
  };
}

function readVhost(row: Row): VhostRow {
  const metadata = new Row('metadata', 0, { ...row.object('metadata') });
  const type = row.optionalText('default_queue_type') ?? metadata.optionalText('default_queue_type');
  return {
    name: row.text('name'),
    description: row.optionalText('description') ?? metadata.optionalText('description'),
    tags: [...new Set([...row.tags('tags'), ...metadata.tags('tags')])],
    defaultQueueType: type,
  };
}

function readParameter(row: Row, vhost: string): ParameterRow {
  return {
    vhost,
    component: row.text('component'),
    name: row.text('name'),
    value: row.json('value') ?? null,
  };
}

function readPolicy(row: Row, vhost: string, name?: string): PolicyRow {
  return {
    vhost,
    name: name ?? row.text('name'),
    pattern: row.json('pattern') ?? null,
    definition: row.json('definition') ?? null,
    priority: row.json('priority') ?? 0,
    applyTo: row.json('apply-to') ?? 'all',
  };
}

function readDeclaration(row: Row, vhost: string): QueueRow {
  return {
    vhost,
    name: row.text('name'),
    durable: row.bool('durable', true),
    autoDelete: row.bool('auto_delete', false),
    arguments: row.table('arguments'),
  };
}

/** RabbitMQ 4.x says the type beside the arguments, too. */
function readQueue(row: Row, vhost: string): QueueRow {
  const queue = readDeclaration(row, vhost);
  const type = row.optionalText('type');
  if (type === undefined || type === 'classic' || queue.arguments.has('x-queue-type')) return queue;
  return { ...queue, arguments: queue.arguments.with('x-queue-type', longString(type)) };
}
