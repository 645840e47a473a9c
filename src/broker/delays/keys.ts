import { RowTable } from '../store.ts';

/**
 * The rows of a line of delayed messages:
 *
 *     table u8 | line u32                           how many there are, and the next sequence
 *     table u8 | line u32 | due u48 | sequence u48  a message
 *
 * and in another table, for those that are due in a while (see `LaterRows`),
 *
 *     table u8 | line u32 | slot u32 | sequence u48 | due u48
 *
 * All numbers are big-endian, so that the order of the keys is that of the due times, and of coming where those are
 * the same. Due times are milliseconds since the epoch. A slot is the due time divided by the length of one.
 */
const lineBytes = 5;
const keyBytes = lineBytes + 12;
const laterKeyBytes = lineBytes + 4 + 12;
const idPattern = /^[0-9a-f]{24}$/;

/** Length of a slot of time: ten minutes. */
export const slotMs = 600_000;

export interface Totals {
  readonly count: number;
  readonly nextSequence: number;
}

/** The first row of a line. */
export function lineStart(lineId: number): Buffer {
  return firstKey(RowTable.Delayed, lineId);
}

/** Above all rows of a line but those of later messages. */
export function lineEnd(lineId: number): Buffer {
  return endKey(RowTable.Delayed, lineId);
}

/** Below all rows of later messages of a line. */
export function laterStart(lineId: number): Buffer {
  return firstKey(RowTable.DelayedLater, lineId);
}

/** Above all rows of later messages of a line. */
export function laterEnd(lineId: number): Buffer {
  return endKey(RowTable.DelayedLater, lineId);
}

function firstKey(table: number, lineId: number): Buffer {
  const key = Buffer.allocUnsafe(lineBytes);
  key[0] = table;
  key.writeUInt32BE(lineId, 1);
  return key;
}

function endKey(table: number, lineId: number): Buffer {
  return lineId === 0xffff_ffff ? Buffer.from([table + 1]) : firstKey(table, lineId + 1);
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

export function laterKey(lineId: number, dueAt: number, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(laterKeyBytes);
  key[0] = RowTable.DelayedLater;
  key.writeUInt32BE(lineId, 1);
  key.writeUInt32BE(Math.floor(dueAt / slotMs), lineBytes);
  key.writeUIntBE(sequence, lineBytes + 4, 6);
  key.writeUIntBE(dueAt, lineBytes + 10, 6);
  return key;
}

export function laterTimeOf(key: Buffer): { readonly dueAt: number; readonly sequence: number } {
  return { dueAt: key.readUIntBE(lineBytes + 10, 6), sequence: key.readUIntBE(lineBytes + 4, 6) };
}

/** When the slot with this time begins. */
export function slotStart(time: number): number {
  return time - (time % slotMs);
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

/** The key that a message has among the later ones, given that in order of due times; and the other way round. */
export function laterKeyOf(key: Buffer): Buffer {
  return laterKey(lineOf(key), dueAtOf(key), key.readUIntBE(lineBytes + 6, 6));
}

export function keyOfLater(key: Buffer): Buffer {
  const { dueAt, sequence } = laterTimeOf(key);
  return delayedKey(lineOf(key), dueAt, sequence);
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
