import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { randomNumbers } from '../storage/crash/random.ts';
import { newDirectory, removeDirectories } from '../storage/support.ts';
import { Books } from './books.ts';
import { inspect } from './inspection.ts';
import { ServerProcess } from './server-process.ts';
import { Workload } from './workload.ts';

/** `npm run test:crash` kills more often; LEVERET_KILLS says how often, LEVERET_SEED repeats a run. */
const kills = Number(process.env['LEVERET_KILLS'] ?? 3);
const seed = Number(process.env['LEVERET_SEED'] ?? Date.now() % 1e9);

afterAll(removeDirectories);

describe('a broker that is killed under load', () => {
  it(`loses nothing it has confirmed, ${kills} times`, { timeout: 20_000 + kills * 10_000 }, async () => {
    const books = new Books();
    try {
      await killRepeatedly(books);
    } catch (error) {
      const command = `LEVERET_SEED=${seed} LEVERET_KILLS=${kills} npx vitest run test/crash/crash.test.ts`;
      throw new Error(`after ${books.tally.kills} kills: ${error}\nto repeat: ${command}`, { cause: error });
    }
    process.stderr.write(`seed ${seed}: ${books.tally}\n`);
    expect(books.tally.confirmed).toBeGreaterThan(kills);
  });
});

/** Under load, right after a start, and in the middle of one. */
async function killRepeatedly(books: Books): Promise<void> {
  const random = randomNumbers(seed);
  const options = { dataDir: newDirectory(), flags: ['--generation-size', '16MiB'] };
  while (books.tally.kills < kills) {
    const server = new ServerProcess(options);
    let workload: Workload | undefined;
    try {
      if (random() < 0.1) {
        await delay(random() * 1200);
      } else {
        const url = await server.ready();
        if (books.hasTopology) await inspect(url, books, random, true);
        workload = new Workload(url, books, random);
        await workload.start();
        await delay(random() < 0.3 ? random() * 50 : random() * 800);
      }
    } finally {
      await server.kill();
      await workload?.end();
    }
    books.tally.kills++;
  }
  const { server, url } = await ServerProcess.start(options);
  await inspect(url, books, random, true);
  expect(await server.stop()).toBe(0);
}
