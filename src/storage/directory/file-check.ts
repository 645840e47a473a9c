import { closeSync, fstatSync, openSync, readSync, statfsSync, statSync, truncateSync } from 'node:fs';
import { DataDirectoryError } from './data-directory-error.ts';

/** Offsets in an LMDB meta page of this version: u16 page flags, u32 magic, u64 last page, u64 transaction. */
const flagsOffset = 18;
const metaFlag = 0x08;
const magicOffset = 24;
const lmdbMagic = 0xbeefc0de;
const lastPageOffset = 144;
const transactionOffset = 152;
const metaBytes = 160;
/** Page sizes LMDB can be built for. The second meta page lies one page on. */
const possiblePageBytes = [4096, 8192, 16384, 32768, 65536];

/** No transaction takes as much that it does not write. */
const missingBytesMax = 2 ** 31;

/**
 * Looks at a file before LMDB does, because LMDB answers random bytes and short files with a signal.
 *
 * @returns what is wrong with the file, or undefined when LMDB can open it.
 */
export function findFileDamage(path: string): string | undefined {
  const fd = openSync(path, 'r');
  try {
    const size = fstatSync(fd).size;
    if (size === 0) return 'the file is empty';
    if (!isMetaPage(fd, 0)) return 'the file does not start with an LMDB page';
    const pageBytes = possiblePageBytes.find((bytes) => isMetaPage(fd, bytes));
    if (pageBytes === undefined) return 'the second LMDB page is missing or damaged';
    const [older = 0n, newer = 0n] = [0, pageBytes]
      .map((at) => readMeta(fd, at).readBigUInt64LE(transactionOffset))
      .sort((a, b) => Number(a - b));
    // Each transaction writes the other one of the two.
    if (newer - older > 1n) return 'one of the first two LMDB pages is damaged';
    if (bytesKnown(path) > size + missingBytesMax)
      return 'the first LMDB pages name others far behind its end';
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/**
 * Whether the file ends before the last page its newest root knows of. That is so when its end was lost, and
 * harmless when LMDB never needed the last pages it had taken.
 */
export function isCutShort(path: string): boolean {
  return statSync(path).size < bytesKnown(path);
}

/**
 * Gives a file that is cut short its length back. LMDB looks for free pages in places that nobody else reads: behind the end
 * of the file it would die by signal, while zeros are an error that it tells of.
 */
export function lengthen(path: string): void {
  truncateSync(path, bytesKnown(path));
}

/** Of a file with whole headers. */
export function pageBytesOf(path: string): number {
  const fd = openSync(path, 'r');
  try {
    return possiblePageBytes.find((bytes) => isMetaPage(fd, bytes)) ?? 0;
  } finally {
    closeSync(fd);
  }
}

/** Up to the end of the last page that the newest root knows of. */
function bytesKnown(path: string): number {
  const fd = openSync(path, 'r');
  try {
    const pageBytes = possiblePageBytes.find((bytes) => isMetaPage(fd, bytes)) ?? 0;
    const roots = [readMeta(fd, 0), readMeta(fd, pageBytes)];
    const newest = roots.reduce((a, b) =>
      a.readBigUInt64LE(transactionOffset) > b.readBigUInt64LE(transactionOffset) ? a : b,
    );
    const lastPage = Number(newest.readBigUInt64LE(lastPageOffset));
    return (lastPage + 1) * pageBytes;
  } finally {
    closeSync(fd);
  }
}

/** Whether nothing but zeros was ever written to the file: what a power cut leaves of a file just created. */
export function isBlank(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(64 * 1024);
    for (;;) {
      const length = readSync(fd, chunk, 0, chunk.length, null);
      if (length === 0) return true;
      if (chunk.subarray(0, length).some((byte) => byte !== 0)) return false;
    }
  } finally {
    closeSync(fd);
  }
}

/** Bytes that this process may still write to the file system of `path`. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

/** @throws DataDirectoryError: on a full disk LMDB dies by signal instead of failing. */
export function requireFreeBytes(path: string, bytesMin: number): void {
  const free = freeBytes(path);
  if (free >= bytesMin) return;
  const mebibytes = (bytes: number) => Math.floor(bytes / 2 ** 20);
  throw new DataDirectoryError(
    `${path} has ${mebibytes(free)} MiB of free disk space, at least ${mebibytes(bytesMin)} MiB are needed to start`,
  );
}

function isMetaPage(fd: number, offset: number): boolean {
  const meta = readMeta(fd, offset);
  return (meta.readUInt16LE(flagsOffset) & metaFlag) !== 0 && meta.readUInt32LE(magicOffset) === lmdbMagic;
}

/** Zeros where the file ends early. */
function readMeta(fd: number, offset: number): Buffer {
  const meta = Buffer.alloc(metaBytes);
  readSync(fd, meta, 0, metaBytes, offset);
  return meta;
}
