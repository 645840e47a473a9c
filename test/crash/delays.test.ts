import { afterAll, expect, it } from 'vitest';
import { randomNumbers } from '../storage/crash/random.ts';
import { newDirectory, removeDirectories } from '../storage/support.ts';
import { delayThroughKills } from './delaying-client.ts';

/** `npm run test:crash` kills more often; LEVERET_KILLS says how often, LEVERET_SEED repeats a run. */
const kills = Number(process.env['LEVERET_KILLS'] ?? 3);
const seed = Number(process.env['LEVERET_SEED'] ?? Date.now() % 1e9);

afterAll(removeDirectories);

it(`messages that are delayed, retried or requeued at the back once, over ${kills} kills`, {
  timeout: 30_000 + kills * 10_000,
}, async () => {
  const random = randomNumbers(seed);
  try {
    const tally = await delayThroughKills({ dataDir: newDirectory(), random, kills });
    process.stderr.write(`seed ${seed}: ${tally}\n`);
    expect(tally.confirmed).toBeGreaterThan(kills);
  } catch (error) {
    const command = `LEVERET_SEED=${seed} LEVERET_KILLS=${kills} npx vitest run test/crash/delays.test.ts`;
    throw new Error(`to repeat: ${command}`, { cause: error });
  }
});
