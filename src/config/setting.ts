import type { ValueType } from './value.ts';

/** What is said about a setting once, for `--help`, the reference page, the checks at start and the listing of values. */
export interface SettingDescription {
  /** The name after `--`; the environment variable is derived from it. */
  readonly flag: string;
  /** Keys in the configuration file, RabbitMQ's where it has one. The first is the one to document. */
  readonly fileKeys: readonly string[];
  /** The default as people would write it. */
  readonly defaultText: string;
  readonly doc: string;
  /** The chapter of the reference page. */
  readonly chapter: Chapter;
  /** Takes effect on a running broker when it reads its configuration again (SIGHUP). */
  readonly live?: boolean;
  /** Never shown, neither in the log nor in listings, and no flag: it would stand in the process list. */
  readonly secret?: boolean;
}

/** A setting with one value. */
export interface Setting<T, D = T> extends SettingDescription {
  readonly type: ValueType<T>;
  readonly defaultValue: D;
}

/** Chapters of the reference page, in their order. */
export const chapters = [
  'General',
  'Listeners',
  'TLS',
  'Protocol limits',
  'Memory and disk',
  'Access',
  'Log',
  'Management',
  'Metrics',
  'Tracing',
] as const;
export type Chapter = (typeof chapters)[number];

/**
 * Gives a setting its value. The list of settings is a function of this: one call per setting makes the
 * configuration, and with a reader that only listens, their documentation.
 */
export type SettingReader = <T, const D extends T | undefined>(setting: Setting<T, D>) => T | D;

const environmentPrefix = 'LEVERET_';

/** `LEVERET_DATA_DIR` for `data-dir`. */
export function environmentName(flag: string): string {
  return environmentPrefix + flag.toUpperCase().replaceAll('-', '_');
}

/** Whether a variable could be meant for Leveret. */
export function hasEnvironmentPrefix(name: string): boolean {
  return name.startsWith(environmentPrefix);
}
