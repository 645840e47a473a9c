import { crc32 } from 'node:zlib';
import type { LogEntry } from '../../broker/store.ts';
import { journalIdBytes } from '../directory/data-directory.ts';
import { entryKeyBytes, type KeyedEntry, writeEntryKey } from '../entries/entry-key.ts';
import { readUInt64, writeUInt64 } from '../uint64.ts';

/**
 * What is written to a journal file at once: one block for each commit, at multiples of {@link blockAlignmentBytes}, so
 * that no write touches a page of an earlier one:
 *
 *     header (64 bytes) | key of each entry | value of each entry | zeros up to the next multiple
 *
 * and a header:
 *
 *     "lvJ1" | kind u32 | journal id 8 bytes | fill u64 | number u64 | entries u32 |
 *     bytes u64 (header, keys and values) | bytes of the file u64 | crc of the keys u32 | crc of all before u32 | zeros
 *
 * Each key has the checksum of its value. The journal id is random, so that no message can look like a block.
 */
export const blockAlignmentBytes = 4096;
const blockMagic = 0x6c764a31;
const headerBytes = 64;
const entriesOffset = 32;
const bytesOffset = 36;
const fileBytesOffset = 44;
const keysCrcOffset = 52;
const headerCrcOffset = 56;

const zeros = Buffer.alloc(blockAlignmentBytes);

/** What a header introduces. */
export const BlockKind = {
  /** Nothing in the file counts. */
  Free: 1,
  /** A commit. */
  Commit: 2,
  /** Nothing follows: commits go on in another file. */
  End: 3,
} as const;

/** Where a block belongs. */
export interface BlockStamp {
  readonly journalId: Buffer;
  /** As it was made: a shorter one has lost its end. */
  readonly fileBytes: number;
  /** Number of the first commit since the file was free: what has a lower one is from before. */
  readonly fill: number;
  /** Later commits have higher numbers, and no number comes twice in a journal. */
  readonly number: number;
}

/** A header as it was read: its checksum holds, but what it announces may not have reached the disk. */
export interface BlockHeader {
  /** One of {@link BlockKind}. */
  readonly kind: number;
  /** As in {@link BlockStamp}. */
  readonly fill: number;
  readonly number: number;
  /** Keys that follow the header. */
  readonly entries: number;
  /** Of header, keys and values, without padding. */
  readonly byteLength: number;
  /** As in {@link BlockStamp}. */
  readonly fileBytes: number;
  /** See {@link keysAreIntact}. */
  readonly keysCrc: number;
}

/** A commit as it is written. */
export interface CommitBlock {
  /** Header and keys. */
  readonly head: Buffer;
  /** Everything, the head included, {@link byteLength} bytes in all. */
  readonly parts: readonly Buffer[];
  /** With padding. */
  readonly byteLength: number;
}

/** Bytes that a commit takes in a journal file. */
export function commitBlockBytes(entries: readonly LogEntry[]): number {
  let bytes = headBytes(entries.length);
  for (const entry of entries) bytes += entry.bytes.length;
  return alignUp(bytes);
}

/** The block of a commit. Long values are not copied: they must not change until the block is written. */
export function encodeCommitBlock(entries: readonly KeyedEntry[], stamp: BlockStamp): CommitBlock {
  const head = Buffer.alloc(headBytes(entries.length));
  let byteLength = head.length;
  let at = headerBytes;
  for (const entry of entries) {
    if (entry.rawKey === undefined) writeEntryKey(head.subarray(at, at + entryKeyBytes), entry);
    else head.set(entry.rawKey, at);
    at += entryKeyBytes;
    byteLength += entry.bytes.length;
  }
  head.writeUInt32BE(entries.length, entriesOffset);
  writeUInt64(head, byteLength, bytesOffset);
  head.writeUInt32BE(crc32(head.subarray(headerBytes)), keysCrcOffset);
  stampHeader(head, BlockKind.Commit, stamp);
  const padding = zeros.subarray(0, alignUp(byteLength) - byteLength);
  return {
    head,
    parts: [head, ...entries.map(({ bytes }) => bytes), padding],
    byteLength: alignUp(byteLength),
  };
}

/** A block without entries. */
export function encodeMark(kind: typeof BlockKind.Free | typeof BlockKind.End, stamp: BlockStamp): Buffer {
  const block = Buffer.alloc(blockAlignmentBytes);
  writeUInt64(block, headerBytes, bytesOffset);
  stampHeader(block, kind, stamp);
  return block;
}

function stampHeader(target: Buffer, kind: number, { journalId, fileBytes, fill, number }: BlockStamp): void {
  target.writeUInt32BE(blockMagic, 0);
  target.writeUInt32BE(kind, 4);
  journalId.copy(target, 8);
  writeUInt64(target, fill, 16);
  writeUInt64(target, number, 24);
  writeUInt64(target, fileBytes, fileBytesOffset);
  target.writeUInt32BE(crc32(target.subarray(0, headerCrcOffset)), headerCrcOffset);
}

/** Whether `bytes` begin with the header of some journal. Only to be asked when it is not this one's. */
export function belongsElsewhere(bytes: Buffer): boolean {
  return (
    bytes.length >= headerBytes && decodeHeader(bytes, bytes.subarray(8, 8 + journalIdBytes)) !== undefined
  );
}

/** The header that makes a file free whose last block this is; undefined when that is no end mark. */
export function freeHeaderFor(end: Buffer): Buffer | undefined {
  const journalId = end.subarray(8, 8 + journalIdBytes);
  const header = decodeHeader(end, journalId);
  if (header?.kind !== BlockKind.End) return undefined;
  // No block in the file has that number.
  const { fileBytes, number } = header;
  return encodeMark(BlockKind.Free, { journalId, fileBytes, fill: number, number }).subarray(0, headerBytes);
}

/** The header at the beginning of `bytes`, or undefined when there is none of this journal. */
export function decodeHeader(bytes: Buffer, journalId: Buffer): BlockHeader | undefined {
  if (bytes.length < headerBytes || bytes.readUInt32BE(0) !== blockMagic) return undefined;
  if (!bytes.subarray(8, 8 + journalIdBytes).equals(journalId)) return undefined;
  if (crc32(bytes.subarray(0, headerCrcOffset)) !== bytes.readUInt32BE(headerCrcOffset)) return undefined;
  return {
    kind: bytes.readUInt32BE(4),
    fill: readUInt64(bytes, 16),
    number: readUInt64(bytes, 24),
    entries: bytes.readUInt32BE(entriesOffset),
    byteLength: readUInt64(bytes, bytesOffset),
    fileBytes: readUInt64(bytes, fileBytesOffset),
    keysCrc: bytes.readUInt32BE(keysCrcOffset),
  };
}

/** Bytes of header and keys. */
export function headBytes(entries: number): number {
  return headerBytes + entries * entryKeyBytes;
}

/** Whether the keys in a head are those that were written. */
export function keysAreIntact(head: Buffer, { keysCrc }: BlockHeader): boolean {
  return crc32(head.subarray(headerBytes)) === keysCrc;
}

/** The keys in a head, as views of it. */
export function* keysIn(head: Buffer): Generator<Buffer> {
  for (let at = headerBytes; at < head.length; at += entryKeyBytes) {
    yield head.subarray(at, at + entryKeyBytes);
  }
}

/** The smallest multiple of {@link blockAlignmentBytes} that holds so many bytes. */
export function alignUp(bytes: number): number {
  return Math.ceil(bytes / blockAlignmentBytes) * blockAlignmentBytes;
}
