/** Makes, reads and compares the values of field tables. */

import type { FieldTable, FieldValue } from './field-table.ts';
import { decodeUtf8 } from './text.ts';

export const bool = (value: boolean): FieldValue => ({ tag: 't', value });
export const int8 = (value: number): FieldValue => ({ tag: 'b', value });
export const uint8 = (value: number): FieldValue => ({ tag: 'B', value });
export const int16 = (value: number): FieldValue => ({ tag: 's', value });
export const uint16 = (value: number): FieldValue => ({ tag: 'u', value });
export const int32 = (value: number): FieldValue => ({ tag: 'I', value });
export const uint32 = (value: number): FieldValue => ({ tag: 'i', value });
/** The type RabbitMQ uses for every integer it makes itself. Throws RangeError for a fraction. */
export const int64 = (value: number | bigint): FieldValue => ({ tag: 'l', value: BigInt(value) });
export const float32 = (value: number): FieldValue => ({ tag: 'f', value });
export const float64 = (value: number): FieldValue => ({ tag: 'd', value });
export const decimal = (scale: number, value: number): FieldValue => ({ tag: 'D', scale, value });
/** Seconds since 1970. */
export const timestamp = (value: number | bigint): FieldValue => ({ tag: 'T', value: BigInt(value) });
export const longString = (value: string | Buffer): FieldValue => ({
  tag: 'S',
  value: typeof value === 'string' ? Buffer.from(value) : value,
});
export const byteArray = (value: Buffer): FieldValue => ({ tag: 'x', value });
export const array = (value: readonly FieldValue[]): FieldValue => ({ tag: 'A', value });
export const table = (value: FieldTable): FieldValue => ({ tag: 'F', value });
export const nothing: FieldValue = { tag: 'V' };

const typeNames: Record<FieldValue['tag'], string> = {
  t: 'bool',
  b: 'byte',
  B: 'unsignedbyte',
  s: 'short',
  u: 'unsignedshort',
  I: 'signedint',
  i: 'unsignedint',
  l: 'long',
  L: 'long',
  f: 'float',
  d: 'double',
  D: 'decimal',
  T: 'timestamp',
  F: 'table',
  A: 'array',
  S: 'longstr',
  x: 'binary',
  V: 'void',
};

/** The type's name in RabbitMQ's error texts. */
export function typeName(value: FieldValue): string {
  return typeNames[value.tag];
}

/** The text of a long string or byte array; `undefined` for other types and for bytes that are not UTF-8. */
export function textOf(value: FieldValue | undefined): string | undefined {
  if (value === undefined || (value.tag !== 'S' && value.tag !== 'x')) return undefined;
  return decodeUtf8(value.value, 0, value.value.length);
}

/** The number in any of the integer types; `undefined` for other types, timestamps included. */
export function integerOf(value: FieldValue | undefined): bigint | number | undefined {
  switch (value?.tag) {
    case 'b':
    case 'B':
    case 's':
    case 'u':
    case 'I':
    case 'i':
    case 'l':
    case 'L':
      return value.value;
    default:
      return undefined;
  }
}

/**
 * Equal as RabbitMQ sees it, which compares decoded values with Erlang's `=:=`: the width of an integer
 * does not matter (and a timestamp is an integer), the type of a string neither; integer, float, bool and
 * string are never equal to each other. Inside tables and arrays the types are part of the value.
 */
export function equalValues(left: FieldValue, right: FieldValue): boolean {
  switch (left.tag) {
    case 't':
      return right.tag === 't' && left.value === right.value;
    case 'f':
    case 'd':
      return (right.tag === 'f' || right.tag === 'd') && left.value === right.value;
    case 'D':
      return right.tag === 'D' && left.scale === right.scale && left.value === right.value;
    case 'V':
      return right.tag === 'V';
    case 'S':
    case 'x':
      return (right.tag === 'S' || right.tag === 'x') && left.value.equals(right.value);
    case 'F':
      if (right.tag === 'A') return left.value.size === 0 && right.value.length === 0;
      return right.tag === 'F' && equalTables(left.value, right.value);
    case 'A':
      if (right.tag === 'F') return left.value.length === 0 && right.value.size === 0;
      return right.tag === 'A' && equalArrays(left.value, right.value);
    default: {
      const number = right.tag === 'T' ? right.value : integerOf(right);
      return number !== undefined && BigInt(left.value) === BigInt(number);
    }
  }
}

function equalElements(left: FieldValue, right: FieldValue): boolean {
  return typeName(left) === typeName(right) && equalValues(left, right);
}

function equalArrays(left: readonly FieldValue[], right: readonly FieldValue[]): boolean {
  if (left.length !== right.length) return false;
  return left.every((value, index) => {
    const other = right[index];
    return other !== undefined && equalElements(value, other);
  });
}

function equalTables(left: FieldTable, right: FieldTable): boolean {
  if (left.size !== right.size) return false;
  return left.entries.every(([key, value], index) => {
    const other = right.entries[index];
    return other !== undefined && other[0] === key && equalElements(value, other[1]);
  });
}
