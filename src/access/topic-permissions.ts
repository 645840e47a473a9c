import type { NamePattern } from '../broker/policies/name-pattern.ts';
import type { Define } from '../broker/store.ts';
import { DefinitionTable } from '../broker/topology/definition-table.ts';
import { grantPattern } from './permissions.ts';

/**
 * With which routing keys a user may publish to a topic exchange (`write`) and bind to it (`read`). Patterns
 * may contain `{username}` and `{vhost}`.
 */
export interface TopicPermissionRow {
  readonly vhost: string;
  readonly user: string;
  readonly exchange: string;
  readonly write: string;
  readonly read: string;
}

/** A {@link TopicPermissionRow}, ready to look at routing keys. */
export class TopicPermission implements TopicPermissionRow {
  readonly vhost: string;
  readonly user: string;
  readonly exchange: string;
  readonly write: string;
  readonly read: string;
  readonly #patterns: Readonly<Record<'write' | 'read', NamePattern>>;

  /** @throws PatternError when one of the two is not a regular expression */
  constructor({ vhost, user, exchange, write, read }: TopicPermissionRow) {
    this.vhost = vhost;
    this.user = user;
    this.exchange = exchange;
    this.write = write;
    this.read = read;
    this.#patterns = { write: this.#expanded(write), read: this.#expanded(read) };
  }

  allows(permission: 'write' | 'read', routingKey: string): boolean {
    return this.#patterns[permission].matches(routingKey);
  }

  /** What stands for a variable is text, not a pattern: a user called `.*` is nobody else. */
  #expanded(pattern: string): NamePattern {
    const values = new Map([
      ['{username}', this.user],
      ['{vhost}', this.vhost],
    ]);
    const quoted = (variable: string) =>
      (values.get(variable) ?? variable).replace(/[\\^$.|?*+()[\]{}#\s-]/g, '\\$&');
    return grantPattern(pattern.replace(/\{username\}|\{vhost\}/g, quoted));
  }
}

/** Topic permissions (RabbitMQ page "Topic Authorisation"): where there is no row, nothing is refused. */
export class TopicPermissions extends DefinitionTable<TopicPermission> {
  constructor(define: Define) {
    super(
      {
        kind: 'topic_permission',
        names: ({ vhost, user, exchange }) => [vhost, user, exchange],
        value: ({ write, read }) => ({ write, read }),
        read: (fields) =>
          new TopicPermission({
            vhost: fields.name(1),
            user: fields.name(2),
            exchange: fields.name(3),
            write: fields.text('write'),
            read: fields.text('read'),
          }),
      },
      define,
    );
  }
}
