import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import type { Recovered, Store } from '../../src/broker/store.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { bodyOf, commitOf, copyOf, messages, newDirectory, recordsOf, removeDirectories } from './support.ts';

const LOGS_MAX = 4;

interface ModelLog {
  next: number;
  readPosition: number;
  unsettled: number[];
}

/** One thing to do. Numbers choose among what is possible at that moment. */
const stepArbitrary = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('publish' as const),
      log: fc.nat(LOGS_MAX - 1),
      times: fc.integer({ min: 1, max: 5 }),
      count: fc.integer({ min: 1, max: 5 }),
      // Of files full of the second ones, generations take over what nobody consumes.
      bodyBytes: fc.constantFrom(20, 3900, 6000),
      /** Along with a message of the next log. */
      twice: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('consume' as const),
      log: fc.nat(LOGS_MAX - 1),
      upTo: fc.nat(20),
      keep: fc.nat(3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('drop' as const), log: fc.nat(LOGS_MAX - 1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('read' as const),
      log: fc.nat(LOGS_MAX - 1),
      from: fc.nat(30),
      length: fc.nat(30),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restore' as const) }) },
);
type Step = typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never;

/** A store beside the simplest thing that behaves like it. */
class Pair {
  #dataDir = newDirectory();
  #store: Store | undefined;
  #recovered: Recovered | undefined;
  /** Log of each slot; a dropped log is followed by a new one. */
  readonly #logIds: number[] = [];
  readonly #logs = new Map<number, ModelLog>();
  #nextLogId = 1;

  async open(): Promise<void> {
    // Small, so that files of the journal take turns and what is owed is moved all the time.
    this.#store = await openLmdbStore({
      dataDir: this.#dataDir,
      generationBytes: 40_000,
      journalFileBytes: 32_768,
      journalBytes: 100_000,
    });
    this.#recovered = this.#store.recover();
    this.#compareAll();
  }

  async close(): Promise<void> {
    await this.#store?.close();
  }

  async take(step: Step): Promise<void> {
    if (step.type === 'restart') {
      await this.close();
      await this.open();
      return;
    }
    if (step.type === 'crash') {
      const left = copyOf(this.#dataDir);
      await this.close();
      this.#dataDir = left;
      await this.open();
      return;
    }
    const store = this.#store;
    if (store === undefined) throw new Error('not open');
    if (step.type === 'restore') {
      const directory = join(newDirectory(), 'backup');
      await store.backup({ directory }, { bytesDone: 0, bytesTotal: 0 });
      await this.close();
      this.#dataDir = directory;
      await this.open();
      return;
    }
    const logId = this.#logIdOf(step.log);
    const log = this.#logOf(logId);
    switch (step.type) {
      case 'publish':
        for (let i = 0; i < step.times; i++) {
          const entries = [messages(logId, log.next, step.count, step.bodyBytes)];
          log.next += step.count;
          if (step.twice) {
            const otherId = this.#logIdOf((step.log + 1) % LOGS_MAX);
            entries.push(messages(otherId, this.#logOf(otherId).next++, 1));
          }
          await store.commit(commitOf({ entries }));
        }
        break;
      case 'consume': {
        // What was settled stays settled.
        const isOwed = new Set([
          ...log.unsettled,
          ...Array.from({ length: step.upTo }, (_, i) => log.readPosition + i),
        ]);
        log.readPosition = Math.min(log.next, log.readPosition + step.upTo);
        log.unsettled = Array.from({ length: step.keep }, (_, i) => log.readPosition - 1 - 2 * i)
          .filter((sequence) => isOwed.has(sequence))
          .reverse();
        const unsettled = log.unsettled.map((firstSequence) => ({ firstSequence, count: 1 }));
        await store.commit(commitOf({ logStates: [{ logId, readPosition: log.readPosition, unsettled }] }));
        break;
      }
      case 'drop':
        await store.commit(commitOf({ droppedLogs: [logId] }));
        this.#logs.delete(logId);
        delete this.#logIds[step.log];
        break;
      case 'read':
        this.#compare(logId, step.from, step.from + step.length);
        break;
    }
  }

  #logIdOf(slot: number): number {
    this.#logIds[slot] ??= this.#nextLogId++;
    return this.#logIds[slot] ?? 0;
  }

  #logOf(logId: number): ModelLog {
    let log = this.#logs.get(logId);
    if (log === undefined) {
      log = { next: 0, readPosition: 0, unsettled: [] };
      this.#logs.set(logId, log);
    }
    return log;
  }

  #compareAll(): void {
    for (const logId of this.#recovered?.logs.keys() ?? []) expect(this.#logs.has(logId)).toBe(true);
    for (const [logId, log] of this.#logs) {
      const found = this.#recovered?.logs.get(logId);
      // A log that was never written is not there.
      expect(found?.nextSequence ?? 0).toBe(log.next);
      expect(found?.unreadCount ?? 0).toBe(log.next - log.readPosition);
      expect(found?.state.readPosition ?? 0).toBe(log.readPosition);
      expect(found?.state.unsettled.map(({ firstSequence }) => firstSequence) ?? []).toEqual(log.unsettled);
      expect(this.#recovered?.nextLogId).toBeGreaterThan(found === undefined ? 0 : logId);
      this.#compare(logId, 0, log.next);
    }
  }

  /** Everything owed within the range must be read; what is settled may be. All of it in order and intact. */
  #compare(logId: number, from: number, to: number): void {
    const log = this.#logOf(logId);
    const records = recordsOf(this.#store?.read(logId, from, to, Number.POSITIVE_INFINITY) ?? []);
    const sequences = records.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(new Set(sequences).size).toBe(sequences.length);
    for (const { sequence, body } of records)
      expect(body.replace(/\.+$/, '.')).toBe(`${bodyOf(logId, sequence, 0)}.`);
    const unread = Array.from({ length: log.next - log.readPosition }, (_, i) => log.readPosition + i);
    const owed = [...log.unsettled, ...unread].filter((sequence) => sequence >= from && sequence < to);
    expect(sequences).toEqual(expect.arrayContaining(owed));
  }
}

afterAll(removeDirectories);

it('behaves like a list in memory, whatever is committed, consumed, dropped, restarted and restored', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stepArbitrary, { minLength: 5, maxLength: 60 }), async (steps) => {
      const pair = new Pair();
      await pair.open();
      try {
        for (const step of steps) await pair.take(step);
        await pair.take({ type: 'restart' });
      } finally {
        await pair.close();
      }
    }),
    { numRuns: Number(process.env['LEVERET_PROPERTY_RUNS'] ?? 40) },
  );
});
