import { existsSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, statfs, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BackupError, type BackupOptions, type BackupProgress } from '../broker/store.ts';
import { flushDirectory } from './directory/data-directory.ts';
import { reasonOf } from './directory/reason-of.ts';
import { writeRegisters } from './file-register.ts';
import { generationNumbers, lockPath } from './generations/generation.ts';
import type { JournalExtent } from './journal/journal.ts';
import { journalNumbers } from './journal/journal-file.ts';
import { type Environment, openEnvironment } from './lmdb/environment.ts';

/** What is read and written at once; in between others have their turn at the disk. */
const stepBytes = 1024 * 1024;

/** Bytes after which a copy is flushed, so that a commit never waits for a gigabyte of it. */
const flushBytes = 16 * stepBytes;

const defaultBytesPerSecond = 64 * 1024 * 1024;

/** To begin with: the map of the copy of `logs.mdb` grows by itself. */
const copyMapBytes = 2 ** 26;

/** Free space that a backup leaves. */
const freeBytesMin = 256 * 1024 * 1024;

/** Entries at one moment. */
export interface SealedEntries {
  /** Files that nothing is written to any more. */
  readonly generations: readonly string[];
  readonly journal: readonly JournalExtent[];
}

/** A store from which nothing disappears meanwhile. */
export interface BackupSource {
  readonly directory: string;
  readonly logStates: Environment;
  readonly rows: Environment;
  /** All entries there are, and not a part of any commit that is under way. */
  seal(): Promise<SealedEntries>;
}

/**
 * Copies a data directory while it is in use. The copy is one from which a broker starts as after a crash: all that
 * had been confirmed before the backup began is in it, unless it had been consumed.
 *
 * The order is what makes it so, as with commits: states first, entries last. A state says that a message has left
 * its queue, perhaps for another one; so whatever the states say must be followed by the entries that they count on.
 * In between come rows; the changes that are on their way to them are among the entries. So definitions are those of
 * the same moment as messages. What was consumed after the states were copied is given out again.
 *
 * @throws BackupError when there cannot be one
 */
export async function backUp(
  source: BackupSource,
  { directory: target, bytesPerSecond = defaultBytesPerSecond, signal }: BackupOptions,
  progress: BackupProgress,
): Promise<void> {
  const partial = `${target}.partial`;
  await prepareTarget(target, partial);
  try {
    for (const [name, environment] of [
      ['logs.mdb', source.logStates],
      ['rows.mdb', source.rows],
    ] as const) {
      signal?.throwIfAborted();
      await environment.backup(join(partial, name), false);
      progress.bytesDone += await flushFile(join(partial, name));
    }
    const { generations, journal } = await source.seal();
    const pace = new Pace(bytesPerSecond, signal, progress);
    const files = [
      ...journal.map(({ file, byteLength }) => ({ path: file.path, byteLength, size: file.size })),
      ...generations.map((path) => sized(path)),
      sized(join(source.directory, 'format.json')),
    ];
    progress.bytesTotal = progress.bytesDone + files.reduce((sum, { byteLength }) => sum + byteLength, 0);
    await requireRoom(
      partial,
      files.reduce((sum, { byteLength }) => sum + byteLength, 0),
    );
    for (const { path, byteLength, size } of files)
      await copyFile(path, join(partial, basename(path)), byteLength, size, pace);
    await register(
      partial,
      generations,
      journal.map(({ file }) => file.path),
    );
    await flushDirectory(partial);
    await rename(partial, target);
    await flushDirectory(dirname(target));
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (signal?.aborted) throw new BackupError('the backup was broken off: the broker stops');
    throw error instanceof BackupError ? error : failure(target, error);
  }
}

/** What `logs.mdb` says of the files there are was true before the entries were copied. */
async function register(
  partial: string,
  generations: readonly string[],
  journal: readonly string[],
): Promise<void> {
  const path = join(partial, 'logs.mdb');
  const logStates = openEnvironment(path, copyMapBytes);
  try {
    const namesOf = (paths: readonly string[]) => paths.map((one) => basename(one));
    await writeRegisters(
      logStates,
      generationNumbers(namesOf(generations)),
      journalNumbers(namesOf(journal)),
    );
  } finally {
    await logStates.close();
  }
  await unlink(lockPath(path));
}

/** @throws BackupError when the copy cannot go there; nothing has been waited for by then. */
export function checkTarget(target: string): void {
  const partial = `${target}.partial`;
  if (existsSync(target)) throw new BackupError(`${target} is there already: choose a new directory`);
  if (existsSync(partial)) {
    throw new BackupError(
      `${partial} is left of a backup that was broken off: remove it, or choose another name`,
    );
  }
  if (!existsSync(dirname(target))) throw new BackupError(`${dirname(target)} does not exist: make it first`);
}

async function prepareTarget(target: string, partial: string): Promise<void> {
  checkTarget(target);
  try {
    await mkdir(partial, { mode: 0o750 });
  } catch (error) {
    const { message } = failure(target, error);
    const advice = `the user that the broker runs as has to be allowed to write to ${dirname(target)}`;
    throw new BackupError(`${message}: ${advice}`, { cause: error });
  }
}

function failure(target: string, error: unknown): BackupError {
  const reason = reasonOf(error);
  return new BackupError(`no backup was made in ${target}: ${reason}`, { cause: error });
}

async function requireRoom(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const missing = bytes + freeBytesMin - bavail * bsize;
  if (missing > 0) {
    const needed = Math.ceil(missing / 2 ** 20);
    throw new BackupError(`the disk of ${directory} has too little space: ${needed} MiB more are needed`);
  }
}

function sized(path: string): { path: string; byteLength: number; size: number } {
  const { size } = statSync(path);
  return { path, byteLength: size, size };
}

/** The beginning of a file, and zeros up to `size`. */
async function copyFile(
  from: string,
  to: string,
  byteLength: number,
  size: number,
  pace: Pace,
): Promise<void> {
  const source = await open(from, 'r');
  try {
    const target = await open(to, 'wx', 0o640);
    try {
      await copyBytes(source, target, byteLength, pace);
      await target.truncate(size);
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function copyBytes(
  source: FileHandle,
  target: FileHandle,
  byteLength: number,
  pace: Pace,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(stepBytes, byteLength));
  for (let at = 0; at < byteLength; ) {
    const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, byteLength - at), at);
    if (bytesRead === 0) throw new Error('a file has become shorter');
    await target.write(buffer, 0, bytesRead, at);
    at += bytesRead;
    if (at % flushBytes === 0) await target.datasync();
    await pace.took(bytesRead);
  }
}

async function flushFile(path: string): Promise<number> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/** Keeps a copy from taking the whole disk. */
class Pace {
  readonly #bytesPerSecond: number;
  readonly #signal: AbortSignal | undefined;
  readonly #progress: BackupProgress;
  readonly #startedAt = performance.now();
  #bytes = 0;

  constructor(bytesPerSecond: number, signal: AbortSignal | undefined, progress: BackupProgress) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#signal = signal;
    this.#progress = progress;
  }

  async took(bytes: number): Promise<void> {
    this.#bytes += bytes;
    this.#progress.bytesDone += bytes;
    this.#signal?.throwIfAborted();
    const dueMs = this.#startedAt + (this.#bytes / this.#bytesPerSecond) * 1000 - performance.now();
    if (dueMs > 1) await delay(dueMs, undefined, this.#signal && { signal: this.#signal });
  }
}
