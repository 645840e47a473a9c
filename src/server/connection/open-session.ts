import type { Account } from '../../access/back-end.ts';
import { UserActor } from '../../access/user-actor.ts';
import type { Actor } from '../../broker/actor.ts';
import type { Clock } from '../../broker/clock.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import type { ClientProperties } from '../handshake/client-properties.ts';
import { Credentials, type CredentialsHost } from '../handshake/credentials.ts';
import type { Session } from '../handshake/handshake.ts';
import type { Tuning } from '../handshake/tuning.ts';
import type { Heartbeats, HeartbeatWatch } from './heartbeats.ts';
import { Pulse, type PulseParts } from './pulse.ts';

/**
 * What a connection has from connection.open on: what was agreed on in the handshake, the user at work in the virtual
 * host, the watch over the login, and heartbeats.
 */
export class OpenSession implements Session {
  readonly mechanism: string;
  readonly client: ClientProperties;
  readonly tuning: Tuning;
  readonly vhost: VirtualHost;
  /** Owns what is exclusive. */
  readonly #connection: object;
  #user: Account;
  #actor: Actor;
  readonly #credentials: Credentials;
  #isOver = false;
  /** `undefined`: not yet, or agreed to do without. */
  #heartbeat: HeartbeatWatch | undefined;

  constructor(connection: CredentialsHost, agreed: Session, clock: Clock) {
    const { user, vhost, tuning } = agreed;
    this.mechanism = agreed.mechanism;
    this.client = agreed.client;
    this.tuning = tuning;
    this.vhost = vhost;
    this.#connection = connection;
    this.#user = user;
    this.#actor = new UserActor(connection, user, vhost.name);
    this.#credentials = new Credentials(connection, clock, user, vhost.name);
  }

  /** To be called when connection.open-ok has been written. */
  startHeartbeats(heartbeats: Heartbeats, pulse: PulseParts): void {
    const seconds = this.tuning.heartbeat;
    if (this.#isOver || seconds === 0) return;
    this.#heartbeat = heartbeats.watch(new Pulse(pulse, seconds), seconds);
  }

  get user(): Account {
    return this.#user;
  }

  /** The client at work in its virtual host. */
  get actor(): Actor {
    return this.#actor;
  }

  /** connection.update-secret, which is answered in time. */
  renewSecret(secret: string): void {
    void this.#credentials.renew(secret);
  }

  /** The same user with what it may do from now on. */
  accountRenewed(account: Account): void {
    this.#user = account;
    this.#actor = new UserActor(this.#connection, account, this.vhost.name);
  }

  /** Nothing is watched any more; what was agreed on is known as before. */
  end(): void {
    this.#isOver = true;
    this.#heartbeat?.stop();
    this.#credentials.stop();
  }
}
