import { type Clock, systemClock } from '../broker/clock.ts';
import { defaultVirtualHost } from '../broker/names.ts';
import type { Define, Definition } from '../broker/store.ts';
import { type Logger, silentLogger } from '../logger.ts';
import { AuthenticationFailure, LoginNotChecked } from './authentication-failure.ts';
import type { Account, ChainLink, Login } from './back-end.ts';
import { type AccessTables, InternalBackEnd } from './internal-back-end.ts';
import { defaultLoginFailureLimits, type LoginFailureLimits, LoginThrottle } from './login-throttle.ts';
import { isLoopback } from './loopback.ts';
import { amqplain } from './mechanisms/amqplain.ts';
import type { Mechanism, TlsClient } from './mechanisms/mechanism.ts';
import { plain } from './mechanisms/plain.ts';
import { hashFast, type PasswordHash } from './passwords/password-hash.ts';
import { Permissions, UserPermission } from './permissions.ts';
import { TopicPermissions } from './topic-permissions.ts';
import { Users } from './users.ts';

/** Who is asked about logins, and what they may be made with. */
export interface AccessOptions {
  /** Where users and permissions are kept. Default: in memory only. */
  readonly define?: Define;
  /** Users who may come in from this machine only. Default: guest. */
  readonly loopbackUsers?: readonly string[];
  /** Asked in this order until one lets somebody in. Default: the broker's own users. */
  readonly chain?: (internal: InternalBackEnd) => readonly ChainLink[];
  readonly mechanisms?: readonly Mechanism[];
  readonly loginFailureLimits?: LoginFailureLimits;
  readonly clock?: Clock;
  readonly log?: Logger;
}

/** What somebody logs in with: RabbitMQ's names, for its metrics. */
export type LoginProtocol = 'amqp091' | 'http';

/** Logins since the broker started. */
export interface LoginCounts {
  succeeded: number;
  failed: number;
}

/** Regular expressions, as `default_permissions.*` of rabbitmq.conf. */
export interface DefaultPermissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

const everything: DefaultPermissions = { configure: '.*', write: '.*', read: '.*' };

/** Who is there at the first start. */
export interface DefaultUser {
  readonly name: string;
  readonly password: PasswordHash | undefined;
  readonly vhost: string;
  readonly tags: readonly string[] | undefined;
  /** In this virtual host. */
  readonly permissions: DefaultPermissions | undefined;
}

/** Everybody knows it, so no hash can protect it. */
const guestPassword = hashFast('guest');

/** Who may come in, and what they may do. One per broker. */
export class AccessControl implements AccessTables {
  readonly users: Users;
  readonly permissions: Permissions;
  readonly topicPermissions: TopicPermissions;
  readonly loginCounts: Readonly<Record<LoginProtocol, LoginCounts>> = {
    amqp091: { succeeded: 0, failed: 0 },
    http: { succeeded: 0, failed: 0 },
  };
  readonly #loopbackUsers: ReadonlySet<string>;
  readonly #chain: readonly ChainLink[];
  readonly #mechanisms: ReadonlyMap<string, Mechanism>;
  readonly #namesWithoutTls: string;
  readonly #throttle: LoginThrottle;
  readonly #log: Logger;

  constructor(options: AccessOptions = {}) {
    const { define = () => {}, loopbackUsers = ['guest'], mechanisms = [amqplain, plain] } = options;
    this.users = new Users(define);
    this.permissions = new Permissions(define);
    this.topicPermissions = new TopicPermissions(define);
    this.#loopbackUsers = new Set(loopbackUsers);
    const internal = new InternalBackEnd(this);
    this.#chain = options.chain?.(internal) ?? [{ authentication: internal, authorization: internal }];
    this.#mechanisms = new Map(mechanisms.map((mechanism) => [mechanism.name, mechanism]));
    this.#namesWithoutTls = this.#offered();
    const { loginFailureLimits = defaultLoginFailureLimits, clock = systemClock } = options;
    this.#throttle = new LoginThrottle(loginFailureLimits, clock);
    this.#log = options.log ?? silentLogger;
  }

  /** Takes what a previous run has written. @throws Error when a row is damaged */
  recover(definitions: readonly Definition[]): void {
    for (const table of [this.users, this.permissions, this.topicPermissions]) table.recover(definitions);
  }

  /** The first user: an administrator who may do everything in one virtual host. Default: guest in `/`. */
  addDefaultUser(user: Partial<DefaultUser> = {}): void {
    const { name = 'guest', password = guestPassword, vhost = defaultVirtualHost } = user;
    const { tags = ['administrator'], permissions = everything } = user;
    this.users.put({ name, password, tags: [...tags], limits: {} });
    this.permissions.put(new UserPermission({ vhost, user: name, ...permissions }));
  }

  /** The mechanisms on offer to a client, as connection.start lists them. */
  mechanismNames(tls?: TlsClient): string {
    return tls === undefined ? this.#namesWithoutTls : this.#offered(tls);
  }

  #offered(tls?: TlsClient): string {
    const offered = [...this.#mechanisms.values()].filter(({ isOffered }) => isOffered?.(tls) ?? true);
    return offered.map(({ name }) => name).join(' ');
  }

  /**
   * Finds out who an AMQP client is.
   *
   * @throws AuthenticationFailure with the reason, for the log only
   */
  async authenticate(
    mechanismName: string,
    response: Buffer,
    address: string | undefined,
    tls?: TlsClient,
  ): Promise<Account> {
    const mechanism = this.#mechanisms.get(mechanismName);
    if (mechanism === undefined) {
      throw new AuthenticationFailure(`unknown/invalid authentication mechanism '${mechanismName}'`);
    }
    // A spread of them would cost more than to read them.
    return this.login(Object.assign(mechanism.credentials(response, tls), { address }), 'amqp091');
  }

  /**
   * The account of whoever logs in so, if they may come in from there.
   *
   * @throws AuthenticationFailure with the reason, for the log only
   */
  async login(login: Login, protocol: LoginProtocol): Promise<Account> {
    const counts = this.loginCounts[protocol];
    try {
      const account = await this.#login(login);
      counts.succeeded++;
      return account;
    } catch (error) {
      counts.failed++;
      throw error;
    }
  }

  async #login(login: Login): Promise<Account> {
    this.#throttle.check(login);
    try {
      const account = await this.#askAll(login);
      this.#throttle.succeeded(login);
      return account;
    } catch (error) {
      if (!(error instanceof LoginNotChecked)) this.#throttle.failed(login);
      throw error;
    }
  }

  async #askAll(login: Login): Promise<Account> {
    let failure: AuthenticationFailure | undefined;
    for (const link of this.#chain) {
      try {
        const account = await this.#ask(link, login);
        if (this.#loopbackUsers.has(account.name) && !isLoopback(login.address)) {
          throw new AuthenticationFailure(`user '${account.name}' can only connect via localhost`);
        }
        return account;
      } catch (error) {
        failure = this.#failure(link, login, error);
      }
    }
    failure ??= new AuthenticationFailure('there is no authentication back end');
    failure.username = login.username;
    throw failure;
  }

  #ask({ authentication, authorization }: ChainLink, login: Login): Promise<Account> {
    const account = authentication.login(login);
    if (authorization === authentication) return account;
    return account.then(({ name }) => authorization.authorize(name, login));
  }

  #failure({ authentication }: ChainLink, { username }: Login, error: unknown): AuthenticationFailure {
    if (error instanceof AuthenticationFailure) return error;
    const text = `user '${username}' could not be authenticated by the back end '${authentication.name}'`;
    this.#log.error({ err: error }, text);
    return new LoginNotChecked(text);
  }
}
