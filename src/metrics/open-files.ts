import { readdir, readFile } from 'node:fs/promises';

/** File descriptors of the process; undefined where the operating system does not say. */
export interface OpenFiles {
  readonly open: number | undefined;
  readonly max: number | undefined;
}

/** Counts them in `/proc`. The one that this takes to look is among them. */
export async function openFiles(): Promise<OpenFiles> {
  const [descriptors, limits] = await Promise.all([
    readdir('/proc/self/fd').catch(() => []),
    readFile('/proc/self/limits', 'latin1').catch(() => ''),
  ]);
  const max = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return {
    open: descriptors.length === 0 ? undefined : descriptors.length,
    max: max === undefined ? undefined : Number(max),
  };
}
