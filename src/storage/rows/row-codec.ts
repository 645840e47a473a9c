import { RecordFlag, RecordOffset, recordHeaderBytes } from '../../broker/log/record.ts';
import type { LogEntry, RowChange } from '../../broker/store.ts';

/**
 * Changes of rows as they lie in the row log: each entry is one record, which is its header and
 *
 *     key length u8 | key | value length u32 | value ...
 *
 * The length of a long key is written as 255, then as u16.
 */
const removedMark = 0xffff_ffff;
const valueLengthBytes = 4;
const longKey = 255;

/** An entry of the row log is closed above that. One change may be larger. */
const rowEntryBytes = 8 * 2 ** 20;

/** The row log is the store's own: those of queues have ids from 1. */
export const rowLogId = 0;

/** The entries that carry these changes, from sequence `firstSequence` on. */
export function encodeRowEntries(rows: readonly RowChange[], firstSequence: number): LogEntry[] {
  const entries: LogEntry[] = [];
  for (let from = 0; from < rows.length; ) {
    let bytes = recordHeaderBytes;
    let to = from;
    while (to < rows.length && (to === from || bytes < rowEntryBytes)) bytes += changeBytes(rows[to++]);
    entries.push(encodeEntry(rows.slice(from, to), firstSequence + entries.length, bytes));
    from = to;
  }
  return entries;
}

function changeBytes(change: RowChange | undefined): number {
  if (change === undefined) return 0;
  const { key, value } = change;
  return (key.length < longKey ? 1 : 3) + key.length + valueLengthBytes + (value?.length ?? 0);
}

function encodeEntry(rows: readonly RowChange[], sequence: number, byteLength: number): LogEntry {
  const bytes = Buffer.allocUnsafe(byteLength);
  bytes.fill(0, 0, recordHeaderBytes);
  bytes.writeUInt32BE(byteLength, RecordOffset.Size);
  bytes.writeUInt32BE(sequence % 2 ** 32, RecordOffset.SequenceLow);
  bytes.writeUInt8(RecordFlag.Persistent, RecordOffset.Flags);
  bytes.writeUInt32BE(byteLength - recordHeaderBytes, RecordOffset.BodySize);
  let at = recordHeaderBytes;
  for (const { key, value } of rows) {
    at = bytes.writeUInt8(Math.min(key.length, longKey), at);
    if (key.length >= longKey) at = bytes.writeUInt16BE(key.length, at);
    at += key.copy(bytes, at);
    at = bytes.writeUInt32BE(value === null ? removedMark : value.length, at);
    if (value !== null) at += value.copy(bytes, at);
  }
  return {
    logId: rowLogId,
    firstSequence: sequence,
    count: 1,
    persistentCount: 1,
    persistentBodyBytes: byteLength - recordHeaderBytes,
    bytes,
  };
}

/** The changes in an entry of the row log: views of its bytes, whose checksum has been verified. */
export function* decodeRowEntry(bytes: Buffer): Generator<RowChange> {
  for (let at = recordHeaderBytes; at < bytes.length; ) {
    let keyLength = bytes.readUInt8(at++);
    if (keyLength === longKey) {
      keyLength = bytes.readUInt16BE(at);
      at += 2;
    }
    const keyEnd = at + keyLength;
    const key = bytes.subarray(at, keyEnd);
    const length = bytes.readUInt32BE(keyEnd);
    at = keyEnd + 4;
    if (length === removedMark) {
      yield { key, value: null };
      continue;
    }
    yield { key, value: bytes.subarray(at, at + length) };
    at += length;
  }
}
