import { allDbs, open, type RootDatabase } from 'lmdb';
import { StoreBrokenError, StoreFullError } from '../../broker/store.ts';
import { DataDirectoryError } from '../directory/data-directory-error.ts';
import { reasonOf } from '../directory/reason-of.ts';
import { releaseInstructions } from './instruction-buffers.ts';
import { Room, type TransactionSize } from './room.ts';

declare module 'lmdb' {
  /** Every environment that was ever opened, by the name of its file; exported, but not declared. */
  const allDbs: Map<string, unknown>;
}

/** One LMDB environment: a file of sorted rows, keys and values as bytes. */
export type Environment = RootDatabase<Buffer, Uint8Array>;

const noSpaceErrno = 28;
const overQuotaErrno = 122;

/** LMDB says in so many bytes, with a zero at the end, which write has failed: 100, and what the C library rounds them up to. */
const failureTextBytes = 104;

const paths = new WeakMap<Environment, string>();
const rooms = new WeakMap<Environment, Room>();

/** A row or two. */
const smallSize: TransactionSize = { keys: 4, bytes: 4096 };

/**
 * Opens or creates an environment. Whoever opens an existing file has checked it first (see `file-check.ts`):
 * LMDB ends the process by signal on a bad one.
 *
 * @param mapBytes address space to reserve; the map grows by itself beyond.
 */
export function openEnvironment(path: string, mapBytes: number): Environment {
  const environment = open<Buffer, Uint8Array>(path, {
    encoding: 'binary',
    keyEncoding: 'binary',
    mapSize: mapBytes,
    noMemInit: true,
    // With overlapping syncs a crash followed by a power cut corrupts the file.
    overlappingSync: false,
    // One explicit batch per transaction instead: implicit batches leave a promise behind that nobody can
    // handle when a transaction fails.
    eventTurnBatching: false,
  });
  // Nobody reads that list, and each generation that is gone would hold 90 KB by it for ever.
  for (const [name, known] of allDbs) if (known === environment) allDbs.delete(name);
  releaseInstructions(environment);
  paths.set(environment, path);
  rooms.set(environment, new Room(environment, path));
  return environment;
}

/**
 * Reads at the start, when nothing has been confirmed out of a file yet.
 *
 * @throws DataDirectoryError naming the file when LMDB does not find its way through it.
 */
export function readAtStart<T>(environment: Environment, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('MDB_')) throw error;
    throw new DataDirectoryError(
      `${paths.get(environment)} is damaged: reading it failed (${error.message}); ` +
        'restore the data directory from a backup',
    );
  }
}

/**
 * A transaction that has not settled by then counts as failed: after some failures LMDB never answers again.
 * Large ones get this long for every {@link bytesPerDeadline}.
 */
const baseDeadlineMs = 30_000;
const bytesPerDeadline = 64 * 2 ** 20;

/**
 * Runs the puts and removes of `action` as one transaction, which may be a little later where the disk is nearly full.
 * Resolves when it is on disk. Values must stay unchanged until then: LMDB keeps a pointer to them.
 *
 * @param size for the deadline and the space that has to be free.
 * @throws StoreFullError when there was no room and nothing was changed; StoreBrokenError on any other failure.
 */
export async function transact(
  environment: Environment,
  action: () => void,
  size: TransactionSize = smallSize,
): Promise<void> {
  const room = rooms.get(environment);
  if (room === undefined) throw new Error('an environment that was not opened here');
  await room.run(size, () => inTime(carryOut(environment, action), size.bytes));
}

async function inTime(transaction: Promise<void>, bytes: number): Promise<void> {
  const deadlineMs = baseDeadlineMs * Math.max(1, bytes / bytesPerDeadline);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    const late = () =>
      reject(new StoreBrokenError(`a commit was not done within ${deadlineMs / 1000} seconds`));
    timer = setTimeout(late, deadlineMs);
  });
  try {
    await Promise.race([transaction, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

async function carryOut(environment: Environment, action: () => void): Promise<void> {
  let done: boolean;
  try {
    done = await environment.batch(action);
  } catch (error) {
    throw await commitFailure(environment, error);
  }
  if (!done) throw new StoreBrokenError('LMDB did not carry out a transaction');
}

/** LMDB's "Commit failed" carries the cause as a second promise, which rejects too. */
async function commitFailure(
  environment: Environment,
  error: unknown,
): Promise<StoreFullError | StoreBrokenError> {
  const cause = await causeOf(error);
  if (isMemoryOverwritten(cause)) {
    const reason = 'a write failed, and LMDB has overwritten memory while telling of it';
    return new StoreBrokenError(`${reason}: ${String(cause)}`, { cause });
  }
  if (
    cause instanceof Error &&
    'code' in cause &&
    (cause.code === noSpaceErrno || cause.code === overQuotaErrno)
  ) {
    return new StoreFullError('no space left on the disk of the data directory', { cause });
  }
  const text = reasonOf(cause);
  return new StoreBrokenError(`${paths.get(environment)} could not be written: ${text}`, { cause });
}

/**
 * When a write fails LMDB puts its position and sizes, which may have any number of digits, into memory for 99
 * characters. With more of them the process would die by signal a little later, or worse.
 */
function isMemoryOverwritten(cause: unknown): boolean {
  const text = cause instanceof Error ? /Attempting to write page .*$/.exec(cause.message)?.[0] : undefined;
  return text !== undefined && text.length >= failureTextBytes;
}

async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}
