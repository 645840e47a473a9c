/**
 * Field tables: message headers, `x-` arguments, client and server properties. A table holds values, and a value may
 * be a table.
 *
 * Order, duplicate keys and wire types are kept, so that decoding and encoding again gives the same bytes
 * (but `L`, which RabbitMQ reads and never writes, becomes `l`).
 */

import { decodeUtf8 } from './text.ts';

/** Integers of up to 32 bits. */
export type SmallIntegerTag = 'b' | 'B' | 's' | 'u' | 'I' | 'i';

/**
 * One value of a field table, with the type it had on the wire (RabbitMQ's dialect of section 4.2.5.5;
 * RabbitMQ page "AMQP 0-9-1 Errata", "Field types"). `s` is a 16-bit integer, and `l` and `L` are both
 * 64-bit signed: there is no short string in a table.
 */
export type FieldValue =
  | { readonly tag: 't'; readonly value: boolean }
  | { readonly tag: SmallIntegerTag; readonly value: number }
  | { readonly tag: 'l' | 'L'; readonly value: bigint }
  | { readonly tag: 'f' | 'd'; readonly value: number }
  /** value / 10^scale; `value` is unsigned. */
  | { readonly tag: 'D'; readonly scale: number; readonly value: number }
  /** Seconds since 1970, unsigned. */
  | { readonly tag: 'T'; readonly value: bigint }
  | { readonly tag: 'F'; readonly value: FieldTable }
  | { readonly tag: 'A'; readonly value: readonly FieldValue[] }
  /** Long string (S) and byte array (x): bytes either way; `textOf` reads them. */
  | { readonly tag: 'S' | 'x'; readonly value: Buffer }
  | { readonly tag: 'V' };

/** A key, of at most 255 bytes, and its value. */
export type FieldEntry = readonly [key: string, value: FieldValue];

/** Immutable. Where a key stands twice, the first one counts. */
export class FieldTable {
  static readonly empty = new FieldTable([]);

  readonly entries: readonly FieldEntry[];

  constructor(entries: readonly FieldEntry[]) {
    this.entries = entries;
  }

  static of(...entries: readonly FieldEntry[]): FieldTable {
    return new FieldTable(entries);
  }

  /** Number of entries, duplicates included. */
  get size(): number {
    return this.entries.length;
  }

  get(key: string): FieldValue | undefined {
    for (const entry of this.entries) {
      if (entry[0] === key) return entry[1];
    }
    return undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** `key` has this value and stands once: in its old place, or at the end. */
  with(key: string, value: FieldValue): FieldTable {
    const first = this.entries.findIndex((entry) => entry[0] === key);
    const added: FieldEntry = [key, value];
    if (first < 0) return new FieldTable([...this.entries, added]);
    return new FieldTable(
      this.entries.flatMap((entry, index) => {
        if (index === first) return [added];
        return entry[0] === key ? [] : [entry];
      }),
    );
  }

  /** No entry called `key`; the same table if there was none. */
  without(key: string): FieldTable {
    const kept = this.entries.filter((entry) => entry[0] !== key);
    return kept.length === this.entries.length ? this : new FieldTable(kept);
  }

  /** What JSON.stringify writes; see {@link plainOf}. */
  toJSON(): Record<string, unknown> {
    const seen = new Map<string, unknown>();
    for (const [key, value] of this.entries) {
      if (!seen.has(key)) seen.set(key, plainOf(value));
    }
    return Object.fromEntries(seen);
  }
}

/**
 * A value for JSON: integers beyond 2^53 lose precision as they do in any JSON reader, bytes that are not
 * UTF-8 become base64, void becomes null.
 */
export function plainOf(value: FieldValue): unknown {
  switch (value.tag) {
    case 'l':
    case 'L':
    case 'T':
      return Number(value.value);
    case 'D':
      return value.value / 10 ** value.scale;
    case 'F':
      return value.value.toJSON();
    case 'A':
      return value.value.map(plainOf);
    case 'S':
    case 'x':
      return decodeUtf8(value.value, 0, value.value.length) ?? value.value.toString('base64');
    case 'V':
      return null;
    default:
      return value.value;
  }
}
