import { afterAll, describe, expect, it } from 'vitest';
import { CrashModel } from './crash/model.ts';
import { randomNumbers } from './crash/random.ts';
import { isFlood } from './crash/writer-line.ts';
import { WriterProcess } from './crash/writer-process.ts';
import { newDirectory, removeDirectories } from './support.ts';

/** More kills: LEVERET_KILLS=500. */
const kills = Number(process.env['LEVERET_KILLS'] ?? 10);

/** Commits that a run is left to make. */
const commitsMax = 80;

afterAll(removeDirectories);

describe('a broker that is killed', () => {
  it(`keeps every confirmed commit, ${kills} times`, { timeout: kills * 5_000 }, async () => {
    const seed = Date.now() % 1e9;
    const random = randomNumbers(seed);
    const dataDir = newDirectory();
    const model = new CrashModel();
    let copied = 0;
    let adopted = 0;
    let awaited = 0;
    for (let run = 1; run <= kills; run++) {
      const writer = new WriterProcess({ dataDir, generationBytes: 50_000, seed: seed + run, run }, model);
      try {
        await writer.next('opened');
        const isLast = run === kills;
        if (isLast || isFlood(run) || random() < 0.8) {
          const commits = isFlood(run) ? commitsMax : Math.ceil(random() * commitsMax);
          await writer.confirmed(commits);
          awaited += commits;
          if (isLast && copied + writer.copied === 0) await writer.next('copied');
        }
        await writer.kill();
        copied += writer.copied;
        adopted += writer.adopted;
      } catch (error) {
        throw new Error(`run ${run} with seed ${seed}`, { cause: error });
      }
    }
    expect(model.confirmed).toBeGreaterThanOrEqual(awaited);
    expect(copied).toBeGreaterThan(0);
    expect(adopted).toBeGreaterThan(0);
  });
});
