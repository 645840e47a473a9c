import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Disk space that a directory occupies, in MiB. */
export async function diskUseMib(directory: string): Promise<number> {
  let blocks = 0;
  for (const entry of await readdir(directory, { recursive: true })) {
    // What is unlinked meanwhile occupies nothing.
    blocks += await lstat(join(directory, entry)).then(
      (stat) => stat.blocks,
      () => 0,
    );
  }
  return (blocks * 512) / 2 ** 20;
}
