import { existsSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Row, RowTable } from '../broker/store.ts';
import { openSmallFile } from './data-files.ts';
import {
  type DirectoryFormat,
  flushDirectory,
  formatVersion,
  writeFormat,
} from './directory/data-directory.ts';
import { lockPath } from './generations/generation.ts';
import type { Environment } from './lmdb/environment.ts';
import { definitionRow, readDefinition } from './rows/definition-rows.ts';
import { RowFile } from './rows/row-file.ts';
import type { StoreLog } from './store-log.ts';

/** Up to version 2 definitions were kept in a file of their own. */
const oldDefinitions = 'definitions.mdb';
const ownDefinitionsVersion = 2;

/** A data directory whose files were found to be in order. */
export interface UpgradedDirectory {
  readonly directory: string;
  readonly rows: Environment;
  /** There was no generation before, so nothing was ever kept in it. */
  readonly created: boolean;
}

/**
 * Upgrades a data directory. Version 2 has a journal beside what version 1 has; version 3 has definitions among the
 * rows; version 4 has files of values; version 5 has registers of files. So definitions are copied, then one file is replaced, which says the version:
 * before, it is the old one, whose files are as they were, and the next try begins anew; afterwards it is the new one,
 * and what is left of the old one goes.
 *
 * @returns the format it has now.
 */
export async function upgradeFormat(
  { directory, rows, created }: UpgradedDirectory,
  format: DirectoryFormat,
  log: StoreLog,
): Promise<DirectoryFormat> {
  const path = join(directory, oldDefinitions);
  let upgraded = format;
  if (format.version < formatVersion) {
    if (format.version <= ownDefinitionsVersion) await copyDefinitions(path, rows, !created, log);
    upgraded = await writeFormat(directory, format.journalId);
    log.info(`upgraded ${directory} from format ${format.version} to ${formatVersion}`);
  }
  if (existsSync(path)) {
    await unlink(path);
    if (existsSync(lockPath(path))) await unlink(lockPath(path));
    await flushDirectory(directory);
  }
  return upgraded;
}

async function copyDefinitions(
  path: string,
  rows: Environment,
  mustExist: boolean,
  log: StoreLog,
): Promise<void> {
  const definitions = await openSmallFile(path, mustExist, log);
  try {
    const found: Row[] = [];
    for (const { key, value } of definitions.getRange({})) {
      // The header row: no definition's key is a lone zero byte, its kind has at least one letter.
      if (key.length === 1) continue;
      const row = definitionRow(readDefinition(Buffer.from(key), value));
      if (row.value !== null) found.push({ key: row.key, value: row.value });
    }
    await new RowFile(rows).replaceTable(RowTable.Definitions, found);
  } finally {
    await definitions.close();
  }
}
