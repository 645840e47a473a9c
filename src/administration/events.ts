import type { PermissionRow } from '../access/permissions.ts';
import type { TopicPermissionRow } from '../access/topic-permissions.ts';
import { flag, number, performedBy, text } from '../broker/events/entries.ts';
import type { EventHub } from '../broker/events/event-hub.ts';
import type { Policy, PolicyKind } from '../broker/policies/policy.ts';
import type { JsonValue } from '../broker/store.ts';
import type { VirtualHost } from '../broker/virtual-host.ts';
import { type FieldEntry, FieldTable, type FieldValue } from '../protocol/field-table.ts';
import { array, bool, float64, int64, longString, table } from '../protocol/field-value.ts';
import { actingUser } from './acting-user.ts';

/** The component whose parameters are told of a second time. */
const vhostLimits = 'vhost-limits';

/** Tells of what operators change, with the details of RabbitMQ's events in its order. */
export class AdministrationEvents {
  readonly #hub: EventHub;

  constructor(hub: EventHub) {
    this.#hub = hub;
  }

  /** `user.created`, `user.password.changed`, and the like. */
  user(type: string, name: string, more: () => readonly FieldEntry[] = () => []): void {
    this.#tell(type, undefined, () => [...more(), text('name', name)]);
  }

  tagsSet(name: string, tags: readonly string[]): void {
    const entry = (): FieldEntry => ['tags', array(tags.map((tag) => longString(tag)))];
    this.user('user.tags.set', name, () => [entry()]);
  }

  userLimitsSet(username: string, limits: Readonly<Record<string, number | undefined>>): void {
    this.#hub.tell('user.limits.set', undefined, () => [
      ...entriesOf(limits),
      text('username', username),
      performedBy(actingUser()),
      text('name', 'limits'),
    ]);
  }

  userLimitsCleared(username: string): void {
    this.#hub.tell('user.limits.cleared', undefined, () => [
      text('username', username),
      performedBy(actingUser()),
      text('name', 'limits'),
    ]);
  }

  permissionSet({ vhost, user, configure, write, read }: PermissionRow): void {
    this.#tell('permission.created', vhost, () => [
      text('read', read),
      text('write', write),
      text('configure', configure),
      ...grant(vhost, user),
    ]);
  }

  permissionCleared(vhost: string, user: string): void {
    this.#tell('permission.deleted', vhost, () => grant(vhost, user));
  }

  topicPermissionSet({ vhost, user, exchange, write, read }: TopicPermissionRow): void {
    this.#tell('topic.permission.created', vhost, () => [
      text('read', read),
      text('write', write),
      text('exchange', exchange),
      ...grant(vhost, user),
    ]);
  }

  topicPermissionCleared(vhost: string, user: string): void {
    this.#tell('topic.permission.deleted', vhost, () => grant(vhost, user));
  }

  vhostCreated({ name, metadata, firehose }: VirtualHost): void {
    this.#tell('vhost.created', name, () => [
      text('tags', metadata.tags.join(',')),
      text('description', metadata.description),
      flag('tracing', firehose.isOn),
      text('default_queue_type', metadata.defaultQueueType ?? 'undefined'),
      text('name', name),
    ]);
  }

  vhostDeleted(name: string): void {
    this.#tell('vhost.deleted', name, () => [text('name', name)]);
  }

  parameterSet(vhost: string | undefined, component: string, name: string, value: JsonValue): void {
    this.#tell('parameter.set', vhost, () => [
      ...entriesOf({ value }),
      text('name', name),
      text('component', component),
      ...inVhost(vhost),
    ]);
    if (component !== vhostLimits || typeof value !== 'object' || Array.isArray(value)) return;
    this.#hub.tell('vhost.limits.set', vhost, () => [
      ...entriesOf(value ?? {}),
      performedBy(actingUser()),
      text('name', name),
    ]);
  }

  parameterCleared(vhost: string | undefined, component: string, name: string): void {
    this.#tell('parameter.cleared', vhost, () => [
      text('name', name),
      text('component', component),
      ...inVhost(vhost),
    ]);
    if (component === vhostLimits) this.#tell('vhost.limits.cleared', vhost, () => [text('name', name)]);
  }

  policySet(vhost: string, { name, pattern, applyTo, priority, definition }: Policy): void {
    this.#hub.tell('policy.set', vhost, () => [
      text('apply-to', applyTo),
      number('priority', priority),
      ['definition', table(new FieldTable(entriesOf(definition)))],
      text('pattern', pattern),
      performedBy(actingUser()),
      text('vhost', vhost),
      text('name', name),
    ]);
  }

  policyCleared(kind: PolicyKind, vhost: string, name: string): void {
    const type = kind === 'policy' ? 'policy.cleared' : 'operator.policy.cleared';
    this.#tell(type, vhost, () => [text('vhost', vhost), text('name', name)]);
  }

  #tell(type: string, vhost: string | undefined, describe: () => readonly FieldEntry[]): void {
    this.#hub.tell(type, vhost, () => [performedBy(actingUser()), ...describe()]);
  }
}

function grant(vhost: string, user: string): FieldEntry[] {
  return [text('vhost', vhost), text('user', user)];
}

function inVhost(vhost: string | undefined): FieldEntry[] {
  return vhost === undefined ? [] : [text('vhost', vhost)];
}

function entriesOf(all: Readonly<Record<string, JsonValue | undefined>>): FieldEntry[] {
  return Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [[key, fieldOf(value)]]));
}

/** A JSON value as RabbitMQ's event exchange puts it into a header. */
function fieldOf(value: JsonValue): FieldValue {
  if (typeof value === 'boolean') return bool(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? int64(value) : float64(value);
  if (Array.isArray(value)) return array(value.map(fieldOf));
  if (typeof value === 'object' && value !== null) return table(new FieldTable(entriesOf(value)));
  return longString(value ?? '');
}
