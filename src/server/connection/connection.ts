import type { Account } from '../../access/back-end.ts';
import type { Actor } from '../../broker/actor.ts';
import type { Broker } from '../../broker/broker.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import type { Logger } from '../../logger.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { type Method, MethodId, type ServerMethod } from '../../protocol/methods.ts';
import type { Channel } from '../channel/channel.ts';
import type { ChannelHost, OpenChannel } from '../deliveries/channel-host.ts';
import type { DeliveryTimeouts, LateDeliveries } from '../deliveries/delivery-timeouts.ts';
import type { ClientCapabilities, ClientProperties } from '../handshake/client-properties.ts';
import type { Session } from '../handshake/handshake.ts';
import type { Tuning } from '../handshake/tuning.ts';
import { Answers, type AnswersHost } from '../output/answers.ts';
import { Output } from '../output/output.ts';
import { UnreadLimit, type UnreadLimitHost } from '../output/unread-limit.ts';
import type { Seat, Seated } from '../roster.ts';
import type { ServerSettings } from '../settings.ts';
import { type ByteStream, connectionName, type Transport } from '../sockets/transport.ts';
import { Channels } from './channels.ts';
import { ClientEvents } from './client-events.ts';
import { ConnectionLog } from './connection-log.ts';
import { Control, type ControlHost } from './control.ts';
import { Farewell, type FarewellHost } from './farewell.ts';
import { FrameRouter, type FrameRouterHost } from './frame-router.ts';
import { Holdings } from './holdings.ts';
import { Input, type InputHost } from './input.ts';
import { Lifetime } from './lifetime.ts';
import type { OpenSession } from './open-session.ts';
import { Throttle, type ThrottleHost } from './throttle.ts';
import { Traffic } from './traffic.ts';
import { Welcome, type WelcomeContext, type WelcomeHost } from './welcome.ts';

/** What a connection needs of the server around it. */
export interface ConnectionContext extends WelcomeContext {
  readonly log: Logger;
  readonly deliveryTimeouts: DeliveryTimeouts;
  /** @throws AmqpError 530 when the user has no room for one more channel */
  checkChannelLimit(user: string): void;
  /** The socket is gone and everything the connection held has been let go. */
  connectionClosed(connection: Connection): void;
}

/**
 * One client connection: hands frames to its channels, keeps their numbers, and turns errors into
 * channel.close and connection.close (AMQP 0-9-1 section 2.2; RabbitMQ pages "Connections", "Channels").
 */
export class Connection
  implements
    AnswersHost,
    ChannelHost,
    FrameRouterHost,
    InputHost,
    UnreadLimitHost,
    ThrottleHost,
    WelcomeHost,
    FarewellHost,
    ControlHost,
    Seated<Connection>
{
  readonly output: Output;
  readonly answers: Answers;
  readonly broker: Broker;
  readonly log: Logger;
  /** `client address -> broker address`, as in RabbitMQ's log and listings. */
  readonly name: string;
  readonly transport: Transport;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;

  readonly traffic: Traffic;
  seat: Seat<Connection> | undefined;

  readonly #socket: ByteStream;
  readonly #context: ConnectionContext;
  readonly #frames: FrameRouter;
  readonly #input: Input;
  readonly #lifetime: Lifetime;
  readonly #farewell: Farewell;
  readonly #control: Control;
  readonly #unread: UnreadLimit;
  readonly #throttle: Throttle;
  readonly #connectionLog: ConnectionLog;
  readonly #events: ClientEvents;
  readonly #channels: Channels;
  readonly #holdings: Holdings;
  readonly #welcome: Welcome;

  constructor(transport: Transport, context: ConnectionContext) {
    const { stream: socket, ends } = transport;
    this.transport = transport;
    this.#socket = socket;
    this.#context = context;
    this.broker = context.broker;
    this.log = context.log;
    this.name = connectionName(ends);
    this.#connectionLog = new ConnectionLog(context.log, this.name);
    this.#events = new ClientEvents(this, context.broker.events);
    this.#channels = new Channels(this, {
      checkChannelLimit: (user) => context.checkChannelLimit(user),
      channelOpened: (channel) => this.#events.channelOpened(channel),
      channelFailed: (number, error) => this.#connectionLog.channelFailed(number, error),
    });
    this.output = new Output(socket, () => this.#drained());
    this.#unread = new UnreadLimit(this.output, context.broker.clock, this);
    this.#throttle = new Throttle(this);
    this.#frames = new FrameRouter(this, {
      channels: this.#channels,
      throttle: this.#throttle,
      unread: this.#unread,
    });
    this.#input = new Input(transport, this.#frames, this);
    this.traffic = new Traffic(socket, this.#input, this.output);
    const { clock } = context.broker;
    const { settings } = context;
    const parts = { transport, input: this.#input, output: this.output, clock, settings };
    this.#lifetime = new Lifetime(parts);
    this.#control = new Control(this, this.#lifetime);
    this.answers = new Answers(this, context.broker.committer);
    this.#holdings = new Holdings(this, {
      broker: context.broker,
      channels: this.#channels,
      answers: this.answers,
      events: this.#events,
      nodeName: settings.nodeName,
    });
    this.#farewell = new Farewell(this, {
      lifetime: this.#lifetime,
      holdings: this.#holdings,
      log: this.#connectionLog,
    });
    this.#welcome = new Welcome(this, context, {
      transport,
      input: this.#input,
      output: this.output,
      lifetime: this.#lifetime,
      channels: this.#channels,
      holdings: this.#holdings,
      farewell: this.#farewell,
      log: this.#connectionLog,
      events: this.#events,
    });
    this.connectedAt = this.broker.clock.now();
    socket.on('error', (error) => {
      this.#lifetime.reason ??= `client unexpectedly closed TCP connection (${error.message})`;
    });
    socket.on('end', () => this.#lifetime.clientEnded());
    socket.on('close', () => this.#socketClosed());
  }

  get user(): Account {
    return this.#opened.user;
  }

  get vhost(): VirtualHost {
    return this.#opened.vhost;
  }

  get client(): ClientProperties {
    return this.#opened.client;
  }

  get clientCapabilities(): ClientCapabilities {
    return this.#opened.client.capabilities;
  }

  /** Largest frame either side may send, in bytes, overhead included. */
  get frameMax(): number {
    return this.#opened.tuning.frameMax;
  }

  get deliveryTimeouts(): DeliveryTimeouts {
    return this.#context.deliveryTimeouts;
  }

  get settings(): ServerSettings {
    return this.#context.settings;
  }

  /** The client at work in its virtual host. */
  get actor(): Actor {
    return this.#opened.actor;
  }

  /** The connection is open, or was. Channels exist only then. */
  get #opened(): OpenSession {
    const { session } = this.#holdings;
    if (session === undefined) throw new Error('connection is not open');
    return session;
  }

  secretUpdated(account: Account): void {
    this.#opened.accountRenewed(account);
    for (const channel of this.#channels.values()) channel.accountChanged();
    this.send({ id: MethodId.ConnectionUpdateSecretOk });
    this.output.flushSoon();
  }

  /** Whose connection it is; `undefined` before connection.open and from closing on. */
  get session(): Session | undefined {
    return this.isRunning ? this.#holdings.session : undefined;
  }

  get isRunning(): boolean {
    return this.#lifetime.isRunning;
  }

  get channelCount(): number {
    return this.#channels.count;
  }

  // ---- for listings

  get channels(): Iterable<Channel> {
    return this.#channels.values();
  }

  /** Connection.open was answered, so that the connection has a user and a virtual host. */
  get isOpen(): boolean {
    return this.#holdings.session !== undefined;
  }

  get state(): 'starting' | 'running' | 'blocked' | 'closing' {
    if (!this.isOpen) return 'starting';
    if (this.isClosed) return 'closing';
    return this.#throttle.isBlocked ? 'blocked' : 'running';
  }

  /** The client's address, IPv4 written as such. */
  get peerHost(): string {
    return this.transport.ends.peerHost;
  }

  get peerPort(): number {
    return this.transport.ends.peerPort;
  }

  /** Such as `PLAIN`. */
  get mechanism(): string {
    return this.#opened.mechanism;
  }

  get tuning(): Tuning {
    return this.#opened.tuning;
  }

  /** An operator wants the connection gone; the client is told with 320 CONNECTION_FORCED and `reason`. */
  closeForced(reason: string): void {
    if (this.isOpen) this.closeWithError(new AmqpError(ReplyCode.ConnectionForced, reason));
    else this.destroy();
  }

  // ---- input

  protocolAccepted(): void {
    this.#welcome.start();
  }

  protocolRefused(header: Buffer): void {
    this.#welcome.refuseProtocol(header);
  }

  /**
   * Stops handing out frames after the current one, and reading from the socket, until
   * {@link resumeInput}. Several may pause at a time; all of them have to resume.
   */
  pauseInput(): void {
    if (!this.isClosed) this.#input.pause();
  }

  resumeInput(): void {
    this.#input.resume();
  }

  get hasMoreInput(): boolean {
    return this.#input.hasMore;
  }

  blocked(reason: string): void {
    this.#control.blocked(reason);
  }

  unblocked(): void {
    this.#control.unblocked();
  }

  stalled(unreadBytes: number): void {
    this.#lifetime.drop(`client does not read what it asks for (${unreadBytes} bytes)`);
  }

  #drained(): void {
    this.#unread.drained();
    for (const channel of this.#channels.values()) channel.resumeConsumers();
  }

  // ---- frames

  answered(): void {
    this.output.flushSoon();
  }

  /** See {@link FrameRouter.chunkTime}. */
  get chunkTime(): number {
    return this.#frames.chunkTime;
  }

  /** What was done outside of a chunk has its effects now. */
  chunkEnd(): void {
    this.#frames.chunkEnd();
  }

  flooded(): void {
    this.broker.committer.hurry();
  }

  connectionMethod(number: number, id: number, buffer: Buffer, start: number, end: number): void {
    this.#control.method(number, id, buffer, start, end);
  }

  handshakeMethod(method: Method): void {
    this.#welcome.method(method);
  }

  closedByClient(): void {
    this.#farewell.answer();
  }

  renewSecret(secret: string): void {
    this.#opened.renewSecret(secret);
  }

  // ---- errors and the end

  /** Closes the channel or, if it is a matter of the connection, that. */
  methodFailed(number: number, error: unknown): void {
    if (this.answers.areOwed) this.#frames.afterAnswers(() => this.methodFailed(number, error));
    else if (error instanceof AmqpError && !error.hard && number !== 0)
      this.#channels.closeWithError(number, error);
    else this.failed(error);
  }

  closeChannelWithError(number: number, error: AmqpError): void {
    this.#channels.closeWithError(number, error);
  }

  /** Messages were taken back from a consumer of a channel, and the consumer was cancelled. */
  deliveriesLate(channel: number, late: LateDeliveries): void {
    this.#connectionLog.deliveriesLate(channel, late);
  }

  failed(error: unknown): void {
    this.#frames.chunkBroken();
    this.#farewell.failed(error);
  }

  closeWithError(error: AmqpError): void {
    this.#farewell.close(error);
  }

  get isAuthenticated(): boolean {
    return this.#welcome.isAuthenticated;
  }

  /** Asks the client to go, because the broker does. One that is not open yet is not asked. */
  shutDown(): void {
    this.closeForced("broker forced connection closure with reason 'shutdown'");
  }

  /** Drops the socket; what the connection held is let go. */
  destroy(): void {
    this.#lifetime.drop('closed by the broker');
  }

  #socketClosed(): void {
    this.#lifetime.socketClosed();
    this.#unread.stop();
    this.#throttle.stop();
    this.#holdings.release();
    this.output.close();
    const { bytesRead, bytesWritten } = this.#socket;
    this.#holdings.session?.vhost.closedConnections.add(bytesRead, bytesWritten);
    this.#connectionLog.ended(this.#lifetime.reason, bytesRead, this.broker.clock.now() - this.connectedAt);
    // Whoever waits for that, to delete the virtual host or to close the store, waits for all that goes with it.
    void this.#holdings.released.then(() => this.#context.connectionClosed(this));
  }

  get isClosed(): boolean {
    return this.#lifetime.isClosed;
  }

  /** Sends a method on channel 0. */
  send(method: ServerMethod): void {
    this.output.method(0, method);
  }

  channelReleased(channel: OpenChannel): void {
    this.#events.channelClosed(channel);
  }
}
