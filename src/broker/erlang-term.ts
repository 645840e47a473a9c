import type { FieldTable } from '../protocol/field-table.ts';
import { type FieldValue, typeName } from '../protocol/field-value.ts';
import { decodeText } from '../protocol/text.ts';

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
  const entries = table.entries.map(
    ([key, value]) => `{${erlangBinary(Buffer.from(key))},${typeName(value)},${erlangTerm(value)}}`,
  );
  return `[${entries.join(',')}]`;
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
