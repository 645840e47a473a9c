import { afterAll, describe, expect, it } from 'vitest';
import { randomNumbers } from '../storage/crash/random.ts';
import { newDirectory, removeDirectories } from '../storage/support.ts';
import { Books } from './books.ts';
import { killRepeatedly } from './crash-loop.ts';

/**
 * `npm run test:crash` kills more often; LEVERET_KILLS says how often, LEVERET_SEED repeats a run, LEVERET_KEEP keeps
 * beside the data of a failed run what its broker had found at the start.
 */
const kills = Number(process.env['LEVERET_KILLS'] ?? 3);
const seed = Number(process.env['LEVERET_SEED'] ?? Date.now() % 1e9);

afterAll(removeDirectories);

describe('a broker that is killed under load', () => {
  it(`loses nothing it has confirmed, ${kills} times`, { timeout: 60_000 + kills * 10_000 }, async () => {
    const books = new Books();
    const random = randomNumbers(seed);
    try {
      await killRepeatedly({ dataDir: newDirectory(), books, random, kills });
    } catch (error) {
      const command = `LEVERET_SEED=${seed} LEVERET_KILLS=${kills} npx vitest run test/crash/crash.test.ts`;
      throw new Error(`to repeat: ${command}`, { cause: error });
    }
    process.stderr.write(`seed ${seed}: ${books.tally}\n`);
    expect(books.tally.confirmed).toBeGreaterThan(kills);
  });
});
