import type { AccessControl } from '../../access/access-control.ts';
import { AuthenticationFailure } from '../../access/authentication-failure.ts';
import type { Account, Answer } from '../../access/back-end.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import {
  type ConnectionOpen,
  type ConnectionStartOk,
  type ConnectionTuneOk,
  type Method,
  MethodId,
  type ServerMethod,
} from '../../protocol/methods.ts';
import type { ServerSettings } from '../settings.ts';
import type { TlsPeer } from '../sockets/transport.ts';
import { ClientProperties } from './client-properties.ts';
import type { Greeting } from './greeting.ts';
import { checkTuning, type Tuning } from './tuning.ts';

/** What a connection knows about its client once it is open. */
export interface Session {
  readonly user: Account;
  /** How the client logged in, such as `PLAIN`. */
  readonly mechanism: string;
  readonly client: ClientProperties;
  readonly tuning: Tuning;
  readonly vhost: VirtualHost;
}

/** What the handshake needs of the connection it is for. */
export interface HandshakeHost {
  /** The client's IP address. */
  readonly peerHost: string;
  readonly tls: TlsPeer | undefined;
  readonly isClosed: boolean;
  send(method: ServerMethod): void;
  /** Sends a method that is encoded already. */
  sendEncoded(method: Buffer): void;
  pauseInput(): void;
  resumeInput(): void;
  /** The client may send frames of up to this size from here on. */
  setFrameMax(bytes: number): void;
  /** No login: disconnect after a while, and tell the client at once only if there is `notice`. */
  refuseLogin(user: string, mechanism: string, reason: string, notice: AmqpError | undefined): void;
  /** The client is who it says it is. */
  loggedIn(user: string, mechanism: string): void;
  /** Everything is settled; connection.open-ok may go out. */
  opened(session: Session): void;
  failed(error: unknown): void;
}

/** Whom the handshake asks. */
export interface HandshakeContext {
  readonly access: AccessControl;
  readonly settings: ServerSettings;
  readonly greeting: Greeting;
  virtualHost(name: string): VirtualHost | undefined;
  /** @throws AmqpError 530 when the node, the virtual host or the user has no room for one more connection */
  checkConnectionLimits(user: string, vhost: VirtualHost): void;
}

/** Named as RabbitMQ names the states of a connection, which its error texts show. */
type Stage = 'starting' | 'tuning' | 'opening' | 'opened';

/** From connection.start to connection.open-ok (AMQP 0-9-1 section 2.2.4). */
export class Handshake {
  readonly #host: HandshakeHost;
  readonly #context: HandshakeContext;
  #stage: Stage = 'starting';
  #client: ClientProperties | undefined;
  #user: Account | undefined;
  #tuning: Tuning | undefined;
  #mechanism = '';

  constructor(host: HandshakeHost, context: HandshakeContext) {
    this.#host = host;
    this.#context = context;
  }

  /** The client has proved who it is. Until then it is told nothing but what {@link HandshakeHost.refuseLogin} says. */
  get isAuthenticated(): boolean {
    return this.#user !== undefined;
  }

  start(): void {
    const { access, greeting } = this.#context;
    this.#host.sendEncoded(greeting.encoded(access.mechanismNames(this.#host.tls)));
  }

  /** @throws AmqpError for a method out of order and for what the broker does not agree to */
  method(method: Method): void {
    if (method.id === MethodId.ConnectionStartOk && this.#stage === 'starting') {
      void this.#authenticate(method);
    } else if (method.id === MethodId.ConnectionTuneOk && this.#stage === 'tuning') {
      this.#tune(method);
    } else if (method.id === MethodId.ConnectionOpen && this.#stage === 'opening') {
      void this.#open(method);
    } else {
      throw new AmqpError(ReplyCode.ChannelError, `unexpected method in connection state ${this.#stage}`);
    }
  }

  async #authenticate(startOk: ConnectionStartOk): Promise<void> {
    const host = this.#host;
    const client = new ClientProperties(startOk.clientProperties);
    this.#client = client;
    this.#mechanism = startOk.mechanism;
    host.pauseInput();
    try {
      const { access } = this.#context;
      const user = await access.authenticate(startOk.mechanism, startOk.response, host.peerHost, host.tls);
      if (host.isClosed) return;
      this.#user = user;
      host.loggedIn(user.name, startOk.mechanism);
      this.#proposeTuning();
    } catch (error) {
      if (host.isClosed) return;
      if (error instanceof AuthenticationFailure) this.#refuse(startOk.mechanism, error, client);
      else host.failed(error);
    }
    host.resumeInput();
  }

  #refuse(mechanism: string, { username, message }: AuthenticationFailure, client: ClientProperties): void {
    const notice = new AmqpError(
      ReplyCode.AccessRefused,
      `Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`,
    );
    const isTold = client.capabilities.authenticationFailureClose;
    this.#host.refuseLogin(username, mechanism, message, isTold ? notice : undefined);
  }

  #proposeTuning(): void {
    const { channelMax, frameMaxBytes, heartbeatSeconds } = this.#context.settings;
    this.#stage = 'tuning';
    this.#host.send({
      id: MethodId.ConnectionTune,
      channelMax,
      frameMax: frameMaxBytes,
      heartbeat: heartbeatSeconds,
    });
  }

  #tune(tuneOk: ConnectionTuneOk): void {
    this.#tuning = checkTuning(tuneOk, this.#context.settings);
    this.#stage = 'opening';
    this.#host.setFrameMax(this.#tuning.frameMax);
  }

  async #open({ virtualHost: name }: ConnectionOpen): Promise<void> {
    const host = this.#host;
    this.#stage = 'opened';
    host.pauseInput();
    try {
      const session = await this.#session(name);
      if (!host.isClosed) host.opened(session);
    } catch (error) {
      if (!host.isClosed)
        host.failed(error instanceof AmqpError ? error.during(MethodId.ConnectionOpen) : error);
    }
    host.resumeInput();
  }

  /** In RabbitMQ's order. @throws AmqpError 530 */
  async #session(name: string): Promise<Session> {
    const user = this.#user;
    const client = this.#client;
    const tuning = this.#tuning;
    if (user === undefined || client === undefined || tuning === undefined) {
      throw new Error('connection.open before login and tuning');
    }
    this.#checkedVirtualHost(name, user);
    if (!(await isAllowed(user.vhostAccess(name)))) {
      throw new AmqpError(ReplyCode.NotAllowed, `access to vhost '${name}' refused for user '${user.name}'`);
    }
    // Once more: the answer may have taken its time.
    return { user, mechanism: this.#mechanism, client, tuning, vhost: this.#checkedVirtualHost(name, user) };
  }

  #checkedVirtualHost(name: string, user: Account): VirtualHost {
    const vhost = this.#context.virtualHost(name);
    if (vhost === undefined) throw new AmqpError(ReplyCode.NotAllowed, `vhost ${name} not found`);
    this.#context.checkConnectionLimits(user.name, vhost);
    return vhost;
  }
}

/** A back end that cannot be asked allows nothing. */
async function isAllowed(answer: Answer): Promise<boolean> {
  try {
    return await answer;
  } catch {
    return false;
  }
}
