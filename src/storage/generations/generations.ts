import { StoreFullError } from '../../broker/store.ts';
import { flushDirectory } from '../directory/data-directory.ts';
import { freeBytes } from '../directory/file-check.ts';
import { reasonOf } from '../directory/reason-of.ts';
import { encodeEntryKey, type KeyedEntry } from '../entries/entry-key.ts';
import type { LogIndex } from '../entries/log-index.ts';
import type { FileRegisters } from '../file-register.ts';
import type { JournalFile } from '../journal/journal-file.ts';
import { transact } from '../lmdb/environment.ts';
import type { StoreLog } from '../store-log.ts';
import { Generation } from './generation.ts';
import type { PlacedEntries } from './placed-entries.ts';

/** What has to stay free besides entries: others write beside a transaction of so many bytes. */
const spareBytes = 64 * 2 ** 20;

/** Part of a generation that is filled before the next one is made ready. */
const prepareAtPart = 0.5;

/**
 * Entries after which the next generation takes over, however small they are: a start looks at every key of the
 * newest generation, at about a million a second.
 */
const entriesMax = 500_000;

/** A generation of which less than this is still owed is worth copying forward. */
const livePartMin = 0.25;

/** A generation smaller than that is not worth replacing when the disk is full. */
const makeRoomBytesMin = 2 ** 20;

/** Until a generation that could not be removed is tried again. */
const removeRetryMs = 1000;

/** Where generations lie, how large they become, and who hears of what happens to them. */
export interface GenerationsOptions {
  readonly directory: string;
  /** Bytes after which the next generation takes over. */
  readonly generationBytes: number;
  /** Below half of this free disk space no generation is created: LMDB dies by signal on a full disk. */
  readonly freeBytesMin: number;
  readonly log: StoreLog;
  readonly index: LogIndex;
  /** Of generations, and of the journal's files. */
  readonly registers: FileRegisters;
  /** Called when another generation has taken over. */
  readonly rolled: () => void;
  /** Called with dropped logs that no generation holds any longer. */
  readonly orphaned: (logIds: readonly number[]) => void;
}

/** Address space to reserve for a generation: only that, the file grows as it is written. */
export function generationMapBytes(generationBytes: number): number {
  return Math.ceil(generationBytes * 1.5) + 2 ** 28;
}

/** The row of generations: the newest takes all entries, dead ones are unlinked. */
export class Generations {
  readonly #options: GenerationsOptions;
  /** Ascending; never empty; the last one is written to. */
  readonly #row: Generation[];
  #newest: Generation;
  #spare: Generation | undefined;
  #work: Promise<void> = Promise.resolve();
  #preparing = false;
  /** Part of the newest that has to be filled before the next one is made ready. */
  #prepareAt = prepareAtPart;
  /** The next one could not be made, which the log says once. */
  #isStuck = false;
  /** Transactions under way that add entries. */
  #writes = 0;
  #closing = false;
  /** Dead ones that a backup still reads; undefined: there is no backup. */
  #held: Generation[] | undefined;
  /** Waits for the moment in which the next generation takes over. */
  #sealed: (() => void) | undefined;

  constructor(options: GenerationsOptions, row: readonly [Generation, ...Generation[]]) {
    this.#options = options;
    this.#row = [...row];
    this.#newest = row.at(-1) ?? row[0];
  }

  /** Oldest first; entries are added to the last one. */
  get row(): readonly Generation[] {
    return this.#row;
  }

  /** The newest is full, and the next one is ready to take over. */
  get isRollDue(): boolean {
    return this.#spare !== undefined && this.#filled() >= 1;
  }

  /**
   * The oldest generation of which only little is owed still. The newest never counts: what is owed is copied
   * there.
   */
  get mostlyDead(): Generation | undefined {
    return this.#row.find(
      ({ liveSpans, liveBytes, entryBytes }, i) =>
        i < this.#row.length - 1 && liveSpans > 0 && liveBytes < entryBytes * livePartMin,
    );
  }

  /** False once it is being removed. */
  has(generation: Generation): boolean {
    return this.#row.includes(generation);
  }

  /**
   * Adds entries to the newest generation. Resolves when they are on disk.
   *
   * @param copied they come from an older generation.
   * @throws StoreFullError when there was no room and nothing was changed; StoreBrokenError on any other failure.
   */
  async write(entries: readonly KeyedEntry[], copied: boolean): Promise<void> {
    await this.#add(async (generation) => {
      const { environment } = generation;
      let bytes = 0;
      for (const entry of entries) bytes += entry.bytes.length;
      const put = () => {
        for (const entry of entries) environment.put(entry.rawKey ?? encodeEntryKey(entry), entry.bytes);
      };
      await transact(environment, put, { keys: entries.length, bytes, spareBytes });
      for (const entry of entries) {
        this.#options.index.addEntry(generation, entry, entry.bytes.length, copied);
      }
      generation.bytesWritten += bytes;
      generation.entries += entries.length;
    });
  }

  /**
   * Lets the newest generation take over a file of the journal with `byteLength` bytes, among them the values of these
   * entries.
   *
   * @param adopted called in the moment in which the file is the generation's, on disk and in the index.
   * @throws as {@link write}
   */
  async adopt(
    file: JournalFile,
    byteLength: number,
    entries: PlacedEntries,
    adopted: () => void,
  ): Promise<void> {
    await this.#add(async (generation) => {
      await generation.adopt(file, byteLength, entries);
      for (const totals of entries.totals()) this.#options.index.addEntries(generation, totals);
      generation.bytesWritten += byteLength;
      generation.entries += entries.rows.length;
      adopted();
      // That has closed the file: if there is no other descriptor, there is its own.
      generation.keepDescriptor();
    });
  }

  async #add(add: (newest: Generation) => Promise<void>): Promise<void> {
    this.roll();
    this.#writes++;
    try {
      await add(this.#newest);
    } finally {
      this.#writes--;
      this.#sealIfWanted();
    }
    if (this.#filled() >= this.#prepareAt && this.#spare === undefined) this.#prepareNext();
  }

  /**
   * Lets the next generation take over when the newest is full, the next one is ready and nothing is being
   * written. Never waits: until then the newest simply grows.
   */
  roll(): void {
    if (this.#spare !== undefined && this.isRollDue && this.#writes === 0) this.#takeOver(this.#spare);
  }

  #takeOver(next: Generation): void {
    this.#sealed?.();
    this.#sealed = undefined;
    this.#newest = next;
    this.#row.push(next);
    this.#spare = undefined;
    this.#prepareAt = prepareAtPart;
    this.retireDead();
    this.summarize();
    this.#options.rolled();
  }

  /**
   * The disk is full: when nothing in the newest generation is owed any more, its space comes back early. The next
   * one has to be there first, which takes two calls as a rule.
   */
  makeRoom(): void {
    if (this.#writes > 0 || this.#newest.liveSpans > 0 || this.#newest.bytesWritten < makeRoomBytesMin)
      return;
    if (this.#spare === undefined) this.#prepareNext();
    else this.#takeOver(this.#spare);
  }

  /** Has a summary written of every generation that takes no more entries. */
  summarize(): void {
    for (const generation of this.#row.slice(0, -1)) {
      this.#enqueue(async () => {
        if (this.has(generation)) await generation.writeSummary();
      });
    }
  }

  #prepareNext(): void {
    if (this.#preparing) return;
    this.#preparing = true;
    this.#enqueue(() => this.#prepare());
  }

  /** Unlinks generations in which nothing is owed any more. The states that say so are on disk. */
  retireDead(): void {
    for (let i = this.#row.length - 2; i >= 0; i--) {
      const generation = this.#row[i];
      if (generation === undefined || generation.liveSpans > 0 || !this.#unregister(generation)) continue;
      this.#row.splice(i, 1);
      if (this.#held === undefined) this.#enqueue(() => this.#remove(generation));
      else this.#held.push(generation);
    }
  }

  /** False as long as a start would miss its files. When it would not any more {@link retireDead} is called again. */
  #unregister({ number, valueFileNumbers }: Generation): boolean {
    const { generations, journal } = this.#options.registers;
    generations.remove(number);
    return !generations.has(number) && valueFileNumbers.every((file) => !journal.has(file));
  }

  /** From now on no generation is removed. */
  hold(): void {
    this.#held = [];
  }

  /** Ends {@link hold}. */
  letGo(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const generation of held) this.#enqueue(() => this.#remove(generation));
  }

  /**
   * Lets the next generation take over, so that nothing changes any more in those that are there, and calls `sealed`
   * in that moment.
   *
   * @returns their paths, held ones included: what stands in them stays until {@link letGo}.
   * @throws Error when there is no next generation
   */
  async seal(sealed: () => void): Promise<readonly string[]> {
    if (this.#spare === undefined) this.#prepareNext();
    await this.settle();
    if (this.#spare === undefined) throw new Error('the next generation could not be made: see the log');
    const sealing = new Promise<readonly string[]>((resolve) => {
      this.#sealed = () => {
        sealed();
        resolve([...this.#row, ...(this.#held ?? [])].flatMap(({ paths }) => paths));
      };
    });
    this.#sealIfWanted();
    const paths = await sealing;
    // Their summaries are written.
    await this.settle();
    return paths;
  }

  #sealIfWanted(): void {
    if (this.#sealed !== undefined && this.#spare !== undefined && this.#writes === 0)
      this.#takeOver(this.#spare);
  }

  /** Waits for work under way and closes all environments. */
  async close(): Promise<void> {
    await this.settle();
    this.#closing = true;
    for (const generation of this.#row) await generation.close();
    await this.#spare?.close();
  }

  /** Waits until no generation is being created or removed. */
  async settle(): Promise<void> {
    await this.#work;
  }

  /** How full the newest is; the next one is due at 1. */
  #filled(): number {
    const { bytesWritten, entries } = this.#newest;
    return Math.max(bytesWritten / this.#options.generationBytes, entries / entriesMax);
  }

  /** One piece of work at a time, off the way of commits. */
  #enqueue(work: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#closing) return;
      try {
        await work();
      } catch (error) {
        this.#options.log.error(reasonOf(error));
      }
    });
  }

  async #prepare(): Promise<void> {
    const { log } = this.#options;
    const number = this.#newest.number + 1;
    try {
      this.#spare = await this.#create(number);
      if (this.#isStuck) log.info(`generation ${number} was created after all`);
      this.#isStuck = false;
    } catch (error) {
      this.#prepareAt = this.#filled() + prepareAtPart;
      if (this.#isStuck) return;
      this.#isStuck = true;
      const newest = `generation ${this.#newest.number}`;
      log.error(`generation ${number} could not be created, ${newest} goes on growing: ${reasonOf(error)}`);
    } finally {
      this.#preparing = false;
    }
  }

  async #create(number: number): Promise<Generation> {
    const { directory, generationBytes, freeBytesMin, registers } = this.#options;
    // Less than for messages: a new generation is small, and the old one may be what has to go.
    if (freeBytes(directory) < freeBytesMin / 2) throw new StoreFullError('too little free disk space');
    const generation = await Generation.create(directory, number, generationMapBytes(generationBytes));
    try {
      await flushDirectory(directory);
      registers.generations.add(number);
      await registers.generations.ensure(number);
      return generation;
    } catch (error) {
      await generation.close();
      throw error;
    }
  }

  async #remove(generation: Generation, isFirst = true): Promise<void> {
    try {
      await generation.remove();
      // Until the directory is flushed a power cut may bring the file back, and with it entries of dropped logs.
      await flushDirectory(this.#options.directory);
    } catch (error) {
      setTimeout(() => this.#enqueue(() => this.#remove(generation, false)), removeRetryMs).unref();
      if (!isFirst) return;
      throw new Error(`generation ${generation.number} cannot be removed yet: ${reasonOf(error)}`);
    }
    this.#options.log.info(`removed generation ${generation.number}: nothing in it is owed any more`);
    this.#options.orphaned(this.#options.index.removeFile(generation));
  }
}
