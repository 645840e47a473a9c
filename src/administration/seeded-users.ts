import { NamePattern } from '../broker/policies/name-pattern.ts';
import type { PermissionAdministration } from './permissions.ts';
import type { UserAdministration } from './users.ts';

/** A user that new virtual hosts are to have (RabbitMQ's `default_users.NAME` in rabbitmq.conf). */
export interface SeededUser {
  readonly name: string;
  /** Regular expression: the virtual hosts that are meant. Default: all. */
  readonly vhostPattern?: string | undefined;
  /** For a user that is not there yet. Without it: no login with a password. */
  readonly password?: string | undefined;
  /** For a user that is not there yet. Default: none. */
  readonly tags?: readonly string[] | undefined;
  /** Permissions, as regular expressions. Default: everything. */
  readonly configure?: string | undefined;
  readonly write?: string | undefined;
  readonly read?: string | undefined;
}

/** Gives users permissions in each virtual host that is new, and adds those users that are not there yet. */
export class SeededUsers {
  readonly #seeds: readonly (SeededUser & { readonly vhosts: NamePattern })[];
  readonly #users: UserAdministration;
  readonly #permissions: PermissionAdministration;

  /** @throws PatternError */
  constructor(
    seeds: readonly SeededUser[],
    users: UserAdministration,
    permissions: PermissionAdministration,
  ) {
    this.#seeds = seeds.map((seed) => ({ ...seed, vhosts: new NamePattern(seed.vhostPattern ?? '.*') }));
    this.#users = users;
    this.#permissions = permissions;
  }

  /** A user that exists keeps password and tags. On disk when the promise resolves. @throws AdministrationError */
  async vhostCreated(vhost: string): Promise<void> {
    for (const { name, password, tags, configure = '.*', write = '.*', read = '.*', vhosts } of this.#seeds) {
      if (!vhosts.matches(vhost)) continue;
      if (this.#users.get(name) === undefined) {
        await this.#users.put({
          name,
          ...(password !== undefined && { password }),
          ...(tags !== undefined && { tags }),
        });
      }
      await this.#permissions.put({ vhost, user: name, configure, write, read });
    }
  }
}
