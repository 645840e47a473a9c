import { recordHeaderBytes } from '../broker/log/record.ts';
import { type Commit, type LogEntry, type RowChange, rowKeyBytesMax } from '../broker/store.ts';
import { logIdMax } from './entries/entry-key.ts';
import type { LogIndex } from './entries/log-index.ts';

/** Largest entry: RabbitMQ's largest message (512 MiB) and what comes with it. LMDB fails just below 2 GiB. */
export const entryBytesMax = 544 * 2 ** 20;

/** Largest commit, summed over its entries. Keep commits far smaller: below 16 MiB a flush is quick. */
export const commitBytesMax = 2 ** 30;

const entriesMax = 0xffff_ffff;

/**
 * Refuses what cannot be stored before anything is written.
 *
 * @throws RangeError naming the log and what is wrong.
 */
export function checkCommit(commit: Commit, index: LogIndex): void {
  let bytes = 0;
  for (const entry of commit.entries) {
    checkEntry(entry);
    if (index.get(entry.logId)?.dropped)
      throw new RangeError(`an entry for log ${entry.logId}, which was dropped`);
    bytes += entry.bytes.length;
  }
  for (const row of commit.rows) {
    checkRow(row);
    bytes += row.value?.length ?? 0;
  }
  if (bytes > commitBytesMax) {
    throw new RangeError(`a commit of ${bytes} bytes, at most ${commitBytesMax} can be written at once`);
  }
  for (const { logId } of commit.logStates) checkLogId(logId);
  for (const logId of commit.droppedLogs) checkLogId(logId);
}

function checkEntry(entry: LogEntry): void {
  const { logId, firstSequence, count, persistentCount, persistentBodyBytes, bytes } = entry;
  const fail = (what: string) =>
    new RangeError(`entry of log ${logId} from sequence ${firstSequence}: ${what}`);
  checkLogId(logId);
  if (!Number.isSafeInteger(firstSequence) || firstSequence < 0) throw fail('bad sequence');
  if (!Number.isInteger(count) || count < 1 || count > entriesMax) throw fail(`bad count ${count}`);
  if (!(persistentCount >= 0 && persistentCount <= count))
    throw fail(`bad persistent count ${persistentCount}`);
  if (!(persistentBodyBytes >= 0 && persistentBodyBytes <= bytes.length))
    throw fail('bad persistent body bytes');
  if (bytes.length < count * recordHeaderBytes)
    throw fail(`${bytes.length} bytes cannot hold ${count} records`);
  if (bytes.length > entryBytesMax)
    throw fail(`${bytes.length} bytes, at most ${entryBytesMax} can be stored`);
}

/** Tables have the numbers 1 to 127: see `row-file.ts`. */
function checkRow({ key, value }: RowChange): void {
  const table = key[0] ?? 0;
  const fail = (what: string) => new RangeError(`row ${key.toString('hex')}: ${what}`);
  if (table < 1 || table > 127) throw fail(`bad table ${table}`);
  if (key.length > rowKeyBytesMax)
    throw fail(`a key of ${key.length} bytes, at most ${rowKeyBytesMax} can be stored`);
  if (value === null) return;
  if (value.length === 0) throw fail('no value');
  if (value.length > entryBytesMax - rowKeyBytesMax - 64)
    throw fail(`${value.length} bytes, at most ${entryBytesMax} can be stored`);
}

function checkLogId(logId: number): void {
  if (!Number.isInteger(logId) || logId < 1 || logId > logIdMax) throw new RangeError(`bad log id ${logId}`);
}
