import { hashPassword } from './password-hash.ts';

/** Someone who may log in. Tags give rights in the management API, not on queues and exchanges. */
export interface User {
  readonly name: string;
  /** In RabbitMQ's format (see password-hash.ts); empty: no login with a password. */
  readonly passwordHash: string;
  readonly tags: readonly string[];
}

/** The internal user database. Kept in memory. */
export class Users {
  readonly #byName = new Map<string, User>();

  /** Adds a user, or replaces the one of that name. */
  put(user: User): void {
    this.#byName.set(user.name, user);
  }

  /** {@link put} with a password in clear, which is hashed and forgotten. */
  putWithPassword(name: string, password: string, tags: readonly string[] = []): void {
    this.put({ name, passwordHash: hashPassword(password), tags });
  }

  get(name: string): User | undefined {
    return this.#byName.get(name);
  }

  list(): User[] {
    return [...this.#byName.values()];
  }

  /** True when there was such a user. */
  delete(name: string): boolean {
    return this.#byName.delete(name);
  }
}
