import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { Committer } from '../../src/broker/committer.ts';
import type { DelayLine } from '../../src/broker/delays/delay-line.ts';
import { Delays } from '../../src/broker/delays/delays.ts';
import { slotMs, slotStart } from '../../src/broker/delays/keys.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { ManualClock } from '../server/manual-clock.ts';
import { newDirectory, removeDirectories } from '../storage/support.ts';

const lineIds = [5, 6, 0xffff_ffff];

const lineArbitrary = fc.nat(lineIds.length - 1);
const stepArbitrary = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('add' as const),
      line: lineArbitrary,
      delayMs: fc.constantFrom(1, 2, 50, 1000, 20_000, slotMs, 2 * slotMs, 2.5 * slotMs, 4_294_967_295),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('advance' as const),
      ms: fc.constantFrom(0, 1, 49, 1000, 30_000, 0.7 * slotMs, 1.5 * slotMs),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('cancel' as const), line: lineArbitrary, index: fc.nat(5) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('list' as const),
      line: lineArbitrary,
      after: fc.nat(4),
      limit: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('flush' as const, 'restart' as const) }) },
);
type Step = typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never;

interface Waiting {
  readonly text: string;
  readonly dueAt: number;
}

/** Lines over a store on disk, beside lists in memory. */
class Pair {
  readonly #dataDir = newDirectory();
  readonly #clock = new ManualClock();
  #committer: Committer | undefined;
  #close: () => Promise<void> = async () => {};
  #lines: readonly DelayLine[] = [];
  readonly #models: Waiting[][] = lineIds.map(() => []);
  readonly #released: string[] = [];
  #number = 0;

  async open(): Promise<void> {
    const store = await openLmdbStore({ dataDir: this.#dataDir, generationBytes: 20_000 });
    store.recover();
    const committer = new Committer(store, {
      storeFailed(cause) {
        throw cause;
      },
      storeFull() {},
    });
    const delays = new Delays({ clock: this.#clock, committer, isDiskBehind: false });
    const owner = { release: (record: Buffer) => void this.#released.push(record.toString()) };
    this.#lines = lineIds.map((lineId) => delays.open(lineId, owner));
    this.#committer = committer;
    this.#close = async () => {
      for (const line of this.#lines) line.stop();
      delays.stop();
      await committer.close();
      await store.close();
    };
    // What is overdue leaves as soon as a timer can run.
    await this.advance(0);
    this.#compare();
  }

  async close(): Promise<void> {
    await this.#close();
  }

  async take(step: Step): Promise<void> {
    switch (step.type) {
      case 'add': {
        const dueAt = this.#clock.now() + step.delayMs;
        const text = String(this.#number++);
        this.#lines[step.line]?.add(Buffer.from(text), dueAt);
        const model = this.#model(step.line);
        const at = model.findIndex((waiting) => waiting.dueAt > dueAt);
        model.splice(at < 0 ? model.length : at, 0, { text, dueAt });
        break;
      }
      case 'advance':
        await this.advance(step.ms);
        break;
      case 'cancel': {
        const line = this.#lines[step.line];
        const found = line?.list(undefined, 100, 1e6)[step.index];
        const model = this.#model(step.line);
        const at = model.findIndex(({ text }) => text === found?.record.toString());
        const isThere = at >= 0 && model.splice(at, 1).length === 1;
        expect(isThere).toBe(found !== undefined);
        expect(line?.cancel(found?.id ?? '')).toBe(isThere);
        if (found !== undefined) expect(line?.cancel(found.id)).toBe(false);
        break;
      }
      case 'list': {
        const all = this.#lines[step.line]?.list(undefined, 100, 1e6) ?? [];
        const after = all[step.after - 1];
        const from = after === undefined ? 0 : step.after;
        const listed = this.#lines[step.line]?.list(after?.id, step.limit, 1e6) ?? [];
        expect(listed).toEqual(all.slice(from, from + step.limit));
        break;
      }
      case 'flush':
        await this.#committer?.flush();
        break;
      case 'restart':
        await this.close();
        await this.open();
    }
    this.#compare();
  }

  async advance(ms: number): Promise<void> {
    this.#released.length = 0;
    this.#clock.advance(ms);
    const now = this.#clock.now();
    const dueCount = this.#models.flat().filter(({ dueAt }) => dueAt <= now).length;
    // What was not in order yet is put there in steps, a commit for each.
    while (this.#released.length < dueCount) {
      await this.#committer?.flush();
      this.#clock.advance(0);
    }
    const due = this.#models.map((model) => {
      const count = model.filter(({ dueAt }) => dueAt <= now).length;
      return model.splice(0, count).map(({ text }) => text);
    });
    // Each line keeps its order; which one is first does not matter.
    for (const texts of due) expect(this.#released.filter((text) => texts.includes(text))).toEqual(texts);
    expect(this.#released.length).toBe(due.flat().length);
  }

  #model(line: number): Waiting[] {
    return this.#models[line] ?? [];
  }

  #compare(): void {
    for (const [line, model] of this.#models.entries()) {
      expect(this.#lines[line]?.count).toBe(model.length);
      const listed = this.#lines[line]?.list(undefined, 100, 1e6) ?? [];
      const texts = listed.map(({ record, dueAt }) => ({ text: record.toString(), dueAt }));
      expect(texts.toSorted((a, b) => a.dueAt - b.dueAt || Number(a.text) - Number(b.text))).toEqual(model);
      // Up to the next slot they are in order; later on slot by slot.
      const inOrderUpTo = slotStart(this.#clock.now()) + slotMs;
      const places = texts.map(({ dueAt }) => (dueAt < inOrderUpTo ? dueAt : slotStart(dueAt)));
      expect(places).toEqual(places.toSorted((a, b) => a - b));
    }
  }
}

afterAll(removeDirectories);

it('lines of delayed messages are sorted lists, over restarts too', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stepArbitrary, { maxLength: 50 }), async (steps) => {
      const pair = new Pair();
      await pair.open();
      try {
        for (const step of steps) await pair.take(step);
        await pair.take({ type: 'restart' });
      } finally {
        await pair.close();
      }
    }),
    { numRuns: Number(process.env['LEVERET_PROPERTY_RUNS'] ?? 30) },
  );
});
