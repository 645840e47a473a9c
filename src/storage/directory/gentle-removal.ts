import { type FileHandle, open, rm, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { flushDirectory } from './data-directory.ts';
import { hasCode } from './has-code.ts';

/** Given back at once. Whoever flushes then waits for it: 128 MiB take 30 ms. */
const stepBytes = 8 * 2 ** 20;
const pauseMs = 5;

/**
 * Deletes a file for good, unless somebody else has. The space of a large one comes back in steps, so that no commit waits for all of it. Not for
 * files that somebody has mapped into memory.
 */
export async function removeGently(path: string): Promise<void> {
  const file = await openIfAllowed(path);
  if (file === undefined) {
    await rm(path, { force: true });
    await flushDirectory(dirname(path));
    return;
  }
  try {
    await unlink(path);
    // Before its end goes, which would be missed if the name came back after a power cut.
    await flushDirectory(dirname(path));
    const { size, nlink } = await file.stat();
    // Somebody else may have it under another name.
    if (nlink > 0) return;
    for (let left = size - stepBytes; left > 0; left -= stepBytes) {
      await file.truncate(left);
      await delay(pauseMs);
    }
  } finally {
    await file.close();
  }
}

/** Undefined when it is not there, or must not be written to: that takes other rights than to delete it. */
async function openIfAllowed(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EACCES')) return undefined;
    throw error;
  }
}
