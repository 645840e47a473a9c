import type { ChannelStats } from '../broker/message-stats.ts';
import type { Consumer } from '../broker/queues/consumer.ts';
import type { Queue } from '../broker/queues/queue.ts';
import type { VirtualHost } from '../broker/virtual-host.ts';
import type { FieldTable } from '../protocol/field-table.ts';

/** What the HTTP API sees of a channel. The server's channels are it. */
export interface ClientChannel {
  readonly number: number;
  /** `client address -> broker address (number)` */
  readonly name: string;
  readonly isConfirming: boolean;
  readonly isTransactional: boolean;
  readonly consumers: Iterable<Consumer & { readonly queue: Queue }>;
  readonly consumerCount: number;
  /** basic.qos for the consumers to come; 0: no limit. */
  readonly prefetch: number;
  readonly globalPrefetch: number;
  readonly unackedCount: number;
  readonly unconfirmedCount: number;
  readonly uncommittedCount: number;
  readonly uncommittedAckCount: number;
  currentStats(): ChannelStats;
}

/** What TLS has found out about a client. */
export interface ClientTls {
  /** Such as `TLSv1.3`. */
  readonly version: string;
  /** Such as `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  readonly certificate:
    | {
        readonly issuer: string;
        readonly subject: string;
        readonly validFrom: string;
        readonly validTo: string;
      }
    | undefined;
}

/** What the HTTP API sees of a connection, and what it can do to it. */
export interface ClientConnection {
  readonly name: string;
  readonly transport: {
    readonly ends: {
      readonly host: string;
      readonly port: number;
      readonly peerHost: string;
      readonly peerPort: number;
    };
    readonly tls: ClientTls | undefined;
  };
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  /** Whether what follows is known: after connection.open. */
  readonly isOpen: boolean;
  readonly state: string;
  readonly user: { readonly name: string };
  readonly vhost: VirtualHost;
  readonly client: { readonly table: FieldTable; readonly displayName: string | undefined };
  readonly mechanism: string;
  readonly tuning: { readonly channelMax: number; readonly frameMax: number; readonly heartbeat: number };
  readonly traffic: {
    readonly bytesReceived: number;
    readonly bytesSent: number;
    /** Chunks that came from the socket, and writes to it. */
    readonly reads: number;
    readonly writes: number;
    readonly unsentBytes: number;
  };
  readonly isClosed: boolean;
  readonly channelCount: number;
  readonly channels: Iterable<ClientChannel>;
  /** Closes it with 320 CONNECTION_FORCED and this reason. */
  closeForced(reason: string): void;
}

/** Where something listens. */
export interface ListenerInfo {
  /** `amqp`, `amqp/ssl`, `http`, `https` or `http/prometheus`. */
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  /** Of a listener that speaks TLS: when the first of them runs out, in milliseconds since the epoch. */
  readonly certificates?: { readonly expiresAt: number } | undefined;
}

/** All clients. The server's listener is it. */
export interface Clients {
  readonly connections: Iterable<ClientConnection> & { readonly size: number };
  /** The connection that owns an exclusive queue. */
  connectionOf(owner: object): ClientConnection | undefined;
  /** Where clients can connect. */
  readonly addresses: readonly ListenerInfo[];
}

/** Connections that are open, or were a moment ago. */
export function* openConnections(clients: Clients): Iterable<ClientConnection> {
  for (const connection of clients.connections) if (connection.isOpen) yield connection;
}

/** A channel and the connection it is on. */
export interface OpenChannel {
  readonly connection: ClientConnection;
  readonly channel: ClientChannel;
}

/** All channels of all connections. */
export function* openChannels(connections: Iterable<ClientConnection>): Iterable<OpenChannel> {
  for (const connection of connections) {
    for (const channel of connection.channels) yield { connection, channel };
  }
}
