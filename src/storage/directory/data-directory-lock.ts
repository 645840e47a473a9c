import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readlinkSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { DataDirectoryError } from './data-directory-error.ts';
import { hasCode } from './has-code.ts';

/**
 * One process owns a data directory; LMDB itself would let a second one in. Three guards, because each has a
 * gap that another one closes:
 *
 * - an abstract unix socket named after the directory: atomic, and let go of by the kernel when the process
 *   dies; but only seen within one network namespace;
 * - a unix socket in the directory: seen by every container of this machine, and dead with its process;
 * - a file created exclusively that names the owner: for systems without the first two, and for people.
 */
const ownerFile = 'lock';
const socketFile = 'lock.sock';

interface Owner {
  readonly pid: number;
  readonly bootId: string;
  /** Clock ticks after boot; a pid is reused, a pid with its start time is not. */
  readonly startTime: string;
  readonly pidNamespace: string;
  readonly token: string;
}

/** Held from before the first look at the data until after the last write. A process that dies lets go of it, too. */
export class DataDirectoryLock {
  /** The owner before did not release the lock: it was killed, or the machine stopped. */
  readonly previousOwnerDied: boolean;
  readonly #directory: string;
  /** Held open: the socket's path leads through it, see {@link claimDirectorySocket}. */
  readonly #directoryFd: number;
  readonly #token = randomUUID();
  readonly #servers: Server[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
    this.#directoryFd = openSync(directory, 'r');
    this.previousOwnerDied = existsSync(join(directory, ownerFile));
  }

  /** @throws DataDirectoryError when another process owns the directory. */
  static async acquire(directory: string): Promise<DataDirectoryLock> {
    const lock = new DataDirectoryLock(directory);
    try {
      await claimAbstractSocket(directory, lock.#servers);
      await claimDirectorySocket(directory, lock.#directoryFd, lock.#servers);
      claimOwnerFile(directory, thisProcess(lock.#token));
      return lock;
    } catch (error) {
      await lock.#letGo();
      throw error;
    }
  }

  /** Lets others in, and leaves the mark of a regular end: no owner file. Nothing may be written afterwards. */
  async release(): Promise<void> {
    if (readOwner(this.#directory)?.token === this.#token) unlinkSync(join(this.#directory, ownerFile));
    await this.#letGo();
  }

  async #letGo(): Promise<void> {
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    await Promise.all(closed);
    closeSync(this.#directoryFd);
  }
}

async function claimAbstractSocket(directory: string, servers: Server[]): Promise<void> {
  if (process.platform !== 'linux') return;
  const { dev, ino } = statSync(directory);
  const server = await listen(`\0leveret-data-${dev}-${ino}`);
  if (server === undefined) throw inUse(directory);
  servers.push(server);
}

/** A socket's path has at most 107 bytes; through the descriptor of its directory it is always short. */
async function claimDirectorySocket(
  directory: string,
  directoryFd: number,
  servers: Server[],
): Promise<void> {
  if (process.platform !== 'linux') return;
  const path = `/proc/self/fd/${directoryFd}/${socketFile}`;
  if (await answers(path)) throw inUse(directory);
  removeIfPresent(path);
  const server = await listen(path);
  if (server !== undefined) servers.push(server);
}

function claimOwnerFile(directory: string, owner: Owner): void {
  const path = join(directory, ownerFile);
  const previous = readOwner(directory);
  if (previous !== undefined && isAlive(previous, owner)) throw inUse(directory);
  removeIfPresent(path);
  try {
    writeFileSync(path, `${JSON.stringify(owner)}\n`, { flag: 'wx' });
  } catch (error) {
    throw hasCode(error, 'EEXIST') ? inUse(directory) : error;
  }
}

/** Within another pid namespace the pid says nothing; then the sockets have decided already. */
function isAlive(previous: Owner, self: Owner): boolean {
  if (previous.bootId !== self.bootId || previous.pidNamespace !== self.pidNamespace) return false;
  if (previous.pid === self.pid) return previous.startTime === self.startTime;
  return isRunning(previous.pid) && startTimeOf(previous.pid) === previous.startTime;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

function inUse(directory: string): DataDirectoryError {
  const pid = readOwner(directory)?.pid;
  const by = pid === undefined ? 'another process' : `process ${pid}`;
  return new DataDirectoryError(
    `${directory} is in use by ${by}: stop that broker or choose another data directory`,
  );
}

function thisProcess(token: string): Owner {
  return {
    pid: process.pid,
    bootId: readText('/proc/sys/kernel/random/boot_id'),
    startTime: startTimeOf(process.pid),
    pidNamespace: process.platform === 'linux' ? readlinkSync('/proc/self/ns/pid') : '',
    token,
  };
}

/** Field 22 of /proc/pid/stat; the second field, the name in parentheses, may hold blanks. */
function startTimeOf(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function readOwner(directory: string): Owner | undefined {
  try {
    const owner: unknown = JSON.parse(readFileSync(join(directory, ownerFile), 'utf8'));
    return isOwner(owner) ? owner : undefined;
  } catch {
    return undefined;
  }
}

function isOwner(value: unknown): value is Owner {
  if (typeof value !== 'object' || value === null) return false;
  const fields = ['bootId', 'startTime', 'pidNamespace', 'token'] as const;
  return (
    'pid' in value &&
    typeof value.pid === 'number' &&
    fields.every((field) => field in value && typeof Reflect.get(value, field) === 'string')
  );
}

/** Resolves with undefined when the address is taken or this file system has no sockets. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen(path, () => resolve(server.unref()));
  });
}

/** A socket that is another user's refuses us with another code: its owner lives. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(hasCode(error, 'EACCES') || hasCode(error, 'EAGAIN')));
  });
}

function removeIfPresent(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
