import { RECORD_HEADER_BYTES } from '../broker/log/record.ts';
import { type Commit, type LogEntry, type RowChange, rowKeyBytesMax } from '../broker/store.ts';
import { LOG_ID_MAX } from './entry-key.ts';
import type { LogIndex } from './log-index.ts';

/** Largest entry: RabbitMQ's largest message (512 MiB) and what comes with it. LMDB fails just below 2 GiB. */
export const ENTRY_BYTES_MAX = 544 * 2 ** 20;

/** Largest commit, summed over its entries. Keep commits far smaller: below 16 MiB a flush is quick. */
export const COMMIT_BYTES_MAX = 2 ** 30;

const COUNT_MAX = 0xffff_ffff;

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
  if (bytes > COMMIT_BYTES_MAX) {
    throw new RangeError(`a commit of ${bytes} bytes, at most ${COMMIT_BYTES_MAX} can be written at once`);
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
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX) throw fail(`bad count ${count}`);
  if (!(persistentCount >= 0 && persistentCount <= count))
    throw fail(`bad persistent count ${persistentCount}`);
  if (!(persistentBodyBytes >= 0 && persistentBodyBytes <= bytes.length))
    throw fail('bad persistent body bytes');
  if (bytes.length < count * RECORD_HEADER_BYTES)
    throw fail(`${bytes.length} bytes cannot hold ${count} records`);
  if (bytes.length > ENTRY_BYTES_MAX)
    throw fail(`${bytes.length} bytes, at most ${ENTRY_BYTES_MAX} can be stored`);
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
  if (value.length > ENTRY_BYTES_MAX - rowKeyBytesMax - 64)
    throw fail(`${value.length} bytes, at most ${ENTRY_BYTES_MAX} can be stored`);
}

function checkLogId(logId: number): void {
  if (!Number.isInteger(logId) || logId < 1 || logId > LOG_ID_MAX)
    throw new RangeError(`bad log id ${logId}`);
}
