import { readdir } from 'node:fs/promises';
import type { DamageReport } from '../damage-report.ts';
import { DataDirectoryError } from '../directory/data-directory-error.ts';
import { isBlank } from '../directory/file-check.ts';
import { setAside } from '../directory/set-aside.ts';
import { belongsElsewhere, blockAlignmentBytes } from './journal-block.ts';
import { JournalFile, journalNumbers } from './journal-file.ts';
import { type FoundFill, readFill } from './journal-reader.ts';

/** The journal files that an earlier run has left. */
export class FoundFiles {
  /** Of all of them, those that cannot be read included. */
  readonly numbers: readonly number[];
  /** Ascending by number, free ones among them. */
  readonly fills: FoundFill[] = [];
  /** Nothing was ever in them. */
  readonly blank: JournalFile[] = [];
  /** Paths of those in which no block can be read. */
  readonly #unreadable: string[] = [];

  private constructor(numbers: readonly number[]) {
    this.numbers = numbers;
  }

  /**
   * Opens the files, which have been flushed, and reads what is in them.
   *
   * @param except numbers of files that belong to others.
   * @throws DataDirectoryError when a file belongs to another data directory.
   */
  static async read(directory: string, journalId: Buffer, except: ReadonlySet<number>): Promise<FoundFiles> {
    const numbers = journalNumbers(await readdir(directory)).filter((number) => !except.has(number));
    const found = new FoundFiles(numbers);
    try {
      for (const number of numbers) found.#add(JournalFile.open(directory, number), journalId);
    } catch (error) {
      for (const { fill } of found.fills) fill.file.close();
      for (const file of found.blank) file.close();
      throw error;
    }
    return found;
  }

  #add(file: JournalFile, journalId: Buffer): void {
    const fill = readFill(file, journalId);
    if (fill !== undefined) this.fills.push(fill);
    else if (isBlank(file.path)) this.blank.push(file);
    else this.#dismiss(file);
  }

  /** No block can be read in the file. */
  #dismiss(file: JournalFile): void {
    const { path } = file;
    const start = file.read(0, blockAlignmentBytes);
    file.close();
    if (belongsElsewhere(start)) {
      throw new DataDirectoryError(
        `${path} belongs to another data directory: restore it together with format.json`,
      );
    }
    this.#unreadable.push(path);
  }

  /** Gives files that cannot be read another name. Nobody may miss them by then. */
  async setUnreadableAside(damage: DamageReport): Promise<void> {
    for (const path of this.#unreadable) damage.reportFile(path, await setAside(path));
  }
}
