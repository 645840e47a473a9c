import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, dirname } from 'node:path';

/** Linux takes 107, others 103. */
const pathBytesMax = 103;

/**
 * Gives `use` a path that is short enough for the system's calls, and good for as long as `use` takes: through a handle
 * of its directory when the path itself is too long.
 *
 * @throws Error where that cannot be done, and the system's error when there is no such directory
 */
export async function withShortPath<Result>(
  path: string,
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  if (Buffer.byteLength(path) <= pathBytesMax) return use(path);
  if (process.platform !== 'linux') throw new Error(`a socket's path has at most ${pathBytesMax} bytes here`);
  const directory = await open(dirname(path), 'r');
  try {
    return await use(`/proc/self/fd/${directory.fd}/${basename(path)}`);
  } finally {
    await directory.close();
  }
}

/** Whether somebody listens on a Unix socket. What a killed process has left answers nobody. */
export function isAnswered(path: string): Promise<boolean> {
  return withShortPath(path, async (short) => {
    const socket = connect(short);
    try {
      await once(socket, 'connect');
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  });
}
