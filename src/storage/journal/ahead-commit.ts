import type { LogEntry, WrittenAhead } from '../../broker/store.ts';
import { allDone } from '../all-done.ts';
import { withLargeKeys } from '../entries/entry-key.ts';
import {
  type BlockStamp,
  blockAlignmentBytes,
  type CommitBlock,
  encodeCommitBlock,
  headBytes,
} from './journal-block.ts';
import type { JournalFile } from './journal-file.ts';
import { JournalFill } from './journal-fill.ts';

/** Of the entry: it lies behind header and key. */
const bytesInFirstPage = blockAlignmentBytes - headBytes(1);

/**
 * A commit of one large entry in a file of its own. All of it is on disk but its first page: the one that is there says
 * that nothing in the file counts, until {@link commit} writes over it.
 */
export class AheadCommit implements WrittenAhead {
  readonly fill: JournalFill;
  readonly entry: LogEntry;
  readonly #block: CommitBlock;
  readonly #discarded: (commit: AheadCommit) => void;
  #isCommitted = false;

  private constructor(
    fill: JournalFill,
    entry: LogEntry,
    block: CommitBlock,
    discarded: (commit: AheadCommit) => void,
  ) {
    this.fill = fill;
    this.entry = entry;
    this.#block = block;
    this.#discarded = discarded;
  }

  /**
   * Writes an entry while its checksum is computed.
   *
   * @param file has just been made, for this entry.
   * @param discarded called when no commit will carry it.
   * @throws StoreFullError, StoreBrokenError
   */
  static async write(
    file: JournalFile,
    stamp: BlockStamp,
    entry: LogEntry,
    discarded: (commit: AheadCommit) => void,
  ): Promise<AheadCommit> {
    const fill = new JournalFill(file, stamp.fill, false);
    fill.isAlone = true;
    const keyed = withLargeKeys([entry]);
    const behind = entry.bytes.subarray(bytesInFirstPage);
    await allDone([keyed, file.writeInSteps(behind, blockAlignmentBytes)]);
    return new AheadCommit(fill, entry, encodeCommitBlock(await keyed, stamp), discarded);
  }

  get isCommitted(): boolean {
    return this.#isCommitted;
  }

  /** Resolves when the entry counts. @throws StoreFullError when nothing has changed, StoreBrokenError */
  async commit(): Promise<void> {
    const { fill } = this;
    const { head, byteLength } = this.#block;
    await fill.file.write([Buffer.concat([head, this.entry.bytes], blockAlignmentBytes)], 0);
    this.#isCommitted = true;
    fill.add(head, byteLength);
  }

  discard(): void {
    if (!this.#isCommitted) this.#discarded(this);
  }
}
