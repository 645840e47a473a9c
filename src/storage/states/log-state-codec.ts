import { crc32 } from 'node:zlib';
import type { JsonValue, LogState, UnsettledRange } from '../../broker/store.ts';
import { readUInt64, writeUInt64 } from '../uint64.ts';

/**
 * The row of a log's state:
 *
 *     row format u8 | read position u64 | ranges u32 | range... | attachment | crc u32
 *
 * and a range:
 *
 *     first sequence u64 | count u32 | has bitmap u8 | bitmap | pairs u32 | (offset u32, delivery count u32)...
 *
 * The attachment is JSON and takes what is left; only rows of format 2 have one.
 */
const rowFormat = 1;
const rowFormatWithAttachment = 2;
const rowFixedBytes = 1 + 8 + 4 + 4;
const rangeFixedBytes = 8 + 4 + 1 + 4;
const pairBytes = 8;

/** @throws RangeError when the state is not well-formed: ranges ascend, below the read position. */
export function encodeLogState(state: LogState): Buffer {
  checkLogState(state);
  let size = rowFixedBytes;
  for (const range of state.unsettled) size += rangeBytes(range);
  const attachment = state.attachment === undefined ? '' : JSON.stringify(state.attachment);
  const row = Buffer.allocUnsafe(size + Buffer.byteLength(attachment));
  row[0] = attachment === '' ? rowFormat : rowFormatWithAttachment;
  let at = writeUInt64(row, state.readPosition, 1);
  at = row.writeUInt32BE(state.unsettled.length, at);
  for (const range of state.unsettled) at = writeRange(row, range, at);
  at += row.write(attachment, at);
  row.writeUInt32BE(crc32(row.subarray(0, at)), at);
  return row;
}

/** @throws RangeError when the row is damaged. */
export function decodeLogState(logId: number, row: Buffer): LogState {
  const end = row.length - 4;
  if (
    row.length < rowFixedBytes ||
    (row[0] !== rowFormat && row[0] !== rowFormatWithAttachment) ||
    crc32(row.subarray(0, end)) !== row.readUInt32BE(end)
  ) {
    throw new RangeError(`the state of log ${logId} is damaged`);
  }
  const readPosition = readUInt64(row, 1);
  const unsettled: UnsettledRange[] = [];
  let at = 13;
  for (let left = row.readUInt32BE(9); left > 0; left--) {
    const firstSequence = readUInt64(row, at);
    const count = row.readUInt32BE(at + 8);
    const bitmapBytes = row[at + 12] === 1 ? Math.ceil(count / 8) : 0;
    at += 13;
    const settled = Uint8Array.from(row.subarray(at, at + bitmapBytes));
    at += bitmapBytes;
    const deliveryCounts: [number, number][] = [];
    for (let pairs = row.readUInt32BE(at); pairs > 0; pairs--) {
      deliveryCounts.push([row.readUInt32BE(at + 4), row.readUInt32BE(at + 8)]);
      at += pairBytes;
    }
    at += 4;
    unsettled.push({
      firstSequence,
      count,
      ...(bitmapBytes > 0 && { settled }),
      ...(deliveryCounts.length > 0 && { deliveryCounts }),
    });
  }
  if (row[0] === rowFormat) return { logId, readPosition, unsettled };
  const attachment: JsonValue = JSON.parse(row.toString('utf8', at, end));
  return { logId, readPosition, unsettled, attachment };
}

function checkLogState(state: LogState): void {
  const fail = (what: string) => new RangeError(`state of log ${state.logId}: ${what}`);
  if (!Number.isSafeInteger(state.readPosition) || state.readPosition < 0) throw fail('bad read position');
  let end = 0;
  for (const range of state.unsettled) {
    if (!Number.isSafeInteger(range.firstSequence) || range.firstSequence < end || range.count < 1) {
      throw fail('unsettled ranges must ascend without overlapping');
    }
    end = range.firstSequence + range.count;
    if (range.settled !== undefined && range.settled.length < Math.ceil(range.count / 8)) {
      throw fail('bitmap too short');
    }
  }
  if (end > state.readPosition) throw fail('unsettled range at or above the read position');
}

function rangeBytes(range: UnsettledRange): number {
  const bitmapBytes = range.settled === undefined ? 0 : Math.ceil(range.count / 8);
  return rangeFixedBytes + bitmapBytes + (range.deliveryCounts?.length ?? 0) * pairBytes;
}

function writeRange(row: Buffer, range: UnsettledRange, start: number): number {
  let at = writeUInt64(row, range.firstSequence, start);
  at = row.writeUInt32BE(range.count, at);
  at = row.writeUInt8(range.settled === undefined ? 0 : 1, at);
  if (range.settled !== undefined) {
    const bitmap = range.settled.subarray(0, Math.ceil(range.count / 8));
    row.set(bitmap, at);
    at += bitmap.length;
  }
  const pairs = range.deliveryCounts ?? [];
  at = row.writeUInt32BE(pairs.length, at);
  for (const [offset, deliveryCount] of pairs) {
    at = row.writeUInt32BE(offset, at);
    at = row.writeUInt32BE(deliveryCount, at);
  }
  return at;
}
