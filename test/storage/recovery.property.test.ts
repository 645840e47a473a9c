import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import type { LogEntry, Recovered, Store } from '../../src/broker/store.ts';
import { decodeEntryKey, encodeEntryKey } from '../../src/storage/entries/entry-key.ts';
import { Generation } from '../../src/storage/generations/generation.ts';
import { PlacedEntries } from '../../src/storage/generations/placed-entries.ts';
import { JournalFile, journalFileBytes } from '../../src/storage/journal/journal-file.ts';
import { transact } from '../../src/storage/lmdb/environment.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { bodyOf, commitOf, entry, newDirectory, recordsOf, removeDirectories } from './support.ts';

/** The log that is looked at lies between two others. */
const LOG = 2;
const NEIGHBOURS = [LOG - 1, LOG + 1];
const MAP_BYTES = 2 ** 24;
const INSPECTIONS = 3;
const FILE_BYTES = 4096;

/** What may have happened to a log before a crash. Numbers choose among what is possible at that moment. */
const stepArbitrary = fc.oneof(
  // True: persistent.
  { weight: 5, arbitrary: fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }) },
  { weight: 2, arbitrary: fc.record({ unwritten: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.constant('spill' as const) },
  { weight: 4, arbitrary: fc.constant('roll' as const) },
  { weight: 2, arbitrary: fc.constant('move' as const) },
  // What was refused for want of space though the entries had been written comes again, with more behind it.
  {
    weight: 2,
    arbitrary: fc.record({ againWithout: fc.nat(3), more: fc.array(fc.boolean(), { maxLength: 3 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ copyOf: fc.nat(99), cutFront: fc.nat(3), cutBack: fc.nat(3) }),
  },
);
type Step = typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never;

const stateArbitrary = fc.record({
  readPart: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
  /** Every so many-th message below the read position is still owed. */
  owedEvery: fc.integer({ min: 2, max: 9 }),
});

/** Copies and newer entries of the log side by side in a generation, and spilled ones in the next. */
const spilledBesideCopies: Step[] = [
  [true, true, true],
  'roll',
  [true, true],
  'roll',
  'move',
  [true],
  { unwritten: 2 },
  [true],
  'roll',
  'spill',
];

interface Written {
  readonly generation: number;
  readonly first: number;
  /** True: persistent. */
  readonly records: readonly boolean[];
}

/** Entries as broker runs of the past have left them: in which generations, once or twice. */
class History {
  entries: Written[] = [];
  generations = 1;
  next = 0;
  /** Runs of transient records that were not written with those beside them. */
  readonly #unwritten: { first: number; count: number }[] = [];

  take(step: Step): void {
    if (step === 'roll') {
      this.generations++;
    } else if (step === 'move') {
      this.#moveOldest();
    } else if (step === 'spill') {
      const run = this.#unwritten.shift();
      if (run !== undefined) this.#write(run.first, Array<boolean>(run.count).fill(false));
    } else if (Array.isArray(step)) {
      this.#write(this.next, step);
      this.next += step.length;
    } else if ('unwritten' in step) {
      this.#unwritten.push({ first: this.next, count: step.unwritten });
      this.next += step.unwritten;
    } else if ('more' in step) {
      this.#writeAgain(step.againWithout, step.more);
    } else {
      this.#copyPart(step.copyOf, step.cutFront, step.cutBack);
    }
  }

  #writeAgain(without: number, more: readonly boolean[]): void {
    const last = this.entries.at(-1);
    if (last === undefined || last.first + last.records.length !== this.next) return;
    const records = [...last.records.slice(without), ...more];
    if (records.length > 0) this.#write(this.next - last.records.slice(without).length, records);
    this.next += more.length;
  }

  /** All of the oldest generation was copied before the crash. */
  #moveOldest(): void {
    const oldest = Math.min(...this.entries.map(({ generation }) => generation));
    const sources = this.entries.filter(({ generation }) => generation === oldest);
    for (const source of sources) this.#copy(source, 0, 0);
    this.entries = this.entries.filter(
      (entry) => entry.generation !== oldest || entry.generation === this.generations,
    );
  }

  /** Some of it was. */
  #copyPart(nth: number, cutFront: number, cutBack: number): void {
    const source = this.entries[nth % this.entries.length];
    if (source !== undefined) this.#copy(source, cutFront, cutBack);
  }

  /** Into the newest generation, which never holds anything twice. */
  #copy(source: Written, cutFront: number, cutBack: number): void {
    if (source.generation === this.generations) return;
    const records = source.records.slice(cutFront, source.records.length - cutBack);
    const first = source.first + cutFront;
    const isThere = this.entries.some(
      (other) =>
        other.generation === this.generations &&
        other.first < first + records.length &&
        other.first + other.records.length > first,
    );
    if (records.length > 0 && !isThere) this.#write(first, records);
  }

  #write(first: number, records: readonly boolean[]): void {
    this.entries.push({ generation: this.generations, first, records });
  }

  /** Sequences that are on disk, and which of them are persistent. */
  get stored(): Map<number, boolean> {
    const stored = new Map<number, boolean>();
    for (const { first, records } of this.entries) {
      for (const [i, persistent] of records.entries()) stored.set(first + i, persistent);
    }
    return stored;
  }
}

function logEntry(logId: number, first: number, records: readonly boolean[]): LogEntry {
  const bodies = records.map((persistent, i) => ({ body: bodyOf(logId, first + i), persistent }));
  return entry(logId, first, bodies);
}

/** @param takenOver 0 or 1: generations with even or odd numbers have taken over files of the journal; 2: none has. */
async function writeGenerations(dataDir: string, history: History, takenOver: number): Promise<void> {
  for (let number = 1; number <= history.generations; number++) {
    const generation =
      number === 1
        ? Generation.open(dataDir, number, MAP_BYTES)
        : await Generation.create(dataDir, number, MAP_BYTES);
    const entries = history.entries
      .filter((written) => written.generation === number)
      .map(({ first, records }) => logEntry(LOG, first, records));
    for (const logId of NEIGHBOURS) entries.push(logEntry(logId, number, [true]));
    const isTakenOver = number % 2 === takenOver;
    if (isTakenOver) await takeOver(generation, dataDir, entries);
    else {
      await transact(generation.environment, () => {
        for (const one of entries) generation.environment.put(encodeEntryKey(one), one.bytes);
      });
    }
    await generation.close();
  }
}

/** The values stay in two files, and the generation has their places. */
async function takeOver(generation: Generation, directory: string, entries: readonly LogEntry[]) {
  for (const part of [0, 1]) {
    const bytes = Buffer.concat(entries.map((one) => one.bytes));
    const number = 2 * generation.number + part;
    const size = journalFileBytes(bytes.length + FILE_BYTES);
    const file = await JournalFile.create(directory, number, { size, isFilled: false }, Buffer.alloc(1));
    await file.write([bytes], 0);
    let at = 0;
    const placed = new PlacedEntries(number);
    for (const one of entries) {
      const rawKey = encodeEntryKey(one);
      if (one.firstSequence % 2 === part) placed.add(decodeEntryKey(rawKey), rawKey, at);
      at += one.bytes.length;
    }
    await generation.adopt(file, bytes.length, placed);
    file.close();
  }
}

interface State {
  readonly readPosition: number;
  readonly owedBelow: readonly number[];
}

function stateOf(history: History, { readPart, owedEvery }: { readPart: number; owedEvery: number }): State {
  const readPosition = Math.round(readPart * history.next);
  const below = Array.from({ length: readPosition }, (_, sequence) => sequence);
  return { readPosition, owedBelow: below.filter((sequence) => sequence % owedEvery === 0) };
}

function compare(
  { store, recovered }: { store: Store; recovered: Recovered },
  history: History,
  { readPosition, owedBelow }: State,
): void {
  const { stored } = history;
  const unread = [...stored].filter(([sequence, persistent]) => persistent && sequence >= readPosition);
  const end = Math.max(0, ...stored.keys()) + (stored.size > 0 ? 1 : 0);
  expect(recovered.logs.get(LOG)).toMatchObject({
    unreadCount: unread.length,
    unreadBodyBytes: unread.reduce((sum, [sequence]) => sum + bodyOf(LOG, sequence).length, 0),
    nextSequence: Math.max(readPosition, end),
  });

  const below = new Set(owedBelow);
  const isOwed = (sequence: number) => sequence >= readPosition || below.has(sequence);
  // Segment by segment, as a backlog is read.
  const found = new Map<number, boolean>();
  for (let from = 0; from < history.next; ) {
    const entries = store.read(LOG, from, history.next, 1);
    const last = entries.at(-1);
    if (last === undefined) break;
    for (const { sequence, body, persistent } of recordsOf(entries)) {
      expect(body).toBe(bodyOf(LOG, sequence));
      if (isOwed(sequence)) found.set(sequence, persistent);
    }
    from = last.firstSequence + last.count;
  }
  const owed = [...stored].filter(([sequence]) => isOwed(sequence)).sort(([a], [b]) => a - b);
  expect([...found].sort(([a], [b]) => a - b)).toEqual(owed);
}

afterAll(removeDirectories);

it('counts and reads every message once, wherever crashes and copying have left it', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(stepArbitrary, { minLength: 3, maxLength: 40 }),
      stateArbitrary,
      fc.nat(2),
      async (steps, choice, takenOver) => {
        const dataDir = newDirectory();
        const history = new History();
        for (const step of steps) history.take(step);
        const state = stateOf(history, choice);
        const unsettled = state.owedBelow.map((firstSequence) => ({ firstSequence, count: 1 }));
        const { readPosition } = state;

        const first = await openLmdbStore({ dataDir });
        first.recover();
        await first.commit(commitOf({ logStates: [{ logId: LOG, readPosition, unsettled }] }));
        await first.close();
        await writeGenerations(dataDir, history, takenOver);
        // The first one looks at keys, the next ones at summaries and at what has been copied meanwhile.
        for (let i = 0; i < INSPECTIONS; i++) {
          const store = await openLmdbStore({ dataDir });
          compare({ store, recovered: store.recover() }, history, state);
          await store.close();
        }
      },
    ),
    {
      numRuns: Number(process.env['LEVERET_PROPERTY_RUNS'] ?? 30),
      examples: [[spilledBesideCopies, { readPart: 0, owedEvery: 2 }, 0]],
    },
  );
});
