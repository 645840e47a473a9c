import { crc32 } from 'node:zlib';
import type { SpanTotals } from '../entries/entry-file.ts';
import { readUInt64, writeUInt64 } from '../uint64.ts';

/**
 * What a generation holds of which log, so that a start reads one row of it instead of all keys. Written when
 * another generation has taken over:
 *
 *     format u8 | entries u64 | spans u32 | span... | crc u32
 *
 * and a span:
 *
 *     log id u32 | flags u8 | first sequence u64 | last sequence u64 | records u64 | bytes u64 |
 *     persistent count u64 | persistent body bytes u64
 */
export interface GenerationSummary {
  /** Entries in the generation. If there are others by now, the summary is not to be trusted. */
  readonly entries: number;
  readonly spans: readonly SpanTotals[];
}

const summaryFormat = 1;
const headBytes = 1 + 8 + 4;
const spanBytes = 4 + 1 + 6 * 8;
const crcBytes = 4;
const copiedFlag = 1;
const orderedFlag = 2;

export function encodeSummary(entries: number, spans: readonly SpanTotals[]): Buffer {
  const row = Buffer.allocUnsafe(headBytes + spans.length * spanBytes + crcBytes);
  row[0] = summaryFormat;
  let at = writeUInt64(row, entries, 1);
  at = row.writeUInt32BE(spans.length, at);
  for (const span of spans) {
    at = row.writeUInt32BE(span.logId, at);
    at = row.writeUInt8((span.copied ? copiedFlag : 0) | (span.isOrdered ? orderedFlag : 0), at);
    at = writeUInt64(row, span.firstSequence, at);
    at = writeUInt64(row, span.lastSequence, at);
    at = writeUInt64(row, span.records, at);
    at = writeUInt64(row, span.bytes, at);
    at = writeUInt64(row, span.persistentCount, at);
    at = writeUInt64(row, span.persistentBodyBytes, at);
  }
  row.writeUInt32BE(crc32(row.subarray(0, at)), at);
  return row;
}

/** Undefined when the row is damaged or of another format. */
export function decodeSummary(row: Buffer): GenerationSummary | undefined {
  const end = row.length - crcBytes;
  if (end < headBytes || row[0] !== summaryFormat) return undefined;
  if (crc32(row.subarray(0, end)) !== row.readUInt32BE(end)) return undefined;
  const count = row.readUInt32BE(9);
  if (end !== headBytes + count * spanBytes) return undefined;
  const spans: SpanTotals[] = [];
  for (let at = headBytes; at < end; at += spanBytes) {
    const flags = row.readUInt8(at + 4);
    spans.push({
      logId: row.readUInt32BE(at),
      copied: (flags & copiedFlag) !== 0,
      isOrdered: (flags & orderedFlag) !== 0,
      firstSequence: readUInt64(row, at + 5),
      lastSequence: readUInt64(row, at + 13),
      records: readUInt64(row, at + 21),
      bytes: readUInt64(row, at + 29),
      persistentCount: readUInt64(row, at + 37),
      persistentBodyBytes: readUInt64(row, at + 45),
    });
  }
  return { entries: readUInt64(row, 1), spans };
}
