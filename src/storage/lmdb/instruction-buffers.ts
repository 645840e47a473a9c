import type { RootDatabase } from 'lmdb';

/** In the flag of a write that LMDB's thread has carried out, once lmdb-js has seen that. */
const finishedFlag = 0x1000000;

/** A write on its way to the disk, as lmdb-js keeps it. */
interface PendingWrite {
  flag: number;
  /** A view of 64 KiB of instructions for LMDB's thread. Is asked for until the write is finished and answered. */
  uint32: Uint32Array | null;
}

interface AfterCommit {
  /** The first write behind the transaction that has ended: its instruction says that, and begins the next one. */
  readonly last: PendingWrite;
}

/**
 * Lets go of instructions that have been carried out. In lmdb-js each transaction's first write leads to that of the
 * next one and keeps its instructions. Once V8 has moved one of them to the old generation, all that follow come after
 * it, garbage or not, and with each of them memory that V8 does not count, since it is shared with LMDB's thread:
 * 64 KiB for every transaction, until something else is reason enough to collect the old generation.
 */
export function releaseInstructions(environment: RootDatabase<Buffer, Uint8Array>): void {
  let first: PendingWrite | undefined;
  environment.on('aftercommit', ({ last }: AfterCommit) => {
    // It was answered with the transaction before this one. One that is not known to be finished just stays.
    if (first !== undefined && (first.flag & finishedFlag) !== 0) first.uint32 = null;
    first = last;
  });
}
