import type { Actor, Permission } from '../broker/actor.ts';
import { AmqpError, ReplyCode } from '../protocol/errors.ts';
import type { Permissions } from './permissions.ts';

/** Names remembered per permission. One more, and all of them are forgotten and looked up again. */
const rememberedNamesMax = 64;

/** A user at work in a virtual host, from one connection. */
export class UserActor implements Actor {
  readonly owner: object;
  readonly username: string;
  readonly #vhost: string;
  readonly #permissions: Permissions;
  /** The answers below were given at this version of the permissions. */
  #version: number;
  readonly #allowed: Readonly<Record<Permission, Set<string>>> = {
    configure: new Set(),
    write: new Set(),
    read: new Set(),
  };

  constructor(owner: object, username: string, vhost: string, permissions: Permissions) {
    this.owner = owner;
    this.username = username;
    this.#vhost = vhost;
    this.#permissions = permissions;
    this.#version = permissions.version;
  }

  require(permission: Permission, kind: 'queue' | 'exchange', name: string): void {
    if (this.#version !== this.#permissions.version) this.#forget();
    const allowed = this.#allowed[permission];
    if (allowed.has(name)) return;
    const shownName = name === '' && kind === 'exchange' ? 'amq.default' : name;
    if (!this.#permissions.allows(this.#vhost, this.username, permission, shownName)) {
      throw new AmqpError(
        ReplyCode.AccessRefused,
        `access to ${kind} '${shownName}' in vhost '${this.#vhost}' refused for user '${this.username}'`,
      );
    }
    if (allowed.size >= rememberedNamesMax) allowed.clear();
    // The empty name is remembered for exchanges only: no queue is called amq.default.
    if (name !== '' || kind === 'exchange') allowed.add(name);
  }

  #forget(): void {
    this.#version = this.#permissions.version;
    for (const names of Object.values(this.#allowed)) names.clear();
  }
}
