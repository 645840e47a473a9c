import type { Define, Definition, JsonValue } from '../store.ts';
import { RowReader } from './definitions.ts';

/** How rows of one kind are kept. */
export interface RowFormat<Row> {
  /** The first part of their keys. */
  readonly kind: string;
  /** The other parts: no two rows have the same. */
  names(row: Row): readonly string[];
  value(row: Row): JsonValue;
  /** The names are parts 1 and following. @throws Error when the row is damaged */
  read(fields: RowReader): Row;
}

/** Rows of one kind, in memory and as definitions in the store. */
export class DefinitionTable<Row> {
  readonly #format: RowFormat<Row>;
  readonly #define: Define;
  readonly #rows = new Map<string, Row>();
  /** Changes whenever a row does: whoever remembers what follows from rows compares it. */
  version = 0;

  constructor(format: RowFormat<Row>, define: Define) {
    this.#format = format;
    this.#define = define;
  }

  get size(): number {
    return this.#rows.size;
  }

  get(...names: readonly string[]): Row | undefined {
    return this.#rows.get(keyOf(names));
  }

  /** By names. */
  list(): Row[] {
    const named = [...this.#rows.values()].map(
      (row) => [JSON.stringify(this.#format.names(row)), row] as const,
    );
    return named.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  }

  values(): IterableIterator<Row> {
    return this.#rows.values();
  }

  /** Adds a row, or replaces the one of these names. True if it is a new one. */
  put(row: Row): boolean {
    const { kind } = this.#format;
    const names = this.#format.names(row);
    const isNew = this.#keep(names, row);
    this.#define([kind, ...names], this.#format.value(row));
    return isNew;
  }

  /** True if there was such a row. */
  delete(...names: readonly string[]): boolean {
    if (!this.#rows.delete(keyOf(names))) return false;
    this.version++;
    this.#define([this.#format.kind, ...names], null);
    return true;
  }

  /** Deletes all rows that `isMeant`. */
  deleteWhere(isMeant: (row: Row) => boolean): void {
    for (const row of this.#rows.values()) if (isMeant(row)) this.delete(...this.#format.names(row));
  }

  /** Takes what a previous run has written; rows of other kinds are left alone. @throws Error on damaged rows */
  recover(definitions: readonly Definition[]): void {
    for (const { key, value } of definitions) {
      if (key[0] !== this.#format.kind) continue;
      const row = this.#format.read(new RowReader(key, value));
      this.#keep(this.#format.names(row), row);
    }
  }

  #keep(names: readonly string[], row: Row): boolean {
    const key = keyOf(names);
    const isNew = !this.#rows.has(key);
    this.#rows.set(key, row);
    this.version++;
    return isNew;
  }
}

/** No other names have it, whatever is in them: each is told apart by its length. Rows are looked up for every login. */
function keyOf(names: readonly string[]): string {
  let key = '';
  for (const name of names) key += `${name.length} ${name}`;
  return key;
}
