import type { DefaultPermissions } from './access/access-control.ts';
import type { AuthenticationOptions } from './access/authentication-options.ts';
import type { CertificateLogin } from './access/certificate-name.ts';
import type { MechanismName } from './access/mechanisms/registry.ts';
import type { HashingAlgorithm } from './access/passwords/password-hash.ts';
import type { Administration } from './administration/administration.ts';
import type { PolicyControl } from './administration/policy-control.ts';
import type { SeededUser } from './administration/seeded-users.ts';
import type { AlarmResource } from './broker/alarms.ts';
import type { BackupControl } from './control/backup-control.ts';
import type { DelayControl } from './control/delay-control.ts';
import type { MessageControl } from './control/message-control.ts';
import type { Logger } from './logger.ts';
import type { LogLevelControl } from './logs/logs.ts';
import type { ManagementLimits } from './management/http/request-limits.ts';
import type { Program } from './management/program.ts';
import type { MemoryWatermark } from './resources/memory-monitor.ts';
import type { TlsOptions } from './tls/options.ts';

/** A listener that speaks TLS. */
export interface TlsListenerOptions extends TlsOptions {
  /** 0 takes any free one. Default: 5671 for AMQP, 15671 for the HTTP API. */
  readonly port?: number | undefined;
  /** Address to listen on. Default: that of the listener without TLS. */
  readonly host?: string | undefined;
}

/** Distributed tracing with OpenTelemetry. */
export interface TracingOptions {
  /** A collector that takes OTLP over HTTP: `http://collector:4318`; without a path `/v1/traces` is added. */
  readonly endpoint: string;
  /** Share of messages that are followed although they have no `traceparent`, from 0 to 1. Default 0.01. */
  readonly samplingRatio?: number;
  /** Longest time a span waits to be sent together with others, in milliseconds. Default 5000. */
  readonly delayMs?: number;
}

/** What a broker can be told when it is started from a program. Everything has a default. */
export interface BrokerOptions {
  /** TCP port for AMQP clients; 0 takes any free one, `none` leaves it to {@link BrokerOptions.tls}. Default 5672. */
  readonly port?: number | 'none';
  /** Address to listen on. Default: this machine only (`127.0.0.1`). */
  readonly host?: string;
  /** AMQP over TLS. Default: none. */
  readonly tls?: TlsListenerOptions | undefined;
  /** Who may come in and what they may do, asked elsewhere. Default: the broker's own users. */
  readonly authentication?: AuthenticationOptions | undefined;
  /** SASL mechanisms on offer; EXTERNAL logs in by client certificate. Default: PLAIN and AMQPLAIN. */
  readonly authMechanisms?: readonly MechanismName[] | undefined;
  /** Where EXTERNAL finds the user name in a certificate. Default: its distinguished name. */
  readonly certificateLogin?: CertificateLogin | undefined;
  /** Clients come through a proxy that says who they are (PROXY protocol, version 1 or 2). Default false. */
  readonly proxyProtocol?: boolean;
  /** TCP port of the HTTP API; 0 takes any free one. Default: no HTTP API. */
  readonly managementPort?: number;
  /** Address the HTTP API listens on. Default: {@link BrokerOptions.host}. */
  readonly managementHost?: string;
  /** What each port of the HTTP API takes. Default: 1,000 requests at a time, 50,000 clients, 5 minutes to read on. */
  readonly managementLimits?: Partial<ManagementLimits>;
  /**
   * Path of a Unix socket that has the HTTP API without a login, for `leveretctl`: only the owner of this process (and
   * root) can open it. Default: none. `leveret server` has one in its data directory.
   */
  readonly controlSocket?: string | undefined;
  /** Time between two samples of all counters, from which the HTTP API tells rates. Default 5000. */
  readonly statisticsIntervalMs?: number;
  /** TCP port where Prometheus finds the metrics; 0 takes any free one. Default: none. */
  readonly metricsPort?: number;
  /** Address the metrics are served on. Default: {@link BrokerOptions.host}. */
  readonly metricsHost?: string;
  /** `/metrics` has a line for every queue, channel and connection, in place of sums. Default false. */
  readonly metricsPerObject?: boolean;
  /** The HTTP API over TLS. Default: none. */
  readonly managementTls?: TlsListenerOptions | undefined;
  /** AMQP over WebSocket, at `/ws/amqp` of the HTTP API's ports. Default true. */
  readonly webSocket?: boolean;
  /**
   * Origins of web pages that may connect by WebSocket, such as `https://app.example.org`, or `*` for all. Default:
   * pages from the same host and port only.
   */
  readonly webSocketOrigins?: readonly string[] | undefined;
  /** Directory for queues and definitions. Default: none, everything is gone when the broker closes. */
  readonly dataDir?: string;
  /**
   * Definitions to import at each start (RabbitMQ's `load_definitions`): a file, or a directory of which all files that
   * end with `.json` are imported by name. At the first start there is then no user but those in it.
   */
  readonly definitionsFile?: string | undefined;
  /** Heartbeat interval suggested to clients, in seconds; 0 suggests none. Default 60. */
  readonly heartbeatSeconds?: number;
  /** Largest frame, in bytes (4096 or more). Default 131072. */
  readonly frameMaxBytes?: number;
  /** Most channels open at once on a connection. Default 2047. */
  readonly channelMax?: number;
  /** Most consumers on a channel. Default: no limit. */
  readonly consumerMax?: number;
  /** Most connections at once. Default 65536. */
  readonly connectionMax?: number;
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
  /** Most unacknowledged deliveries of a channel, whatever its prefetch: then it gets nothing more. Default 500000. */
  readonly unackedMax?: number;
  /** Most memory for the publishes of a transaction, in bytes; one more is refused. Default 536870912 (512 MiB). */
  readonly transactionBytesMax?: number;
  /** Memory in use above which publishers are blocked. Default: 0.6 of what the machine or container has. */
  readonly memoryWatermark?: MemoryWatermark;
  /** The user that is created at the first start. Default: `guest`. */
  readonly defaultUser?: string;
  /** And the password. Default: `guest`. */
  readonly defaultPassword?: string;
  /** Its tags. Default: `administrator`. */
  readonly defaultUserTags?: readonly string[];
  /** What it may do in the first virtual host, as regular expressions. Default: everything. */
  readonly defaultPermissions?: DefaultPermissions;
  /** The virtual host that is created at the first start. Default: `/`. */
  readonly defaultVirtualHost?: string;
  /** Users for virtual hosts that are created from now on, the first one included. Default: none. */
  readonly seededUsers?: readonly SeededUser[];
  /** Users who can log in from this machine only. Default: `guest`. */
  readonly loopbackUsers?: readonly string[];
  /** How new passwords are hashed. Default: `leveret_password_hashing_scrypt`. */
  readonly passwordHashing?: HashingAlgorithm;
  /** Different wrong logins from an address in a minute, more of which are refused. Default 60. */
  readonly loginFailuresPerAddress?: number;
  /** Different wrong passwords for a user in a minute, more of which are refused. Default 20. */
  readonly loginFailuresPerUser?: number;
  /** Free space around `dataDir`, in bytes, below which publishers are blocked. Default 50000000 (50 MB). */
  readonly diskFreeLimitBytes?: number;
  /** Size, in bytes, at which the store goes on in a new file. Default 1073741824 (1 GiB). */
  readonly generationBytes?: number;
  /**
   * The store failed: what is in memory may not be on disk. By then nothing is confirmed any more, all
   * connections have been dropped and nobody is accepted. The process should end; the next start recovers.
   */
  readonly onFailure?: (cause: unknown) => void;
  /** Default: no tracing, which then costs nothing. */
  readonly tracing?: TracingOptions | undefined;
  /** The program around the broker, for `leveretctl environment`, `rotate_logs` and `stop`. Default: none of them. */
  readonly program?: Program | undefined;
  /** Where to log. Default: nowhere. */
  readonly logger?: Logger;
  /** What the HTTP API changes the levels of the log with. Default: it cannot. */
  readonly logLevels?: LogLevelControl;
}

/** A broker that accepts connections. */
export interface RunningBroker extends PolicyControl, DelayControl, MessageControl, BackupControl {
  /** Users, permissions, virtual hosts, limits, parameters. */
  readonly administration: Administration;
  readonly host: string;
  /** The AMQP port, the real one when 0 was asked for; the one for TLS if there is no other. */
  readonly port: number;
  /** The AMQP port for TLS, if there is one. */
  readonly tlsPort: number | undefined;
  /** The port of the HTTP API, if there is one. */
  readonly managementPort: number | undefined;
  /** The port of the metrics, if there is one. */
  readonly metricsPort: number | undefined;
  /** Its port for TLS, if there is one. */
  readonly managementTlsPort: number | undefined;
  /** URI for clients on this machine: `amqp://`, or `amqps://` if there is nothing else. */
  readonly url: string;
  /** Reads all certificates again now. What cannot be used changes nothing; the log says why. */
  reloadCertificates(): void;
  /** Resource alarms in effect: publishers are blocked while there is one. */
  readonly alarms: readonly AlarmResource[];
  /** Takes effect at once; `{ absolute: 0 }` sets the alarm whatever is in use. */
  setMemoryWatermark(watermark: MemoryWatermark): void;
  /** Bytes; resolves when the alarm is as the limit wants it. Without `dataDir` there is no disk to watch. */
  setDiskFreeLimit(bytes: number): Promise<void>;
  /**
   * Switches the firehose of a virtual host: copies of all publishes and deliveries go to the exchange
   * `amq.rabbitmq.trace`. Off at every start.
   *
   * @throws Error when there is no such virtual host
   */
  setTracing(vhost: string, isTracing: boolean): void;
  /** Closes every connection, makes everything durable and lets go of the data directory. */
  close(): Promise<void>;
}

/** What `startBroker` is, for whoever is handed it. */
export type StartBroker = (options: BrokerOptions) => Promise<RunningBroker>;
