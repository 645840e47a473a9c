import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsync,
  ftruncate,
  openSync,
  read,
  readSync,
  write,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Space, StoreBrokenError, StoreFullError } from '../../broker/store.ts';
import { allDone } from '../all-done.ts';
import { flushDirectory } from '../directory/data-directory.ts';
import { DataDirectoryError } from '../directory/data-directory-error.ts';
import { removeGently } from '../directory/gentle-removal.ts';
import { hasCode } from '../directory/has-code.ts';
import { reasonOf } from '../directory/reason-of.ts';
import { OpenFile } from '../entries/open-file.ts';
import { blockAlignmentBytes, freeHeaderFor } from './journal-block.ts';
import { inPages } from './page-memory.ts';

const readSome = promisify(read);
const writeSome = promisify(write);
const truncate = promisify(ftruncate);
const flush = promisify(fsync);

const fileNamePattern = /^journal-(\d{2,})\.wal$/;

/** A write has reached the disk when it is done; nothing else of the file changes but the bytes written. */
const openFlags = constants.O_RDWR | constants.O_DSYNC;

/**
 * Parts of so many bytes on average are written past the kernel's cache: most of what a write costs is new pages of that.
 * Small ones are not, as they are read back in small pieces, of which the cache can have its copies.
 */
const directPartBytes = 16 * 1024;

/** What nobody waits for is written in steps of that size, so that commits have their turn in between. */
const stepBytes = 2 ** 20;

/** How large writes are cut up. The pool has four threads, and others want some of them. */
const pieceBytes = 8 * 2 ** 20;
const piecesAtOnce = 3;

/** A file to be made. */
export interface NewFile {
  readonly size: number;
  /**
   * With zeros, so that a write finds its blocks there and is one flush. Without, each write takes a third or half longer
   * the first time, which is less than what filling takes.
   */
  readonly isFilled: boolean;
}

/** A file of the journal on disk: its blocks are taken once and for all, then written over again and again. */
export class JournalFile {
  readonly number: number;
  readonly path: string;
  readonly size: number;
  readonly #fd: number;
  readonly #open: OpenFile;
  /** Writes past the kernel's cache; undefined: that cannot be had. */
  readonly #directFd: number | undefined;
  #cannotBeDirect = false;

  private constructor(path: string, number: number, fd: number, size: number) {
    this.path = path;
    this.number = number;
    this.#fd = fd;
    this.#open = new OpenFile(fd);
    this.#directFd = openDirect(path);
    this.size = size;
  }

  static open(directory: string, number: number): JournalFile {
    const path = journalPath(directory, number);
    const fd = openSync(path, openFlags);
    return new JournalFile(path, number, fd, fstatSync(fd).size);
  }

  /**
   * Makes a file of `size` bytes whose first block is `mark`: written last, so that without it nothing was ever in
   * the file.
   *
   * @throws StoreFullError when there is no room: no file is left then.
   */
  static async create(
    directory: string,
    number: number,
    { size, isFilled }: NewFile,
    mark: Buffer,
  ): Promise<JournalFile> {
    const path = journalPath(directory, number);
    const file = new JournalFile(
      path,
      number,
      openSync(path, openFlags | constants.O_CREAT | constants.O_EXCL, 0o640),
      size,
    );
    try {
      if (isFilled) await file.#fill();
      else await file.#reserve();
      await flushDirectory(directory);
      await file.write([mark], 0);
      return file;
    } catch (error) {
      file.close();
      await removeGently(path);
      throw error;
    }
  }

  async #fill(): Promise<void> {
    const zeros = Buffer.alloc(Math.min(this.size, stepBytes));
    for (let at = 0; at < this.size; at += zeros.length) {
      await this.write([zeros.subarray(0, Math.min(zeros.length, this.size - at))], at);
    }
  }

  async #reserve(): Promise<void> {
    await truncate(this.#fd, this.size);
    await flush(this.#fd);
  }

  /**
   * Resolves when the parts are on disk, one behind the other from offset `at` on. They must stay unchanged until then.
   *
   * @throws StoreFullError when there was no room, StoreBrokenError on any other failure.
   */
  async write(parts: readonly Buffer[], at: number): Promise<void> {
    const isDirect = this.#directFd !== undefined && !this.#cannotBeDirect && mayBeDirect(parts, at);
    let end = at;
    try {
      for (const piece of isDirect ? inPages(parts) : [joined(parts)]) {
        if (!isDirect || !(await this.#writeDirect(piece, end))) await writeAll(this.#fd, piece, end);
        end += piece.length;
      }
    } catch (error) {
      throw writeFailure(error, this.path);
    }
  }

  /** False: the file system, or the device below it, cannot do that. */
  async #writeDirect(pages: Buffer, at: number): Promise<boolean> {
    if (this.#directFd === undefined || this.#cannotBeDirect) return false;
    try {
      await writeAll(this.#directFd, pages, at);
      return true;
    } catch (error) {
      if (!hasCode(error, 'EINVAL')) throw error;
      this.#cannotBeDirect = true;
      return false;
    }
  }

  /** The same for many bytes, of which some are on their way to the disk while others are copied for it. */
  async writeLarge(parts: readonly Buffer[], at: number): Promise<void> {
    const pieces: { bytes: Buffer; at: number }[] = [];
    let end = at;
    for (const part of parts) {
      for (let from = 0; from < part.length; from += pieceBytes) {
        const bytes = part.subarray(from, from + pieceBytes);
        pieces.push({ bytes, at: end });
        end += bytes.length;
      }
    }
    const writePieces = async () => {
      for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift())
        await this.write([piece.bytes], piece.at);
    };
    await allDone(Array.from({ length: piecesAtOnce }, writePieces));
  }

  /** The same in steps that are short enough for others, whose flushes wait for the one under way. */
  async writeInSteps(bytes: Buffer, at: number): Promise<void> {
    for (let from = 0; from < bytes.length; from += stepBytes)
      await this.write([bytes.subarray(from, from + stepBytes)], at + from);
  }

  /** What is at an offset, up to the end of the file, in memory of `space`. */
  read(at: number, byteLength: number, space: Space = Buffer.allocUnsafe): Buffer {
    return readAt(this.#fd, space(byteLength), at);
  }

  /** Fills `target` off the event loop. Resolves with undefined when there is not enough, or it cannot be read. */
  readSoon(at: number, target: Buffer): Promise<Buffer | undefined> {
    return this.#open.read(target, at);
  }

  /** Has the kernel read what is at an offset. */
  prefetch(at: number, byteLength: number): Promise<void> {
    return this.#open.prefetch(at, byteLength);
  }

  /** Gives back what the file has behind so many bytes. */
  async cut(byteLength: number): Promise<void> {
    await truncate(this.#fd, byteLength);
  }

  /** Fills `target` from the beginning of the file, off the event loop. Returns as much of it as there was. */
  async readInto(target: Buffer): Promise<Buffer> {
    let got = 0;
    while (got < target.length) {
      const { bytesRead } = await readSome(this.#fd, target, got, target.length - got, got);
      if (bytesRead === 0) break;
      got += bytesRead;
    }
    return target.subarray(0, got);
  }

  close(): void {
    this.#open.close();
    if (this.#directFd !== undefined) closeSync(this.#directFd);
  }

  /** Deletes the file, then closes it. When that fails it may be tried again. */
  async remove(): Promise<void> {
    await removeGently(this.path);
    this.close();
  }
}

/** Undefined where the file system has no such thing, or descriptors are short: writes get there without it. */
function openDirect(path: string): number | undefined {
  try {
    return openSync(path, openFlags | constants.O_DIRECT);
  } catch {
    return undefined;
  }
}

/** Whole pages, and worth it. */
function mayBeDirect(parts: readonly Buffer[], at: number): boolean {
  let byteLength = 0;
  for (const part of parts) byteLength += part.length;
  const isWhole = at % blockAlignmentBytes === 0 && byteLength % blockAlignmentBytes === 0;
  return isWhole && byteLength >= parts.length * directPartBytes;
}

function joined(parts: readonly Buffer[]): Buffer {
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts);
}

async function writeAll(fd: number, bytes: Buffer, at: number): Promise<void> {
  // The kernel says why it stopped short when it is asked to go on.
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await writeSome(fd, bytes, done, bytes.length - done, at + done);
    if (bytesWritten === 0) throw new Error('nothing was written');
    done += bytesWritten;
  }
}

/** Fills `target` from offset `at` of an open file. Returns as much of it as there was. */
export function readAt(fd: number, target: Buffer, at: number): Buffer {
  let got = 0;
  while (got < target.length) {
    const count = readSync(fd, target, got, target.length - got, at + got);
    if (count === 0) break;
    got += count;
  }
  return target.subarray(0, got);
}

/** Marks a file that was cut off behind its end mark as free, without touching anything but the header of its first block. */
export async function markFreeInPlace(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const file = await open(path, openFlags);
  try {
    const { size } = await file.stat();
    const last = Buffer.alloc(blockAlignmentBytes);
    if (size >= last.length) await file.read(last, 0, last.length, size - last.length);
    const header = freeHeaderFor(last);
    if (header !== undefined) await file.write(header, 0, header.length, 0);
  } finally {
    await file.close();
  }
}

export function journalPath(directory: string, number: number): string {
  return join(directory, `journal-${String(number).padStart(2, '0')}.wal`);
}

/** @throws DataDirectoryError when a file that was there is missing. */
export function requireJournalFile(directory: string, number: number): void {
  const path = journalPath(directory, number);
  if (existsSync(path)) return;
  throw new DataDirectoryError(
    `${path} is missing: restore the data directory from a backup, ` +
      'or make an empty file of that name to go on without the messages in it',
  );
}

/** Numbers of the journal files among the names of a directory, ascending. */
export function journalNumbers(names: readonly string[]): number[] {
  const numbers: number[] = [];
  for (const name of names) {
    const digits = fileNamePattern.exec(name)?.[1];
    if (digits !== undefined) numbers.push(Number(digits));
  }
  return numbers.sort((a, b) => a - b);
}

/** Sizes are whole blocks. */
export function journalFileBytes(wanted: number): number {
  return Math.floor(wanted / blockAlignmentBytes) * blockAlignmentBytes;
}

function writeFailure(error: unknown, path: string): StoreFullError | StoreBrokenError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new StoreFullError('no space left on the disk of the data directory', { cause: error });
  }
  const reason = reasonOf(error);
  return new StoreBrokenError(`${path} could not be written: ${reason}`, { cause: error });
}
