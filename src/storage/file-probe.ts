import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { RowTable } from '../broker/store.ts';
import { DataDirectoryError } from './directory/data-directory-error.ts';
import { findFileDamage, isCutShort, lengthen, pageBytesOf } from './directory/file-check.ts';
import { generationNumbers, generationPath, summaryKey } from './generations/generation.ts';
import { findDamageAtFirst, findTreeDamage, isWalkable } from './lmdb/tree-check.ts';
import { pieceBit } from './rows/row-file.ts';

/**
 * The files are walked through links in a directory of their own, because LMDB puts its lock file beside the path
 * it is given, and opening an environment, even for reading only, writes there which root is the newest. A child
 * that outlives its broker would do so beside the next broker, and a commit that comes at that very moment would
 * be overwritten by the one after it.
 */
const linksDirectory = 'probe';

interface Suspect {
  /** Name in the data directory. */
  readonly name: string;
  /**
   * How closely it is looked at. Of rows there may be any number, so only the first and the last one are looked for, and
   * the definitions among them, which a start reads all.
   */
  readonly depth: 'values' | 'keys' | 'definitions';
}

/** First bytes of the keys of definitions, and of the pieces of long ones. */
const definitionTables = [RowTable.Definitions, RowTable.Definitions | pieceBit];

/**
 * Reads files with LMDB and says which one it is at. In plain JavaScript, because it runs in a process of its
 * own whichever way this one was started.
 */
const probeScript = `
const { open } = require(process.argv[1]);
const { readFileSync, writeSync } = require('node:fs');
const { join } = require('node:path');
for (const { name, depth } of JSON.parse(readFileSync(0))) {
  writeSync(1, name + '\\n');
  const path = join(process.argv[2], name);
  const environment = open(path, { readOnly: true, encoding: 'binary', keyEncoding: 'binary' });
  const walk = (range, withValues) => {
    for (const key of environment.getKeys(range)) if (withValues) environment.getBinary(key);
  };
  if (depth === 'definitions') {
    for (const reverse of [false, true]) walk({ limit: 1, reverse }, false);
    for (const table of ${JSON.stringify(definitionTables)})
      walk({ start: Buffer.from([table]), end: Buffer.from([table + 1]) }, true);
  } else walk({}, depth === 'values');
  environment.close();
}`;

/**
 * Looks at the files before LMDB opens them: what the checks of the headers cannot see makes LMDB die by signal, and a
 * broker must name the bad file instead of dying at every start. Their trees are walked here, page by page. With LMDB
 * itself, in a child process, are walked those that are too large for that, and those that are cut short.
 *
 * Generations are not walked after a clean end. After a crash the rows that a start reads are looked at of those with a
 * summary: they were flushed and left alone long before it.
 *
 * @throws DataDirectoryError naming the file that cannot be read.
 */
export async function probeDataFiles(directory: string, previousOwnerDied: boolean): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.mdb')).sort();
  const newest = basename(generationPath(directory, generationNumbers(names).at(-1) ?? 0));
  const suspects: Suspect[] = [];
  const cutShort: string[] = [];
  for (const name of names) {
    const path = join(directory, name);
    // What its header says is told by whoever opens it.
    if (findFileDamage(path) !== undefined) continue;
    const isGeneration = name.startsWith('messages-');
    // A row of the other files that is missing is a queue that is missing, and messages would be dropped with it.
    if (!isGeneration && isWalkable(path)) requireWholeTree(path);
    if (isCutShort(path)) {
      suspects.push({ name, depth: 'values' });
      cutShort.push(path);
    } else if (previousOwnerDied && !(isGeneration && name !== newest && hasSummary(path))) {
      if (!isWalkable(path)) suspects.push({ name, depth: name === 'rows.mdb' ? 'definitions' : 'keys' });
      else if (isGeneration) requireWholeTree(path);
    }
  }
  if (suspects.length === 0) return;
  const { problem, lastName } = await walk(directory, suspects);
  if (problem !== undefined) throw damaged(join(directory, lastName), `reading it failed (${problem})`);
  for (const path of cutShort) lengthen(path);
}

function requireWholeTree(path: string): void {
  const damage = findTreeDamage(path, pageBytesOf(path));
  if (damage !== undefined) throw damaged(path, damage);
}

/** Whether a start will read the summary of a generation, which is among its first rows, and not all of its keys. */
function hasSummary(path: string): boolean {
  const keys: Buffer[] = [];
  const damage = findDamageAtFirst(path, pageBytesOf(path), keys);
  if (damage !== undefined) throw damaged(path, damage);
  return keys.some((key) => key.equals(summaryKey));
}

function damaged(path: string, damage: string): DataDirectoryError {
  return new DataDirectoryError(`${path} is damaged: ${damage}; restore the data directory from a backup`);
}

async function walk(
  directory: string,
  files: readonly Suspect[],
): Promise<{ problem: string | undefined; lastName: string }> {
  const links = join(directory, linksDirectory);
  await rm(links, { recursive: true, force: true });
  await mkdir(links);
  for (const { name } of files) await symlink(join('..', name), join(links, name));
  const lmdb = createRequire(import.meta.url).resolve('lmdb');
  try {
    return await new Promise((resolve) => {
      const child = execFile(process.execPath, ['-e', probeScript, lmdb, links], (error, stdout) => {
        const lastName = stdout.trim().split('\n').at(-1) ?? '';
        const problem = error === null ? undefined : (error.signal ?? `exit code ${error.code}`);
        resolve({ problem, lastName });
      });
      child.stdin?.on('error', () => {}).end(JSON.stringify(files));
    });
  } finally {
    await rm(links, { recursive: true, force: true });
  }
}
