import type { JsonValue } from '../broker/store.ts';
import { isObject } from '../json-object.ts';
import { FieldTable } from '../protocol/field-table.ts';
import { nestingMax } from '../protocol/field-table-codec.ts';
import { type PlainValue, tableFrom } from '../protocol/plain-value.ts';
import { DefinitionError } from './definition-error.ts';

type JsonObject = { readonly [key: string]: JsonValue };

/** One entry of a section, which reads what is in it and says where something is wrong. */
export class Row {
  readonly #section: string;
  readonly #index: number;
  readonly #values: JsonObject;

  /** @throws DefinitionError */
  constructor(section: string, index: number, value: JsonValue) {
    if (!isObject(value)) throw new DefinitionError(`entry ${index + 1} of '${section}' is no object`);
    this.#section = section;
    this.#index = index;
    this.#values = value;
  }

  /** What lies within it, as a row of its own. @throws DefinitionError */
  within(key: string, value: JsonValue): Row {
    return isObject(value) ? new Row(this.#section, this.#index, value) : this.#fail(key, 'an object');
  }

  /** @throws DefinitionError */
  text(key: string): string {
    return this.optionalText(key) ?? this.#fail(key, 'a string');
  }

  /** @throws DefinitionError */
  optionalText(key: string): string | undefined {
    const value = this.json(key);
    if (value === undefined || value === null) return undefined;
    // RabbitMQ takes numbers for routing keys, and exports them as such.
    if (typeof value === 'number') return String(value);
    return typeof value === 'string' ? value : this.#fail(key, 'a string');
  }

  /** @throws DefinitionError */
  bool(key: string, fallback: boolean): boolean {
    const value = this.json(key) ?? fallback;
    return typeof value === 'boolean' ? value : this.#fail(key, 'true or false');
  }

  /** A list, or a text with commas in it, as old versions have it. @throws DefinitionError */
  tags(key: string): readonly string[] {
    const value = this.json(key) ?? [];
    const given = typeof value === 'string' ? value.split(',') : value;
    if (!Array.isArray(given)) return this.#fail(key, 'a list');
    const texts = given.map((tag) =>
      typeof tag === 'string' ? tag.trim() : this.#fail(key, 'a list of strings'),
    );
    return texts.filter((tag) => tag !== '');
  }

  /** @throws DefinitionError */
  object(key: string): JsonObject {
    const value = this.json(key) ?? {};
    if (Array.isArray(value) && value.length === 0) return {};
    return isObject(value) ? value : this.#fail(key, 'an object');
  }

  /** A field table with the types that RabbitMQ chooses for JSON. @throws DefinitionError */
  table(key: string): FieldTable {
    const given = this.object(key);
    const checked = Object.entries(given).map(([name, value]) => [name, this.#plain(key, value, 1)] as const);
    return checked.length === 0 ? FieldTable.empty : tableFrom(Object.fromEntries(checked));
  }

  json(key: string): JsonValue | undefined {
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
  }

  #plain(key: string, value: JsonValue, depth: number): PlainValue {
    if (depth > nestingMax) return this.#fail(key, 'less deeply nested');
    if (Array.isArray(value)) return value.map((item) => this.#plain(key, item, depth + 1));
    if (!isObject(value)) return value;
    const entries = Object.entries(value).map(
      ([name, item]) => [name, this.#plain(key, item, depth + 1)] as const,
    );
    return Object.fromEntries(entries);
  }

  #fail(key: string, expected: string): never {
    const where = `entry ${this.#index + 1} of '${this.#section}'`;
    throw new DefinitionError(`${where}: '${key}' has to be ${expected}`);
  }
}
