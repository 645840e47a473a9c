import type { Account } from '../access/back-end.ts';
import { UserActor } from '../access/user-actor.ts';
import type { Actor } from '../broker/actor.ts';
import type { Broker } from '../broker/broker.ts';
import type { Timer } from '../broker/clock.ts';
import type { VirtualHost } from '../broker/virtual-host.ts';
import type { Logger } from '../logger.ts';
import { AmqpError, ReplyCode } from '../protocol/errors.ts';
import { FrameType, protocolHeader } from '../protocol/frame-reader.ts';
import { decodeMethod, MethodId, type ServerMethod } from '../protocol/methods.ts';
import { payloadSnippet } from '../protocol/octets.ts';
import { Answers, type AnswersHost } from './answers.ts';
import { Channel } from './channel.ts';
import { ChannelTable } from './channel-table.ts';
import { ClientEvents } from './client-events.ts';
import type { ClientCapabilities, ClientProperties } from './client-properties.ts';
import { ConnectionLog, type LateDeliveries } from './connection-log.ts';
import { Credentials, type CredentialsHost } from './credentials.ts';
import type { DeliveryTimeouts } from './delivery-timeouts.ts';
import { Handshake, type HandshakeContext, type HandshakeHost, type Session } from './handshake.ts';
import type { HeartbeatPeer, Heartbeats, HeartbeatWatch } from './heartbeats.ts';
import { Input, type InputHandler } from './input.ts';
import { Output } from './output.ts';
import { describeProtocol } from './protocol-header.ts';
import { Throttle, type ThrottleHost } from './throttle.ts';
import { type ByteStream, connectionName, type TlsPeer, type Transport } from './transport.ts';
import type { Tuning } from './tuning.ts';
import { UnreadLimit, type UnreadLimitHost } from './unread-limit.ts';

/** What a connection needs of the server around it. */
export interface ConnectionContext extends HandshakeContext {
  readonly broker: Broker;
  readonly log: Logger;
  readonly heartbeats: Heartbeats;
  readonly deliveryTimeouts: DeliveryTimeouts;
  /** @throws AmqpError 530 when the user has no room for one more channel */
  checkChannelLimit(user: string): void;
  /** The socket is gone and everything the connection held has been let go. */
  connectionClosed(connection: Connection): void;
}

/** A client has its heartbeat interval to answer connection.close, but no longer than this. */
const closeTimeoutSecondsMax = 30;

/** After the last byte has been written the client has this long to close its side. */
const lingerMs = 3_000;

/** Shared by all: heartbeats of thousands of connections fall due in the same turn. */
const heartbeatFrame = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]);

const exchangeClassId = 40;
const queueClassId = 50;

/** Class and method id at the start of a method frame's payload. */
const methodIdBytes = 4;

/**
 * - `handshake`: up to connection.open
 * - `running`
 * - `closing`: connection.close was sent; all but its answer (and a simultaneous close) is ignored
 * - `ended`: nothing is heard any more, the socket is about to go
 */
type Phase = 'handshake' | 'running' | 'closing' | 'ended';

/**
 * One client connection: hands frames to its channels, keeps their numbers, and turns errors into
 * channel.close and connection.close (AMQP 0-9-1 section 2.2; RabbitMQ pages "Connections", "Channels").
 */
export class Connection
  implements
    AnswersHost,
    InputHandler,
    HandshakeHost,
    HeartbeatPeer,
    UnreadLimitHost,
    ThrottleHost,
    CredentialsHost
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

  readonly #socket: ByteStream;
  readonly #context: ConnectionContext;
  readonly #input: Input;
  readonly #unread: UnreadLimit;
  readonly #throttle: Throttle;
  readonly #events: ConnectionLog;
  readonly #told: ClientEvents;
  #phase: Phase = 'handshake';
  #handshake: Handshake | undefined;
  #session: Session | undefined;
  #actor: Actor | undefined;
  #channels = new ChannelTable(0);
  #heartbeat: HeartbeatWatch | undefined;
  #credentials: Credentials | undefined;
  /** For the handshake, then for the answer to connection.close, then for the end of the socket. */
  #deadline: Timer | undefined;
  /** 0: not read since the last chunk. */
  #chunkTime = 0;
  #isReleased = false;
  /** Why the connection ends, when it is not by the client's connection.close. */
  #endReason: string | undefined;

  constructor(transport: Transport, context: ConnectionContext) {
    const { stream: socket, ends } = transport;
    this.transport = transport;
    this.#socket = socket;
    this.#context = context;
    this.broker = context.broker;
    this.log = context.log;
    this.name = connectionName(ends);
    this.#events = new ConnectionLog(context.log, this.name);
    this.#told = new ClientEvents(this);
    this.#unread = new UnreadLimit(socket, context.broker.clock, this);
    this.output = new Output(socket, () => this.#drained());
    this.#input = new Input(transport, this);
    this.#throttle = new Throttle(this);
    this.answers = new Answers(this, context.broker.committer);
    this.connectedAt = this.broker.clock.now();
    this.#setDeadline(context.settings.handshakeTimeoutMs, () => {
      this.#endReason ??= 'handshake timeout';
      socket.destroy();
    });
    socket.on('error', (error) => {
      this.#endReason ??= `client unexpectedly closed TCP connection (${error.message})`;
    });
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

  get maxMessageBytes(): number {
    return this.#context.settings.maxMessageBytes;
  }

  get unackedMax(): number {
    return this.#context.settings.unackedMax;
  }

  get transactionBytesMax(): number {
    return this.#context.settings.transactionBytesMax;
  }

  /** Most consumers on a channel. */
  get consumerMax(): number {
    return this.#context.settings.consumerMax;
  }

  get nodeName(): string {
    return this.#context.settings.nodeName;
  }

  /** The client at work in its virtual host. */
  get actor(): Actor {
    if (this.#actor === undefined) throw new Error('connection is not open');
    return this.#actor;
  }

  /** The connection is open, or was. Channels exist only then. */
  get #opened(): Session {
    if (this.#session === undefined) throw new Error('connection is not open');
    return this.#session;
  }

  secretUpdated(account: Account): void {
    this.#session = { ...this.#opened, user: account };
    this.#actor = new UserActor(this, account, this.vhost.name);
    for (const channel of this.#channels.values()) channel.accountChanged();
    this.send({ id: MethodId.ConnectionUpdateSecretOk });
    this.output.flushSoon();
  }

  /** Whose connection it is; `undefined` before connection.open and from closing on. */
  get session(): Session | undefined {
    return this.isRunning ? this.#session : undefined;
  }

  get isRunning(): boolean {
    return this.#phase === 'running';
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  // ---- for listings

  get channels(): Iterable<Channel> {
    return this.#channels.values();
  }

  /** Connection.open was answered, so that the connection has a user and a virtual host. */
  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  get state(): 'starting' | 'running' | 'blocked' | 'closing' {
    if (this.#session === undefined) return 'starting';
    if (this.isClosed) return 'closing';
    return this.#throttle.isBlocked ? 'blocked' : 'running';
  }

  /** Such as `PLAIN`. */
  /** The client's address, IPv4 written as such. */
  get peerHost(): string {
    return this.transport.ends.peerHost;
  }

  get peerPort(): number {
    return this.transport.ends.peerPort;
  }

  /** `undefined`: no TLS. */
  get tls(): TlsPeer | undefined {
    return this.transport.tls;
  }

  /** Our side of the socket. */
  get host(): string {
    return this.transport.ends.host;
  }

  get port(): number {
    return this.transport.ends.port;
  }

  get mechanism(): string {
    return this.#opened.mechanism;
  }

  get tuning(): Tuning {
    return this.#opened.tuning;
  }

  /** Bytes that wait for the client to read them. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** An operator wants the connection gone; the client is told with 320 CONNECTION_FORCED and `reason`. */
  closeForced(reason: string): void {
    if (this.#session === undefined) this.destroy();
    else this.closeWithError(new AmqpError(ReplyCode.ConnectionForced, reason));
  }

  // ----

  // ---- input

  protocolAccepted(): void {
    this.#handshake = new Handshake(this, this.#context);
    this.#handshake.start();
  }

  protocolRefused(header: Buffer): void {
    this.#endReason = `client speaks ${describeProtocol(header)}`;
    this.output.raw(protocolHeader);
    this.#endSocket();
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

  /** Stops listening to a client that does not read what it asks for. */
  #limitUnread(): void {
    // Asking makes the output report when the socket has caught up.
    if (this.#unread.isExceeded && this.output.isCongested && this.isRunning) this.#unread.pause();
  }

  blocked(reason: string): void {
    if (this.clientCapabilities.connectionBlocked) this.send({ id: MethodId.ConnectionBlocked, reason });
  }

  unblocked(): void {
    if (!this.isRunning || !this.clientCapabilities.connectionBlocked) return;
    this.send({ id: MethodId.ConnectionUnblocked });
  }

  stalled(unreadBytes: number): void {
    this.#endReason ??= `client does not read what it asks for (${unreadBytes} bytes)`;
    this.#socket.destroy();
  }

  #drained(): void {
    this.#unread.drained();
    for (const channel of this.#channels.values()) channel.resumeConsumers();
  }

  // ---- frames

  method(number: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (this.answers.areOwed && !isTopology(id)) {
      this.#afterAnswers(() => this.method(number, id, buffer, start, end));
      return;
    }
    try {
      if (this.#phase !== 'running') this.#methodOutsideRunning(number, id, buffer, start, end);
      else if (number === 0) this.#connectionMethod(id, buffer, start, end);
      else {
        const channel = this.#channels.get(number);
        if (channel !== undefined && (!isLifecycle(id) || channel.isExpectingContent)) {
          channel.method(id, buffer, start, end);
        } else {
          this.#lifecycleMethod(number, id, channel);
        }
        // Few bytes ask for many.
        if (id === MethodId.BasicGet) this.#limitUnread();
      }
    } catch (error) {
      // Channels name the failing method themselves, where RabbitMQ names one.
      this.methodFailed(number, number === 0 && error instanceof AmqpError ? error.during(id) : error);
    }
  }

  /** What the client sees of this comes behind the answers that it is owed. */
  #afterAnswers(run: () => void): void {
    this.answers.afterwards(() => {
      run();
      this.chunkEnd();
    });
  }

  answered(): void {
    this.output.flushSoon();
  }

  header(number: number, buffer: Buffer, start: number, end: number): void {
    try {
      this.#contentChannel(number)?.header(buffer, start, end);
    } catch (error) {
      this.methodFailed(number, error);
    }
    this.#throttle.contentReceived();
  }

  body(number: number, buffer: Buffer, start: number, end: number): void {
    try {
      this.#contentChannel(number)?.body(buffer, start, end);
    } catch (error) {
      this.methodFailed(number, error);
    }
    this.#throttle.contentReceived();
  }

  /** Whom content is for. None: it is dropped, since the channel or the connection is closing. */
  #contentChannel(number: number): Channel | undefined {
    if (this.#phase === 'closing' || this.#phase === 'ended') return undefined;
    const channel = this.#channels.get(number);
    if (channel === undefined && !this.#channels.isClosing(number)) {
      const text = 'expected method frame, got non method frame instead';
      throw new AmqpError(ReplyCode.UnexpectedFrame, text);
    }
    return channel;
  }

  /** Any byte from the client shows that it is alive; see {@link bytesReceived}. */
  heartbeat(): void {}

  /**
   * The time the chunk being handed out counts from, in milliseconds since the epoch: one reading of the clock
   * for all its messages, and for delivering them. To be asked for while frames are handled only.
   */
  get chunkTime(): number {
    if (this.#chunkTime === 0) this.#chunkTime = this.broker.clock.now();
    return this.#chunkTime;
  }

  /** What the chunk has brought in is delivered before the next one is read. */
  chunkEnd(): void {
    const outrun = this.broker.endTurn(this.chunkTime);
    this.#chunkTime = 0;
    this.#limitUnread();
    this.#throttle.chunkEnd(this.#input.hasMore ? outrun : undefined);
  }

  #methodOutsideRunning(number: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (this.#phase === 'ended') return;
    if (id === MethodId.ConnectionClose && number === 0) {
      this.send({ id: MethodId.ConnectionCloseOk });
      if (this.#phase === 'handshake') this.#endSocket();
    } else if (this.#phase === 'closing') {
      if (id === MethodId.ConnectionCloseOk && number === 0) this.#endSocket();
    } else if (number === 0) {
      this.#handshake?.method(decodeMethod(id, buffer, start, end));
    } else {
      const text = `type ${FrameType.Method}, ${payloadSnippet(buffer, start - methodIdBytes, end)}`;
      this.failed(new AmqpError(ReplyCode.UnexpectedFrame, text));
    }
  }

  #connectionMethod(id: number, buffer: Buffer, start: number, end: number): void {
    switch (id) {
      case MethodId.ConnectionClose:
        this.#release();
        this.send({ id: MethodId.ConnectionCloseOk });
        this.#awaitClient();
        return;
      case MethodId.ConnectionUpdateSecret: {
        const method = decodeMethod(id, buffer, start, end);
        if (method.id === id) void this.#credentials?.renew(method.newSecret.toString());
        return;
      }
      default:
        throw new AmqpError(ReplyCode.ChannelError, 'unexpected method in connection state running');
    }
  }

  /** channel.open, channel.close and channel.close-ok; and any method on a channel that is not open. */
  #lifecycleMethod(number: number, id: number, channel: Channel | undefined): void {
    if (id === MethodId.ChannelOpen) {
      this.#openChannel(number);
    } else if (this.#channels.isClosing(number)) {
      if (id === MethodId.ChannelCloseOk) this.#channels.free(number);
      else if (id === MethodId.ChannelClose) this.output.method(number, { id: MethodId.ChannelCloseOk });
    } else if (channel === undefined) {
      throw new AmqpError(ReplyCode.ChannelError, "expected 'channel.open'").during(id);
    } else if (id === MethodId.ChannelClose) {
      this.#channels.remove(number, false);
      channel.release();
      this.output.method(number, { id: MethodId.ChannelCloseOk });
    } else {
      throw new AmqpError(ReplyCode.CommandInvalid, 'unimplemented method').during(id);
    }
  }

  #openChannel(number: number): void {
    const channels = this.#channels;
    if (!channels.isFree(number)) {
      const text = "second 'channel.open' seen";
      throw new AmqpError(ReplyCode.ChannelError, text).during(MethodId.ChannelOpen);
    }
    if (channels.isFull) {
      const limit = `has reached the negotiated channel_max (${channels.openMax})`;
      const text = `number of channels opened (${channels.size}) ${limit}`;
      // RabbitMQ names no method here.
      this.closeWithError(new AmqpError(ReplyCode.NotAllowed, text));
      return;
    }
    // Nor here.
    this.#context.checkChannelLimit(this.user.name);
    const channel = new Channel(this, number);
    channels.add(number, channel);
    this.broker.churn.channelCreated++;
    this.#told.channelOpened(channel);
    this.output.method(number, { id: MethodId.ChannelOpenOk });
  }

  // ---- errors and the end

  /** Closes the channel or, if it is a matter of the connection, that. */
  methodFailed(number: number, error: unknown): void {
    if (this.answers.areOwed) this.#afterAnswers(() => this.methodFailed(number, error));
    else if (error instanceof AmqpError && !error.hard && number !== 0)
      this.closeChannelWithError(number, error);
    else this.failed(error);
  }

  /** Closes one channel: what it held is let go first, so that the effects are visible with channel.close. */
  closeChannelWithError(number: number, error: AmqpError): void {
    const channel = this.#channels.remove(number, true);
    if (channel === undefined) return;
    this.#events.channelFailed(number, error);
    channel.release();
    this.output.method(number, {
      id: MethodId.ChannelClose,
      replyCode: error.code,
      replyText: error.replyText,
      classId: error.classId,
      methodId: error.methodId,
    });
  }

  /** Messages were taken back from a consumer of a channel, and the consumer was cancelled. */
  deliveriesLate(channel: number, late: LateDeliveries): void {
    this.#events.deliveriesLate(channel, late);
  }

  /** Closes the connection for any error: an AmqpError says so itself, others are ours and 541. */
  failed(error: unknown): void {
    // Broken off, the chunk may go on at any time.
    this.#chunkTime = 0;
    if (this.#phase === 'closing' || this.#phase === 'ended') return;
    const amqpError = error instanceof AmqpError ? error : undefined;
    if (amqpError === undefined) this.#events.internalError(error);
    if (this.#session === undefined && this.#handshake?.isAuthenticated !== true) {
      this.#disconnectLater(amqpError?.replyText ?? 'internal error');
    } else if (amqpError !== undefined) {
      this.closeWithError(amqpError);
    } else {
      this.#close(ReplyCode.InternalError, 'INTERNAL_ERROR', 0, 0);
    }
  }

  /** Sends connection.close after everything the connection held has been let go. */
  closeWithError(error: AmqpError): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') return;
    if (error.code !== ReplyCode.ConnectionForced) this.#events.connectionFailed(error);
    this.#close(error.code, error.replyText, error.classId, error.methodId);
  }

  #close(replyCode: ReplyCode, replyText: string, classId: number, methodId: number): void {
    this.#endReason = replyText;
    this.#release();
    this.send({ id: MethodId.ConnectionClose, replyCode, replyText, classId, methodId });
    this.#awaitClient();
  }

  /**
   * The last word has been said, and the client closes the socket. Were it closed here, a client might see the end of
   * the socket before it has acted on connection.close-ok, and report a connection lost that it closed itself.
   */
  #awaitClient(): void {
    this.#phase = 'closing';
    const heartbeat = this.#session?.tuning.heartbeat ?? 0;
    const seconds = heartbeat > 0 ? Math.min(heartbeat, closeTimeoutSecondsMax) : closeTimeoutSecondsMax;
    // After broken framing no answer could be read.
    const timeoutMs = this.#input.isBroken ? this.#context.settings.refusalDelayMs : seconds * 1000;
    this.#resetAfter(timeoutMs);
    this.#input.resumeForAll();
  }

  refuseLogin(user: string, mechanism: string, reason: string, notice: AmqpError | undefined): void {
    this.#events.loginRefused(mechanism, reason);
    this.#told.loginFailed(user, mechanism, reason);
    if (notice === undefined) {
      this.#disconnectLater('login refused');
      return;
    }
    const { code: replyCode, replyText } = notice;
    this.send({ id: MethodId.ConnectionClose, replyCode, replyText, classId: 0, methodId: 0 });
    this.#endReason = 'login refused';
    this.#phase = 'closing';
    this.#resetAfter(this.#context.settings.refusalDelayMs);
    this.#input.resumeForAll();
  }

  /** Guessing costs time, and whoever has not logged in is told nothing: silence, then a reset. */
  #disconnectLater(reason: string): void {
    this.#endReason = reason;
    this.#phase = 'ended';
    this.#resetAfter(this.#context.settings.refusalDelayMs);
    this.#input.end();
  }

  /** Asks the client to go, because the broker does. One that is not open yet is not asked. */
  shutDown(): void {
    this.closeForced("broker forced connection closure with reason 'shutdown'");
  }

  /** Drops the socket; what the connection held is let go. */
  destroy(): void {
    this.#endReason ??= 'closed by the broker';
    this.#socket.destroy();
  }

  #endSocket(): void {
    this.#phase = 'ended';
    this.#input.end();
    this.output.flush();
    this.#socket.end();
    this.#setDeadline(lingerMs, () => this.#socket.destroy());
  }

  #socketClosed(): void {
    this.#deadline?.cancel();
    this.#unread.stop();
    this.#throttle.stop();
    if (!this.isClosed) this.#endReason ??= 'client unexpectedly closed TCP connection';
    this.#phase = 'ended';
    this.#release();
    this.output.close();
    if (this.#session !== undefined) {
      this.#session.vhost.closedConnections.add(this.#socket.bytesRead, this.#socket.bytesWritten);
    }
    this.#events.ended(this.#endReason, this.#socket.bytesRead, this.broker.clock.now() - this.connectedAt);
    this.#context.connectionClosed(this);
  }

  /** Lets go of everything: channels with their consumers and deliveries, then exclusive queues. */
  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (this.#session !== undefined) this.broker.churn.connectionClosed++;
    this.#heartbeat?.stop();
    this.#credentials?.stop();
    this.answers.stop();
    for (const channel of this.#channels.values()) channel.release();
    this.#channels.clear();
    this.#session?.vhost.deleteExclusiveQueues(this);
    if (this.#session !== undefined) this.#told.closed(this.#session, this.#context.settings.nodeName);
  }

  #resetAfter(delayMs: number): void {
    this.#setDeadline(delayMs, () => this.transport.reset());
  }

  #setDeadline(delayMs: number, run: () => void): void {
    this.#deadline?.cancel();
    this.#deadline = this.broker.clock.setTimer(delayMs, run);
  }

  // ---- handshake and heartbeat

  get isClosed(): boolean {
    return this.#phase === 'closing' || this.#phase === 'ended';
  }

  /** Sends a method on channel 0. */
  send(method: ServerMethod): void {
    this.output.method(0, method);
  }

  channelReleased(channel: Channel): void {
    this.#told.channelClosed(channel);
  }

  loggedIn(user: string, mechanism: string): void {
    this.#told.loginSucceeded(user, mechanism);
  }

  setFrameMax(bytes: number): void {
    this.#input.frameMax = bytes;
  }

  opened(session: Session): void {
    const { user, vhost, tuning } = session;
    this.#deadline?.cancel();
    this.#handshake = undefined;
    this.#session = session;
    this.#actor = new UserActor(this, user, vhost.name);
    this.#credentials = new Credentials(this, this.broker.clock, user, vhost.name);
    this.#channels = new ChannelTable(tuning.channelMax);
    this.#phase = 'running';
    this.broker.churn.connectionCreated++;
    this.send({ id: MethodId.ConnectionOpenOk });
    // Written before the first half interval begins, which it would otherwise count for.
    this.output.flush();
    if (tuning.heartbeat > 0) this.#heartbeat = this.#context.heartbeats.watch(this, tuning.heartbeat);
    this.#events.opened(session);
    this.#told.opened(session, this.#context.settings.nodeName);
  }

  get bytesReceived(): number {
    return this.#socket.bytesRead;
  }

  get bytesSent(): number {
    return this.#socket.bytesWritten;
  }

  get isInputPaused(): boolean {
    return this.#input.isPaused;
  }

  sendHeartbeat(): void {
    // What waits for the socket will do as well.
    if (this.#socket.writableLength > 0) return;
    this.output.flush();
    this.#socket.write(heartbeatFrame);
  }

  heartbeatsMissed(): void {
    this.#endReason = `missed heartbeats from client, timeout: ${this.#opened.tuning.heartbeat}s`;
    this.#socket.destroy();
  }
}

/** exchange.* and queue.*: what {@link Answers} are for. */
function isTopology(id: number): boolean {
  const classId = id >>> 16;
  return classId === exchangeClassId || classId === queueClassId;
}

/** Methods that open and close a channel: the connection's business, not the channel's. */
function isLifecycle(id: number): boolean {
  return id === MethodId.ChannelOpen || id === MethodId.ChannelClose || id === MethodId.ChannelCloseOk;
}
