import { StoreFullError } from '../broker/store.ts';
import { flushDirectory } from './data-directory.ts';
import { freeBytes } from './file-check.ts';
import { Generation } from './generation.ts';
import type { LogIndex } from './log-index.ts';
import type { StoreLog } from './store-log.ts';

/** Part of a generation that is filled before the next one is made ready. */
const PREPARE_AT = 0.5;

/** A generation smaller than that is not worth replacing when the disk is full. */
const MAKE_ROOM_BYTES_MIN = 2 ** 20;

export interface GenerationsOptions {
  readonly directory: string;
  /** Bytes after which the next generation takes over. */
  readonly generationBytes: number;
  /** Below half of this free disk space no generation is created: LMDB dies by signal on a full disk. */
  readonly freeBytesMin: number;
  readonly log: StoreLog;
  readonly index: LogIndex;
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
  /** After a failure to create the next generation, wait until the newest has grown to this. */
  #prepareAtBytes: number;
  #closing = false;

  constructor(options: GenerationsOptions, row: readonly [Generation, ...Generation[]]) {
    this.#options = options;
    this.#row = [...row];
    this.#newest = row.at(-1) ?? row[0];
    this.#prepareAtBytes = this.#firstPrepareAtBytes();
  }

  /** The one that takes entries. */
  get newest(): Generation {
    return this.#newest;
  }

  get row(): readonly Generation[] {
    return this.#row;
  }

  /**
   * Lets the next generation take over when the newest is full and the next one is ready. Never waits: until
   * then the newest simply grows. Must not be called while entries are being written.
   */
  roll(): void {
    if (this.#newest.bytesWritten < this.#options.generationBytes || this.#spare === undefined) return;
    this.#takeOver(this.#spare);
  }

  #takeOver(next: Generation): void {
    this.#newest = next;
    this.#row.push(next);
    this.#spare = undefined;
    this.#prepareAtBytes = this.#firstPrepareAtBytes();
    this.retireDead();
  }

  /**
   * The disk is full: when nothing in the newest generation is owed any more, its space comes back early. The next
   * one has to be there first, which takes two calls as a rule. Must not be called while entries are being written.
   */
  makeRoom(): void {
    if (this.#newest.liveSpans > 0 || this.#newest.bytesWritten < MAKE_ROOM_BYTES_MIN) return;
    if (this.#spare === undefined) this.#prepareNext();
    else this.#takeOver(this.#spare);
  }

  /** Counts what was written to the newest, and has the next one made ready in time. */
  noteWritten(bytes: number): void {
    this.#newest.bytesWritten += bytes;
    if (this.#newest.bytesWritten >= this.#prepareAtBytes && this.#spare === undefined) this.#prepareNext();
  }

  #prepareNext(): void {
    if (this.#preparing) return;
    this.#preparing = true;
    this.#enqueue(() => this.#prepare());
  }

  /**
   * Unlinks generations in which nothing is owed any more. The states that say so are on disk.
   *
   * A generation that is only mostly dead keeps its space until the last of it is settled; `liveBytes`
   * against `bytesWritten` tells when copying the rest forward would pay.
   */
  retireDead(): void {
    for (let i = this.#row.length - 2; i >= 0; i--) {
      const generation = this.#row[i];
      if (generation === undefined || generation.liveSpans > 0) continue;
      this.#row.splice(i, 1);
      this.#enqueue(() => this.#remove(generation));
    }
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

  #firstPrepareAtBytes(): number {
    return this.#options.generationBytes * PREPARE_AT;
  }

  /** One piece of work at a time, off the way of commits. */
  #enqueue(work: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#closing) return;
      try {
        await work();
      } catch (error) {
        this.#options.log.error(error instanceof Error ? error.message : String(error));
      }
    });
  }

  async #prepare(): Promise<void> {
    const { directory, generationBytes, freeBytesMin } = this.#options;
    const number = this.#newest.number + 1;
    try {
      // Less than for messages: a new generation is small, and the old one may be what has to go.
      if (freeBytes(directory) < freeBytesMin / 2) throw new StoreFullError('too little free disk space');
      const spare = await Generation.create(directory, number, generationMapBytes(generationBytes));
      await flushDirectory(directory);
      this.#spare = spare;
    } catch (error) {
      this.#prepareAtBytes = this.#newest.bytesWritten + generationBytes * PREPARE_AT;
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `generation ${number} could not be created, generation ${this.#newest.number} goes on growing: ${reason}`,
      );
    } finally {
      this.#preparing = false;
    }
  }

  async #remove(generation: Generation): Promise<void> {
    await generation.remove();
    // Until the directory is flushed a power cut may bring the file back, and with it entries of dropped logs.
    await flushDirectory(this.#options.directory);
    this.#options.log.info(`removed generation ${generation.number}: nothing in it is owed any more`);
    this.#options.orphaned(this.#options.index.removeGeneration(generation));
  }
}
