import { AuthenticationFailure } from './authentication-failure.ts';
import { isLoopback } from './loopback.ts';
import { amqplain } from './mechanisms/amqplain.ts';
import type { Credentials, Mechanism } from './mechanisms/mechanism.ts';
import { plain } from './mechanisms/plain.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';
import { Permissions } from './permissions.ts';
import { type User, Users } from './users.ts';

/** Verified when the user does not exist, so that this takes as long as a wrong password. */
const nobodysHash = hashPassword('nobody');

/** Who may come in, and what they may do. One per broker. */
export class AccessControl {
  readonly users = new Users();
  readonly permissions = new Permissions();
  /** Users who may come in from this machine only. */
  readonly loopbackUsers = new Set<string>();
  readonly #mechanisms: ReadonlyMap<string, Mechanism>;

  constructor(mechanisms: readonly Mechanism[] = [amqplain, plain]) {
    this.#mechanisms = new Map(mechanisms.map((mechanism) => [mechanism.name, mechanism]));
  }

  /** RabbitMQ's first user: `guest`, password `guest`, administrator, everything in `/`, local only. */
  addDefaultUser(): void {
    this.users.putWithPassword('guest', 'guest', ['administrator']);
    this.permissions.put({ vhost: '/', user: 'guest', configure: '.*', write: '.*', read: '.*' });
    this.loopbackUsers.add('guest');
  }

  /** The mechanisms on offer, as connection.start lists them. */
  get mechanismNames(): string {
    return [...this.#mechanisms.keys()].join(' ');
  }

  /**
   * Finds out who an AMQP client is. A promise, since other back ends will ask over the network.
   *
   * @throws AuthenticationFailure with the reason, for the log only
   */
  async authenticate(mechanismName: string, response: Buffer, address: string | undefined): Promise<User> {
    const mechanism = this.#mechanisms.get(mechanismName);
    if (mechanism === undefined) {
      throw new AuthenticationFailure(`unknown/invalid authentication mechanism '${mechanismName}'`);
    }
    return this.login(mechanism.credentials(response), address);
  }

  /**
   * The user with this name and password, if they may come in from `address`.
   *
   * @throws AuthenticationFailure with the reason, for the log only
   */
  async login({ username, password }: Credentials, address: string | undefined): Promise<User> {
    const user = this.users.get(username);
    const matches = verifyPassword(password, user?.passwordHash ?? nobodysHash);
    if (user === undefined || !matches) {
      throw new AuthenticationFailure(`user '${username}' - invalid credentials`);
    }
    if (this.loopbackUsers.has(user.name) && !isLoopback(address)) {
      throw new AuthenticationFailure(`user '${user.name}' can only connect via localhost`);
    }
    return user;
  }
}
