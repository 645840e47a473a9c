import type { LogEntry } from '../../broker/store.ts';
import { AheadCommit } from './ahead-commit.ts';
import { type BlockStamp, commitBlockBytes } from './journal-block.ts';
import type { JournalFile } from './journal-file.ts';
import type { JournalPool } from './journal-pool.ts';

/** What the journal has to do with them. */
export interface AheadCommitsOwner {
  readonly pool: JournalPool;
  /** For the only commit in a file. */
  stampFor(file: JournalFile): BlockStamp;
  /** Nothing in the file is needed. */
  remove(file: JournalFile): void;
}

/** Large commits that are on their way to the disk, one after the other, or there but not part of the journal yet. */
export class AheadCommits {
  readonly #owner: AheadCommitsOwner;
  readonly #written = new Set<AheadCommit>();
  #last: Promise<void> = Promise.resolve();

  constructor(owner: AheadCommitsOwner) {
    this.#owner = owner;
  }

  /** Resolves with undefined when the entry could not be written. */
  write(entry: LogEntry): Promise<AheadCommit | undefined> {
    const written = this.#last.then(() => this.#write(entry));
    // Not what was written: it would stay in memory until the next one.
    this.#last = written.then(() => {});
    return written;
  }

  async #write(entry: LogEntry): Promise<AheadCommit | undefined> {
    const { pool } = this.#owner;
    const file = await pool.makeFor(commitBlockBytes([entry]));
    if (file === undefined) return undefined;
    try {
      const commit = await AheadCommit.write(file, this.#owner.stampFor(file), entry, () => {
        this.#written.delete(commit);
        this.#owner.remove(file);
      });
      this.#written.add(commit);
      return commit;
    } catch {
      this.#owner.remove(file);
      return undefined;
    }
  }

  /** It is part of the journal. */
  committed(commit: AheadCommit): void {
    this.#written.delete(commit);
  }

  /** Waits for the one that is on its way, and gives up all that no commit has carried. */
  async discard(): Promise<void> {
    await this.#last;
    for (const commit of this.#written) commit.discard();
  }
}
