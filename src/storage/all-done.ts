import { StoreFullError } from '../broker/store.ts';

/** Waits for all, so that nothing is under way when a commit is tried again; the worst failure counts. */
export async function allDone(writes: readonly Promise<unknown>[]): Promise<void> {
  let full: StoreFullError | undefined;
  for (const outcome of await Promise.allSettled(writes)) {
    if (outcome.status === 'fulfilled') continue;
    if (!(outcome.reason instanceof StoreFullError)) throw outcome.reason;
    full = outcome.reason;
  }
  if (full !== undefined) throw full;
}
