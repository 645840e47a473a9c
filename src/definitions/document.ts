import type { PermissionRow } from '../access/permissions.ts';
import type { TopicPermissionRow } from '../access/topic-permissions.ts';
import type { GlobalParameter, Parameter } from '../administration/parameters.ts';
import type { JsonValue } from '../broker/store.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import { readSections, type SectionReader } from './json-sections.ts';
import { Row } from './row.ts';

/** A user of the file. */
export interface UserRow {
  readonly name: string;
  readonly passwordHash: string | undefined;
  readonly hashingAlgorithm: string | undefined;
  readonly tags: readonly string[];
  readonly limits: { readonly [name: string]: JsonValue };
}

/** A virtual host of the file. */
export interface VhostRow {
  readonly name: string;
  readonly description: string | undefined;
  readonly tags: readonly string[];
  readonly defaultQueueType: string | undefined;
}

/** A policy as it was written: what it says is checked when it is set. */
export interface PolicyRow {
  readonly vhost: string;
  readonly name: string;
  readonly pattern: JsonValue;
  readonly definition: JsonValue;
  readonly priority: JsonValue;
  readonly applyTo: JsonValue;
}

/** What queues and exchanges of the file have in common. */
export interface DeclarationRow {
  readonly vhost: string;
  readonly name: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
}

/** A queue of the file. */
export type QueueRow = DeclarationRow & {
  /** What it is, if that is not said by its arguments alone. */
  readonly type: string | undefined;
};

/** An exchange of the file. */
export type ExchangeRow = DeclarationRow & { readonly type: string; readonly internal: boolean };

/** A binding of the file. */
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
  readonly parameters: readonly Parameter[];
  readonly globalParameters: readonly GlobalParameter[];
  readonly policies: readonly PolicyRow[];
  readonly operatorPolicies: readonly PolicyRow[];
  readonly queues: readonly QueueRow[];
  readonly exchanges: readonly ExchangeRow[];
  readonly bindings: readonly BindingRow[];
  /** The virtual hosts that anything in it is for. */
  readonly vhostsUsed: ReadonlySet<string>;
}

/** Other brokers' names for the same hashes. */
const hashingAliases: Readonly<Record<string, string>> = {
  sha256: 'rabbit_password_hashing_sha256',
  sha512: 'rabbit_password_hashing_sha512',
  md5: 'rabbit_password_hashing_md5',
};

/**
 * Reads what RabbitMQ 3.6 to 4.x exports, with pauses. With `into` everything is for that virtual host, whatever is
 * said in it, and users and virtual hosts are left out. Keys that are not known are ignored.
 *
 * @throws DefinitionError
 */
export async function readDocument(file: Uint8Array, into?: string): Promise<DefinitionDocument> {
  const document = new DocumentReader(into);
  await readSections(file, document);
  return document;
}

/** Puts entries where they belong, as they come. */
class DocumentReader implements DefinitionDocument, SectionReader {
  readonly users: UserRow[] = [];
  readonly vhosts: VhostRow[] = [];
  readonly permissions: PermissionRow[] = [];
  readonly topicPermissions: TopicPermissionRow[] = [];
  readonly parameters: Parameter[] = [];
  readonly globalParameters: GlobalParameter[] = [];
  readonly policies: PolicyRow[] = [];
  readonly operatorPolicies: PolicyRow[] = [];
  readonly queues: QueueRow[] = [];
  readonly exchanges: ExchangeRow[] = [];
  readonly bindings: BindingRow[] = [];
  readonly vhostsUsed = new Set<string>();
  readonly #into: string | undefined;
  readonly #sections: ReadonlyMap<string, (row: Row) => void>;

  constructor(into: string | undefined) {
    this.#into = into;
    const global: readonly [string, (row: Row) => void][] = [
      ['users', (row) => this.users.push(readUser(row))],
      ['vhosts', (row) => this.vhosts.push(readVhost(row))],
      ['permissions', (row) => this.permissions.push(this.#permission(row))],
      ['topic_permissions', (row) => this.topicPermissions.push(this.#topicPermission(row))],
      ['global_parameters', (row) => this.globalParameters.push(readGlobalParameter(row))],
    ];
    this.#sections = new Map([
      ...(into === undefined ? global : []),
      ['parameters', (row) => this.#parameter(row)],
      ['policies', (row) => this.policies.push(readPolicy(row, this.#vhostOf(row)))],
      ['queues', (row) => this.queues.push(readQueue(row, this.#vhostOf(row)))],
      ['exchanges', (row) => this.exchanges.push(readExchange(row, this.#vhostOf(row)))],
      ['bindings', (row) => this.bindings.push(readBinding(row, this.#vhostOf(row)))],
    ]);
  }

  knows(section: string): boolean {
    return this.#sections.has(section);
  }

  /** @throws DefinitionError */
  entry(section: string, index: number, value: JsonValue): void {
    this.#sections.get(section)?.(new Row(section, index, value));
  }

  #vhostOf(row: Row): string {
    const vhost = this.#into ?? row.text('vhost');
    this.vhostsUsed.add(vhost);
    return vhost;
  }

  #permission(row: Row): PermissionRow {
    return {
      vhost: this.#vhostOf(row),
      user: row.text('user'),
      configure: row.text('configure'),
      write: row.text('write'),
      read: row.text('read'),
    };
  }

  #topicPermission(row: Row): TopicPermissionRow {
    return {
      vhost: this.#vhostOf(row),
      user: row.text('user'),
      exchange: row.text('exchange'),
      write: row.text('write'),
      read: row.text('read'),
    };
  }

  /** Operator policies are parameters in these files. */
  #parameter(row: Row): void {
    const parameter = readParameter(row, this.#vhostOf(row));
    const { vhost, component, name, value } = parameter;
    if (component !== 'operator_policy') this.parameters.push(parameter);
    else this.operatorPolicies.push(readPolicy(row.within('value', value), vhost, name));
  }
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
  const metadata = row.within('metadata', { ...row.object('metadata') });
  const type = row.optionalText('default_queue_type') ?? metadata.optionalText('default_queue_type');
  return {
    name: row.text('name'),
    description: row.optionalText('description') ?? metadata.optionalText('description'),
    tags: [...new Set([...row.tags('tags'), ...metadata.tags('tags')])],
    defaultQueueType: type,
  };
}

function readParameter(row: Row, vhost: string): Parameter {
  return { vhost, component: row.text('component'), ...readGlobalParameter(row) };
}

function readGlobalParameter(row: Row): GlobalParameter {
  return { name: row.text('name'), value: row.json('value') ?? null };
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

function readDeclaration(row: Row, vhost: string): DeclarationRow {
  return {
    vhost,
    name: row.text('name'),
    durable: row.bool('durable', true),
    autoDelete: row.bool('auto_delete', false),
    arguments: row.table('arguments'),
  };
}

function readQueue(row: Row, vhost: string): QueueRow {
  return { ...readDeclaration(row, vhost), type: row.optionalText('type') };
}

function readExchange(row: Row, vhost: string): ExchangeRow {
  return {
    ...readDeclaration(row, vhost),
    type: row.text('type'),
    internal: row.bool('internal', false),
  };
}

function readBinding(row: Row, vhost: string): BindingRow {
  return {
    vhost,
    source: row.text('source'),
    destination: row.text('destination'),
    destinationKind: row.optionalText('destination_type') === 'exchange' ? 'exchange' : 'queue',
    routingKey: row.optionalText('routing_key') ?? '',
    arguments: row.table('arguments'),
  };
}
