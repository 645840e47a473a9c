/**
 * Puts the configuration together. Later sources win: defaults, then the configuration file, then the
 * environment, then flags.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { ConfigError } from './error.ts';
import { type FileEntry, parseConfigFile } from './file.ts';
import { GroupedLines } from './grouped-lines.ts';
import { suggestion } from './nearest.ts';
import { environmentName, hasEnvironmentPrefix, type SettingDescription } from './setting.ts';
import { type Config, readSettings, settings } from './settings.ts';
import { reasonNotSupported } from './unsupported-keys.ts';
import { path, type ValueType } from './value.ts';

/** Where settings come from, besides the configuration file. */
export interface ConfigSources {
  /** Values of flags, by flag name without dashes. */
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative names of configuration files start here. */
  readonly workingDirectory: string;
}

/** One effective setting, as `leveret config show` and `leveretctl environment` list it. */
export interface EffectiveSetting {
  /** The key of the configuration file; the flag where there is none. */
  readonly name: string;
  readonly flag: string;
  /** As it was written; the default as people would write it. */
  readonly value: string;
  /** `default`, `--port`, `LEVERET_PORT` or `leveret.conf:12`. */
  readonly source: string;
  /** Whether a running broker takes a change up on SIGHUP. */
  readonly live: boolean;
}

/** Settings from flags, environment and file put together. */
export interface LoadedConfig {
  readonly config: Config;
  readonly effective: readonly EffectiveSetting[];
  /** Things that were ignored and are worth a line in the log. */
  readonly warnings: readonly string[];
}

interface Given {
  readonly text: string;
  /** Where it was written. */
  readonly place: string;
  /** The same for an error message. */
  readonly label: string;
}

const defaultConfigFiles = ['leveret.conf', '/etc/leveret/leveret.conf'];
const configFlag = 'config';
// Everybody on the machine can read the flags of a process.
const flags: ReadonlySet<string> = new Set(
  settings.filter(({ secret }) => secret !== true).map(({ flag }) => flag),
);
const environmentNames: ReadonlySet<string> = new Set(settings.map(({ flag }) => environmentName(flag)));
const fileKeys: ReadonlySet<string> = new Set(settings.flatMap((setting) => setting.fileKeys));

/** What deployments of RabbitMQ set in its environment, and the variable that does the same here. */
const rabbitmqVariables: ReadonlyMap<string, string> = new Map([
  ['RABBITMQ_NODE_PORT', 'LEVERET_PORT'],
  ['RABBITMQ_NODE_IP_ADDRESS', 'LEVERET_HOST'],
  ['RABBITMQ_CONFIG_FILE', 'LEVERET_CONFIG'],
  ['RABBITMQ_MNESIA_DIR', 'LEVERET_DATA_DIR'],
  ['RABBITMQ_MNESIA_BASE', 'LEVERET_DATA_DIR'],
]);

/** Names of all flags, without dashes. */
export function flagNames(): ReadonlySet<string> {
  return flags;
}

/**
 * Reads all sources and checks every value.
 *
 * @throws ConfigError naming the first unknown flag or bad value or else every unknown key of the file, a line each, and
 * where it stands.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const warnings: string[] = [];
  for (const flag of Object.keys(sources.flags)) {
    if (!flags.has(flag)) throw new ConfigError(`unknown flag --${flag}${suggestion(flag, flags, '--')}`);
  }
  const environment = readEnvironment(sources.environment, warnings);
  const configFile = findConfigFile(sources, environment);
  const inFile = configFile === undefined ? new Map<string, FileEntry>() : readConfig(configFile, warnings);
  const effective: EffectiveSetting[] = [];

  function given({ flag, fileKeys: keys }: SettingDescription): Given | undefined {
    const ofFlag = sources.flags[flag];
    if (ofFlag !== undefined) return { text: ofFlag, place: `--${flag}`, label: `--${flag}` };
    const name = environmentName(flag);
    const ofEnvironment = environment.get(name);
    if (ofEnvironment !== undefined) return { text: ofEnvironment, place: name, label: name };
    const entry = keys.flatMap((key) => inFile.get(key) ?? []).at(-1);
    return entry && { text: entry.value, place: entry.place, label: `${entry.place}: ${entry.key}` };
  }

  const config = readSettings((setting) => {
    const found = given(setting);
    effective.push({
      name: setting.fileKeys[0] ?? setting.flag,
      flag: setting.flag,
      value: found === undefined ? setting.defaultText : setting.secret === true ? '(hidden)' : found.text,
      source: found?.place ?? 'default',
      live: setting.live === true,
    });
    return found === undefined
      ? setting.defaultValue
      : checked(setting.type, found.text, found.label, setting.secret);
  });
  return { config: { ...config, configFile }, effective, warnings };
}

function checked<T>(type: ValueType<T>, given: string, place: string, secret = false): T {
  const parsed = type.parse(given);
  if (parsed === undefined) {
    throw new ConfigError(`${place}: ${secret ? 'the value' : `"${given}"`} is not ${type.expected}`);
  }
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
    if (value === undefined) continue;
    const ourName = rabbitmqVariables.get(name);
    if (ourName !== undefined) warnings.push(`${name} is not read; the variable for it is ${ourName}`);
    if (!hasEnvironmentPrefix(name)) continue;
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
  const name = environmentName(configFlag);
  const fromFlag = sources.flags[configFlag];
  const fromEnvironment = environment.get(name);
  if (fromFlag !== undefined) return absolute(checked(path, fromFlag, `--${configFlag}`));
  if (fromEnvironment !== undefined) return absolute(checked(path, fromEnvironment, name));
  return defaultConfigFiles.map(absolute).find((file) => existsSync(file));

  function absolute(file: string): string {
    return isAbsolute(file) ? file : join(sources.workingDirectory, file);
  }
}

/**
 * Entries by key; of a key that is given twice the last one counts, as in RabbitMQ. Of a directory all `*.conf`
 * are read, in the order of their names.
 */
function readConfig(fileOrDirectory: string, warnings: string[]): ReadonlyMap<string, FileEntry> {
  const entries = new Map<string, FileEntry>();
  const grouped = new GroupedLines();
  const unknown: string[] = [];
  for (const file of orFail(fileOrDirectory, filesOf)) {
    const content = orFail(file, (name) => readFileSync(name, 'utf8'));
    for (const line of parseConfigFile(content, basename(file)).flatMap(splitListener)) {
      if (grouped.take(line)) continue;
      const entry = joinBackEnds(line, entries);
      const reason = reasonNotSupported(entry.key);
      if (fileKeys.has(entry.key) || listKey(entry.key) !== undefined) entries.set(entry.key, entry);
      else if (reason !== undefined) warnings.push(`${entry.place}: ${entry.key} has no effect: ${reason}`);
      else unknown.push(`${entry.place}: unknown key ${entry.key}${suggestion(entry.key, fileKeys)}`);
    }
  }
  if (unknown.length > 0) throw new ConfigError(unknown.join('\n'));
  for (const entry of grouped.entries()) entries.set(entry.key, entry);
  return joinLists(entries);
}

/**
 * The key of the list that a line is a part of, as settings have it: `auth_mechanisms.N` for `auth_mechanisms.1`,
 * `auth_oauth2.signing_keys.ID` for `auth_oauth2.signing_keys.mine`.
 */
function listKey(key: string): string | undefined {
  const [stem, last] = splitKey(key);
  return (
    [/^\d+$/.test(last) && `${stem}.N`, `${stem}.ID`].find(
      (whole) => whole !== false && fileKeys.has(whole),
    ) || undefined
  );
}

/** What stands before the last dot, and behind it. */
function splitKey(key: string): readonly [stem: string, last: string] {
  const dot = key.lastIndexOf('.');
  return [key.slice(0, Math.max(0, dot)), key.slice(dot + 1)];
}

/** The lines of a list become one entry, in the order of their numbers. */
function joinLists(entries: ReadonlyMap<string, FileEntry>): ReadonlyMap<string, FileEntry> {
  const number = ({ key }: FileEntry): number => Number(splitKey(key)[1]) || 0;
  const joined = new Map(entries);
  for (const entry of [...entries.values()].sort((a, b) => number(a) - number(b))) {
    const key = listKey(entry.key);
    if (key === undefined || key === entry.key) continue;
    const item = key.endsWith('.ID') ? `${splitKey(entry.key)[1]}=${entry.value}` : entry.value;
    const before = joined.get(key);
    joined.set(key, {
      ...entry,
      ...before,
      key,
      value: before === undefined ? item : `${before.value},${item}`,
    });
  }
  return joined;
}

/**
 * `auth_backends.1.authn = http` and `auth_backends.1.authz = internal` are one choice:
 * `auth_backends.1 = authn=http+authz=internal`.
 */
function joinBackEnds(entry: FileEntry, before: ReadonlyMap<string, FileEntry>): FileEntry {
  const [, key, role] = /^(auth_backends\.\d+)\.(authn|authz)$/.exec(entry.key) ?? [];
  if (key === undefined) return entry;
  const other = before.get(key)?.value.includes('=') ? `${before.get(key)?.value}+` : '';
  return { ...entry, key, value: `${other}${role}=${entry.value}` };
}

function filesOf(fileOrDirectory: string): string[] {
  if (!statSync(fileOrDirectory).isDirectory()) return [fileOrDirectory];
  const names = readdirSync(fileOrDirectory).filter((name) => name.endsWith('.conf'));
  return names.sort().map((name) => join(fileOrDirectory, name));
}

function orFail<T>(file: string, read: (file: string) => T): T {
  try {
    return read(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
    throw new ConfigError(`cannot read the configuration file ${file}${code}`);
  }
}

/** RabbitMQ writes a listener's address and port in one value: `listeners.tcp.1 = 127.0.0.1:5672`. */
function splitListener(entry: FileEntry): readonly FileEntry[] {
  const [, protocol] = /^listeners\.(tcp|ssl)\./.exec(entry.key) ?? [];
  const [, address, portText] = /^(.+):(\d+)$/.exec(entry.value) ?? [];
  if (protocol === undefined || address === undefined || portText === undefined) return [entry];
  return [
    { ...entry, value: portText },
    { ...entry, key: `listeners.${protocol}.host`, value: address.replace(/^\[(.*)\]$/, '$1') },
  ];
}
