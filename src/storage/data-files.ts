import { existsSync, statSync } from 'node:fs';
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type DirectoryFormat, flushDirectory } from './directory/data-directory.ts';
import { DataDirectoryError } from './directory/data-directory-error.ts';
import { findFileDamage, isBlank } from './directory/file-check.ts';
import { asidePath, setAside } from './directory/set-aside.ts';
import { type FileRegister, type FileRegisters, readRegisters } from './file-register.ts';
import { Generation, generationNumbers, generationPath, lockPath } from './generations/generation.ts';
import { compactIfSparse } from './lmdb/compaction.ts';
import { type Environment, openEnvironment, readAtStart, transact } from './lmdb/environment.ts';
import type { StoreLog } from './store-log.ts';

/** The environments of a data directory, opened and checked. */
export interface DataFiles {
  /** There was no generation before. */
  readonly created: boolean;
  readonly logStates: Environment;
  readonly rows: Environment;
  /** As an earlier run has left them. */
  readonly registers: FileRegisters;
  /** Ascending; the last one takes entries. */
  readonly generations: readonly [Generation, ...Generation[]];
}

/** The version of the format from which on there are always rows. */
const rowsSinceVersion = 3;

/** To begin with: maps grow by themselves. */
const smallMapBytes = 2 ** 26;
const headerKey = Buffer.from([0]);
const headerRow = Buffer.from('{}');

/**
 * A file whose creation was cut short holds a handful of pages. A larger one has been in use: if that one is
 * damaged, confirmed messages are in it, and nobody but the operator may decide to go on without them.
 */
const remnantBytesMax = 64 * 1024;

/**
 * Opens what is there and creates what is missing.
 *
 * The files are created in the order logs, rows, first generation, each durable before the next. So with a generation
 * in place the others must be there, too. (Formats before {@link rowsSinceVersion} did without rows, until one was written.)
 *
 * @throws DataDirectoryError naming the file that is damaged or missing.
 */
export async function openDataFiles(
  directory: string,
  mapBytes: number,
  format: DirectoryFormat,
  log: StoreLog,
): Promise<DataFiles> {
  const numbers = generationNumbers(await readdir(directory));
  const lastNumber = numbers.at(-1);
  const isLastRemnant = lastNumber !== undefined && isRemnant(generationPath(directory, lastNumber));
  const opened: { close(): Promise<void> }[] = [];
  try {
    const mustExist = numbers.length > (isLastRemnant ? 1 : 0);
    const logStates = await openSmallFile(join(directory, 'logs.mdb'), mustExist, log);
    opened.push(logStates);
    const registers = readRegisters(logStates);
    if (isLastRemnant && !registers.generations.has(lastNumber)) {
      await removeRemnant(generationPath(directory, lastNumber), log);
      numbers.pop();
    }
    for (const number of numbers) requireWhole(generationPath(directory, number));
    for (const number of registers.generations.missingAmong(numbers))
      requireSetAside(generationPath(directory, number));
    const rows = await openRows(
      join(directory, 'rows.mdb'),
      mustExist && format.version >= rowsSinceVersion,
      log,
    );
    opened.push(rows);
    const generations = await openGenerations(
      directory,
      numbers,
      registers.generations,
      mapBytes,
      opened,
      log,
    );
    const [first, ...rest] = generations;
    if (first !== undefined) {
      return { created: false, logStates, rows, registers, generations: [first, ...rest] };
    }

    if (logStates.getKeysCount({ limit: 2 }) > 1) {
      throw new DataDirectoryError(
        `${directory} has no messages-*.mdb file left: restore them from a backup`,
      );
    }
    const created = await Generation.create(directory, 1, mapBytes);
    opened.push(created);
    await flushDirectory(directory);
    return { created: true, logStates, rows, registers, generations: [created] };
  } catch (error) {
    await Promise.all(opened.map((file) => file.close()));
    throw error;
  }
}

/** Closes them one after the other, states last. Waits for reads that are under way. */
export async function closeDataFiles(files: DataFiles): Promise<void> {
  const { logStates, rows, generations } = files;
  for (const file of [...generations, rows, logStates]) await file.close();
}

async function openGenerations(
  directory: string,
  numbers: readonly number[],
  register: FileRegister,
  mapBytes: number,
  opened: { close(): Promise<void> }[],
  log: StoreLog,
): Promise<Generation[]> {
  const generations: Generation[] = [];
  for (const number of numbers) {
    const generation = Generation.open(directory, number, mapBytes);
    const damage = readAtStart(generation.environment, () => generation.findHeaderDamage());
    if (damage === undefined) {
      opened.push(generation);
      generation.findValueFiles();
      generations.push(generation);
      continue;
    }
    const isLast = number === numbers.at(-1);
    if (!isLast || !generation.isEmpty() || register.has(number)) {
      await generation.close();
      throw damaged(generation.path, damage);
    }
    log.info(`removing ${generation.path}: its creation was cut short`);
    await generation.remove();
    await flushDirectory(directory);
  }
  return generations;
}

/**
 * Opens an environment that is not a generation, or creates it.
 *
 * @throws DataDirectoryError when it is damaged, or not there although it must be.
 */
export async function openSmallFile(path: string, mustExist: boolean, log: StoreLog): Promise<Environment> {
  if (mustExist) requireWhole(path);
  else if (existsSync(path)) {
    if (isRemnant(path)) await removeRemnant(path, log);
    else requireWhole(path);
  }
  const environment = openEnvironment(path, smallMapBytes);
  try {
    if (readAtStart(environment, () => environment.getBinary(headerKey)) !== undefined) return environment;
    if (mustExist) throw damaged(path, 'the header row is missing');
    await transact(environment, () => void environment.put(headerKey, headerRow));
    await flushDirectory(join(path, '..'));
    return environment;
  } catch (error) {
    await environment.close();
    throw error;
  }
}

async function openRows(path: string, mustExist: boolean, log: StoreLog): Promise<Environment> {
  const rows = await openSmallFile(path, mustExist, log);
  try {
    return (await compactIfSparse(rows, path, log)) ? openEnvironment(path, smallMapBytes) : rows;
  } catch (error) {
    await rows.close();
    throw error;
  }
}

/** Whether a file looks as if its creation had been cut short: nothing can have been confirmed out of it then. */
function isRemnant(path: string): boolean {
  return statSync(path).size <= remnantBytesMax && findFileDamage(path) !== undefined;
}

async function removeRemnant(path: string, log: StoreLog): Promise<void> {
  if (isBlank(path)) {
    log.info(`removing ${path}: its creation was cut short`);
    await unlink(path);
  } else {
    const damage = findFileDamage(path);
    const aside = await setAside(path);
    log.warn(`set ${path} aside as ${aside}: ${damage}, as if its creation had been cut short`);
  }
  if (existsSync(lockPath(path))) await unlink(lockPath(path));
  await flushDirectory(join(path, '..'));
}

/** @throws DataDirectoryError when a file is missing that the operator has not set aside. */
function requireSetAside(path: string): void {
  if (existsSync(asidePath(path))) return;
  throw new DataDirectoryError(
    `${path} is missing: restore the data directory from a backup, ` +
      `or make an empty file ${asidePath(path)} to go on without the messages in it`,
  );
}

/** @throws DataDirectoryError when LMDB could not open the file. */
function requireWhole(path: string): void {
  if (!existsSync(path)) throw damaged(path, 'the file is missing');
  const damage = findFileDamage(path);
  if (damage !== undefined) throw damaged(path, damage);
}

function damaged(path: string, damage: string): DataDirectoryError {
  return new DataDirectoryError(`${path} is damaged: ${damage}; restore the data directory from a backup`);
}
