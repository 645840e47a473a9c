import type { Permission } from '../broker/actor.ts';
import type { ResourceKind } from '../broker/names.ts';
import { AuthenticationFailure } from './authentication-failure.ts';
import type { Account, BackEnd, Login } from './back-end.ts';
import { PasswordChecker } from './passwords/password-checker.ts';
import type { Permissions } from './permissions.ts';
import type { TopicPermissions } from './topic-permissions.ts';
import type { InternalUser, Users } from './users.ts';

/** The tables the internal back end looks things up in. */
export interface AccessTables {
  readonly users: Users;
  readonly permissions: Permissions;
  readonly topicPermissions: TopicPermissions;
}

/** Users, passwords and permissions kept by the broker itself. */
export class InternalBackEnd implements BackEnd {
  readonly name = 'internal';
  readonly #tables: AccessTables;
  readonly #passwords = new PasswordChecker();

  constructor(tables: AccessTables) {
    this.#tables = tables;
  }

  async login({ username, password }: Login): Promise<Account> {
    const user = this.#tables.users.get(username);
    if (password !== undefined && !(await this.#passwords.matches(username, password, user?.password))) {
      throw new AuthenticationFailure(`user '${username}' - invalid credentials`);
    }
    return this.#account(username);
  }

  async authorize(username: string): Promise<Account> {
    return this.#account(username);
  }

  /** The user as they are now: checking the password has taken its time. */
  #account(username: string): Account {
    const user = this.#tables.users.get(username);
    if (user === undefined) throw new AuthenticationFailure(`user '${username}' - invalid credentials`);
    return new InternalAccount(user, this.#tables);
  }
}

class InternalAccount implements Account {
  readonly name: string;
  readonly #user: InternalUser;
  readonly #tables: AccessTables;

  constructor(user: InternalUser, tables: AccessTables) {
    this.name = user.name;
    this.#user = user;
    this.#tables = tables;
  }

  /** Those of the login: RabbitMQ, too, reads them once. */
  get tags(): readonly string[] {
    return this.#user.tags;
  }

  get version(): number {
    return this.#tables.permissions.version + this.#tables.topicPermissions.version;
  }

  vhostAccess(vhost: string): boolean {
    return this.#tables.permissions.get(vhost, this.name) !== undefined;
  }

  resourceAccess(vhost: string, _kind: ResourceKind, name: string, permission: Permission): boolean {
    return this.#tables.permissions.get(vhost, this.name)?.allows(permission, name) ?? false;
  }

  checksTopics(vhost: string, exchange: string): boolean {
    return this.#tables.topicPermissions.get(vhost, this.name, exchange) !== undefined;
  }

  topicAccess(vhost: string, exchange: string, permission: 'write' | 'read', routingKey: string): boolean {
    const row = this.#tables.topicPermissions.get(vhost, this.name, exchange);
    return row === undefined || row.allows(permission, routingKey);
  }
}
