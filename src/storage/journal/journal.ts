import type { LogEntry } from '../../broker/store.ts';
import { allDone } from '../all-done.ts';
import type { DamageReport } from '../damage-report.ts';
import { decodeEntryKey, withLargeKeys } from '../entries/entry-key.ts';
import type { LogIndex } from '../entries/log-index.ts';
import { AheadCommit } from './ahead-commit.ts';
import { AheadCommits } from './ahead-commits.ts';
import { FoundFiles } from './found-files.ts';
import {
  BlockKind,
  type BlockStamp,
  type CommitBlock,
  commitBlockBytes,
  encodeCommitBlock,
  encodeMark,
  headBytes,
} from './journal-block.ts';
import type { JournalFile } from './journal-file.ts';
import { JournalFill } from './journal-fill.ts';
import { JournalPool, type JournalPoolOptions } from './journal-pool.ts';
import { RetiredFills } from './retired-fills.ts';

/** Part of a file that is filled before another one is made, when none is free. */
const prepareAtPart = 0.5;

/**
 * How long a full file is left alone. What consumers that keep up leave in it is settled by then: it is delivered,
 * acknowledged, and the state that says so is on disk.
 */
const leftAloneMs = 1000;

/**
 * Parts of all space that full files may take, and what is owed in them, before they are no longer left alone but moved
 * as fast as it goes. What is left is room for commits until there is less to move.
 */
const fullPartMax = 0.5;
const owedPartMax = 0.25;

/** With `bytesMax` 0, entries go to the generations at once. */
export interface JournalOptions extends Omit<JournalPoolOptions, 'freeMark'> {
  /** Random, and the same as long as the directory lives. */
  readonly journalId: Buffer;
  readonly index: LogIndex;
  readonly damage: DamageReport;
  /** Files that generations have taken over. */
  readonly numbersTaken: ReadonlySet<number>;
  /** Called when a file is full. */
  readonly filled: () => void;
  /** Called with dropped logs of which nothing is left on disk. */
  readonly orphaned: (logIds: readonly number[]) => void;
}

/** Part of a journal file that holds commits. */
export interface JournalExtent {
  readonly file: JournalFile;
  readonly byteLength: number;
}

/**
 * The way of entries to the disk: one write and one flush for each commit, into files whose blocks are there
 * already. What is owed still when a file has been full for a while is moved to the newest generation, and the file is
 * used again; or that generation takes the file over (see `journal-mover.ts`), and another one is made.
 *
 * A commit that is larger than a file has one of its own. There is not always room, when the disk is too slow for what is
 * moved: then entries go to the generation themselves, as all would without a journal.
 */
export class Journal {
  readonly #options: JournalOptions;
  #active: JournalFill | undefined;
  /** Files that take nothing any more, oldest first. */
  readonly #full: JournalFill[] = [];
  readonly #pool: JournalPool;
  readonly #ahead: AheadCommits;
  readonly #retired: RetiredFills;
  readonly #found: FoundFiles;
  /** Of the next commit. */
  #nextNumber = 1;

  private constructor(options: JournalOptions, found: FoundFiles) {
    this.#options = options;
    this.#found = found;
    this.#retired = new RetiredFills((fill) => this.#release(fill), options.log);
    const freeMark = (size: number) => encodeMark(BlockKind.Free, this.#stamp({ size }, this.#nextNumber));
    this.#pool = new JournalPool({ ...options, freeMark });
    this.#ahead = new AheadCommits({
      pool: this.#pool,
      stampFor: (file) => {
        const stamp = this.#stamp(file, this.#nextNumber);
        this.#nextNumber++;
        return stamp;
      },
      remove: (file) => this.#pool.discard(file),
    });
  }

  /**
   * Takes up the files that are there, and makes one if there is none to write to.
   *
   * @throws DataDirectoryError when a file belongs to another data directory.
   */
  static async open(options: JournalOptions): Promise<Journal> {
    const found = await FoundFiles.read(options.directory, options.journalId, options.numbersTaken);
    const journal = new Journal(options, found);
    try {
      await journal.#takeUp();
      if (journal.#pool.isEmpty) journal.#pool.grow();
      await journal.settle();
    } catch (error) {
      journal.#closeFiles();
      throw error;
    }
    return journal;
  }

  async #takeUp(): Promise<void> {
    const { numbersTaken, damage, log } = this.#options;
    const { numbers, fills, blank } = this.#found;
    for (const number of [...numbersTaken, ...numbers]) this.#pool.reserve(number);
    for (const file of blank) {
      log.warn(`removing ${file.path}: it is empty, as if its creation had been cut short`);
      this.#pool.discard(file);
    }
    for (const { fill, isFree, nextNumber, damage: stretches } of fills) {
      this.#pool.count(fill.file);
      this.#nextNumber = Math.max(this.#nextNumber, nextNumber);
      for (const stretch of stretches) damage.reportStretch(stretch);
      if (isFree) this.#pool.takeBack(fill.file);
      else this.#full.push(fill);
    }
    this.#full.sort((a, b) => a.first - b.first);
    for (const fill of this.#full) if (!fill.isEnded) await this.#end(fill);
  }

  /** The register does not have files any more that cannot be read. */
  async begin(): Promise<void> {
    await this.#found.setUnreadableAside(this.#options.damage);
  }

  /** Notes in the index what an earlier run left. Generations must have been noted before. */
  indexEntries(): void {
    for (const fill of this.#full) {
      for (const rawKey of fill.entryKeys()) {
        const key = decodeEntryKey(rawKey);
        this.#options.index.addEntry(fill, key, key.byteLength, false);
      }
    }
    if (this.#full.length > 0) this.#tellOfFull();
  }

  /** The oldest file, when what is owed of it has to be moved. */
  get overdue(): JournalFill | undefined {
    const oldest = this.#full[0];
    if (!oldest?.isEnded) return undefined;
    const isLeftAlone = this.#isUsed && performance.now() - oldest.fullSince < leftAloneMs;
    return isLeftAlone && !this.isCrowded ? undefined : oldest;
  }

  /** Files become full faster than they are emptied. */
  get isCrowded(): boolean {
    const { bytesMax } = this.#options;
    let fullBytes = 0;
    let owedBytes = 0;
    for (const { file, liveBytes, isAlone } of this.#full) {
      // It takes nobody's place.
      if (isAlone) continue;
      fullBytes += file.size;
      owedBytes += liveBytes;
    }
    return fullBytes > bytesMax * fullPartMax || owedBytes > bytesMax * owedPartMax || this.#pool.isExhausted;
  }

  /** Numbers of the files that were found, and of the one that was made if there was none to write to. */
  get fileNumbers(): readonly number[] {
    return [...this.#pool.free, ...this.#full.map(({ file }) => file)].map(({ number }) => number);
  }

  has(fill: JournalFill): boolean {
    return this.#full.includes(fill);
  }

  /**
   * Resolves when the entries are on disk, or with false when there is no room for them. One at a time.
   *
   * @throws StoreFullError when there was no room and nothing was changed; StoreBrokenError on any other failure.
   */
  async write(entries: readonly LogEntry[]): Promise<boolean> {
    if (!this.#isUsed) return false;
    const byteLength = commitBlockBytes(entries);
    const fill = this.#pool.isTooLarge(byteLength)
      ? await this.#fillAlone(byteLength)
      : this.#fillFor(byteLength);
    if (fill === undefined) {
      this.#pool.growFast();
      return false;
    }
    if (fill.isAlone) await this.#appendLarge(fill, entries);
    else await this.#append(fill, encodeCommitBlock(entries, this.#stampFor(fill)), entries);
    return true;
  }

  /** No file but one of its own takes the entry. */
  isLarge(entry: LogEntry): boolean {
    return this.#isUsed && this.#pool.isTooLarge(commitBlockBytes([entry]));
  }

  /**
   * Writes a large entry to a file of its own, which {@link commitAhead} makes part of the journal. Resolves with
   * undefined when there is no room for it now.
   */
  writeAhead(entry: LogEntry): Promise<AheadCommit | undefined> {
    return this.#ahead.write(entry);
  }

  /**
   * Has the entries count that were written ahead. Each stands for itself.
   *
   * @returns the others.
   * @throws StoreFullError when there was no room: it is safe to try again. StoreBrokenError on any other failure.
   */
  async commitAhead(entries: readonly LogEntry[]): Promise<readonly LogEntry[]> {
    if (entries.every(({ ahead }) => ahead === undefined)) return entries;
    const commits = entries.map(({ ahead }) => ahead).filter((ahead) => ahead instanceof AheadCommit);
    await allDone(commits.filter((commit) => !commit.isCommitted).map((commit) => this.#commitAhead(commit)));
    return entries.filter(({ ahead }) => !(ahead instanceof AheadCommit));
  }

  async #commitAhead(commit: AheadCommit): Promise<void> {
    const { fill, entry } = commit;
    await this.#options.register.ensure(fill.file.number);
    await commit.commit();
    this.#ahead.committed(commit);
    this.#options.index.addEntry(fill, entry, entry.bytes.length, false);
    this.#full.push(fill);
    this.#tellOfFull();
  }

  get #isUsed(): boolean {
    return this.#options.bytesMax > 0;
  }

  /** Files with something in them. */
  get #used(): readonly JournalFill[] {
    return this.#active === undefined ? this.#full : [...this.#full, this.#active];
  }

  #fillFor(byteLength: number): JournalFill | undefined {
    if (this.#active?.fits(byteLength)) return this.#active;
    const file = this.#pool.take(byteLength);
    return file && this.#goOnIn(file);
  }

  /** A commit that is larger than any file has one of its own, which goes with what is in it. */
  async #fillAlone(byteLength: number): Promise<JournalFill | undefined> {
    const file = await this.#pool.makeFor(byteLength);
    if (file === undefined) return undefined;
    const fill = this.#goOnIn(file);
    fill.isAlone = true;
    return fill;
  }

  #goOnIn(file: JournalFile): JournalFill {
    if (this.#active !== undefined) {
      this.#active.fullSince = performance.now();
      this.#full.push(this.#active);
    }
    this.#active = new JournalFill(file, this.#nextNumber, false);
    return this.#active;
  }

  /** Values go to the disk while their checksums are computed. The head, without which they are not there, comes last. */
  async #appendLarge(fill: JournalFill, entries: readonly LogEntry[]): Promise<void> {
    const values = entries.map(({ bytes }) => bytes);
    const written = fill.file.writeLarge(values, fill.end + headBytes(entries.length));
    const keyed = withLargeKeys(entries);
    await allDone([written, keyed]);
    const block = encodeCommitBlock(await keyed, this.#stampFor(fill));
    await this.#append(fill, { ...block, parts: [block.head] }, entries);
  }

  async #append(fill: JournalFill, block: CommitBlock, entries: readonly LogEntry[]): Promise<void> {
    // A number that was refused is not used again, so that no two blocks can be taken for the same.
    this.#nextNumber++;
    // The one that has just become full, and such as had no room for the mark when they did.
    const unended = this.#full.filter(({ isEnded }) => !isEnded);
    await allDone([
      fill.file.write(block.parts, fill.end),
      ...unended.map((full) => this.#end(full)),
      this.#options.register.ensure(fill.file.number),
    ]);
    for (const entry of entries) this.#options.index.addEntry(fill, entry, entry.bytes.length, false);
    fill.add(block.head, block.byteLength);
    if (unended.length > 0) {
      this.retireDead();
      this.#tellOfFull();
    }
    if (this.#pool.isEmpty && fill.filled >= prepareAtPart) this.#pool.grow();
  }

  /** Now, because there may be too many of them, and again when this one has been left alone long enough. */
  #tellOfFull(): void {
    const { filled } = this.#options;
    filled();
    setTimeout(filled, leftAloneMs).unref();
  }

  async #end(fill: JournalFill): Promise<void> {
    fill.isBusy = true;
    try {
      await fill.file.write([encodeMark(BlockKind.End, this.#stampFor(fill))], fill.end);
      fill.isEnded = true;
    } finally {
      fill.isBusy = false;
    }
  }

  /**
   * Whether files may be handed over. What is settled in them goes then, and a backup that has begun still counts on it,
   * rows above all, until it is known that it will copy the whole file.
   */
  get mayHandOver(): boolean {
    return !this.#retired.isSealAwaited;
  }

  /** Somebody else has taken the file over. */
  handOver(fill: JournalFill): void {
    this.#full.splice(this.#full.indexOf(fill), 1);
    fill.file.close();
    this.#pool.giveAway(fill.file);
    this.#options.orphaned(this.#options.index.removeFile(fill));
  }

  /** Frees files in which nothing is owed any more. The states that say so are on disk. */
  retireDead(): void {
    for (let i = this.#full.length - 1; i >= 0; i--) {
      const fill = this.#full[i];
      // The descriptor of one that is in use must not be closed, and taken by another file.
      if (fill === undefined || fill.liveSpans > 0 || fill.isBusy) continue;
      this.#full.splice(i, 1);
      this.#retired.add(fill);
    }
    this.#retired.soon(() => this.#pool.removeSurplus());
  }

  /** From now on nothing that is in the files is written over. Commits go to the generations when all are full. */
  hold(): void {
    this.#retired.hold();
  }

  /** The {@link extents} of this moment are what a backup copies. */
  seal(): JournalExtent[] {
    this.#retired.seal();
    return this.extents;
  }

  /** What is in the files at this moment: of each one so many bytes from its beginning. */
  get extents(): JournalExtent[] {
    return [...this.#used, ...this.#retired.held].map(({ file, end }) => ({ file, byteLength: end }));
  }

  /** Ends {@link hold}. */
  letGo(): void {
    this.#retired.letGo();
  }

  async #release(fill: JournalFill): Promise<void> {
    // What is damaged has to be set aside before it is written over.
    await this.#options.damage.settle();
    // Without the mark a start would find what was there, and with it entries of dropped logs.
    await fill.file.write([encodeMark(BlockKind.Free, this.#stampFor(fill))], 0);
    this.#pool.takeBack(fill.file);
    this.#options.orphaned(this.#options.index.removeFile(fill));
  }

  #stampFor({ file, first }: JournalFill): BlockStamp {
    return this.#stamp(file, first);
  }

  #stamp({ size }: Pick<JournalFile, 'size'>, fill: number): BlockStamp {
    return { journalId: this.#options.journalId, fileBytes: size, fill, number: this.#nextNumber };
  }

  /** Waits until no file is being made or freed. */
  async settle(): Promise<void> {
    await Promise.all([this.#pool.settle(), this.#retired.settle()]);
  }

  /** Writes down where the journal ends. Nothing is written any more. */
  async end(): Promise<void> {
    for (const fill of this.#used) if (!fill.isEnded) await this.#end(fill);
  }

  /** Waits for work under way. */
  async close(): Promise<void> {
    await this.#ahead.discard();
    await this.settle();
    this.#closeFiles();
  }

  #closeFiles(): void {
    for (const { file } of this.#used) file.close();
    this.#pool.close();
  }
}
