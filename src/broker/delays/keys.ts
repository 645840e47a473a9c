import { RowTable } from '../store.ts';

/**
 * The rows of a line of delayed messages:
 *
 *     table u8 | line u32                           how many there are, and the next sequence
 *     table u8 | line u32 | due u48 | sequence u48  a message
 *
 * All numbers are big-endian, so that the order of the keys is that of the due times, and of coming where those are
 * the same. Due times are milliseconds since the epoch.
 */
const lineBytes = 5;
const keyBytes = lineBytes + 12;
const idPattern = /^[0-9a-f]{24}$/;

export interface Totals {
  readonly count: number;
  readonly nextSequence: number;
}

/** The first row of a line. */
export function lineStart(lineId: number): Buffer {
  const key = Buffer.allocUnsafe(lineBytes);
  key[0] = RowTable.Delayed;
  key.writeUInt32BE(lineId, 1);
  return key;
}

/** Above all rows of a line. */
export function lineEnd(lineId: number): Buffer {
  return lineId === 0xffff_ffff ? Buffer.from([RowTable.Delayed + 1]) : lineStart(lineId + 1);
}

export function lineOf(key: Buffer): number {
  return key.readUInt32BE(1);
}

export function delayedKey(lineId: number, dueAt: number, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(keyBytes);
  key[0] = RowTable.Delayed;
  key.writeUInt32BE(lineId, 1);
  key.writeUIntBE(dueAt, lineBytes, 6);
  key.writeUIntBE(sequence, lineBytes + 6, 6);
  return key;
}

export function dueAtOf(key: Buffer): number {
  return key.readUIntBE(lineBytes, 6);
}

/** What a message is called within its line. */
export function idOf(key: Buffer): string {
  return key.toString('hex', lineBytes);
}

/** The key of the message called `id`; undefined when no message can be called so. */
export function keyOf(lineId: number, id: string): Buffer | undefined {
  return idPattern.test(id) ? Buffer.concat([lineStart(lineId), Buffer.from(id, 'hex')]) : undefined;
}

export function writeTotals({ count, nextSequence }: Totals): Buffer {
  const row = Buffer.allocUnsafe(12);
  row.writeUIntBE(count, 0, 6);
  row.writeUIntBE(nextSequence, 6, 6);
  return row;
}

export function readTotals(row: Buffer): Totals {
  return { count: row.readUIntBE(0, 6), nextSequence: row.readUIntBE(6, 6) };
}
