import type { JsonValue } from '../../broker/store.ts';
import { isObject } from '../../json-object.ts';
import { type ApiError, badRequest } from './api-error.ts';

/** The part of JSON Schema that OpenAPI 3.1 is written in. */
export type JsonSchema = { readonly [key: string]: JsonValue };

/**
 * One value of a request: what it has to be, for the description, and how it is read. Values are taken as
 * RabbitMQ takes them: `"true"` for true and `"5"` for 5.
 */
export interface Field<Value> {
  readonly schema: JsonSchema;
  readonly isOptional: boolean;
  /** @throws ApiError 400 */
  read(value: JsonValue, name: string): Value;
}

/** The fields of an object by their names. */
export type Shape = Readonly<Record<string, Field<unknown>>>;
/** What is read by a field. */
export type ValueOf<F> = F extends Field<infer Value> ? Value : never;
/** What is read by all fields of a shape. */
export type ValuesOf<S extends Shape> = { readonly [Key in keyof S]: ValueOf<S[Key]> };

type JsonObject = { readonly [key: string]: JsonValue };

function field<Value>(schema: JsonSchema, read: Field<Value>['read']): Field<Value> {
  return { schema, isOptional: false, read };
}

/** A text; numbers are taken for their digits. */
export function text(description?: string): Field<string> {
  return field(withDescription({ type: 'string' }, description), (value, name) => {
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return String(value);
    throw badRequest(['not_string', name], `'${name}' has to be a string.`);
  });
}

/** One of a few words. */
export function oneOf<Word extends string>(words: readonly Word[], description?: string): Field<Word> {
  return field(withDescription({ type: 'string', enum: [...words] }, description), (value, name) => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const shown = typeof value === 'string' ? value : JSON.stringify(value);
    throw badRequest(['unknown', shown], `'${name}' has to be one of ${words.join(', ')}.`);
  });
}

/** `true` or `false`, as a text too: query parameters are texts. */
export function bool(description?: string): Field<boolean> {
  return field(withDescription({ type: 'boolean' }, description), (value, name) => {
    if (value === true || value === 'true') return true;
    if (value === false || value === 'false') return false;
    throw badRequest(['not_boolean', plain(value)], `'${name}' has to be true or false.`);
  });
}

/** Bounds of a number, both included. */
export interface IntegerLimits {
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A whole number within limits, as a text too. */
export function integer(
  description?: string,
  { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER }: IntegerLimits = {},
): Field<number> {
  const schema = { type: 'integer', minimum, maximum };
  return field(withDescription(schema, description), (value, name) => {
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isSafeInteger(number) && number >= minimum && number <= maximum)
      return number;
    const advice = `'${name}' has to be an integer from ${minimum} to ${maximum}.`;
    throw badRequest(['not_integer', plain(value)], advice);
  });
}

/** Any number. */
export function number(description?: string): Field<number> {
  return field(withDescription({ type: 'number' }, description), (value, name) => {
    if (typeof value === 'number') return value;
    throw badRequest(['not_number', plain(value)], `'${name}' has to be a number.`);
  });
}

/** Anything that JSON can say. */
export function anything(description?: string): Field<JsonValue> {
  return field(withDescription({}, description), (value) => value);
}

/** An object with keys of the sender's choosing. An empty array counts as one, as Erlang writes it. */
export function dictionary(description?: string): Field<JsonObject> {
  return field(withDescription({ type: 'object' }, description), (value, name) => {
    if (isObject(value)) return value;
    if (Array.isArray(value) && value.length === 0) return {};
    throw badRequest(`${name} must be an object`, `Send '${name}' as a JSON object, such as {}.`);
  });
}

/** Every element alike. */
export function list<Value>(
  element: Field<Value>,
  itemsMax: number,
  description?: string,
): Field<readonly Value[]> {
  const schema = { type: 'array', items: element.schema, maxItems: itemsMax };
  return field(withDescription(schema, description), (value, name) => {
    if (!Array.isArray(value)) throw badRequest(`${name} must be an array`);
    if (value.length > itemsMax) throw badRequest(`${name} has more than ${itemsMax} elements`);
    return value.map((item) => element.read(item, name));
  });
}

/** May be absent, or null. */
export function optional<Value>(of: Field<Value>): Field<Value | undefined> {
  return {
    schema: of.schema,
    isOptional: true,
    read: (value, name) => (value === null ? undefined : of.read(value, name)),
  };
}

/** May be absent, and then is `fallback`. */
export function orElse<Value extends JsonValue>(of: Field<Value>, fallback: Value): Field<Value> {
  return {
    schema: { ...of.schema, default: fallback },
    isOptional: true,
    read: (value, name) => (value === null ? fallback : of.read(value, name)),
  };
}

/** An object with these keys; others are ignored, as in RabbitMQ. */
export function object<S extends Shape>(shape: S): Field<ValuesOf<S>> {
  const required = Object.keys(shape).filter((key) => shape[key]?.isOptional === false);
  const properties = Object.fromEntries(Object.entries(shape).map(([key, each]) => [key, each.schema]));
  const schema = { type: 'object', properties, ...(required.length > 0 && { required }) };
  return field(schema, (value) => {
    if (!isObject(value)) throw notJson();
    return readAll(shape, value);
  });
}

/** Reads all the keys of `shape`; `null` stands for what is absent. @throws ApiError 400 */
export function readAll<S extends Shape>(shape: S, from: JsonObject): ValuesOf<S> {
  const missing = Object.entries(shape).filter(
    ([key, { isOptional }]) => !isOptional && !Object.hasOwn(from, key),
  );
  if (missing.length > 0) {
    const keys = missing.map(([key]) => key);
    const advice = `The body lacks ${keys.map((key) => `'${key}'`).join(', ')}.`;
    throw badRequest(`[${keys.map((key) => `{key_missing,${key}}`).join(',')}]`, advice);
  }
  const read = (key: string, of: Field<unknown>) =>
    of.read(Object.hasOwn(from, key) ? (from[key] ?? null) : null, key);
  const values = Object.fromEntries(Object.entries(shape).map(([key, of]) => [key, read(key, of)]));
  if (!isReadBy(shape, values)) throw new Error('a key was not read');
  return values;
}

/** Each key was read by the field of that name. */
function isReadBy<S extends Shape>(shape: S, values: object): values is ValuesOf<S> {
  return Object.keys(shape).every((key) => Object.hasOwn(values, key));
}

/** A body as JSON; none is an empty object. @throws ApiError 400 */
export function parseBody(body: string): JsonValue {
  if (body.trim() === '') return {};
  let value: JsonValue;
  try {
    value = JSON.parse(body);
  } catch {
    throw notJson();
  }
  if (typeof value === 'string') {
    throw badRequest(
      'invalid payload: the request body JSON-decoded to a string. Is the input doubly-JSON-encoded?',
    );
  }
  if (isDeeperThan(value, nestingMax)) {
    throw badRequest('nested too deeply', `Lists and objects lie in each other at most ${nestingMax} deep.`);
  }
  return value;
}

/** Deep enough for anything real; deeper values would exhaust the stack of whoever walks them. */
const nestingMax = 128;

function isDeeperThan(value: JsonValue, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth === 0) return true;
  return Object.values(value).some((each) => isDeeperThan(each, depth - 1));
}

/** 400: there is no JSON object where one has to be. */
export function notJson(): ApiError {
  return badRequest('not_json', 'The body has to be a JSON object.');
}

function withDescription(schema: JsonSchema, description: string | undefined): JsonSchema {
  return description === undefined ? schema : { ...schema, description };
}

function plain(value: JsonValue): string | number {
  return typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
}
