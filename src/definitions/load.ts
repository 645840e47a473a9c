import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../logger.ts';
import { DefinitionError } from './definition-error.ts';
import type { DefinitionsSource } from './export.ts';
import { importDefinitions } from './import.ts';

/**
 * Imports a definition file, or all of a directory in the order of their names, at the start of the broker. What
 * has no equivalent here is logged.
 *
 * @throws DefinitionError naming the file that cannot be read or makes no sense
 */
export async function loadDefinitions(target: DefinitionsSource, path: string, log: Logger): Promise<void> {
  const users = new Set<string>();
  for (const file of await filesOf(path)) {
    const report = await importFile(target, file);
    for (const name of report.users) users.add(name);
    for (const { kind, name, vhost, reason } of report.skipped) {
      const where = vhost === undefined ? '' : ` in vhost '${vhost}'`;
      log.warn({ file, kind, name, vhost }, `${file}: ${kind} '${name}'${where} was left out: ${reason}`);
    }
    for (const { kind, name, vhost, reason } of report.withoutEffect) {
      log.warn({ file, kind, name, vhost }, `${file}: ${kind} '${name}' of vhost '${vhost}': ${reason}`);
    }
    log.info({ file, imported: report.imported }, `imported ${report.imported} definitions from ${file}`);
  }
  await target.administration.dropFirstUser(users);
}

async function importFile(target: DefinitionsSource, file: string) {
  try {
    return await importDefinitions(target, await readFile(file));
  } catch (error) {
    throw failure(file, error);
  }
}

async function filesOf(path: string): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => name.endsWith('.json'));
    return names.sort().map((name) => join(path, name));
  } catch (error) {
    throw failure(path, error);
  }
}

function failure(file: string, error: unknown): DefinitionError {
  const reason = error instanceof Error ? error.message : String(error);
  return new DefinitionError(`cannot load definitions from ${file}: ${reason}`);
}
