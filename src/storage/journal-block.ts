import { crc32 } from 'node:zlib';
import type { LogEntry } from '../broker/store.ts';
import { ENTRY_KEY_BYTES, writeEntryKey } from './entry-key.ts';
import { readUInt64, writeUInt64 } from './uint64.ts';

/**
 * What is written to a journal file at once: one block for each commit, at multiples of {@link BLOCK_ALIGNMENT}, so
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
export const BLOCK_ALIGNMENT = 4096;
export const JOURNAL_ID_BYTES = 8;
const MAGIC = 0x6c764a31;
const HEADER_BYTES = 64;
const ENTRIES_OFFSET = 32;
const BYTES_OFFSET = 36;
const FILE_BYTES_OFFSET = 44;
const KEYS_CRC_OFFSET = 52;
const HEADER_CRC_OFFSET = 56;

/** Shorter values are copied into one buffer: the kernel takes 1,024 parts at once, and each has its price. */
const JOINED_BELOW = 32 * 1024;

const PADDING = Buffer.alloc(BLOCK_ALIGNMENT);

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
  /** Commits are numbered without holes within a fill, and no number comes twice in a journal. */
  readonly number: number;
}

export interface BlockHeader {
  readonly kind: number;
  readonly fill: number;
  readonly number: number;
  readonly entries: number;
  readonly byteLength: number;
  readonly fileBytes: number;
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

export function encodeCommitBlock(entries: readonly LogEntry[], stamp: BlockStamp): CommitBlock {
  const head = Buffer.alloc(headBytes(entries.length));
  let byteLength = head.length;
  let at = HEADER_BYTES;
  for (const entry of entries) {
    writeEntryKey(head.subarray(at, at + ENTRY_KEY_BYTES), entry);
    at += ENTRY_KEY_BYTES;
    byteLength += entry.bytes.length;
  }
  head.writeUInt32BE(entries.length, ENTRIES_OFFSET);
  writeUInt64(head, byteLength, BYTES_OFFSET);
  head.writeUInt32BE(crc32(head.subarray(HEADER_BYTES)), KEYS_CRC_OFFSET);
  stampHeader(head, BlockKind.Commit, stamp);
  const padding = PADDING.subarray(0, alignUp(byteLength) - byteLength);
  return {
    head,
    parts: joinShort([head, ...entries.map(({ bytes }) => bytes), padding]),
    byteLength: alignUp(byteLength),
  };
}

/** A block without entries. */
export function encodeMark(kind: typeof BlockKind.Free | typeof BlockKind.End, stamp: BlockStamp): Buffer {
  const block = Buffer.alloc(BLOCK_ALIGNMENT);
  writeUInt64(block, HEADER_BYTES, BYTES_OFFSET);
  stampHeader(block, kind, stamp);
  return block;
}

function stampHeader(target: Buffer, kind: number, { journalId, fileBytes, fill, number }: BlockStamp): void {
  target.writeUInt32BE(MAGIC, 0);
  target.writeUInt32BE(kind, 4);
  journalId.copy(target, 8);
  writeUInt64(target, fill, 16);
  writeUInt64(target, number, 24);
  writeUInt64(target, fileBytes, FILE_BYTES_OFFSET);
  target.writeUInt32BE(crc32(target.subarray(0, HEADER_CRC_OFFSET)), HEADER_CRC_OFFSET);
}

/** Whether `bytes` begin with the header of some journal. Only to be asked when it is not this one's. */
export function belongsElsewhere(bytes: Buffer): boolean {
  return (
    bytes.length >= HEADER_BYTES && decodeHeader(bytes, bytes.subarray(8, 8 + JOURNAL_ID_BYTES)) !== undefined
  );
}

/** The header at the beginning of `bytes`, or undefined when there is none of this journal. */
export function decodeHeader(bytes: Buffer, journalId: Buffer): BlockHeader | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) return undefined;
  if (!bytes.subarray(8, 8 + JOURNAL_ID_BYTES).equals(journalId)) return undefined;
  if (crc32(bytes.subarray(0, HEADER_CRC_OFFSET)) !== bytes.readUInt32BE(HEADER_CRC_OFFSET)) return undefined;
  return {
    kind: bytes.readUInt32BE(4),
    fill: readUInt64(bytes, 16),
    number: readUInt64(bytes, 24),
    entries: bytes.readUInt32BE(ENTRIES_OFFSET),
    byteLength: readUInt64(bytes, BYTES_OFFSET),
    fileBytes: readUInt64(bytes, FILE_BYTES_OFFSET),
    keysCrc: bytes.readUInt32BE(KEYS_CRC_OFFSET),
  };
}

/** Bytes of header and keys. */
export function headBytes(entries: number): number {
  return HEADER_BYTES + entries * ENTRY_KEY_BYTES;
}

/** Whether the keys in a head are those that were written. */
export function keysAreIntact(head: Buffer, { keysCrc }: BlockHeader): boolean {
  return crc32(head.subarray(HEADER_BYTES)) === keysCrc;
}

/** The keys in a head, as views of it. */
export function* keysIn(head: Buffer): Generator<Buffer> {
  for (let at = HEADER_BYTES; at < head.length; at += ENTRY_KEY_BYTES) {
    yield head.subarray(at, at + ENTRY_KEY_BYTES);
  }
}

export function alignUp(bytes: number): number {
  return Math.ceil(bytes / BLOCK_ALIGNMENT) * BLOCK_ALIGNMENT;
}

function joinShort(parts: readonly Buffer[]): Buffer[] {
  const joined: Buffer[] = [];
  let run: Buffer[] = [];
  const endRun = () => {
    if (run.length > 0) joined.push(Buffer.concat(run));
    run = [];
  };
  for (const part of parts) {
    if (part.length < JOINED_BELOW) {
      run.push(part);
      continue;
    }
    endRun();
    joined.push(part);
  }
  endRun();
  return joined;
}
