import {
  hashPassword,
  importedHash,
  noPassword,
  type PasswordHash,
} from '../access/passwords/password-hash.ts';
import { type InternalUser, type UserLimitName, userLimitNames } from '../access/users.ts';
import { AdministrationError } from './administration-error.ts';
import { checkLimits, checkName, checkRoom, checkTags } from './checks.ts';
import type { AdministrationContext } from './context.ts';

const usersMax = 100_000;

/** Longest password, in bytes. */
const passwordBytesMax = 4096;

/** A user to add, or to put in place of the one with this name. Without password and hash: no login with one. */
export interface NewUser {
  readonly name: string;
  readonly password?: string;
  /** Base64 of salt and digest. */
  readonly passwordHash?: string;
  /** As in RabbitMQ's definition files; without it the length of the hash tells. */
  readonly hashingAlgorithm?: string;
  /** Default: none. */
  readonly tags?: readonly string[];
  /** Default: those there are. */
  readonly limits?: Readonly<Record<string, unknown>>;
}

/** Users of the internal back end. Changes are in force at once and on disk when the promise resolves. */
export class UserAdministration {
  readonly #context: AdministrationContext;

  constructor(context: AdministrationContext) {
    this.#context = context;
  }

  /** By name. */
  list(): readonly InternalUser[] {
    return this.#context.access.users.list();
  }

  get(name: string): InternalUser | undefined {
    return this.#context.access.users.get(name);
  }

  /** True if it is a new one; `false` also stands for one that was replaced. @throws AdministrationError */
  async put(request: NewUser): Promise<boolean> {
    const { name, tags = [], limits = {} } = request;
    checkName('user', name);
    checkTags(tags);
    const checkedLimits = checkLimits(userLimitNames, limits);
    const password = await this.#password(request);
    const { users } = this.#context.access;
    if (users.get(name) === undefined) checkRoom('users', users.size, usersMax);
    const isNew = users.put({
      name,
      password,
      tags: [...tags],
      limits: request.limits === undefined ? (users.get(name)?.limits ?? {}) : checkedLimits,
    });
    const { events } = this.#context;
    events.user(isNew ? 'user.created' : 'user.password.changed', name);
    if (!isNew || tags.length > 0) events.tagsSet(name, tags);
    this.#context.log.info({ user: name }, `${isNew ? 'created' : 'updated'} user '${name}'`);
    await this.#context.broker.committer.flush();
    return isNew;
  }

  /** An empty password is none: nobody logs in with it. @throws AdministrationError */
  async setPassword(name: string, password: string): Promise<void> {
    this.#expect(name);
    const hash = await this.#password({ name, password });
    await this.#change(name, { password: hash }, `changed password for user '${name}'`);
    this.#context.events.user('user.password.changed', name);
  }

  /** The user can no longer log in with a password. @throws AdministrationError */
  async clearPassword(name: string): Promise<void> {
    await this.#change(name, { password: noPassword }, `cleared password for user '${name}'`);
    this.#context.events.user('user.password.cleared', name);
  }

  /** In place of those there were. @throws AdministrationError */
  async setTags(name: string, tags: readonly string[]): Promise<void> {
    checkTags(tags);
    await this.#change(name, { tags: [...tags] }, `set tags for user '${name}' to ${JSON.stringify(tags)}`);
    this.#context.events.tagsSet(name, tags);
  }

  /** Sets the limits that are named; a negative one is none. @throws AdministrationError */
  async setLimits(name: string, limits: Readonly<Record<string, unknown>>): Promise<void> {
    const checked = checkLimits(userLimitNames, limits);
    const all = { ...this.#expect(name).limits, ...checked };
    await this.#change(name, { limits: all }, `set limits for user '${name}' to ${JSON.stringify(all)}`);
    this.#context.events.userLimitsSet(name, all);
  }

  /** Lifts one limit, or all. @throws AdministrationError */
  async clearLimits(name: string, limit?: UserLimitName): Promise<void> {
    const kept = Object.entries(this.#expect(name).limits).filter(
      ([key]) => limit !== undefined && key !== limit,
    );
    await this.#change(name, { limits: Object.fromEntries(kept) }, `cleared limits for user '${name}'`);
    this.#context.events.userLimitsCleared(name);
  }

  /** With their permissions; their connections are closed. False if there is no such user. */
  async delete(name: string): Promise<boolean> {
    const { access, connections, log, broker, events } = this.#context;
    if (!access.users.delete(name)) return false;
    access.permissions.deleteWhere(({ user }) => user === name);
    access.topicPermissions.deleteWhere(({ user }) => user === name);
    connections.closeConnections(({ user }) => user.name === name, `user '${name}' is deleted`);
    events.user('user.deleted', name);
    log.info({ user: name }, `deleted user '${name}'`);
    await broker.committer.flush();
    return true;
  }

  async #change(name: string, change: Partial<InternalUser>, message: string): Promise<void> {
    const { access, log, broker } = this.#context;
    access.users.put({ ...this.#expect(name), ...change });
    log.info({ user: name }, message);
    await broker.committer.flush();
  }

  async #password({ password, passwordHash, hashingAlgorithm }: NewUser): Promise<PasswordHash> {
    if (passwordHash === undefined) {
      if (password === undefined) return noPassword;
      if (Buffer.byteLength(password) > passwordBytesMax) {
        throw new AdministrationError('invalid', `a password has at most ${passwordBytesMax} bytes`);
      }
      return hashPassword(password, this.#context.newPasswordHashing);
    }
    if (password !== undefined) {
      throw new AdministrationError('invalid', 'give either a password or a password_hash, not both');
    }
    const imported = importedHash(passwordHash, hashingAlgorithm);
    if (typeof imported === 'string') throw new AdministrationError('invalid', imported);
    return imported;
  }

  #expect(name: string): InternalUser {
    const user = this.get(name);
    if (user === undefined) throw new AdministrationError('not-found', `User "${name}" does not exist`);
    return user;
  }
}
