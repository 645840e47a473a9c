/** Field tables from plain objects, as they come in JSON and from programs. */

import { FieldTable, type FieldValue } from './field-table.ts';
import { array, bool, byteArray, float64, int64, longString, nothing, table } from './field-value.ts';

/** JSON's idea of a table, as in the HTTP API and in definitions. */
export type PlainValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Buffer
  | FieldTable
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

/**
 * A table from a plain object, with the types RabbitMQ chooses for JSON: long strings, 64-bit integers,
 * doubles for what is not an integer. A Buffer becomes a byte array.
 */
export function tableFrom(plain: { readonly [key: string]: PlainValue }): FieldTable {
  return new FieldTable(Object.entries(plain).map(([key, value]) => [key, valueFrom(value)]));
}

/** One value, by the rules of {@link tableFrom}. */
export function valueFrom(plain: PlainValue): FieldValue {
  if (plain === null) return nothing;
  if (typeof plain === 'string') return longString(plain);
  if (typeof plain === 'boolean') return bool(plain);
  if (typeof plain === 'bigint') return int64(plain);
  if (typeof plain === 'number') return Number.isSafeInteger(plain) ? int64(plain) : float64(plain);
  if (Buffer.isBuffer(plain)) return byteArray(plain);
  if (plain instanceof FieldTable) return table(plain);
  if (isArray(plain)) return array(plain.map(valueFrom));
  return table(tableFrom(plain));
}

/** `Array.isArray` does not narrow readonly arrays. */
function isArray(
  value: readonly PlainValue[] | { readonly [key: string]: PlainValue },
): value is readonly PlainValue[] {
  return Array.isArray(value);
}
