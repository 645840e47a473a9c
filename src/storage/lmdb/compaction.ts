import { statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { flushDirectory } from '../directory/data-directory.ts';
import { freeBytes } from '../directory/file-check.ts';
import type { StoreLog } from '../store-log.ts';
import type { Environment } from './environment.ts';
import { statisticsOf } from './statistics.ts';

/** A file is worth copying when it is that large, and of its pages no more than this part is in use. */
const fileBytesMin = 64 * 2 ** 20;
const usedPartMax = 0.25;

/** More is not copied: a start must not wait for it, and what is free will be used again. */
const usedBytesMax = 256 * 2 ** 20;

/**
 * Replaces a file of which little is in use by a copy of just that: LMDB files never shrink by themselves.
 *
 * @param environment the open file; closed when it is replaced.
 * @returns whether it was replaced, and has to be opened again.
 */
export async function compactIfSparse(
  environment: Environment,
  path: string,
  log: StoreLog,
): Promise<boolean> {
  const { size } = statSync(path);
  const usedBytes = usedBytesOf(environment);
  if (size < fileBytesMin || usedBytes > Math.min(size * usedPartMax, usedBytesMax)) return false;
  // Twice, because LMDB does not promise how large the copy is.
  if (freeBytes(dirname(path)) < 2 * usedBytes + fileBytesMin) return false;
  const copy = `${path}.copy`;
  await rm(copy, { force: true });
  await environment.backup(copy, true);
  const file = await open(copy, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await environment.close();
  await rename(copy, path);
  await flushDirectory(dirname(path));
  const mebibytes = (bytes: number) => Math.ceil(bytes / 2 ** 20);
  log.info(`made ${path} smaller: ${mebibytes(size)} MiB, now ${mebibytes(statSync(path).size)} MiB`);
  return true;
}

function usedBytesOf(environment: Environment): number {
  const { branchPages, leafPages, overflowPages, pageBytes } = statisticsOf(environment);
  return (branchPages + leafPages + overflowPages) * pageBytes;
}
