import { isObject } from '../../json-object.ts';
import { ByteWriter } from '../../protocol/byte-writer.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { decodeTable, writeTable } from '../../protocol/field-table-codec.ts';
import type { SideLogIds, SideLogs } from '../log/side-logs.ts';
import type { ResourceKind } from '../names.ts';
import type { Policy, PolicyKind, PolicyRequest } from '../policies/policy.ts';
import { queueTypes } from '../queue-type.ts';
import type { Queue } from '../queues/queue.ts';
import type { BoundExchange, Destination } from '../routing/binding.ts';
import type { Exchange } from '../routing/exchange.ts';
import type { Definition, JsonValue } from '../store.ts';
import type { VhostMetadata } from './vhost-metadata.ts';

/**
 * Durable exchanges, queues and bindings as rows of the store. Keys are the kind, the virtual host and the
 * names; the arguments are their bytes on the wire in base64, so that no type is lost.
 */

/** A durable exchange. */
export interface ExchangeRow {
  readonly kind: 'exchange';
  readonly name: string;
  readonly type: string;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
  readonly sideLogs: SideLogIds;
  /** Where its delayed messages are, if it has any: see `delays/`. */
  readonly delayLineId: number | undefined;
}

/** A durable queue. */
export interface QueueRow {
  readonly kind: 'queue';
  readonly name: string;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
  /** One log for each priority, lowest first. */
  readonly logIds: readonly number[];
  readonly sideLogs: SideLogIds;
}

/** All bindings with the same ends and routing key: the arguments, which may be long, stay out of the key. */
export interface BindingRow {
  readonly kind: 'binding';
  readonly source: string;
  readonly destinationKind: ResourceKind;
  readonly destination: string;
  readonly routingKey: string;
  readonly arguments: readonly FieldTable[];
}

/** A policy, or an operator policy. */
export interface PolicyRow {
  readonly kind: PolicyKind;
  /** As it was written: checked again when it is used. */
  readonly policy: PolicyRequest;
}

/** What the model keeps in a virtual host. */
export type Row = ExchangeRow | QueueRow | BindingRow | PolicyRow;

const kindsOfModel: ReadonlySet<string> = new Set([
  'vhost',
  'exchange',
  'queue',
  'binding',
  'policy',
  'operator_policy',
]);

/** Whether a row is the model's own; the second part of its key is then the virtual host. */
export function isOfModel(key: readonly string[]): boolean {
  return kindsOfModel.has(key[0] ?? '');
}

/** What is kept of a virtual host itself. */
export function vhostValue({ description, tags, defaultQueueType }: VhostMetadata): JsonValue {
  return { description, tags: [...tags], ...(defaultQueueType !== undefined && { defaultQueueType }) };
}

/** @throws Error when the row is damaged */
export function readVhostMetadata({ key, value }: Definition): VhostMetadata {
  const fields = new RowReader(key, value);
  const type = fields.optionalText('defaultQueueType');
  return {
    description: fields.optionalText('description') ?? '',
    tags: fields.has('tags') ? fields.texts('tags') : [],
    defaultQueueType: queueTypes.find((known) => known === type),
  };
}

/** Where a policy is kept. */
export function policyKey(kind: PolicyKind, vhost: string, name: string): readonly string[] {
  return [kind, vhost, name];
}

/** `null`, which removes the row, when there is no such policy any more. */
export function policyValue(policy: Policy | undefined): JsonValue {
  if (policy === undefined) return null;
  const { pattern, applyTo, priority, definition } = policy;
  return { pattern, applyTo, priority, definition };
}

/** Where an exchange is kept. */
export function exchangeKey(vhost: string, name: string): readonly string[] {
  return ['exchange', vhost, name];
}

/** What is kept of an exchange. */
export function exchangeValue(exchange: Exchange): JsonValue {
  const { autoDelete, internal, sideLogs, delayed } = exchange;
  const value = { type: exchange.type.name, autoDelete, internal, arguments: encoded(exchange.arguments) };
  return withSideLogs(delayed === undefined ? value : { ...value, delayLineId: delayed.id }, sideLogs);
}

/** Where a queue is kept. */
export function queueKey(vhost: string, name: string): readonly string[] {
  return ['queue', vhost, name];
}

/** What is kept of a queue. */
export function queueValue(queue: Queue): JsonValue {
  const logIds = queue.backlog.logs.map((log) => log.id);
  const value = { autoDelete: queue.autoDelete, arguments: encoded(queue.arguments), logIds };
  return withSideLogs(value, queue.sideLogs);
}

function withSideLogs(value: { [key: string]: JsonValue }, logs: SideLogs | undefined): JsonValue {
  const ids = logs?.ids;
  return ids === undefined ? value : { ...value, sideLogs: ids };
}

/** Where all bindings with these ends and this routing key are kept. */
export function bindingKey(
  vhost: string,
  source: BoundExchange,
  destination: Destination,
  routingKey: string,
): readonly string[] {
  return ['binding', vhost, source.name, destination.kind, destination.name, routingKey];
}

/** `null`, which removes the row, when there is no binding left. */
export function bindingValue(all: readonly FieldTable[]): JsonValue {
  return all.length === 0 ? null : all.map(encoded);
}

/**
 * What a row of a virtual host defines; `undefined` for kinds that are not its own.
 *
 * @throws Error when the row is damaged
 */
export function readRow({ key, value }: Definition): Row | undefined {
  const fields = new RowReader(key, value);
  switch (key[0]) {
    case 'exchange':
      return {
        kind: 'exchange',
        name: fields.name(2),
        type: fields.text('type'),
        autoDelete: fields.bool('autoDelete'),
        internal: fields.bool('internal'),
        arguments: fields.table('arguments'),
        sideLogs: fields.ids('sideLogs'),
        delayLineId: fields.integer('delayLineId'),
      };
    case 'queue':
      return {
        kind: 'queue',
        name: fields.name(2),
        autoDelete: fields.bool('autoDelete'),
        arguments: fields.table('arguments'),
        logIds: fields.integers('logIds'),
        sideLogs: fields.ids('sideLogs'),
      };
    case 'binding':
      return {
        kind: 'binding',
        source: fields.name(2),
        destinationKind: fields.name(3) === 'exchange' ? 'exchange' : 'queue',
        destination: fields.name(4),
        routingKey: fields.name(5),
        arguments: fields.tables(),
      };
    case 'policy':
    case 'operator_policy':
      return {
        kind: key[0],
        policy: {
          name: fields.name(2),
          pattern: fields.json('pattern'),
          applyTo: fields.json('applyTo'),
          priority: fields.json('priority'),
          definition: fields.json('definition'),
        },
      };
    default:
      return undefined;
  }
}

/** Takes a row apart and trusts nothing: what is not as it should be is an Error that names the row. */
export class RowReader {
  readonly #key: readonly string[];
  readonly #value: JsonValue;

  constructor(key: readonly string[], value: JsonValue) {
    this.#key = key;
    this.#value = value;
  }

  name(index: number): string {
    return this.#key[index] ?? this.#fail(`part ${index} of the key`);
  }

  text(field: string): string {
    const value = this.#field(field);
    return typeof value === 'string' ? value : this.#fail(field);
  }

  has(field: string): boolean {
    return this.#field(field) !== undefined;
  }

  optionalText(field: string): string | undefined {
    return this.has(field) ? this.text(field) : undefined;
  }

  texts(field: string): readonly string[] {
    const value = this.#field(field);
    if (!Array.isArray(value)) return this.#fail(field);
    return value.map((item) => (typeof item === 'string' ? item : this.#fail(field)));
  }

  bool(field: string): boolean {
    const value = this.#field(field);
    return typeof value === 'boolean' ? value : this.#fail(field);
  }

  integer(field: string): number | undefined {
    const value = this.#field(field);
    if (value === undefined) return undefined;
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : this.#fail(field);
  }

  /** At least one. */
  integers(field: string): readonly number[] {
    const value = this.#field(field);
    if (!Array.isArray(value) || value.length === 0) return this.#fail(field);
    return value.map((item) =>
      typeof item === 'number' && Number.isSafeInteger(item) ? item : this.#fail(field),
    );
  }

  /** Numbers by name; none if there is no such field. */
  ids(field: string): Readonly<Record<string, number>> {
    const value = this.#field(field) ?? {};
    if (typeof value !== 'object' || Array.isArray(value) || value === null) return this.#fail(field);
    const ids: Record<string, number> = {};
    for (const [name, id] of Object.entries(value)) {
      if (typeof id !== 'number' || !Number.isSafeInteger(id)) return this.#fail(field);
      ids[name] = id;
    }
    return ids;
  }

  json(field: string): JsonValue {
    return this.#field(field) ?? this.#fail(field);
  }

  /** Integers by name; those that are not among `names` are left out. */
  numbers<Name extends string>(field: string, names: readonly Name[]): Partial<Record<Name, number>> {
    const value = new RowReader(this.#key, this.#field(field) ?? {});
    const found: Partial<Record<Name, number>> = {};
    for (const name of names) {
      const number = value.#field(name);
      if (number === undefined) continue;
      found[name] = typeof number === 'number' && Number.isSafeInteger(number) ? number : this.#fail(name);
    }
    return found;
  }

  /** The whole value. */
  get value(): JsonValue {
    return this.#value;
  }

  table(field: string): FieldTable {
    return decoded(this.text(field));
  }

  tables(): readonly FieldTable[] {
    if (!Array.isArray(this.#value)) return this.#fail('list of arguments');
    return this.#value.map((text) => (typeof text === 'string' ? decoded(text) : this.#fail('arguments')));
  }

  #field(field: string): JsonValue | undefined {
    const value = this.#value;
    return isObject(value) ? value[field] : undefined;
  }

  #fail(what: string): never {
    throw new Error(`damaged definition ${JSON.stringify(this.#key)}: no valid ${what}`);
  }
}

function encoded(all: FieldTable): string {
  const writer = new ByteWriter();
  writeTable(writer, all);
  return writer.bytes().toString('base64');
}

function decoded(text: string): FieldTable {
  const bytes = Buffer.from(text, 'base64');
  return decodeTable(bytes, 4, bytes.length);
}
