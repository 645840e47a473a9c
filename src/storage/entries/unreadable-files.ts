import { StoreUnreadableError, type UnreadableFile } from '../../broker/store.ts';
import type { StoreLog } from '../store-log.ts';
import { largeEntryBytes } from './entry-key.ts';
import type { FoundEntry, UnreadableEntryError } from './entry-reader.ts';
import { type LogIndex, owedWithin } from './log-index.ts';

/** Between looks at files that cannot be read. */
const retryMs = 500;

/** Those who wait until one of the files can be read again. */
interface Waiters {
  readonly again: Promise<boolean>;
  readonly tell: (isOpen: boolean) => void;
}

/**
 * Files that could not be read when somebody wanted an entry in them. They are looked at twice a second until that works
 * or what was wanted of them is not owed any more; the log says when it begins and when it ends, once for each file.
 */
export class UnreadableFiles {
  readonly #index: LogIndex;
  readonly #log: StoreLog;
  readonly #known = new Map<string, { readonly entry: FoundEntry; readonly reason: string }>();
  #waiters: Waiters | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isStopped = false;

  constructor(index: LogIndex, log: StoreLog) {
    this.#index = index;
    this.#log = log;
  }

  get files(): readonly UnreadableFile[] {
    return [...this.#known].map(([path, { reason }]) => ({ path, reason }));
  }

  /** Returns what whoever wanted the entry is to be told. */
  note({ entry, reason }: UnreadableEntryError): StoreUnreadableError {
    const { path } = entry;
    if (!this.#known.has(path)) {
      this.#log.error(
        `${path} cannot be read: ${reason}; the messages in it wait, it is tried again and again`,
      );
      this.#known.set(path, { entry, reason });
    }
    this.#lookSoon();
    return new StoreUnreadableError({ path, reason }, this.#again());
  }

  /** Nobody waits any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#waiters?.tell(false);
    await this.#looking;
  }

  #again(): Promise<boolean> {
    if (this.#isStopped) return Promise.resolve(false);
    this.#waiters ??= newWaiters();
    return this.#waiters.again;
  }

  #lookSoon(): void {
    if (this.#isStopped || this.#looking !== undefined) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined;
        if (this.#known.size > 0) this.#lookSoon();
      });
    }, retryMs);
  }

  /** A file may be a part of something larger, where there is always something owed. */
  #isOwed({ file, key: { logId, firstSequence }, end }: FoundEntry): boolean {
    const log = this.#index.get(logId);
    return file.liveSpans > 0 && log !== undefined && owedWithin(log, firstSequence, end - 1) !== undefined;
  }

  async #look(): Promise<void> {
    for (const [path, { entry }] of [...this.#known]) {
      const isOwed = this.#isOwed(entry);
      if (isOwed && !(await isReadable(entry))) continue;
      if (this.#isStopped) return;
      this.#known.delete(path);
      if (isOwed) this.#log.info(`${path} can be read again`);
      const waiters = this.#waiters;
      this.#waiters = undefined;
      waiters?.tell(true);
    }
  }
}

function newWaiters(): Waiters {
  let tell: (isOpen: boolean) => void = () => {};
  const again = new Promise<boolean>((resolve) => {
    tell = resolve;
  });
  return { again, tell: (isOpen) => tell(isOpen) };
}

/** Whether the system lets us read an entry, be it intact or not. */
async function isReadable({ file, rawKey, key }: FoundEntry): Promise<boolean> {
  try {
    const value = await file.openValue(rawKey);
    try {
      const piece = Buffer.allocUnsafe(Math.min(key.byteLength, largeEntryBytes));
      for (let from = 0; from < key.byteLength; from += piece.length)
        await value.read(piece.subarray(0, key.byteLength - from), from);
    } finally {
      await value.close();
    }
    return true;
  } catch {
    return false;
  }
}
