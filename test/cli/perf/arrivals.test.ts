import { expect, it } from 'vitest';
import { Arrivals } from '../../../src/cli/perf/arrivals.ts';

it('counts what arrives once and what arrives again', () => {
  const arrivals = new Arrivals();
  for (const sequence of [0, 1, 3, 2, 2, 0, 5]) arrivals.add(sequence);
  expect(arrivals).toMatchObject({ distinct: 5, duplicates: 2 });
});

it('goes on when its window has passed a message that never came', () => {
  const arrivals = new Arrivals();
  const far = 2 ** 22 * 2;
  for (const sequence of [0, 2, far, far, far + 1, far - 5]) arrivals.add(sequence);
  expect(arrivals).toMatchObject({ distinct: 5, duplicates: 1 });
});
