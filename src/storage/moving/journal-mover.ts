import type { Journal } from '../journal/journal.ts';
import type { JournalFill } from '../journal/journal-fill.ts';
import { Clearing } from './clearing.ts';
import type { EntryMover } from './entry-mover.ts';

/** A file of which less than this is still owed is not worth reading as a whole, and a larger one takes too much memory. */
const loadedPartMin = 0.25;
const loadedBytesMax = 16 * 2 ** 20;

/** Memory that no file has been read into for so long is given back. */
const keptMs = 2000;

/**
 * Makes room in a journal that takes turns with few files. Of files that have been full for a while, what is owed still
 * goes to the newest generation: the whole file, if that is nearly all of it.
 */
export function journalMover(mover: EntryMover, journal: Journal): Clearing {
  const memory = new MoverMemory();
  return new Clearing(mover, () => {
    memory.unload();
    const fill = journal.overdue;
    if (fill === undefined) return undefined;
    const isThere = () => journal.has(fill);
    const mayBeTaken = () => isThere() && journal.mayHandOver;
    if (fill.isDense && mayBeTaken()) {
      return async () => {
        await mover.adopt({ fill, mayBeTaken, adopted: () => journal.handOver(fill) });
        journal.retireDead();
      };
    }
    const source = {
      file: fill,
      copied: false,
      prepare: async () => {
        if (fill.liveBytes < fill.end * loadedPartMin || fill.end > loadedBytesMax) return;
        // What cannot be read is seen entry by entry.
        await memory.load(fill).catch(() => {});
      },
      isThere,
      isUrgent: () => journal.isCrowded,
    };
    return async () => {
      await mover.empty(source);
      journal.retireDead();
    };
  });
}

/** What the file that is being moved is read into. New memory for each would cost the kernel more than the reading. */
class MoverMemory {
  #bytes: Buffer | undefined;
  #loaded: JournalFill | undefined;
  #release: NodeJS.Timeout | undefined;

  async load(fill: JournalFill): Promise<void> {
    clearTimeout(this.#release);
    if (this.#bytes === undefined || this.#bytes.length < fill.end) {
      this.#bytes = Buffer.allocUnsafeSlow(fill.file.size);
    }
    this.#loaded = fill;
    await fill.load(this.#bytes.subarray(0, fill.end));
  }

  unload(): void {
    if (this.#loaded === undefined) return;
    this.#loaded.unload();
    this.#loaded = undefined;
    this.#release = setTimeout(() => {
      this.#bytes = undefined;
    }, keptMs).unref();
  }
}
