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
  writev,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StoreBrokenError, StoreFullError } from '../../broker/store.ts';
import { allDone } from '../all-done.ts';
import { flushDirectory } from '../directory/data-directory.ts';
import { DataDirectoryError } from '../directory/data-directory-error.ts';
import { removeGently } from '../directory/gentle-removal.ts';
import { reasonOf } from '../directory/reason-of.ts';
import { blockAlignmentBytes, freeHeaderFor } from './journal-block.ts';

const readSome = promisify(read);
const truncate = promisify(ftruncate);
const flush = promisify(fsync);

const fileNamePattern = /^journal-(\d{2,})\.wal$/;

/** A write has reached the disk when it is done; nothing else of the file changes but the bytes written. */
const openFlags = constants.O_RDWR | constants.O_DSYNC;

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

  private constructor(path: string, number: number, fd: number, size: number) {
    this.path = path;
    this.number = number;
    this.#fd = fd;
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
    let byteLength = 0;
    for (const part of parts) byteLength += part.length;
    try {
      let written = await this.#writeSome(parts, at);
      // The kernel says why it stopped short when it is asked to go on.
      while (written < byteLength) {
        written += await this.#writeSome([Buffer.concat(parts).subarray(written)], at + written);
      }
    } catch (error) {
      throw writeFailure(error, this.path);
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

  #writeSome(parts: readonly Buffer[], at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, written: number) => {
        if (error !== null) reject(error);
        else if (written === 0) reject(new Error('nothing was written'));
        else resolve(written);
      };
      const [only] = parts;
      if (only !== undefined && parts.length === 1) write(this.#fd, only, 0, only.length, at, done);
      else writev(this.#fd, parts, at, done);
    });
  }

  /** What is at an offset, up to the end of the file. */
  read(at: number, byteLength: number): Buffer {
    return readAt(this.#fd, Buffer.allocUnsafe(byteLength), at);
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
    closeSync(this.#fd);
  }

  /** Deletes the file, then closes it. When that fails it may be tried again. */
  async remove(): Promise<void> {
    await removeGently(this.path);
    this.close();
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
