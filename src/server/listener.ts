import { createServer, type Server } from 'node:net';
import type { AccessControl } from '../access/access-control.ts';
import type { Broker } from '../broker/broker.ts';
import type { VirtualHost } from '../broker/virtual-host.ts';
import type { Logger } from '../logger.ts';
import { AmqpError, ReplyCode } from '../protocol/errors.ts';
import type { Certificates } from '../tls/certificates.ts';
import { Connection, type ConnectionContext } from './connection/connection.ts';
import { ConnectionLog } from './connection/connection-log.ts';
import { Heartbeats } from './connection/heartbeats.ts';
import { DeliveryTimeouts } from './deliveries/delivery-timeouts.ts';
import { Greeting } from './handshake/greeting.ts';
import type { Session } from './handshake/handshake.ts';
import { Roster } from './roster.ts';
import type { ServerSettings } from './settings.ts';
import { Doorway } from './sockets/doorway.ts';
import { connectionName, onlyEndOf, type Transport } from './sockets/transport.ts';

/** What a listener serves its clients with. */
export interface ListenerOptions {
  readonly broker: Broker;
  readonly access: AccessControl;
  readonly settings: ServerSettings;
  readonly log: Logger;
}

/** What clients of one address have to do before they speak AMQP. */
export interface ListenOptions {
  readonly certificates?: Certificates | undefined;
  /** A proxy puts a header of the PROXY protocol first. */
  readonly proxyProtocol?: boolean;
}

/** Where a listener really listens. */
export interface ListenerAddress {
  readonly protocol: 'amqp' | 'amqp/ssl';
  readonly certificates: Certificates | undefined;
  readonly host: string;
  readonly port: number;
}

/** Connections in the order in which they were accepted. */
export interface Connections extends Iterable<Connection> {
  readonly size: number;
}

/** Accepts AMQP clients and keeps account of their connections. */
export class Listener implements ConnectionContext {
  readonly broker: Broker;
  readonly access: AccessControl;
  readonly settings: ServerSettings;
  readonly log: Logger;
  readonly greeting: Greeting;
  readonly heartbeats: Heartbeats;
  readonly deliveryTimeouts: DeliveryTimeouts;
  readonly #servers: Server[] = [];
  readonly #doorways: Doorway[] = [];
  readonly #addresses: ListenerAddress[] = [];
  /** How to listen again where it was listened to before {@link suspend}. */
  readonly #suspended: (() => Promise<unknown>)[] = [];
  readonly #reopen: (() => Promise<unknown>)[] = [];
  readonly #connections = new Roster<Connection>();
  #allClosed: (() => void) | undefined;

  constructor({ broker, access, settings, log }: ListenerOptions) {
    this.broker = broker;
    this.access = access;
    this.settings = settings;
    this.log = log;
    this.greeting = new Greeting(settings);
    this.heartbeats = new Heartbeats(broker.clock);
    this.deliveryTimeouts = new DeliveryTimeouts(broker.clock, settings.consumerTimeoutMs);
  }

  /** All connections, those in the middle of their handshake included. */
  get connections(): Connections {
    return this.#connections;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** The connection that owns an exclusive queue. */
  connectionOf(owner: object): Connection | undefined {
    return owner instanceof Connection ? owner : undefined;
  }

  get channelCount(): number {
    let count = 0;
    for (const connection of this.#connections) count += connection.channelCount;
    return count;
  }

  /** Where clients can connect; nowhere once the listener is closed. */
  get addresses(): readonly ListenerAddress[] {
    return this.#addresses;
  }

  virtualHost(name: string): VirtualHost | undefined {
    return this.broker.vhost(name);
  }

  checkConnectionLimits(username: string, vhost: VirtualHost): void {
    const { connectionMax } = this.settings;
    if (this.#connections.size > connectionMax) {
      throw notAllowed(`connection refused: node connection limit (${connectionMax}) is reached`);
    }
    const ofVhost = vhost.limits['max-connections'];
    if (isReached(ofVhost, () => this.#count(({ vhost: { name } }) => name === vhost.name))) {
      const refusal = `access to vhost '${vhost.name}' refused for user '${username}'`;
      throw notAllowed(`${refusal}: connection limit (${ofVhost}) is reached`);
    }
    const ofUser = this.access.users.get(username)?.limits['max-connections'];
    if (isReached(ofUser, () => this.#count(({ user }) => user.name === username))) {
      const refusal = `connection refused for user '${username}'`;
      throw notAllowed(`${refusal}: user connection limit (${ofUser}) is reached`);
    }
  }

  checkChannelLimit(username: string): void {
    const limit = this.access.users.get(username)?.limits['max-channels'];
    const channelCount = () =>
      this.#sum(({ session, channelCount: count }) => (session?.user.name === username ? count : 0));
    if (!isReached(limit, channelCount)) return;
    const reached = `has reached the maximum allowed user limit of (${limit})`;
    throw notAllowed(`number of channels opened for user '${username}' ${reached}`);
  }

  /** Counted only where there is a limit: it takes a look at every connection. */
  #count(isMeant: (session: Session) => boolean): number {
    return this.#sum(({ session }) => (session !== undefined && isMeant(session) ? 1 : 0));
  }

  #sum(value: (connection: Connection) => number): number {
    let sum = 0;
    for (const connection of this.#connections) sum += value(connection);
    return sum;
  }

  closeConnections(isMeant: (session: Session) => boolean, reason: string): void {
    for (const connection of this.#connections) {
      const { session } = connection;
      if (session !== undefined && isMeant(session)) connection.closeForced(reason);
    }
  }

  /**
   * Starts to listen on an address; port 0 takes any free one.
   *
   * @throws the operating system's error when it cannot: the port is taken, the address is not ours
   */
  async listen(host: string, port: number, options: ListenOptions = {}): Promise<ListenerAddress> {
    const doorway = new Doorway({
      certificates: options.certificates,
      proxyProtocol: options.proxyProtocol ?? false,
      timeoutMs: this.settings.handshakeTimeoutMs,
      clock: this.broker.clock,
      enter: (transport) => this.enter(transport),
      turnedAway: ({ ends, reason, bytesReceived, durationMs }) =>
        new ConnectionLog(this.log, connectionName(ends)).ended(reason, bytesReceived, durationMs),
    });
    const server = createServer({ noDelay: true }, (socket) => doorway.accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    // Running out of file descriptors, mostly: those who are connected go on.
    server.on('error', (error) =>
      this.log.error({ err: error }, `cannot accept connections: ${error.message}`),
    );
    this.#servers.push(server);
    this.#doorways.push(doorway);
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('not a TCP listener');
    doorway.local = onlyEndOf(bound);
    const protocol = options.certificates === undefined ? 'amqp' : 'amqp/ssl';
    const where = { protocol, host: bound.address, port: bound.port } as const;
    const address: ListenerAddress = { ...where, certificates: options.certificates };
    this.#addresses.push(address);
    this.#reopen.push(() => this.listen(host, bound.port, options));
    const kind = protocol === 'amqp' ? 'TCP' : 'TLS';
    this.log.info(where, `started ${kind} listener on ${bound.address}:${bound.port}`);
    return address;
  }

  /** Accepts nobody any more, until {@link resume}; who is connected stays. */
  suspend(): void {
    this.#suspended.push(...this.#reopen);
    this.#stopListening();
  }

  /** @throws the operating system's error when a port has been taken meanwhile */
  async resume(): Promise<void> {
    for (let reopen = this.#suspended.pop(); reopen !== undefined; reopen = this.#suspended.pop()) {
      try {
        await reopen();
      } catch (error) {
        this.#suspended.push(reopen);
        throw error;
      }
    }
  }

  /** A client that is ready to speak AMQP, wherever it comes from. */
  enter(transport: Transport): void {
    if (this.#suspended.length > 0) {
      transport.stream.on('error', () => {});
      transport.reset();
      return;
    }
    this.#connections.add(new Connection(transport, this));
  }

  connectionClosed(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#allClosed?.();
  }

  /** Accepts nobody any more, asks all clients to go, and drops those that do not in time. */
  async close(): Promise<void> {
    this.#stopListening();
    if (this.#connections.size === 0) return;
    const allClosed = new Promise<void>((resolve) => {
      this.#allClosed = resolve;
    });
    const grace = this.broker.clock.setTimer(this.settings.shutdownGraceMs, () => this.#dropAll());
    for (const connection of this.#connections) connection.shutDown();
    await allClosed;
    grace.cancel();
  }

  /** Accepts nobody any more and drops all connections without a word: nothing the broker says can be trusted. */
  abort(): void {
    this.#stopListening();
    this.#dropAll();
  }

  #stopListening(): void {
    for (const server of this.#servers) server.close();
    for (const doorway of this.#doorways) doorway.close();
    for (const list of [this.#servers, this.#doorways, this.#addresses, this.#reopen]) list.length = 0;
  }

  #dropAll(): void {
    for (const connection of this.#connections) connection.destroy();
  }
}

/** A negative limit is none. */
function isReached(limit: number | undefined, count: () => number): boolean {
  return limit !== undefined && limit >= 0 && count() >= limit;
}

function notAllowed(text: string): AmqpError {
  return new AmqpError(ReplyCode.NotAllowed, text);
}
