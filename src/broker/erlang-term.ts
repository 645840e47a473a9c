import type { FieldEntry, FieldTable, FieldValue } from '../protocol/field-table.ts';
import { typeName } from '../protocol/field-value.ts';
import { decodeText } from '../protocol/text.ts';
import type { JsonValue } from './store.ts';

/**
 * A value the way RabbitMQ's error texts print it, which is Erlang's `~p`. Clients and operators search
 * for these texts, so they are kept to the letter.
 */
export function erlangTerm(value: FieldValue): string {
  switch (value.tag) {
    case 'f':
    case 'd':
      return erlangFloat(value.value);
    case 'D':
      return `{${value.scale},${value.value}}`;
    case 'F':
      return erlangTable(value.value);
    case 'A':
      return `[${value.value.map((element) => `{${typeName(element)},${erlangTerm(element)}}`).join(',')}]`;
    case 'S':
    case 'x':
      return erlangBinary(value.value);
    case 'V':
      return 'undefined';
    default:
      return String(value.value);
  }
}

function erlangTable(table: FieldTable): string {
  return `[${table.entries.map(erlangEntry).join(',')}]`;
}

/** An entry of a table: `{<<"key">>,signedint,1}`. */
export function erlangEntry([key, value]: FieldEntry): string {
  return `{${erlangBinary(Buffer.from(key))},${typeName(value)},${erlangTerm(value)}}`;
}

/** A JSON value the way RabbitMQ prints what it read. */
export function erlangJson(value: JsonValue): string {
  if (typeof value === 'string') return erlangBinary(Buffer.from(value));
  if (typeof value === 'number') {
    return Number.isInteger(value) ? BigInt(value).toString() : erlangFloat(value);
  }
  if (Array.isArray(value))
    return isErlangString(value) ? `"${String.fromCharCode(...value)}"` : erlangList(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).map(([key, entry]) => `${erlangJson(key)} => ${erlangJson(entry)}`);
  return `#{${entries.join(',')}}`;
}

function erlangList(values: readonly JsonValue[]): string {
  return `[${values.map(erlangJson).join(',')}]`;
}

/** To Erlang, a list of printable characters is a string. */
function isErlangString(values: readonly JsonValue[]): values is readonly number[] {
  const isPrintable = (value: JsonValue): boolean =>
    typeof value === 'number' && Number.isInteger(value) && value >= 32 && value <= 126;
  return values.length > 0 && values.every(isPrintable);
}

/** `<<"text">>`, or `<<1,2>>` for bytes that are no printable ASCII. */
export function erlangBinary(bytes: Buffer): string {
  if (bytes.length === 0) return '<<>>';
  const text = decodeText(bytes, 0, bytes.length);
  if (/^[ -~]*$/.test(text)) return `<<"${text.replace(/["\\]/g, '\\$&')}">>`;
  return `<<${bytes.join(',')}>>`;
}

/** Erlang always writes a fraction: 5.0, 1.0e30. */
function erlangFloat(value: number): string {
  const [mantissa = '', exponent] = String(value).split('e');
  const fraction = mantissa.includes('.') ? mantissa : `${mantissa}.0`;
  return exponent === undefined ? fraction : `${fraction}e${exponent.replace('+', '')}`;
}
