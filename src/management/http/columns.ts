import { isObject, type JsonObject } from '../../json-object.ts';

/** An object as it stands in JSON. */
export type Json = JsonObject;

/** What `a.b.c` stands for in an object; undefined where there is no such thing. */
export function dottedValue(from: Json, path: string): unknown {
  let value: unknown = from;
  for (const key of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** Keeps what the query parameter `columns` names: `name,message_stats.publish_details.rate`. */
export function selectColumns(view: Json, columns: string | undefined): Json {
  if (columns === undefined || columns === '') return view;
  const selected: Record<string, unknown> = {};
  for (const column of columns.split(',')) {
    const value = dottedValue(view, column);
    if (value !== undefined) put(selected, column.split('.'), value);
  }
  return selected;
}

function put(into: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    define(into, key, value);
    return;
  }
  const there = Object.hasOwn(into, key) ? into[key] : undefined;
  const nested: Record<string, unknown> = isObject(there) ? { ...there } : {};
  put(nested, rest, value);
  define(into, key, nested);
}

/** Never through a setter: a column may be called `__proto__`. */
function define(into: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(into, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Erlang's order of terms, which RabbitMQ sorts by: numbers, atoms (true, false, null), objects, lists, texts. */
export function compareTerms(left: unknown, right: unknown): number {
  const difference = rank(left) - rank(right);
  if (difference !== 0) return difference;
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return compareText(shown(left), shown(right));
}

function rank(term: unknown): number {
  if (typeof term === 'number') return 0;
  if (typeof term === 'boolean' || term === null) return 1;
  if (typeof term === 'string') return 4;
  return Array.isArray(term) ? 3 : 2;
}

function shown(term: unknown): string {
  return typeof term === 'string' ? term : (JSON.stringify(term) ?? '');
}

/** By code units, so that the order does not depend on the machine's language. */
export function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
