import { crc32 } from 'node:zlib';
import type { LogEntry } from '../../broker/store.ts';
import { Slices } from '../../slices.ts';
import { readUInt64, writeUInt64 } from '../uint64.ts';

/**
 * The key of an entry, in a generation as in the journal, says everything a start has to know, so that a start reads keys only
 * and the value is the caller's buffer as it is:
 *
 *     log id u32 | first sequence u64 | count u32 | persistent count u32 | persistent body bytes u48 |
 *     bytes of the value u32 | crc u32
 *
 * Big-endian throughout: bytewise order is order by log, then by sequence. The checksum covers the value and
 * the rest of the key.
 */
export interface EntryKey {
  readonly logId: number;
  readonly firstSequence: number;
  readonly count: number;
  readonly persistentCount: number;
  readonly persistentBodyBytes: number;
  readonly byteLength: number;
}

/** An entry that may have its key already, with the checksum of what its bytes were when they were written first. */
export interface KeyedEntry extends LogEntry {
  readonly rawKey?: Uint8Array;
}

export const entryKeyBytes = 34;
const checksumOffset = 30;

/** What is larger is read, checksummed and copied in pieces of that size: a quarter of a millisecond each. */
export const largeEntryBytes = 2 ** 20;

/** What is smaller is in the kernel's memory where it was written lately, and looked for as quickly as asked for. */
export const entryBytesSoonMin = 16 * 1024;

/** Largest log id: a u32. */
export const logIdMax = 0xffff_ffff;

/** The key of an entry, its checksum computed from the entry's bytes. */
export function encodeEntryKey(entry: LogEntry): Buffer {
  const key = Buffer.allocUnsafe(entryKeyBytes);
  writeEntryKey(key, entry);
  return key;
}

/** The same entries; large ones have their keys, whose checksums were computed bit by bit: 128 MiB take 35 ms. */
export async function withLargeKeys(entries: readonly LogEntry[]): Promise<KeyedEntry[]> {
  const keyed: KeyedEntry[] = [];
  for (const entry of entries) {
    const isLarge = entry.bytes.length > largeEntryBytes;
    keyed.push(isLarge ? { ...entry, rawKey: await encodeLargeKey(entry) } : entry);
  }
  return keyed;
}

async function encodeLargeKey(entry: LogEntry): Promise<Buffer> {
  const key = Buffer.allocUnsafe(entryKeyBytes);
  writeFields(key, entry);
  const slices = new Slices(1, 1);
  const checksum = new EntryChecksum(key);
  for (let at = 0; at < entry.bytes.length; at += largeEntryBytes) {
    checksum.add(entry.bytes.subarray(at, at + largeEntryBytes));
    await slices.next();
  }
  key.writeUInt32BE(checksum.value, checksumOffset);
  return key;
}

/** Writes the key of an entry to the beginning of `key`. */
export function writeEntryKey(key: Buffer, entry: LogEntry): void {
  writeFields(key, entry);
  key.writeUInt32BE(entryChecksum(key, entry.bytes), checksumOffset);
}

function writeFields(key: Buffer, entry: LogEntry): void {
  writePosition(key, entry.logId, entry.firstSequence);
  key.writeUInt32BE(entry.count, 12);
  key.writeUInt32BE(entry.persistentCount, 16);
  key.writeUIntBE(entry.persistentBodyBytes, 20, 6);
  key.writeUInt32BE(entry.bytes.length, 26);
}

/** @throws RangeError when the bytes are not an entry key. */
export function decodeEntryKey(bytes: Uint8Array): EntryKey {
  if (bytes.length !== entryKeyBytes) throw new RangeError(`an entry key of ${bytes.length} bytes`);
  const key = asBuffer(bytes);
  return {
    logId: key.readUInt32BE(0),
    firstSequence: readUInt64(key, 4),
    count: key.readUInt32BE(12),
    persistentCount: key.readUInt32BE(16),
    persistentBodyBytes: key.readUIntBE(20, 6),
    byteLength: key.readUInt32BE(26),
  };
}

/** The smallest key of a log at or above a sequence: where a range read starts. */
export function entryPosition(logId: number, sequence: number): Buffer {
  const key = Buffer.alloc(12);
  writePosition(key, logId, sequence);
  return key;
}

/** Whether the value is what the key was made for. */
export function entryIsIntact(keyBytes: Uint8Array, value: Uint8Array): boolean {
  const key = asBuffer(keyBytes);
  return entryChecksum(key, value) === key.readUInt32BE(checksumOffset);
}

function entryChecksum(key: Buffer, value: Uint8Array): number {
  return crc32(value, keyChecksum(key));
}

function keyChecksum(key: Buffer): number {
  return crc32(key.subarray(0, checksumOffset));
}

/** The checksum of an entry whose value comes piece by piece. */
export class EntryChecksum {
  readonly #key: Buffer;
  #value: number;

  constructor(key: Uint8Array) {
    this.#key = asBuffer(key);
    this.#value = keyChecksum(this.#key);
  }

  add(piece: Uint8Array): void {
    this.#value = crc32(piece, this.#value);
  }

  get value(): number {
    return this.#value;
  }

  /** The value is what the key was made for. */
  get isThatOfKey(): boolean {
    return this.#value === this.#key.readUInt32BE(checksumOffset);
  }
}

function writePosition(key: Buffer, logId: number, sequence: number): void {
  key.writeUInt32BE(logId, 0);
  writeUInt64(key, sequence, 4);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
