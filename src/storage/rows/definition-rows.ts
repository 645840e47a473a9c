import { successor } from '../../broker/rows/row-overlay.ts';
import { type Definition, type Row, type RowChange, type RowRange, RowTable } from '../../broker/store.ts';
import { DataDirectoryError } from '../directory/data-directory-error.ts';
import { rowFileKeyBytesMax } from './row-file.ts';

/**
 * The key of a definition's row: the number of the table, then the parts of the definition's key in UTF-8, each ended
 * by a zero byte; a zero byte inside a part is followed by 0xff. So bytewise order is order part by part, and no part
 * can imitate another.
 */
const tableBytes = 1;
const partEnd = 0;
const escapedZero = 0xff;

/** Bytes the parts of a key may take. */
const namesBytesMax = rowFileKeyBytesMax - tableBytes;

/** Rows that are read at once. */
const rowsPerScan = 1000;

/** The row of a definition. @throws RangeError when the names in its key are missing or too long. */
export function definitionRow({ key, value }: Definition): RowChange {
  return { key: encodeKey(key), value: value === null ? null : Buffer.from(JSON.stringify(value)) };
}

/**
 * All definitions, in the order of their keys.
 *
 * @throws DataDirectoryError naming one that cannot be read.
 */
export function readDefinitions(scanRows: (range: RowRange) => readonly Row[]): Definition[] {
  const definitions: Definition[] = [];
  const limits = { rowsMax: rowsPerScan, bytesMax: Number.POSITIVE_INFINITY };
  const below = Buffer.from([RowTable.Definitions + 1]);
  let from: Buffer = Buffer.from([RowTable.Definitions]);
  for (;;) {
    const rows = scanRows({ from, below, ...limits });
    for (const { key, value } of rows) definitions.push(readDefinition(key.subarray(tableBytes), value));
    const last = rows.at(-1);
    if (last === undefined) return definitions;
    from = successor(last.key);
  }
}

/** @param names what the key of the row has behind the number of the table. */
export function readDefinition(names: Buffer, value: Buffer): Definition {
  const key = decodeNames(names);
  try {
    return { key, value: JSON.parse(value.toString()) };
  } catch (error) {
    throw new DataDirectoryError(
      `the data directory is damaged: the definition "${key.join(' ')}" cannot be read; restore it from a backup`,
      { cause: error },
    );
  }
}

function encodeKey(parts: readonly string[]): Buffer {
  const key = Buffer.concat([Buffer.from([RowTable.Definitions]), ...parts.map(encodePart)]);
  const namesBytes = key.length - tableBytes;
  if (namesBytes === 0 || namesBytes > namesBytesMax) {
    throw new RangeError(
      `the names of a ${parts[0] ?? 'definition'} take ${namesBytes} bytes, at most ${namesBytesMax} can be stored`,
    );
  }
  return key;
}

function encodePart(part: string): Buffer {
  if (!part.includes('\0')) return Buffer.from(`${part}\0`);
  const bytes = Array.from(Buffer.from(part), (byte) => (byte === partEnd ? [partEnd, escapedZero] : [byte]));
  return Buffer.from([...bytes.flat(), partEnd]);
}

function decodeNames(names: Buffer): string[] {
  const parts = names.includes(escapedZero) ? unescapedParts(names) : names.toString().split('\0');
  // Behind the last end is nothing.
  return parts.slice(0, -1);
}

function unescapedParts(names: Buffer): string[] {
  const parts: number[][] = [[]];
  for (let i = 0; i < names.length; i++) {
    const byte = names[i] ?? 0;
    if (byte !== partEnd) {
      parts.at(-1)?.push(byte);
    } else if (names[i + 1] === escapedZero) {
      parts.at(-1)?.push(partEnd);
      i++;
    } else {
      parts.push([]);
    }
  }
  return parts.map((part) => Buffer.from(part).toString());
}
