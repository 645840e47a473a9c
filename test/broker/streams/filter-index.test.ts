import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FilterIndex, type FilterProbe, hashOfValue } from '../../../src/broker/streams/filter-index.ts';

const kilobyte = 1024;

function probe(values: readonly string[], matchesUnfiltered = false): FilterProbe {
  return { hashes: values.map(hashOfValue), matchesUnfiltered };
}

/** Offsets below `end` that a reader has to look at. */
function looked(index: FilterIndex, from: number, end: number, wanted: FilterProbe): number[] {
  const offsets: number[] = [];
  for (let at = from; at < end; ) {
    const { mayMatch, until } = index.look(at, wanted);
    const next = Math.min(until, end);
    expect(next).toBeGreaterThan(at);
    if (mayMatch) for (let offset = at; offset < next; offset++) offsets.push(offset);
    at = next;
  }
  return offsets;
}

it('spares readers what cannot match, however long the stream gets', () => {
  const index = new FilterIndex(16);
  const count = 200_000;
  for (let offset = 0; offset < count; offset++) {
    index.append(offset, 16 * kilobyte, offset === 150_000 ? 'needle' : `hay ${Math.floor(offset / 1000)}`);
  }
  const needle = looked(index, 0, count, probe(['needle']));
  expect(needle).toContain(150_000);
  expect(needle.length).toBeLessThan(count / 20);
  expect(looked(index, 0, count, probe(['hay 3'])).length).toBeLessThan(count / 20);
  expect(looked(index, 0, count, probe([], true))).toEqual([]);
  expect(JSON.stringify(index.toJSON()).length).toBeLessThan(64 * kilobyte);
});

it('takes no room where there are no filter values', () => {
  const index = new FilterIndex(16);
  for (let offset = 0; offset < 1000; offset++) index.append(offset, kilobyte, undefined);
  expect(index.toJSON()).toBeUndefined();
  expect(looked(index, 0, 1000, probe(['a']))).toHaveLength(1000);
});

interface Step {
  readonly act: 'append' | 'drop' | 'resize' | 'save' | 'crash';
  readonly value: string | undefined;
  readonly size: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  act: fc.constantFrom('append', 'append', 'append', 'append', 'drop', 'resize', 'save', 'crash'),
  value: fc.option(
    fc.nat(30).map((n) => `v${n}`),
    { nil: undefined },
  ),
  size: fc.nat(255),
});

it('never spares a reader what does match, over crashes too', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.subarray(['v1', 'v2', 'v3', 'v4']),
      fc.boolean(),
      (steps, values, unfiltered) => {
        let bytes = 16;
        let index = new FilterIndex(bytes);
        let messages: (string | undefined)[] = [];
        let first = 0;
        let saved: unknown;
        let savedCount = 0;
        for (const { act, value, size } of steps) {
          if (act === 'append') {
            // Many small ones and some that fill a block, so that blocks come to be joined.
            for (let i = 0; i < (size < 20 ? 40 : 1); i++) {
              index.append(messages.length, size * 8 * kilobyte, value);
              messages.push(value);
            }
          } else if (act === 'drop') {
            first = Math.min(messages.length, first + (size % 10));
            index.dropBelow(first);
          } else if (act === 'resize') {
            bytes = Math.max(16, size);
            index.bitsBytes = bytes;
          } else if (act === 'save') {
            saved = JSON.parse(JSON.stringify(index.toJSON() ?? null));
            savedCount = messages.length;
          } else {
            // The last messages may be lost, but for those that the state speaks of: it is written behind them.
            messages = messages.slice(0, Math.max(first, savedCount, messages.length - (size % 5)));
            index = FilterIndex.restore(saved, bytes, messages.length);
          }
        }
        const wanted = probe(values, unfiltered);
        const seen = new Set(looked(index, first, messages.length, wanted));
        for (let offset = first; offset < messages.length; offset++) {
          const value = messages[offset];
          const isWanted = value === undefined ? unfiltered : values.includes(value);
          if (isWanted && !seen.has(offset)) expect.fail(`offset ${offset} with ${value} was spared`);
        }
      },
    ),
    { numRuns: 300 },
  );
});
