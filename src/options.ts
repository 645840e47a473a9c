import type { Logger } from './logger.ts';

/** What a broker can be told when it is started from a program. Everything has a default. */
export interface BrokerOptions {
  /** TCP port for AMQP clients; 0 takes any free one. Default 5672. */
  readonly port?: number;
  /** Address to listen on. Default: this machine only (`127.0.0.1`). */
  readonly host?: string;
  /** TCP port of the HTTP API; 0 takes any free one. Default: no HTTP API. */
  readonly managementPort?: number;
  /** Address the HTTP API listens on. Default: {@link BrokerOptions.host}. */
  readonly managementHost?: string;
  /** Directory for queues and definitions. Default: none, everything is gone when the broker closes. */
  readonly dataDir?: string;
  /** Heartbeat interval suggested to clients, in seconds; 0 suggests none. Default 60. */
  readonly heartbeatSeconds?: number;
  /** Largest frame, in bytes (4096 or more). Default 131072. */
  readonly frameMaxBytes?: number;
  /** Most channels open at once on a connection. Default 2047. */
  readonly channelMax?: number;
  /** A connection has to be open this many milliseconds after the client connected. Default 10000. */
  readonly handshakeTimeoutMs?: number;
  /**
   * Who fails to log in, or sends bytes that are no frames, is disconnected after this many milliseconds,
   * so that guessing passwords takes time. Default 3000.
   */
  readonly refusalDelayMs?: number;
  /**
   * A consumer has to settle a message within this many milliseconds, else it is cancelled and the message
   * goes back; `Infinity` sets no limit. Default 1800000 (30 minutes).
   */
  readonly consumerTimeoutMs?: number;
  /** Largest message body, in bytes. Default 134217728 (128 MiB). */
  readonly maxMessageBytes?: number;
  /** Size, in bytes, at which the store goes on in a new file. Default 1073741824 (1 GiB). */
  readonly generationBytes?: number;
  /**
   * The store failed: what is in memory may not be on disk. By then nothing is confirmed any more, all
   * connections have been dropped and nobody is accepted. The process should end; the next start recovers.
   */
  readonly onFailure?: (cause: unknown) => void;
  /** Where to log. Default: nowhere. */
  readonly logger?: Logger;
}

/** A broker that accepts connections. */
export interface RunningBroker {
  readonly host: string;
  /** The AMQP port, the real one when 0 was asked for. */
  readonly port: number;
  /** The port of the HTTP API, if there is one. */
  readonly managementPort: number | undefined;
  /** `amqp://` URI for clients on this machine. */
  readonly url: string;
  /** Closes every connection, makes everything durable and lets go of the data directory. */
  close(): Promise<void>;
}

export type StartBroker = (options: BrokerOptions) => Promise<RunningBroker>;
