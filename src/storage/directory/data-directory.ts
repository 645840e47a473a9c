import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DataDirectoryError } from './data-directory-error.ts';
import { reasonOf } from './reason-of.ts';

/**
 * Version of everything in the data directory. Raise it with every change that an older broker would not
 * understand, and add an upgrade from the version before.
 */
export const formatVersion = 5;

/** Of the random id that marks the blocks of a directory's journal. */
export const journalIdBytes = 8;

const formatFile = 'format.json';
const dataFilePattern = /\.(mdb|wal)$/;
const journalIdPattern = new RegExp(`^[0-9a-f]{${2 * journalIdBytes}}$`);
const lockSuffix = '-lock';

/** A large backlog has thousands of files with nothing to flush: 0.08 ms each so, 0.3 ms one by one. */
const flushedAtOnce = 16;

/** @throws DataDirectoryError when the directory cannot be made or written to. */
export function prepareDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = reasonOf(error);
    throw new DataDirectoryError(`the data directory ${directory} cannot be written to: ${reason}`);
  }
}

/** What `format.json` says. */
export interface DirectoryFormat {
  readonly version: number;
  /** What blocks of this directory's journal are marked with. Version 1 has no journal yet: this will be it. */
  readonly journalId: Buffer;
}

/** Reads the format of an existing data directory, or writes it into a new one. */
export async function settleFormat(directory: string): Promise<DirectoryFormat> {
  const path = join(directory, formatFile);
  if (existsSync(path)) return readFormat(path);
  const names = await readdir(directory);
  if (names.some((name) => dataFilePattern.test(name))) {
    throw new DataDirectoryError(
      `${directory} holds data but no ${formatFile}: restore it, or choose an empty directory`,
    );
  }
  return writeFormat(directory, newJournalId());
}

/** Makes durable that a directory has the newest format. */
export async function writeFormat(directory: string, journalId: Buffer): Promise<DirectoryFormat> {
  const path = join(directory, formatFile);
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(
      `${JSON.stringify({ format: formatVersion, journal: journalId.toString('hex') })}\n`,
    );
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await flushDirectory(directory);
  return { version: formatVersion, journalId };
}

function newJournalId(): Buffer {
  return randomBytes(journalIdBytes);
}

function readFormat(path: string): DirectoryFormat {
  const text = readFileSync(path, 'utf8');
  const { format, journal } = parseFormat(text);
  if (format !== undefined && format > formatVersion) {
    throw new DataDirectoryError(
      `${path} says format ${format}, written by a newer Leveret; this one knows formats up to ${formatVersion}`,
    );
  }
  if (format === 1) return { version: 1, journalId: newJournalId() };
  if (format === undefined || !(format > 1) || journal === undefined) {
    throw new DataDirectoryError(
      `${path} is damaged: it must hold {"format":${formatVersion},"journal":"…"}, not ${JSON.stringify(text)}; ` +
        'restore it from a backup',
    );
  }
  return { version: format, journalId: journal };
}

function parseFormat(text: string): { format?: number; journal?: Buffer } {
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content !== 'object' || content === null) return {};
    const format = 'format' in content && typeof content.format === 'number' ? content.format : undefined;
    const journal = 'journal' in content ? String(content.journal) : '';
    return {
      ...(format !== undefined && { format }),
      ...(journalIdPattern.test(journal) && { journal: Buffer.from(journal, 'hex') }),
    };
  } catch {
    return {};
  }
}

/**
 * Makes what is found durable before anything depends on it: a process that was killed may have left changes
 * behind that nobody flushed, and that a power cut would still undo.
 *
 * @param isMeant says by its name whether a data file is to be flushed.
 */
export async function flushDataFiles(directory: string, isMeant: (name: string) => boolean): Promise<void> {
  const names = (await readdir(directory)).filter((name) => dataFilePattern.test(name) && isMeant(name));
  for (let at = 0; at < names.length; at += flushedAtOnce) {
    const some = names.slice(at, at + flushedAtOnce);
    await Promise.all(some.map((name) => flush(join(directory, name), 'r+')));
  }
  await flushDirectory(directory);
}

/** Makes created and deleted names durable. */
export async function flushDirectory(directory: string): Promise<void> {
  await flush(directory, 'r');
}

async function flush(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Reader tables whose environment was deleted just before a crash. */
export async function removeStrayLockFiles(directory: string): Promise<void> {
  const names = new Set(await readdir(directory));
  for (const name of names) {
    const isStray = name.endsWith(`.mdb${lockSuffix}`) && !names.has(name.slice(0, -lockSuffix.length));
    if (isStray) await unlink(join(directory, name));
  }
}
