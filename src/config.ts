/**
 * Every setting of the server, once: its flag, its environment variable, its key in the configuration
 * file, its type, its default and the sentence that explains it. `--help`, the table in the README and
 * the checks at start all come from here.
 *
 * Later sources win: defaults, then the configuration file, then the environment, then flags.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { ConfigError } from './config/error.ts';
import { type FileEntry, parseConfigFile } from './config/file.ts';
import { suggestion } from './config/nearest.ts';
import {
  integer,
  millisecondsOrNone,
  oneOf,
  path,
  port,
  portOrNone,
  share,
  size,
  text,
  type ValueType,
} from './config/value.ts';
import { logLevels } from './logging.ts';

/** One setting. */
export interface Setting<T> {
  /** The name after `--`; the environment variable is derived from it. */
  readonly flag: string;
  /** Keys in the configuration file, RabbitMQ's where it has one. The first is the one to document. */
  readonly fileKeys: readonly string[];
  readonly type: ValueType<T>;
  readonly defaultValue: T;
  /** The default as people would write it. */
  readonly defaultText: string;
  readonly doc: string;
}

const mebibyte = 2 ** 20;

/** All settings, in the order in which they are documented. */
export const settings = {
  configFile: {
    flag: 'config',
    fileKeys: [],
    type: path,
    defaultText: 'leveret.conf or /etc/leveret/leveret.conf, if there',
    doc: 'Configuration file.',
  },
  port: {
    flag: 'port',
    fileKeys: ['listeners.tcp.default', 'listeners.tcp.1'],
    type: port,
    defaultValue: 5672,
    defaultText: '5672',
    doc: 'TCP port for AMQP clients; in the file it may be written address:port.',
  },
  host: {
    flag: 'host',
    fileKeys: ['listeners.tcp.host'],
    type: text,
    defaultValue: '::',
    defaultText: ':: (every address)',
    doc: 'Address to listen on.',
  },
  managementPort: {
    flag: 'management-port',
    fileKeys: ['management.tcp.port'],
    type: portOrNone,
    defaultValue: 15_672,
    defaultText: '15672',
    doc: 'TCP port of the HTTP API; none turns it off.',
  },
  managementHost: {
    flag: 'management-host',
    fileKeys: ['management.tcp.ip'],
    type: text,
    defaultValue: '::',
    defaultText: ':: (every address)',
    doc: 'Address the HTTP API listens on.',
  },
  dataDir: {
    flag: 'data-dir',
    fileKeys: ['data_dir'],
    type: path,
    defaultValue: 'data',
    defaultText: 'data',
    doc: 'Directory for queues and definitions. One broker owns it at a time.',
  },
  logLevel: {
    flag: 'log-level',
    fileKeys: ['log.console.level', 'log.level'],
    type: oneOf(logLevels),
    defaultValue: 'info',
    defaultText: 'info',
    doc: 'The least severe messages that are logged.',
  },
  heartbeatSeconds: {
    flag: 'heartbeat',
    fileKeys: ['heartbeat'],
    type: integer(0, 65_535, 'seconds', 'a number of seconds'),
    defaultValue: 60,
    defaultText: '60',
    doc: 'Heartbeat interval suggested to clients, in seconds; 0 suggests none.',
  },
  frameMaxBytes: {
    flag: 'frame-max',
    fileKeys: ['frame_max'],
    type: size(4096, 16 * mebibyte),
    defaultValue: 131_072,
    defaultText: '131072',
    doc: 'Largest AMQP frame, in bytes.',
  },
  channelMax: {
    flag: 'channel-max',
    fileKeys: ['channel_max', 'max_channels_per_connection'],
    type: integer(1, 65_535),
    defaultValue: 2047,
    defaultText: '2047',
    doc: 'Most channels open at once on one connection.',
  },
  consumerMax: {
    flag: 'consumer-max',
    fileKeys: ['consumer_max_per_channel'],
    type: integer(1, 1_000_000),
    defaultValue: undefined,
    defaultText: 'no limit',
    doc: 'Most consumers on one channel.',
  },
  connectionMax: {
    flag: 'connection-max',
    fileKeys: ['connection_max'],
    type: integer(0, 1_000_000),
    defaultValue: 65_536,
    defaultText: '65536',
    doc: 'Most connections at once; further ones are refused when they open their virtual host.',
  },
  handshakeTimeoutMs: {
    flag: 'handshake-timeout',
    fileKeys: ['handshake_timeout'],
    type: integer(100, 3_600_000, 'ms', 'a number of milliseconds'),
    defaultValue: 10_000,
    defaultText: '10000',
    doc: 'Time a client has to log in and open its virtual host, in milliseconds.',
  },
  consumerTimeoutMs: {
    flag: 'consumer-timeout',
    fileKeys: ['consumer_timeout'],
    type: millisecondsOrNone,
    defaultValue: 1_800_000,
    defaultText: '1800000',
    doc: 'Time a consumer has to settle a message, in milliseconds; then the message goes back. none sets no limit.',
  },
  maxMessageBytes: {
    flag: 'max-message-size',
    fileKeys: ['max_message_size'],
    type: size(1, 512 * mebibyte),
    defaultValue: 128 * mebibyte,
    defaultText: '128MiB',
    doc: 'Largest message body.',
  },
  memoryWatermarkShare: {
    flag: 'memory-high-watermark',
    fileKeys: ['vm_memory_high_watermark.relative'],
    type: share,
    defaultValue: 0.6,
    defaultText: '0.6',
    doc: 'Publishers are blocked while the broker uses more than this share of the memory of the machine or container.',
  },
  memoryWatermarkBytes: {
    flag: 'memory-high-watermark-absolute',
    fileKeys: ['vm_memory_high_watermark.absolute'],
    type: size(0, Number.MAX_SAFE_INTEGER),
    defaultValue: undefined,
    defaultText: 'none',
    doc: 'The same in bytes; goes before the share.',
  },
  diskFreeLimitBytes: {
    flag: 'disk-free-limit',
    fileKeys: ['disk_free_limit.absolute'],
    type: size(0, Number.MAX_SAFE_INTEGER),
    defaultValue: 50_000_000,
    defaultText: '50MB',
    doc: 'Publishers are blocked while the disk of the data directory has less free space than this.',
  },
  generationBytes: {
    flag: 'generation-size',
    fileKeys: ['generation_size'],
    type: size(mebibyte, 64 * 1024 * mebibyte),
    defaultValue: 1024 * mebibyte,
    defaultText: '1GiB',
    doc: 'Size at which the store goes on in a new file; a file is removed when nothing in it is needed.',
  },
} as const satisfies Record<string, Omit<Setting<unknown>, 'defaultValue'> & { defaultValue?: unknown }>;

/** The settings of one start. Names carry their units. */
export interface Config {
  /** The file that was read, if any. */
  readonly configFile: string | undefined;
  readonly port: number;
  readonly host: string;
  /** `undefined`: no HTTP API. */
  readonly managementPort: number | undefined;
  readonly managementHost: string;
  readonly dataDir: string;
  readonly logLevel: (typeof logLevels)[number];
  readonly heartbeatSeconds: number;
  readonly frameMaxBytes: number;
  readonly channelMax: number;
  /** `undefined`: no limit. */
  readonly consumerMax: number | undefined;
  readonly connectionMax: number;
  readonly handshakeTimeoutMs: number;
  /** `Infinity`: no limit. */
  readonly consumerTimeoutMs: number;
  readonly memoryWatermarkShare: number;
  /** `undefined`: the share counts. */
  readonly memoryWatermarkBytes: number | undefined;
  readonly diskFreeLimitBytes: number;
  readonly maxMessageBytes: number;
  readonly generationBytes: number;
}

/** Where settings come from, besides the configuration file. */
export interface ConfigSources {
  /** Values of flags, by flag name without dashes. */
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative names of configuration files start here. */
  readonly workingDirectory: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Things that were ignored and are worth a line in the log. */
  readonly warnings: readonly string[];
}

const environmentPrefix = 'LEVERET_';
const defaultConfigFiles = ['leveret.conf', '/etc/leveret/leveret.conf'];
const flags = new Set<string>(Object.values(settings).map((setting) => setting.flag));
const environmentNames = new Set([...flags].map(environmentName));
const fileKeys = new Set<string>(Object.values(settings).flatMap((setting) => [...setting.fileKeys]));

/** `LEVERET_DATA_DIR` for `data-dir`. */
export function environmentName(flag: string): string {
  return environmentPrefix + flag.toUpperCase().replaceAll('-', '_');
}

/** Names of all flags, without dashes. */
export function flagNames(): ReadonlySet<string> {
  return flags;
}

/**
 * Reads all sources and checks every value.
 *
 * @throws ConfigError naming the first unknown key, unknown flag or bad value, and where it stands.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const warnings: string[] = [];
  for (const flag of Object.keys(sources.flags)) {
    if (!flags.has(flag)) throw new ConfigError(`unknown flag --${flag}${suggestion(flag, flags, '--')}`);
  }
  const environment = readEnvironment(sources.environment, warnings);
  const configFile = findConfigFile(sources, environment);
  const inFile = configFile === undefined ? new Map<string, FileEntry>() : readConfigFile(configFile);

  function given<T>(setting: Pick<Setting<T>, 'flag' | 'fileKeys' | 'type'>): { value: T } | undefined {
    const name = environmentName(setting.flag);
    const flagText = sources.flags[setting.flag];
    if (flagText !== undefined) return { value: checked(setting.type, flagText, `--${setting.flag}`) };
    const environmentText = environment.get(name);
    if (environmentText !== undefined) return { value: checked(setting.type, environmentText, name) };
    const entry = setting.fileKeys.flatMap((key) => inFile.get(key) ?? []).at(-1);
    return entry && { value: checked(setting.type, entry.value, `${entry.place}: ${entry.key}`) };
  }
  function settled<T>(setting: Setting<T>): T {
    const found = given(setting);
    return found === undefined ? setting.defaultValue : found.value;
  }

  return {
    config: {
      configFile,
      port: settled(settings.port),
      host: settled(settings.host),
      managementPort: settled<number | undefined>(settings.managementPort),
      managementHost: settled(settings.managementHost),
      dataDir: settled(settings.dataDir),
      logLevel: settled(settings.logLevel),
      heartbeatSeconds: settled(settings.heartbeatSeconds),
      frameMaxBytes: settled(settings.frameMaxBytes),
      channelMax: settled(settings.channelMax),
      consumerMax: settled<number | undefined>(settings.consumerMax),
      connectionMax: settled(settings.connectionMax),
      handshakeTimeoutMs: settled(settings.handshakeTimeoutMs),
      consumerTimeoutMs: settled(settings.consumerTimeoutMs),
      memoryWatermarkShare: settled(settings.memoryWatermarkShare),
      memoryWatermarkBytes: settled<number | undefined>(settings.memoryWatermarkBytes),
      diskFreeLimitBytes: settled(settings.diskFreeLimitBytes),
      maxMessageBytes: settled(settings.maxMessageBytes),
      generationBytes: settled(settings.generationBytes),
    },
    warnings,
  };
}

function checked<T>(type: ValueType<T>, given: string, place: string): T {
  const parsed = type.parse(given);
  if (parsed === undefined) throw new ConfigError(`${place}: "${given}" is not ${type.expected}`);
  return parsed.value;
}

/**
 * Our variables, by name. Kubernetes gives every pod next to a service called "leveret" variables such
 * as LEVERET_PORT=tcp://10.0.0.1:5672 and LEVERET_SERVICE_HOST: these are not ours.
 */
function readEnvironment(
  environment: ConfigSources['environment'],
  warnings: string[],
): ReadonlyMap<string, string> {
  const ours = new Map<string, string>();
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || !name.startsWith(environmentPrefix)) continue;
    if (/^LEVERET_(SERVICE_|PORT_\d+_)/.test(name) || /^(tcp|udp):\/\//.test(value)) continue;
    if (environmentNames.has(name)) ours.set(name, value);
    else warnings.push(`ignoring unknown environment variable ${name}${suggestion(name, environmentNames)}`);
  }
  return ours;
}

function findConfigFile(
  sources: ConfigSources,
  environment: ReadonlyMap<string, string>,
): string | undefined {
  const { flag, type } = settings.configFile;
  const name = environmentName(flag);
  const fromFlag = sources.flags[flag];
  const fromEnvironment = environment.get(name);
  if (fromFlag !== undefined) return absolute(checked(type, fromFlag, `--${flag}`));
  if (fromEnvironment !== undefined) return absolute(checked(type, fromEnvironment, name));
  return defaultConfigFiles.map(absolute).find((file) => existsSync(file));

  function absolute(file: string): string {
    return isAbsolute(file) ? file : join(sources.workingDirectory, file);
  }
}

/** Entries by key; of a key that is given twice the last one counts, as in RabbitMQ. */
function readConfigFile(file: string): ReadonlyMap<string, FileEntry> {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
    throw new ConfigError(`cannot read the configuration file ${file}${code}`);
  }
  const entries = new Map<string, FileEntry>();
  for (const entry of parseConfigFile(content, basename(file)).flatMap(splitListener)) {
    if (!fileKeys.has(entry.key)) {
      throw new ConfigError(`${entry.place}: unknown key ${entry.key}${suggestion(entry.key, fileKeys)}`);
    }
    entries.set(entry.key, entry);
  }
  return entries;
}

/** RabbitMQ writes a listener's address and port in one value: `listeners.tcp.1 = 127.0.0.1:5672`. */
function splitListener(entry: FileEntry): readonly FileEntry[] {
  const match = /^(.+):(\d+)$/.exec(entry.value);
  const address = match?.[1];
  const portText = match?.[2];
  if (!entry.key.startsWith('listeners.tcp.') || address === undefined || portText === undefined) {
    return [entry];
  }
  return [
    { ...entry, value: portText },
    { ...entry, key: 'listeners.tcp.host', value: address.replace(/^\[(.*)\]$/, '$1') },
  ];
}

/** The table of all settings, in Markdown. */
export function settingsTable(): string {
  const rows = Object.values(settings).map((setting) => {
    const key = setting.fileKeys[0];
    const cells = [
      `\`--${setting.flag}\``,
      `\`${environmentName(setting.flag)}\``,
      key === undefined ? '' : `\`${key}\``,
      setting.defaultText,
      setting.doc,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| Flag | Environment | In `leveret.conf` | Default | |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
