import { integer, type ValueType } from '../../../config/value.ts';
import type { JsonObject } from '../../../json-object.ts';
import { usageError } from '../../flags.ts';
import type { Invocation } from '../command.ts';

/** Results are for programs: one JSON object a line. */
export function isJson(given: Invocation): boolean {
  return given.isJson;
}

const intervalDefault = '2';

/** A command line in which `--watch` has its interval, which may be left out: a number follows, or none is meant. */
export function withInterval(args: readonly string[]): readonly string[] {
  const at = args.indexOf('--watch');
  if (at < 0 || /^\d+(\.\d+)?$/.test(args[at + 1] ?? '')) return args;
  return [...args.slice(0, at + 1), intervalDefault, ...args.slice(at + 1)];
}

/** Between two looks, in milliseconds. @throws CommandError */
export function intervalOf(given: Invocation): number {
  const text = given.flag('watch') ?? intervalDefault;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= 0.5 && seconds <= 3600) return seconds * 1000;
  throw usageError(`--watch: "${text}" is not a number of seconds from 0.5 to 3600`);
}

const countMax = 1_000_000_000;

/** The whole number that a flag holds. @throws CommandError */
export function numberFlag(given: Invocation, name: string, max = countMax): number | undefined {
  return flagValue(given, name, integer(1, max));
}

/** @throws CommandError */
export function flagValue<T>(given: Invocation, name: string, type: ValueType<T>): T | undefined {
  const text = given.flag(name);
  if (text === undefined) return undefined;
  const parsed = type.parse(text);
  if (parsed === undefined) throw usageError(`--${name}: "${text}" is not ${type.expected}`);
  return parsed.value;
}

/** Which messages are meant, as the HTTP API wants to hear it. @throws CommandError */
export function messageFilter(given: Invocation): JsonObject {
  const routingKey = given.flag('routing-key');
  checkRegex(routingKey);
  const olderThan = given.flag('older-than');
  const all = {
    exchange: given.flag('exchange'),
    routing_key: routingKey,
    header: given.flag('header'),
    payload: given.flag('payload'),
    enqueued_before: olderThan === undefined ? undefined : Date.now() - milliseconds(olderThan),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** `#` as a word of its own is a topic exchange's and would find nothing. @throws CommandError */
function checkRegex(given: string | undefined): void {
  if (given === undefined || !/(^|\.)#($|\.)/.test(given)) return;
  const words = given.split('.').map((word) => (word === '#' ? '.*' : word === '*' ? '[^.]*' : word));
  throw usageError(
    `--routing-key: "${given}" looks like a binding; it takes a regular expression, such as '^${words.join('\\.')}$'`,
  );
}

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** @throws CommandError */
function milliseconds(given: string): number {
  const [, digits = '', unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(given) ?? [];
  const factor = Object.entries(units).find(([name]) => name === unit)?.[1];
  if (digits === '' || factor === undefined) {
    throw usageError(`--older-than: "${given}" is not a time such as 30s, 5m, 2h or 7d`);
  }
  return Number(digits) * factor;
}

/** `?name=value&...` */
export function queryOf(values: JsonObject): string {
  const entries = Object.entries(values).map(([name, value]) => [name, String(value)]);
  return entries.length === 0 ? '' : `?${new URLSearchParams(Object.fromEntries(entries))}`;
}
