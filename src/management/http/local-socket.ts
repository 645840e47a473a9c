import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isAnswered, withShortPath } from '../../unix-socket.ts';

/** A socket that is there for as long as its server. */
export interface LocalSocket {
  remove(): Promise<void>;
}

/**
 * Lets a server listen on a Unix socket that nobody but the owner of this process can open, at no time: it comes to
 * be in a directory of its own and is moved when its mode is set. So one that a killed process has left is replaced.
 *
 * @throws Error when there cannot be one: another process listens on it, or the directory cannot be written to
 */
export async function listenLocally(
  path: string,
  listen: (path: string) => Promise<unknown>,
): Promise<LocalSocket> {
  const nursery = `${path}.new`;
  try {
    if (await isAnswered(path)) throw new Error('another process listens on it');
    await rm(nursery, { recursive: true, force: true });
    await mkdir(nursery, { mode: 0o700 });
    const socket = join(nursery, basename(path));
    await withShortPath(socket, listen);
    await chmod(socket, 0o600);
    await rename(socket, path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `cannot listen on ${path} (${reason}): choose another place with --control-socket, or none`,
    );
  } finally {
    await rm(nursery, { recursive: true, force: true });
  }
  return { remove: () => rm(path, { force: true }) };
}
