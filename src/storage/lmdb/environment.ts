import { allDbs, open, type RootDatabase } from 'lmdb';
import { StoreBrokenError, StoreFullError } from '../../broker/store.ts';
import { releaseInstructions } from './instruction-buffers.ts';

declare module 'lmdb' {
  /** Every environment that was ever opened, by the name of its file; exported, but not declared. */
  const allDbs: Map<string, unknown>;
}

/** One LMDB environment: a file of sorted rows, keys and values as bytes. */
export type Environment = RootDatabase<Buffer, Uint8Array>;

const noSpaceErrno = 28;
const overQuotaErrno = 122;

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
  return environment;
}

/**
 * A transaction that has not settled by then counts as failed: after some failures LMDB never answers again.
 * Large ones get this long for every {@link bytesPerDeadline}.
 */
const baseDeadlineMs = 30_000;
const bytesPerDeadline = 64 * 2 ** 20;

/**
 * Runs the puts and removes of `action` as one transaction. Resolves when it is on disk. Values must stay
 * unchanged until then: LMDB keeps a pointer to them.
 *
 * @param bytes about how much is written, for the deadline.
 * @throws StoreFullError when there was no room and nothing was changed; StoreBrokenError on any other failure.
 */
export async function transact(environment: Environment, action: () => void, bytes = 0): Promise<void> {
  const deadlineMs = baseDeadlineMs * Math.max(1, bytes / bytesPerDeadline);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    const late = () =>
      reject(new StoreBrokenError(`a commit was not done within ${deadlineMs / 1000} seconds`));
    timer = setTimeout(late, deadlineMs);
  });
  try {
    await Promise.race([carryOut(environment, action), deadline]);
  } finally {
    clearTimeout(timer);
  }
}

async function carryOut(environment: Environment, action: () => void): Promise<void> {
  let done: boolean;
  try {
    done = await environment.batch(action);
  } catch (error) {
    throw await commitFailure(error);
  }
  if (!done) throw new StoreBrokenError('LMDB did not carry out a transaction');
}

/** LMDB's "Commit failed" carries the cause as a second promise, which rejects too. */
async function commitFailure(error: unknown): Promise<StoreFullError | StoreBrokenError> {
  const cause = await causeOf(error);
  if (
    cause instanceof Error &&
    'code' in cause &&
    (cause.code === noSpaceErrno || cause.code === overQuotaErrno)
  ) {
    return new StoreFullError('no space left on the disk of the data directory', { cause });
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  return new StoreBrokenError(`the data could not be written: ${text}`, { cause });
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
