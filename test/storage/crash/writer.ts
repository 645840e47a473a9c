/**
 * Runs as a process of its own, to be killed: opens a store, reports what it found, then commits until it
 * dies. Every commit is announced before and confirmed after, one JSON line each (see {@link WriterLine}).
 *
 *     writer.ts <data directory> <generation bytes> <seed> <run> [commits]
 */
import { readdirSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Commit,
  type Definition,
  type LogEntry,
  type LogState,
  type RowChange,
  StoreFullError,
} from '../../../src/broker/store.ts';
import { openLmdbStore } from '../../../src/storage/lmdb-store.ts';
import { bodyOf, messages, recordsOf } from '../support.ts';
import { randomNumbers } from './random.ts';
import { type Announcement, type FoundLog, isDefined, isFlood, type WriterLine } from './writer-line.ts';

const [dataDir = '', generationBytes = '0', seed = '0', run = '0', commitsMax = 'Infinity'] =
  process.argv.slice(2);
/** Its read position is the number of the newest commit: states must never be ahead of entries. */
const TICKER_LOG = 1;
const COMMITS_PER_RUN_MAX = 1_000_000;
const OUTSTANDING_MAX = 150;
const FLOOD_OUTSTANDING_MAX = 700;
/** As many files as the journal has for itself. */
const JOURNAL_FILES = 3;
const JOURNAL_FILE_BYTES = 64 * 1024;
/** One log in so many never lets go of the first message it has kept: generations are copied forward. */
const STUCK_LOGS = 3;
/** One commit in so many has nothing but a large entry, which is written ahead of it. */
const LARGE_EVERY = 12;
const LARGE_RECORDS = 300;
/** Rows there are before they are removed, in random order. */
const ROWS_MAX = 60;

interface WrittenLog {
  next: number;
  readPosition: number;
  unsettled: number[];
}

const random = randomNumbers(Number(seed));
const below = (limit: number) => Math.floor(random() * limit);
const logs = new Map<number, WrittenLog>();
const rows = new Set<number>();
/** Logs that were dropped by a commit of which only the definitions came through. */
const orphans: number[] = [];
let nextRow = 1;

function say(line: WriterLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

/** Long bodies now and then, the same for a sequence whoever writes it. */
function bodyBytes(logId: number, sequence: number): number {
  return (logId + sequence) % 23 === 0 ? 9000 : 20 + ((sequence * 7) % 300);
}

function newEntry(logId: number, first: number, count: number): LogEntry {
  const parts = Array.from({ length: count }, (_, i) =>
    messages(logId, first + i, 1, bodyBytes(logId, first + i)),
  );
  return {
    logId,
    firstSequence: first,
    count,
    persistentCount: count,
    persistentBodyBytes: parts.reduce((sum, part) => sum + part.persistentBodyBytes, 0),
    bytes: Buffer.concat(parts.map((part) => part.bytes)),
  };
}

const store = await openLmdbStore({
  dataDir,
  generationBytes: Number(generationBytes),
  // Small, so that files take turns, and now and then there is no room in any.
  journalFileBytes: JOURNAL_FILE_BYTES,
  journalBytes: JOURNAL_FILES * JOURNAL_FILE_BYTES,
  log: {
    info: (message) => message.startsWith('copied') && say({ type: 'copied' }),
    warn: () => {},
    error: () => {},
  },
  onDamage: (damage) => fail(`damaged entry of log ${damage.logId} at ${damage.firstSequence}`),
});
say({ type: 'opened' });
const recovered = store.recover();

function fail(reason: string): never {
  say({ type: 'failed', reason });
  process.exit(9);
}

/** Sequences of a log that are owed and can be read. */
function owed(logId: number, state: LogState, next: number): number[] {
  const unsettled = state.unsettled.flatMap((range) =>
    Array.from({ length: range.count }, (_, i) => range.firstSequence + i),
  );
  const wanted = new Set(unsettled);
  const found: number[] = [];
  for (const { sequence, body } of recordsOf(store.read(logId, 0, next, Number.POSITIVE_INFINITY))) {
    if (sequence < state.readPosition && !wanted.has(sequence)) continue;
    // Of what was moved twice, because a crash came in between, the entries may overlap.
    if (sequence <= (found.at(-1) ?? -1)) continue;
    if (body !== bodyOf(logId, sequence, bodyBytes(logId, sequence)))
      fail(`log ${logId} has a wrong body at ${sequence}`);
    found.push(sequence);
  }
  return found;
}

function rowKey(row: number): Buffer {
  const key = Buffer.alloc(5, 1);
  key.writeUInt32BE(row, 1);
  return key;
}

/** Long ones now and then, as for messages. */
function rowValue(row: number): Buffer {
  return Buffer.from(bodyOf(0, row, bodyBytes(0, row)));
}

function findRows(): number[] {
  const limits = { rowsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.POSITIVE_INFINITY };
  return store
    .scanRows({ from: Buffer.from([1]), below: Buffer.from([2]), ...limits })
    .map(({ key, value }) => {
      const row = key.readUInt32BE(1);
      if (!value.equals(rowValue(row))) fail(`row ${row} has a wrong value`);
      return row;
    });
}

function definitionOf(logId: number, isThere: boolean): Definition {
  return { key: ['log', bodyOf(logId, 0, bodyBytes(logId, 0) / 10), String(logId)], value: isThere || null };
}

const definitions = new Set<number>();
for (const { key } of recovered.definitions) if (key[0] === 'log') definitions.add(Number(key[2]));

const found: FoundLog[] = [];
for (const { logId, state, nextSequence, unreadCount } of recovered.logs.values()) {
  if (logId === TICKER_LOG) continue;
  if (isDefined(logId) && !definitions.has(logId)) {
    orphans.push(logId);
    continue;
  }
  const sequences = owed(logId, state, nextSequence);
  const unread = sequences.filter((sequence) => sequence >= state.readPosition).length;
  if (unread !== unreadCount)
    fail(`log ${logId} has ${unread} unread records, recover() counted ${unreadCount}`);
  found.push({ logId, next: nextSequence, readPosition: state.readPosition, owed: sequences });
  const unsettled = sequences.filter((sequence) => sequence < state.readPosition);
  logs.set(logId, { next: nextSequence, readPosition: state.readPosition, unsettled });
}
const counter = recovered.definitions.find(({ key }) => key[0] === 'counter')?.value;
for (const row of findRows()) {
  rows.add(row);
  nextRow = Math.max(nextRow, row + 1);
}
say({
  type: 'recovered',
  logs: found,
  rows: [...rows],
  definitions: [...definitions],
  counter: typeof counter === 'number' ? counter : 0,
  ticker: recovered.logs.get(TICKER_LOG)?.state.readPosition ?? 0,
  adopted: Math.max(0, readdirSync(dataDir).filter((name) => name.endsWith('.wal')).length - JOURNAL_FILES),
});
let nextLogId = Math.max(recovered.nextLogId, TICKER_LOG + 1, ...[...definitions].map((logId) => logId + 1));
for (const logId of definitions) {
  if (!logs.has(logId)) logs.set(logId, { next: 0, readPosition: 0, unsettled: [] });
}

function stateOf(logId: number, log: WrittenLog): LogState {
  const unsettled = log.unsettled.map((firstSequence) => ({ firstSequence, count: 1 }));
  return { logId, readPosition: log.readPosition, unsettled };
}

/** Consumes some of a log: all that is unsettled but a few, and some of what is unread. */
function consume(logId: number, log: WrittenLog, limit: number): void {
  const read = Math.min(limit, log.next) - log.readPosition;
  if (read <= 0) return;
  const upTo = log.readPosition + 1 + below(read);
  const stuck = logId % STUCK_LOGS === 0 ? log.unsettled.slice(0, 1) : [];
  if (random() < 0.5) log.unsettled = [...stuck, ...log.unsettled.slice(stuck.length).slice(-2)];
  else log.unsettled = stuck;
  if (random() < 0.5) log.unsettled.push(upTo - 1);
  log.readPosition = upTo;
}

function nextRows(): RowChange[] {
  const changes: RowChange[] = [];
  for (let left = below(8); left > 0; left--) {
    changes.push({ key: rowKey(nextRow), value: rowValue(nextRow) });
    rows.add(nextRow++);
  }
  const known = [...rows];
  while (rows.size > ROWS_MAX) {
    const row = known[below(known.length)];
    if (row === undefined || !rows.delete(row)) continue;
    // One that this very commit adds: a key occurs once.
    const at = changes.findIndex(({ key }) => key.equals(rowKey(row)));
    if (at >= 0) changes.splice(at, 1);
    else changes.push({ key: rowKey(row), value: null });
  }
  return changes;
}

function nextCommit(number: number): Commit {
  const entries: LogEntry[] = [];
  const logStates: LogState[] = [];
  const droppedLogs = orphans.splice(0);
  const statesOnly = random() < 0.15;
  const definitions: Definition[] = statesOnly ? [] : [{ key: ['counter'], value: number }];
  while (!statesOnly && logs.size < 6) {
    if (isDefined(nextLogId)) definitions.push(definitionOf(nextLogId, true));
    logs.set(nextLogId++, { next: 0, readPosition: 0, unsettled: [] });
  }
  for (const [logId, log] of logs) {
    const before = log.next;
    const outstandingMax = isFlood(Number(run)) ? FLOOD_OUTSTANDING_MAX : OUTSTANDING_MAX;
    if (!statesOnly && random() < 0.5 && log.next - log.readPosition < outstandingMax) {
      const count = isFlood(Number(run)) ? 40 + below(40) : 1 + below(12);
      entries.push(newEntry(logId, log.next, count));
      log.next += count;
    }
    if (random() < (isFlood(Number(run)) ? 0.1 : 0.4)) {
      consume(logId, log, before);
      logStates.push(stateOf(logId, log));
    } else if (random() < 0.02 && entries.at(-1)?.logId !== logId && !(statesOnly && isDefined(logId))) {
      if (isDefined(logId)) changeDefinition(definitions, definitionOf(logId, false));
      droppedLogs.push(logId);
      logs.delete(logId);
    }
  }
  if (statesOnly) return { entries, rows: [], definitions, logStates, droppedLogs };
  logStates.push({ logId: TICKER_LOG, readPosition: number, unsettled: [] });
  return { entries, rows: nextRows(), definitions, logStates, droppedLogs };
}

/** A large entry for any log; undefined when there is none. */
async function nextLargeCommit(): Promise<Commit | undefined> {
  const [first] = logs;
  if (first === undefined) return undefined;
  const [logId, log] = first;
  const entry = newEntry(logId, log.next, LARGE_RECORDS);
  const written = store.writeAhead(entry);
  if (written === undefined) fail('a large entry was not large enough');
  log.next += LARGE_RECORDS;
  const entries = [{ ...entry, ahead: await written }];
  return { entries, rows: [], definitions: [], logStates: [], droppedLogs: [] };
}

/** One that this very commit adds does not come at all: a key occurs once. */
function changeDefinition(definitions: Definition[], change: Definition): void {
  const at = definitions.findIndex(({ key }) => key[2] === change.key[2]);
  if (at > 0) definitions.splice(at, 1);
  else definitions.push(change);
}

function announce(commit: Commit, number: number): Announcement {
  return {
    number,
    entries: commit.entries.map(({ logId, firstSequence, count }) => ({ logId, firstSequence, count })),
    states: commit.logStates
      .filter(({ logId }) => logId !== TICKER_LOG)
      .map(({ logId, readPosition, unsettled }) => ({
        logId,
        readPosition,
        unsettled: unsettled.map(({ firstSequence }) => firstSequence),
      })),
    dropped: commit.droppedLogs,
    rows: commit.rows.map(({ key, value }) => (value === null ? -key.readUInt32BE(1) : key.readUInt32BE(1))),
    definitions: commit.definitions
      .filter(({ key }) => key[0] === 'log')
      .map(({ key, value }) => (value === null ? -Number(key[2]) : Number(key[2]))),
    counted: commit.definitions.length > 0,
  };
}

for (let i = 1; i <= Number(commitsMax); i++) {
  const number = Number(run) * COMMITS_PER_RUN_MAX + i;
  const large = i % LARGE_EVERY === 0 ? await nextLargeCommit() : undefined;
  const commit = large ?? nextCommit(number);
  say({ type: 'started', ...announce(commit, number) });
  const startedAt = performance.now();
  for (;;) {
    try {
      await store.commit(commit);
      break;
    } catch (error) {
      if (!(error instanceof StoreFullError)) {
        say({ type: 'broken', reason: String(error) });
        process.exit(3);
      }
      say({ type: 'full' });
      await delay(20);
    }
  }
  say({ type: 'confirmed', number, ms: performance.now() - startedAt });
}
await store.close();
