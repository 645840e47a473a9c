import { hashingAlgorithms } from '../access/passwords/password-hash.ts';
import { readAuthenticationSettings } from './authentication-settings.ts';
import { readDefaultUserSettings } from './default-user-settings.ts';
import { readLogSettings } from './log-settings.ts';
import type { SettingDescription, SettingReader } from './setting.ts';
import { amqpTls, managementTls, readLoginSettings, readTlsSettings } from './tls-settings.ts';
import { readTracingSettings } from './tracing-settings.ts';
import {
  countOrNone,
  flag,
  integer,
  list,
  millisecondsOrNone,
  oneOf,
  path,
  pathOrNone,
  portOrNone,
  portOrNoneWord,
  share,
  size,
  text,
  userNames,
  type ValueType,
} from './value.ts';

const mebibyte = 2 ** 20;

/**
 * Every setting of the server, once: its flag, its key in the configuration file, its type, its default and the
 * sentence that explains it, in the order of the reference page. Names carry their units.
 */
export function readSettings(read: SettingReader) {
  return {
    configFile: read({
      flag: 'config',
      fileKeys: [],
      type: path,
      defaultText: 'leveret.conf or /etc/leveret/leveret.conf, if there',
      doc: 'Configuration file.',
      defaultValue: undefined,
      chapter: 'General',
    }),
    port: read({
      flag: 'port',
      fileKeys: ['listeners.tcp.default', 'listeners.tcp.1', 'listeners.tcp'],
      type: portOrNoneWord,
      defaultValue: 5672,
      defaultText: '5672',
      doc: 'TCP port for AMQP clients; in the file it may be written address:port. none leaves it to TLS.',
      chapter: 'Listeners',
    }),
    host: read({
      flag: 'host',
      fileKeys: ['listeners.tcp.host'],
      type: text,
      defaultValue: '::',
      defaultText: ':: (every address)',
      doc: 'Address to listen on.',
      chapter: 'Listeners',
    }),
    proxyProtocol: read({
      flag: 'proxy-protocol',
      fileKeys: ['proxy_protocol'],
      type: flag,
      defaultValue: false,
      defaultText: 'false',
      doc: 'AMQP clients come through a proxy that says who they are (PROXY protocol, version 1 or 2), and only through it.',
      chapter: 'Listeners',
    }),
    tls: readTlsSettings(read, amqpTls),
    webSocket: read({
      flag: 'websocket',
      fileKeys: ['management.websocket'],
      type: flag,
      defaultValue: true,
      defaultText: 'true',
      doc: 'AMQP over WebSocket, at /ws/amqp of the ports of the HTTP API.',
      chapter: 'Management',
    }),
    webSocketOrigins: read({
      flag: 'websocket-origins',
      fileKeys: ['management.websocket.allowed_origins.N'],
      type: list(text),
      defaultValue: undefined,
      defaultText: 'the same host and port',
      doc: 'Origins of web pages that may connect by WebSocket, such as https://app.example.org; * stands for all.',
      chapter: 'Management',
    }),
    managementTls: readTlsSettings(read, managementTls),
    login: readLoginSettings(read),
    managementPort: read({
      flag: 'management-port',
      fileKeys: ['management.tcp.port'],
      type: portOrNone,
      defaultValue: 15_672,
      defaultText: '15672',
      doc: 'TCP port of the HTTP API; none turns it off.',
      chapter: 'Management',
    }),
    managementHost: read({
      flag: 'management-host',
      fileKeys: ['management.tcp.ip'],
      type: text,
      defaultValue: '::',
      defaultText: ':: (every address)',
      doc: 'Address the HTTP API listens on.',
      chapter: 'Management',
    }),
    controlSocket: read({
      flag: 'control-socket',
      fileKeys: ['control_socket'],
      type: pathOrNone,
      defaultValue: undefined,
      defaultText: 'leveretctl.sock in the data directory',
      doc: 'Unix socket for leveretctl, which only the owner of the broker can open and needs no password; none turns it off.',
      chapter: 'Management',
    }),
    definitionsFile: read({
      flag: 'load-definitions',
      fileKeys: ['load_definitions', 'definitions.local.path', 'management.load_definitions'],
      type: path,
      defaultValue: undefined,
      defaultText: 'none',
      doc: 'Definitions to import at each start: a JSON file as RabbitMQ exports it, or a directory of such files.',
      chapter: 'General',
    }),
    dataDir: read({
      flag: 'data-dir',
      fileKeys: ['data_dir'],
      type: path,
      defaultValue: 'data',
      defaultText: 'data',
      doc: 'Directory for queues and definitions. One broker owns it at a time.',
      chapter: 'General',
    }),
    log: readLogSettings(read),
    heartbeatSeconds: read({
      flag: 'heartbeat',
      fileKeys: ['heartbeat'],
      type: integer(0, 65_535, 'seconds', 'a number of seconds'),
      defaultValue: 60,
      defaultText: '60',
      doc: 'Heartbeat interval suggested to clients, in seconds; 0 suggests none.',
      chapter: 'Protocol limits',
    }),
    frameMaxBytes: read({
      flag: 'frame-max',
      fileKeys: ['frame_max'],
      type: size(4096, 16 * mebibyte),
      defaultValue: 131_072,
      defaultText: '131072',
      doc: 'Largest AMQP frame, in bytes.',
      chapter: 'Protocol limits',
    }),
    channelMax: read({
      flag: 'channel-max',
      fileKeys: ['channel_max', 'max_channels_per_connection'],
      type: integer(1, 65_535),
      defaultValue: 2047,
      defaultText: '2047',
      doc: 'Most channels open at once on one connection.',
      chapter: 'Protocol limits',
    }),
    consumerMax: read({
      flag: 'consumer-max',
      fileKeys: ['consumer_max_per_channel'],
      type: integer(1, 1_000_000),
      defaultValue: undefined,
      defaultText: 'no limit',
      doc: 'Most consumers on one channel.',
      chapter: 'Protocol limits',
    }),
    connectionMax: read({
      flag: 'connection-max',
      fileKeys: ['connection_max'],
      type: integer(0, 1_000_000),
      defaultValue: 65_536,
      defaultText: '65536',
      doc: 'Most connections at once; further ones are refused when they open their virtual host.',
      chapter: 'Protocol limits',
    }),
    handshakeTimeoutMs: read({
      flag: 'handshake-timeout',
      fileKeys: ['handshake_timeout'],
      type: integer(100, 3_600_000, 'ms', 'a number of milliseconds'),
      defaultValue: 10_000,
      defaultText: '10000',
      doc: 'Time a client has to log in and open its virtual host, in milliseconds.',
      chapter: 'Protocol limits',
    }),
    consumerTimeoutMs: read({
      flag: 'consumer-timeout',
      fileKeys: ['consumer_timeout'],
      type: millisecondsOrNone,
      defaultValue: 1_800_000,
      defaultText: '1800000',
      doc: 'Time a consumer has to settle a message, in milliseconds; then the message goes back. none sets no limit.',
      chapter: 'Protocol limits',
    }),
    maxMessageBytes: read({
      flag: 'max-message-size',
      fileKeys: ['max_message_size'],
      type: size(1, 512 * mebibyte),
      defaultValue: 128 * mebibyte,
      defaultText: '128MiB',
      doc: 'Largest message body.',
      chapter: 'Protocol limits',
    }),
    memoryWatermarkShare: read({
      flag: 'memory-high-watermark',
      fileKeys: ['vm_memory_high_watermark.relative'],
      type: share,
      defaultValue: 0.6,
      defaultText: '0.6',
      doc: 'Publishers are blocked while the broker uses more than this share of the memory of the machine or container.',
      chapter: 'Memory and disk',
      live: true,
    }),
    memoryWatermarkBytes: read({
      flag: 'memory-high-watermark-absolute',
      fileKeys: ['vm_memory_high_watermark.absolute'],
      type: size(0, Number.MAX_SAFE_INTEGER),
      defaultValue: undefined,
      defaultText: 'none',
      doc: 'The same in bytes; goes before the share.',
      chapter: 'Memory and disk',
      live: true,
    }),
    diskFreeLimitBytes: read({
      flag: 'disk-free-limit',
      fileKeys: ['disk_free_limit.absolute'],
      type: size(0, Number.MAX_SAFE_INTEGER),
      defaultValue: 50_000_000,
      defaultText: '50MB',
      doc: 'Publishers are blocked while the disk of the data directory has less free space than this.',
      chapter: 'Memory and disk',
      live: true,
    }),
    generationBytes: read({
      flag: 'generation-size',
      fileKeys: ['generation_size'],
      type: size(mebibyte, 64 * 1024 * mebibyte),
      defaultValue: 1024 * mebibyte,
      defaultText: '1GiB',
      doc: 'Size at which the store goes on in a new file; a file is removed when nothing in it is needed.',
      chapter: 'Memory and disk',
    }),
    ...readDefaultUserSettings(read),
    authentication: readAuthenticationSettings(read),
    loopbackUsers: read({
      flag: 'loopback-users',
      fileKeys: ['loopback_users', 'loopback_users.guest'],
      type: userNames,
      defaultValue: ['guest'],
      defaultText: 'guest',
      doc: 'Users who can log in from this machine only.',
      chapter: 'Access',
    }),
    passwordHashing: read({
      flag: 'password-hashing',
      fileKeys: ['password_hashing_module'],
      type: oneOf(hashingAlgorithms),
      defaultValue: 'leveret_password_hashing_scrypt',
      defaultText: 'leveret_password_hashing_scrypt',
      doc: "How new passwords are hashed. RabbitMQ's hashes can be exported to RabbitMQ, but are quickly guessed once they leak.",
      chapter: 'Access',
    }),
    loginFailuresPerAddress: read({
      flag: 'login-failures-per-address',
      fileKeys: ['login_failures_per_address'],
      type: countOrNone,
      defaultValue: 60,
      defaultText: '60',
      doc: 'Different wrong logins from one address within a minute, after which it is refused for the rest of it.',
      chapter: 'Access',
    }),
    loginFailuresPerUser: read({
      flag: 'login-failures-per-user',
      fileKeys: ['login_failures_per_user'],
      type: countOrNone,
      defaultValue: 20,
      defaultText: '20',
      doc: 'Different wrong passwords for one user within a minute, after which logins are refused for the rest of it.',
      chapter: 'Access',
    }),
    metricsPort: read({
      flag: 'metrics-port',
      fileKeys: ['prometheus.tcp.port'],
      type: portOrNone,
      defaultValue: 15_692,
      defaultText: '15692',
      doc: 'TCP port where Prometheus finds the metrics; none turns it off.',
      chapter: 'Metrics',
    }),
    metricsHost: read({
      flag: 'metrics-host',
      fileKeys: ['prometheus.tcp.ip'],
      type: text,
      defaultValue: '::',
      defaultText: ':: (every address)',
      doc: 'Address the metrics are served on.',
      chapter: 'Metrics',
    }),
    metricsPerObject: read({
      flag: 'metrics-per-object',
      fileKeys: ['prometheus.return_per_object_metrics'],
      type: flag,
      defaultValue: false,
      defaultText: 'false',
      doc: 'Whether /metrics has a line for every queue, channel and connection, in place of sums.',
      chapter: 'Metrics',
    }),
    tracing: readTracingSettings(read),
  };
}

/** The settings of one start. */
export type Config = Readonly<ReturnType<typeof readSettings>>;
/** What programs call a setting, or a group of them. */
export type SettingName = keyof Config;

/** A setting as documentation, checks and listings need it: without its value. */
export interface ListedSetting extends SettingDescription {
  readonly type: Pick<ValueType<unknown>, 'placeholder'>;
}

/** All settings, in the order of the reference page. */
export const settings: readonly ListedSetting[] = listSettings();

function listSettings(): readonly ListedSetting[] {
  const listed: ListedSetting[] = [];
  readSettings((setting) => {
    listed.push(setting);
    return setting.defaultValue;
  });
  return listed;
}
