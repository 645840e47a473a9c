import type { Permission } from '../broker/actor.ts';
import type { ResourceKind } from '../broker/names.ts';

/** Somebody who wants to come in. Never logged as a whole. */
export interface Login {
  readonly username: string;
  /** A password or a token; absent when the mechanism has already proved who it is (a client certificate). */
  readonly password?: string;
  /** IP address of the client. */
  readonly address: string | undefined;
}

/** At once when it is known here, else when it is; a rejected promise counts as no. */
export type Answer = boolean | Promise<boolean>;

/** Somebody who was let in, and what they may do: asked by one connection, or one HTTP request. */
export interface Account {
  readonly name: string;
  /** RabbitMQ's tags (`administrator`, `monitoring`, ...): rights in the HTTP API. */
  readonly tags: readonly string[];
  /** When the login runs out, in milliseconds since the epoch; never without it. */
  readonly expiresAt?: number;
  /** Answers may be remembered for as long as this stays the same. */
  readonly version: number;
  /** May connect to a virtual host, which exists. */
  vhostAccess(vhost: string): Answer;
  /** The name of a queue or exchange, the default one's as `amq.default`. */
  resourceAccess(vhost: string, kind: ResourceKind, name: string, permission: Permission): Answer;
  /** False where {@link topicAccess} would allow every routing key: it need not be asked. */
  checksTopics(vhost: string, exchange: string): boolean;
  /** `write`: publish with this routing key to a topic exchange; `read`: bind to it. */
  topicAccess(vhost: string, exchange: string, permission: 'write' | 'read', routingKey: string): Answer;
  /**
   * connection.update-secret: takes a new secret in place of the one of the login. Without it there is nothing
   * to renew and the method is only answered.
   *
   * @throws AuthenticationFailure when the new one is refused
   */
  renew?(secret: string): Promise<Account>;
}

/** Who may come in and what they may do, from one source (RabbitMQ page "Access Control", auth_backends). */
export interface BackEnd {
  /** For the log: `internal`, `http`, ... */
  readonly name: string;
  /** @throws AuthenticationFailure when it does not let them in; any other error counts as that, and is logged */
  login(login: Login): Promise<Account>;
  /**
   * What somebody may do here whom another back end has authenticated.
   *
   * @throws AuthenticationFailure when they are not known here
   */
  authorize(username: string, login: Login): Promise<Account>;
}

/** Two back ends, mostly twice the same: one says who it is, the other what they may do. */
export interface ChainLink {
  readonly authentication: BackEnd;
  readonly authorization: BackEnd;
}
