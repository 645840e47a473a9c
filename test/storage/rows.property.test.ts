import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { DurableRows } from '../../src/broker/rows/durable-rows.ts';
import { MemoryStore, type Row, type Store } from '../../src/broker/store.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { commitOf, newDirectory, removeDirectories } from './support.ts';

const TABLE = 1;

/** Few keys, of which some are the beginnings of others; values that fill a page and more. */
const keyArbitrary = fc
  .uint8Array({ maxLength: 3, max: 3 })
  .map((rest) => Buffer.concat([Buffer.from([TABLE]), rest]));
const valueArbitrary = fc
  .tuple(fc.constantFrom(1, 10, 1799, 1800, 1801, 5000), fc.integer({ min: 0, max: 255 }))
  .map(([length, fill]) => Buffer.alloc(length, fill));
const stepArbitrary = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('put' as const), key: keyArbitrary, value: valueArbitrary }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('remove' as const), key: keyArbitrary }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constantFrom('start' as const, 'finish' as const, 'refuse' as const) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('scan' as const),
      from: keyArbitrary,
      below: keyArbitrary,
      rowsMax: fc.integer({ min: 1, max: 5 }),
      bytesMax: fc.constantFrom(1, 2000, 1e6),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const) }) },
);
type Step = typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never;

afterAll(removeDirectories);

/** Rows as the broker sees them, beside a map. */
class Pair {
  readonly #open: () => Promise<Store>;
  #store: Store = new MemoryStore();
  #rows = new DurableRows(this.#store, () => {});
  readonly #model = new Map<string, Buffer>();
  /** A commit under way. */
  #commit: Promise<void> | undefined;

  constructor(open: () => Promise<Store>) {
    this.#open = open;
  }

  async open(): Promise<void> {
    this.#store = await this.#open();
    this.#store.recover();
    this.#rows = new DurableRows(this.#store, () => {});
  }

  async close(): Promise<void> {
    await this.#finish();
    this.#start();
    await this.#finish();
    await this.#store.close();
  }

  #start(): void {
    this.#commit ??= this.#store.commit(commitOf({ rows: this.#rows.take() }));
  }

  async #finish(): Promise<void> {
    if (this.#commit === undefined) return;
    await this.#commit;
    this.#commit = undefined;
    this.#rows.committed();
  }

  async take(step: Step): Promise<void> {
    switch (step.type) {
      case 'put':
        this.#rows.put(step.key, step.value);
        this.#model.set(step.key.toString('latin1'), step.value);
        break;
      case 'remove':
        this.#rows.remove(step.key);
        this.#model.delete(step.key.toString('latin1'));
        break;
      case 'start':
        this.#start();
        break;
      case 'finish':
        await this.#finish();
        break;
      case 'refuse':
        if (this.#commit === undefined) {
          this.#rows.take();
          this.#rows.refused();
        }
        break;
      case 'restart':
        await this.close();
        await this.open();
        break;
      case 'scan':
        this.#compare(step);
    }
    this.#compare({
      from: Buffer.from([TABLE]),
      below: Buffer.from([TABLE + 1]),
      rowsMax: 1e6,
      bytesMax: 1e9,
    });
  }

  #compare(range: { from: Buffer; below: Buffer; rowsMax: number; bytesMax: number }): void {
    const expected: Row[] = [];
    let bytes = 0;
    for (const [text, value] of [...this.#model].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const key = Buffer.from(text, 'latin1');
      if (Buffer.compare(key, range.from) < 0 || Buffer.compare(key, range.below) >= 0) continue;
      if (expected.length === range.rowsMax || bytes >= range.bytesMax) break;
      expected.push({ key, value });
      bytes += value.length;
    }
    expect(this.#rows.scan(range).map(show)).toEqual(expected.map(show));
    for (const { key, value } of expected) expect(this.#rows.get(key)?.equals(value)).toBe(true);
  }
}

function show({ key, value }: Row): string {
  return `${key.toString('hex')} ${value.length} ${value[0]}`;
}

async function follow(open: () => Promise<Store>, steps: readonly Step[]): Promise<void> {
  const pair = new Pair(open);
  await pair.open();
  try {
    for (const step of steps) await pair.take(step);
  } finally {
    await pair.close();
  }
}

const stepsArbitrary = fc.array(stepArbitrary, { maxLength: 60 });

describe('rows', () => {
  it('are those of a sorted map, with and without a disk', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(stepsArbitrary, async (steps) => {
        const dataDir = newDirectory();
        await follow(() => openLmdbStore({ dataDir, generationBytes: 20_000 }), steps);
        const withoutDisk = new MemoryStore();
        await follow(
          async () => withoutDisk,
          steps.filter(({ type }) => type !== 'restart'),
        );
      }),
      { numRuns: 40 },
    );
  });
});
