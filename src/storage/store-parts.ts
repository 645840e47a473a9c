import { resolve } from 'node:path';
import { DamageReport } from './damage-report.ts';
import { closeDataFiles, type DataFiles, openDataFiles } from './data-files.ts';
import {
  flushDataFiles,
  prepareDirectory,
  removeStrayLockFiles,
  settleFormat,
} from './directory/data-directory.ts';
import { DataDirectoryLock } from './directory/data-directory-lock.ts';
import { isBlank, requireFreeBytes } from './directory/file-check.ts';
import { FreeSpace } from './directory/free-space.ts';
import type { DamagedEntry } from './entries/entry-reader.ts';
import { LogIndex } from './entries/log-index.ts';
import { UnreadableFiles } from './entries/unreadable-files.ts';
import { probeDataFiles } from './file-probe.ts';
import { generationPath } from './generations/generation.ts';
import { Generations, generationMapBytes } from './generations/generations.ts';
import { Journal } from './journal/journal.ts';
import { journalFileBytes, journalNumbers, journalPath, requireJournalFile } from './journal/journal-file.ts';
import type { Clearing } from './moving/clearing.ts';
import { copyForward } from './moving/copy-forward.ts';
import { EntryMover } from './moving/entry-mover.ts';
import { journalMover } from './moving/journal-mover.ts';
import { LogStateTable } from './states/log-state-table.ts';
import { type StoreLog, silentLog } from './store-log.ts';
import { upgradeFormat } from './upgrade.ts';

/** Where a store is kept, and its limits. Sizes are in bytes. */
export interface LmdbStoreOptions {
  /** Made if it does not exist. One process at a time. */
  readonly dataDir: string;
  /** Bytes after which the next generation takes over. Default 1 GiB. */
  readonly generationBytes?: number;
  /** Size of a journal file. Default 16 MiB. */
  readonly journalFileBytes?: number;
  /** Size of all journal files together; 0: no journal. Default 256 MiB. */
  readonly journalBytes?: number;
  /** Free disk space below which the store does not open, and refuses entries. Default 200 MiB. */
  readonly freeBytesMin?: number;
  readonly log?: StoreLog;
  /** Called for every entry that fails its checksum, once it has been set aside. */
  readonly onDamage?: (damage: DamagedEntry) => void;
}

const defaults = {
  generationBytes: 2 ** 30,
  journalFileBytes: 16 * 2 ** 20,
  journalBytes: 256 * 2 ** 20,
  freeBytesMin: 200 * 2 ** 20,
  log: silentLog,
};

/** It may have had no time to say so itself. */
const died =
  'the last broker here did not close its data: it was killed, it died, or the machine stopped; ' +
  'what it confirmed is on the disk, and what it delivered last may be delivered again';

type ResolvedOptions = LmdbStoreOptions & typeof defaults;

/** What a store is made of, opened and connected; nothing of it is running yet. */
export interface StoreParts {
  readonly directory: string;
  readonly files: DataFiles;
  readonly index: LogIndex;
  readonly logStates: LogStateTable;
  readonly generations: Generations;
  readonly journal: Journal;
  readonly mover: EntryMover;
  readonly clearings: readonly Clearing[];
  readonly cleanShutdown: boolean;
  readonly damage: DamageReport;
  readonly unreadable: UnreadableFiles;
  readonly freeSpace: FreeSpace;
  readonly lock: DataDirectoryLock;
  readonly log: StoreLog;
}

/**
 * Opens a data directory, or makes a new one.
 *
 * @throws DataDirectoryError when the directory cannot be used; the message says what to do.
 */
export async function openStoreParts(options: LmdbStoreOptions): Promise<StoreParts> {
  const directory = resolve(options.dataDir);
  const resolved = { ...defaults, ...options };
  const { generationBytes, freeBytesMin, log } = resolved;
  prepareDirectory(directory);
  const lock = await DataDirectoryLock.acquire(directory);
  try {
    if (lock.previousOwnerDied) log.warn(died);
    const format = await settleFormat(directory);
    requireFreeBytes(directory, freeBytesMin);
    await removeStrayLockFiles(directory);
    await flushDataFiles(directory, isEnvironment);
    await probeDataFiles(directory, lock.previousOwnerDied);
    const files = await openDataFiles(directory, generationMapBytes(generationBytes), format, log);
    try {
      const { journalId } = await upgradeFormat({ directory, ...files }, format, log);
      return await connect({ directory, journalId, files, lock }, resolved);
    } catch (error) {
      await closeDataFiles(files);
      throw error;
    }
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function isEnvironment(name: string): boolean {
  return name.endsWith('.mdb');
}

interface Opened {
  readonly directory: string;
  readonly journalId: Buffer;
  readonly files: DataFiles;
  readonly lock: DataDirectoryLock;
}

async function connect(
  { directory, journalId, files, lock }: Opened,
  {
    generationBytes,
    journalFileBytes: fileBytes,
    journalBytes,
    freeBytesMin,
    log,
    onDamage,
  }: ResolvedOptions,
): Promise<StoreParts> {
  const index = new LogIndex();
  const { registers } = files;
  const both = [registers.generations, registers.journal];
  const logStates: LogStateTable = new LogStateTable(files.logStates, both, index, log, () => {
    generations.retireDead();
    journal.retireDead();
    copying.start();
  });
  const orphaned = (logIds: readonly number[]) => logStates.discard(logIds);
  const generations = new Generations(
    {
      directory,
      generationBytes,
      freeBytesMin,
      log,
      index,
      registers,
      rolled: () => copying.start(),
      orphaned,
    },
    files.generations,
  );
  const damage = new DamageReport(directory, log, onDamage);
  const freeSpace = new FreeSpace(directory, freeBytesMin);
  const unreadable = new UnreadableFiles(index, log);
  const mover = new EntryMover({ index, generations, freeSpace, damage, unreadable, log });
  const copying = copyForward(mover, generations, log);
  const isClean = logStates.isMarkedClean;
  const numbersTaken = new Set(files.generations.flatMap(({ valueFileNumbers }) => valueFileNumbers));
  for (const number of registers.journal.numbers) {
    requireJournalFile(directory, number);
    const path = journalPath(directory, number);
    if (isBlank(path) && !numbersTaken.has(number)) damage.reportBlank(path);
  }
  const generationsThere = files.generations.map(({ number }) => number);
  for (const number of registers.generations.missingAmong(generationsThere))
    damage.reportSetAside(generationPath(directory, number));
  // A copy has neither the lock nor the mark. All of it may be on its way to the disk still.
  const isCopy = !lock.previousOwnerDied && !isClean && !files.created;
  // What a generation has taken over was on disk before.
  const isTakenOver = (name: string) => journalNumbers([name]).some((number) => numbersTaken.has(number));
  await flushDataFiles(directory, (name) => !isEnvironment(name) && (isCopy || !isTakenOver(name)));
  const journal = await Journal.open({
    directory,
    journalId,
    fileBytes: journalFileBytes(fileBytes),
    bytesMax: journalBytes,
    freeBytesMin,
    index,
    damage,
    register: registers.journal,
    log,
    numbersTaken,
    filled: () => moving.start(),
    orphaned,
  });
  const moving = journalMover(mover, journal);
  registers.generations.replace(generationsThere);
  registers.journal.replace(journal.fileNumbers);
  await logStates.begin();
  await journal.begin();
  return {
    directory,
    files,
    index,
    logStates,
    generations,
    journal,
    mover,
    clearings: [copying, moving],
    cleanShutdown: isClean || files.created,
    damage,
    unreadable,
    freeSpace,
    lock,
    log,
  };
}
