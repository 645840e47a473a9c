import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DataDirectoryError } from './data-directory-error.ts';
import { findFileDamage, isCutShort } from './file-check.ts';
import { generationNumbers, generationPath } from './generation.ts';

/**
 * Reads files with LMDB and says which one it is at. In plain JavaScript, because it runs in a process of its
 * own whichever way this one was started.
 */
const SCRIPT = `
const { open } = require(process.argv[1]);
const { writeSync } = require('node:fs');
for (const argument of process.argv.slice(2)) {
  const [path, depth] = JSON.parse(argument);
  writeSync(1, path + '\\n');
  const environment = open(path, { readOnly: true, encoding: 'binary', keyEncoding: 'binary' });
  if (depth !== 'summary' || environment.getBinary(Buffer.from([0, 0])) === undefined)
    for (const key of environment.getKeys()) if (depth === 'values') environment.getBinary(key);
  environment.close();
}`;

/**
 * Walks the files in a child process before this one opens them: what the checks of the headers cannot see
 * makes LMDB die by signal, and a broker must name the bad file instead of dying at every start.
 *
 * Files that look whole are not walked after a clean end; generations with a summary are not either after a
 * crash. They were flushed and left alone long before it.
 *
 * @throws DataDirectoryError naming the file that cannot be read.
 */
export async function probeDataFiles(directory: string, previousOwnerDied: boolean): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.mdb')).sort();
  const paths = names
    .map((name) => join(directory, name))
    .filter((path) => findFileDamage(path) === undefined);
  const newest = generationPath(directory, generationNumbers(names).at(-1) ?? 0);
  const files = paths.map((path) => ({ path, depth: depthOf(path, newest) }));
  const suspects = files.filter(({ depth }) => previousOwnerDied || depth === 'values');
  if (suspects.length === 0) return;
  const outcome = await walk(suspects.map(({ path, depth }) => JSON.stringify([path, depth])));
  if (outcome.problem === undefined) return;
  throw new DataDirectoryError(
    `${outcome.lastPath} is damaged: reading it failed (${outcome.problem}); restore the data directory from a backup`,
  );
}

/** How closely a file is looked at. Only generations have summaries; the newest may have one that is out of date. */
function depthOf(path: string, newest: string): 'values' | 'keys' | 'summary' {
  if (isCutShort(path)) return 'values';
  return path === newest ? 'keys' : 'summary';
}

function walk(files: readonly string[]): Promise<{ problem: string | undefined; lastPath: string }> {
  const lmdb = createRequire(import.meta.url).resolve('lmdb');
  return new Promise((resolve) => {
    execFile(process.execPath, ['-e', SCRIPT, lmdb, ...files], (error, stdout) => {
      const lastPath = stdout.trim().split('\n').at(-1) ?? '';
      const problem = error === null ? undefined : (error.signal ?? `exit code ${error.code}`);
      resolve({ problem, lastPath });
    });
  });
}
