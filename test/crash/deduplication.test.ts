import { afterAll, expect, it } from 'vitest';
import { randomNumbers } from '../storage/crash/random.ts';
import { newDirectory, removeDirectories } from '../storage/support.ts';
import { repeatThroughKills } from './repeating-publisher.ts';

/** `npm run test:crash` kills more often; LEVERET_KILLS says how often, LEVERET_SEED repeats a run. */
const kills = Number(process.env['LEVERET_KILLS'] ?? 2);
const seed = Number(process.env['LEVERET_SEED'] ?? Date.now() % 1e9);

afterAll(removeDirectories);

it(`every message once, though its publisher repeats it, over ${kills} kills`, {
  timeout: 30_000 + kills * 10_000,
}, async () => {
  const random = randomNumbers(seed);
  try {
    const { published, repeated } = await repeatThroughKills({ dataDir: newDirectory(), random, kills });
    expect(Math.min(published, repeated)).toBeGreaterThan(kills);
  } catch (error) {
    const command = `LEVERET_SEED=${seed} LEVERET_KILLS=${kills} npx vitest run test/crash/deduplication.test.ts`;
    throw new Error(`to repeat: ${command}`, { cause: error });
  }
});
