import type { Permission } from '../broker/actor.ts';
import { NamePattern } from '../broker/policies/name-pattern.ts';
import type { Define } from '../broker/store.ts';
import { DefinitionTable } from '../broker/topology/definition-table.ts';

/** What a user may do in a virtual host: three regular expressions (PCRE), matched anywhere in a name. */
export interface PermissionRow {
  readonly vhost: string;
  readonly user: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** A {@link PermissionRow}, ready to look at names. */
export class UserPermission implements PermissionRow {
  readonly vhost: string;
  readonly user: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
  readonly #patterns: Readonly<Record<Permission, NamePattern>>;

  /** @throws PatternError when one of the three is not a regular expression */
  constructor({ vhost, user, configure, write, read }: PermissionRow) {
    this.vhost = vhost;
    this.user = user;
    this.configure = configure;
    this.write = write;
    this.read = read;
    this.#patterns = {
      configure: grantPattern(configure),
      write: grantPattern(write),
      read: grantPattern(read),
    };
  }

  /** The name of a queue or exchange, the default one's as `amq.default`. */
  allows(permission: Permission, name: string): boolean {
    return this.#patterns[permission].matches(name);
  }
}

/**
 * Who may do what (RabbitMQ page "Access Control"). A user without a row for a virtual host may not even
 * connect to it.
 */
export class Permissions extends DefinitionTable<UserPermission> {
  constructor(define: Define) {
    super(
      {
        kind: 'permission',
        names: ({ vhost, user }) => [vhost, user],
        value: ({ configure, write, read }) => ({ configure, write, read }),
        read: (fields) =>
          new UserPermission({
            vhost: fields.name(1),
            user: fields.name(2),
            configure: fields.text('configure'),
            write: fields.text('write'),
            read: fields.text('read'),
          }),
      },
      define,
    );
  }
}

/** A pattern that grants something: the empty one, found everywhere, grants nothing. @throws PatternError */
export function grantPattern(pattern: string): NamePattern {
  return new NamePattern(pattern === '' ? '^$' : pattern);
}
