import type { Broker } from '../../broker/broker.ts';
import type { AmqpError } from '../../protocol/errors.ts';
import { protocolHeader } from '../../protocol/frame-reader.ts';
import { type Method, MethodId, type ServerMethod } from '../../protocol/methods.ts';
import type { CredentialsHost } from '../handshake/credentials.ts';
import {
  Handshake,
  type HandshakeContext,
  type HandshakeHost,
  type Session,
} from '../handshake/handshake.ts';
import { describeProtocol } from '../handshake/protocol-header.ts';
import type { Output } from '../output/output.ts';
import type { TlsPeer, Transport } from '../sockets/transport.ts';
import type { Channels } from './channels.ts';
import type { ClientEvents } from './client-events.ts';
import type { ConnectionLog } from './connection-log.ts';
import type { Farewell } from './farewell.ts';
import type { Heartbeats } from './heartbeats.ts';
import type { Holdings } from './holdings.ts';
import type { Input } from './input.ts';
import type { Lifetime } from './lifetime.ts';
import { OpenSession } from './open-session.ts';

/** The connection that begins. */
export interface WelcomeHost extends CredentialsHost {
  failed(error: unknown): void;
}

/** What it needs of the server around it. */
export interface WelcomeContext extends HandshakeContext {
  readonly broker: Broker;
  readonly heartbeats: Heartbeats;
}

/** The parts of the connection that its beginning is about. */
export interface WelcomeParts {
  readonly transport: Transport;
  readonly input: Input;
  readonly output: Output;
  readonly lifetime: Lifetime;
  readonly channels: Channels;
  readonly holdings: Holdings;
  readonly farewell: Farewell;
  readonly log: ConnectionLog;
  readonly events: ClientEvents;
}

/** How a connection begins: from the protocol header over the handshake to its session. */
export class Welcome implements HandshakeHost {
  readonly #connection: WelcomeHost;
  readonly #context: WelcomeContext;
  readonly #parts: WelcomeParts;
  /** While it lasts. */
  #handshake: Handshake | undefined;

  constructor(connection: WelcomeHost, context: WelcomeContext, parts: WelcomeParts) {
    this.#connection = connection;
    this.#context = context;
    this.#parts = parts;
  }

  /** The client speaks AMQP 0-9-1. */
  start(): void {
    this.#handshake = new Handshake(this, this.#context);
    this.#handshake.start();
  }

  /** It speaks something else, of which `header` is the beginning: it is told what is spoken here. */
  refuseProtocol(header: Buffer): void {
    const { lifetime, output } = this.#parts;
    lifetime.reason = `client speaks ${describeProtocol(header)}`;
    output.raw(protocolHeader);
    lifetime.endSocket();
  }

  /** @throws AmqpError for a method out of order and for what the broker does not agree to */
  method(method: Method): void {
    this.#handshake?.method(method);
  }

  /** The client has proved who it is, and is not in yet. */
  get isAuthenticated(): boolean {
    return this.#handshake?.isAuthenticated === true;
  }

  get peerHost(): string {
    return this.#parts.transport.ends.peerHost;
  }

  get tls(): TlsPeer | undefined {
    return this.#parts.transport.tls;
  }

  get isClosed(): boolean {
    return this.#parts.lifetime.isClosed;
  }

  send(method: ServerMethod): void {
    this.#parts.output.method(0, method);
  }

  sendEncoded(method: Buffer): void {
    this.#parts.output.encodedMethod(0, method);
  }

  pauseInput(): void {
    this.#connection.pauseInput();
  }

  resumeInput(): void {
    this.#connection.resumeInput();
  }

  setFrameMax(bytes: number): void {
    this.#parts.input.frameMax = bytes;
  }

  refuseLogin(user: string, mechanism: string, reason: string, notice: AmqpError | undefined): void {
    const { log, events, farewell } = this.#parts;
    log.loginRefused(mechanism, reason);
    events.loginFailed(user, mechanism, reason);
    farewell.refuseLogin(notice);
  }

  loggedIn(user: string, mechanism: string): void {
    this.#parts.events.loginSucceeded(user, mechanism);
  }

  failed(error: unknown): void {
    this.#connection.failed(error);
  }

  opened(agreed: Session): void {
    const { input, output, lifetime, channels, holdings, transport, log, events } = this.#parts;
    const session = new OpenSession(this.#connection, agreed, this.#context.broker.clock);
    holdings.opened(session);
    lifetime.opened();
    this.#handshake = undefined;
    channels.max = agreed.tuning.channelMax;
    this.send({ id: MethodId.ConnectionOpenOk });
    // Written before the first half interval of heartbeats begins, which it would otherwise count for.
    output.flush();
    session.startHeartbeats(this.#context.heartbeats, { socket: transport.stream, input, output, lifetime });
    log.opened(agreed);
    events.opened(agreed, this.#context.settings.nodeName);
  }
}
