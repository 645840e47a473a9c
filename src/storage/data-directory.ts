import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DataDirectoryError } from './data-directory-error.ts';

/**
 * Version of everything in the data directory. Raise it with every change that an older broker would not
 * understand, and add an upgrade from the version before.
 */
export const FORMAT_VERSION = 1;

const FORMAT_FILE = 'format.json';
const LOCK_SUFFIX = '-lock';

/** @throws DataDirectoryError when the directory cannot be made or written to. */
export function prepareDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataDirectoryError(`the data directory ${directory} cannot be written to: ${reason}`);
  }
}

/** Reads the format of an existing data directory, or writes it into a new one. */
export async function settleFormat(directory: string): Promise<void> {
  const path = join(directory, FORMAT_FILE);
  if (existsSync(path)) {
    checkFormat(path);
    return;
  }
  const names = await readdir(directory);
  if (names.some((name) => name.endsWith('.mdb'))) {
    throw new DataDirectoryError(
      `${directory} holds data but no ${FORMAT_FILE}: restore it, or choose an empty directory`,
    );
  }
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(`${JSON.stringify({ format: FORMAT_VERSION })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await flushDirectory(directory);
}

function checkFormat(path: string): void {
  const text = readFileSync(path, 'utf8');
  const format = readFormat(text);
  if (format === undefined) {
    throw new DataDirectoryError(
      `${path} is damaged: it must hold {"format":${FORMAT_VERSION}}, not ${JSON.stringify(text)}`,
    );
  }
  if (format > FORMAT_VERSION) {
    throw new DataDirectoryError(
      `${path} says format ${format}, written by a newer Leveret; this one knows formats up to ${FORMAT_VERSION}`,
    );
  }
  if (format < FORMAT_VERSION)
    throw new DataDirectoryError(`${path} says format ${format}, which never existed`);
}

function readFormat(text: string): number | undefined {
  try {
    const content: unknown = JSON.parse(text);
    const isObject = typeof content === 'object' && content !== null;
    return isObject && 'format' in content && typeof content.format === 'number' ? content.format : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes what is found durable before anything depends on it: a process that was killed may have left changes
 * behind that nobody flushed, and that a power cut would still undo.
 */
export async function flushDataFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.endsWith('.mdb')) await flush(join(directory, name), 'r+');
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
    const isStray = name.endsWith(`.mdb${LOCK_SUFFIX}`) && !names.has(name.slice(0, -LOCK_SUFFIX.length));
    if (isStray) await unlink(join(directory, name));
  }
}
