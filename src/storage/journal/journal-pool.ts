import { freeBytes } from '../directory/file-check.ts';
import { reasonOf } from '../directory/reason-of.ts';
import type { FileRegister } from '../file-register.ts';
import type { StoreLog } from '../store-log.ts';
import { blockAlignmentBytes } from './journal-block.ts';
import { JournalFile, type NewFile } from './journal-file.ts';

/** The first file is small; each further one is so many times as large, up to the size that was asked for. */
const firstFileBytes = 2 ** 20;
const growthFactor = 4;

/** How soon another file is tried after one could not be made. */
const prepareRetryMs = 1000;

/** How many files there may be, and how large. */
export interface JournalPoolOptions {
  readonly directory: string;
  /** Size of a file, and of all files together; 0: none is made. */
  readonly fileBytes: number;
  readonly bytesMax: number;
  /** Beyond this, a file is made only when as much stays free as all files take then. */
  readonly freeBytesMin: number;
  /** Of the files that hold something, or may. */
  readonly register: FileRegister;
  readonly log: StoreLog;
  /** The block that says of a file of so many bytes that it is free. */
  readonly freeMark: (fileBytes: number) => Buffer;
}

/** The files of a journal: those that are free, and how there come to be more of them. */
export class JournalPool {
  readonly #options: JournalPoolOptions;
  readonly #free: JournalFile[] = [];
  /** They go when the register does not have them any more. */
  readonly #surplus: JournalFile[] = [];
  /** It was told that one of them cannot be deleted. */
  #isRemovalStuck = false;
  #nextFile = 1;
  /** Of all files but those that were made for a large commit, and of the largest. */
  #bytes = 0;
  #largestBytes = 0;
  /** Of files that others have taken over. New ones in their places come in a flood: there is no time to fill them. */
  #givenBytes = 0;
  /** A commit found no room: growing by further steps would be too slow. */
  #isOutgrown = false;
  #prepareFrom = 0;
  /** It was told that no further file can be made. */
  #isStunted = false;
  #preparing: Promise<void> | undefined;

  constructor(options: JournalPoolOptions) {
    this.#options = options;
  }

  /** No other file gets this number. */
  reserve(number: number): void {
    this.#nextFile = Math.max(this.#nextFile, number + 1);
  }

  /** Counts a file that was there, free or not. One that was made for a large commit takes nobody's place. */
  count(file: JournalFile): void {
    if (this.#isLarge(file)) return;
    this.#bytes += file.size;
    this.#largestBytes = Math.max(this.#largestBytes, file.size);
  }

  /** Takes a file that is free, or free again; one too many is to be deleted. */
  takeBack(file: JournalFile): void {
    if (this.#isLarge(file)) {
      this.discard(file);
    } else if (this.#bytes > this.#options.bytesMax) {
      this.#bytes -= file.size;
      this.discard(file);
    } else {
      this.#free.push(file);
    }
  }

  /** A file that is not counted and holds nothing is to be deleted, see {@link removeSurplus}. */
  discard(file: JournalFile): void {
    this.#surplus.push(file);
    this.#options.register.remove(file.number);
  }

  /** Deletes what is too much and will not be missed. What cannot be deleted is, the next time. */
  async removeSurplus(): Promise<void> {
    const { register, log } = this.#options;
    for (const file of this.#surplus.filter(({ number }) => !register.has(number))) {
      try {
        await file.remove();
      } catch (error) {
        if (!this.#isRemovalStuck) log.error(`${file.path} cannot be removed yet: ${reasonOf(error)}`);
        this.#isRemovalStuck = true;
        return;
      }
      this.#surplus.splice(this.#surplus.indexOf(file), 1);
      this.#isRemovalStuck = false;
    }
  }

  #isLarge({ size }: JournalFile): boolean {
    return size > this.#options.fileBytes;
  }

  /** Somebody else has a file now that was taken and will not come back. */
  giveAway(file: JournalFile): void {
    this.#options.register.remove(file.number);
    if (this.#isLarge(file)) return;
    this.#bytes -= file.size;
    this.#givenBytes += file.size;
    this.grow();
  }

  /** Hands out the largest free file, if a block of so many bytes has room there. */
  take(blockBytes: number): JournalFile | undefined {
    const file = this.#free.reduce<JournalFile | undefined>(
      (largest, other) => (largest === undefined || other.size > largest.size ? other : largest),
      undefined,
    );
    // Behind it comes the mark that ends the file.
    if (file === undefined || blockBytes + blockAlignmentBytes > file.size) return undefined;
    this.#free.splice(this.#free.indexOf(file), 1);
    return file;
  }

  /** No file is ever large enough for a block of so many bytes. */
  isTooLarge(blockBytes: number): boolean {
    return blockBytes + blockAlignmentBytes > this.#options.fileBytes;
  }

  /** Makes a file for just one block; undefined when that cannot be done, for which there is another way. */
  async makeFor(blockBytes: number): Promise<JournalFile | undefined> {
    const { directory, freeBytesMin } = this.#options;
    const size = blockBytes + blockAlignmentBytes;
    try {
      if (freeBytes(directory) - size < freeBytesMin) return undefined;
      return await this.#make({ size, isFilled: false });
    } catch {
      return undefined;
    }
  }

  /** Makes a file, has it registered soon and counts it. */
  async #make(wanted: NewFile): Promise<JournalFile> {
    const { directory, freeMark, register } = this.#options;
    const file = await JournalFile.create(directory, this.#nextFile++, wanted, freeMark(wanted.size));
    register.add(file.number);
    this.count(file);
    return file;
  }

  get free(): readonly JournalFile[] {
    return this.#free;
  }

  /** No file is free; one may be in the making. */
  get isEmpty(): boolean {
    return this.#free.length === 0;
  }

  /** There is no free file, and no further one may be made. */
  get isExhausted(): boolean {
    return this.isEmpty && this.#preparing === undefined && this.#nextFileBytes === undefined;
  }

  /** A commit found no room: the next file is as large as any. */
  growFast(): void {
    this.#isOutgrown = true;
    this.grow();
  }

  /** Has another file made, if there may be one. */
  grow(): void {
    const size = this.#nextFileBytes;
    if (this.#preparing !== undefined || size === undefined) return;
    this.#preparing = this.#prepare(size).finally(() => {
      this.#preparing = undefined;
    });
  }

  /** Of the next file to be made; undefined when there may be none. */
  get #nextFileBytes(): number | undefined {
    const { fileBytes, bytesMax } = this.#options;
    if (bytesMax === 0 || performance.now() < this.#prepareFrom) return undefined;
    const next = this.#largestBytes === 0 ? firstFileBytes : this.#largestBytes * growthFactor;
    const size = this.#isOutgrown ? fileBytes : Math.min(next, fileBytes);
    return this.#bytes + size > bytesMax ? undefined : size;
  }

  async #prepare(size: number): Promise<void> {
    const { directory, freeBytesMin, log } = this.#options;
    try {
      // It never gives space back: messages must be able to take as much.
      const left = freeBytes(directory) - size - freeBytesMin;
      if (left < this.#bytes + size) throw new Error('too little free disk space');
      const isFilled = this.#givenBytes < size;
      const file = await this.#make({ size, isFilled });
      if (!isFilled) this.#givenBytes -= size;
      this.#free.push(file);
      if (this.#isStunted) log.info('the journal grows again');
      this.#isStunted = false;
    } catch (error) {
      this.#prepareFrom = performance.now() + prepareRetryMs;
      if (this.#isStunted) return;
      this.#isStunted = true;
      log.warn(`the journal stays as small as it is: ${reasonOf(error)}`);
    }
  }

  /** Waits until no file is being made. */
  async settle(): Promise<void> {
    await this.#preparing;
  }

  /** Closes the files that are nobody's. Those that were taken are their owners' to close. Call {@link settle} before. */
  close(): void {
    for (const file of [...this.#free, ...this.#surplus]) file.close();
  }
}
