import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { CrashModel } from '../storage/crash/model.ts';
import { randomNumbers } from '../storage/crash/random.ts';
import { WriterProcess } from '../storage/crash/writer-process.ts';
import { keepDirectory, newDirectory, removeDirectories } from '../storage/support.ts';
import { type CutMode, hasCompiler, PowerMachine } from './power-machine.ts';

/** `npm run test:power` cuts as often as this says, and runs what is too slow for every day. */
const wantedCuts = process.env['LEVERET_POWER_CUTS'];
const cuts = Number(wantedCuts ?? 2);
const isSmokeRun = wantedCuts === undefined;
/** Small, so that generations are copied forward all the time. */
const GENERATION_BYTES = 50_000;
const SYNC = { syncMs: 6, dsyncMs: 3 };

afterAll(removeDirectories);

describe.skipIf(!hasCompiler())('a machine that loses power', () => {
  for (const mode of isSmokeRun ? (['drop'] as const) : (['drop', 'random'] as const)) {
    it(`keeps every confirmed commit, ${cuts} times (${mode})`, {
      timeout: 20_000 + cuts * 10_000,
    }, async () => {
      const result = await cutRepeatedly(mode, cuts);
      process.stderr.write(
        `${mode}: ${cuts} cuts, ${result.withPending} with pending blocks, ${result.confirmed} confirmed commits, ${result.copied} generations copied, ${result.adopted} files taken over\n`,
      );
      expect(result.confirmed).toBeGreaterThan(cuts);
    });
  }

  it('has lost a name for good once the directory was flushed, by whatever process', () => {
    const machine = new PowerMachine(newDirectory());
    const directory = newDirectory();
    const path = join(directory, 'x.mdb');
    const env = { ...process.env, ...machine.environment({ syncMs: 0, dsyncMs: 0 }) };
    const run = (script: string) =>
      execFileSync(process.execPath, ['-e', `const fs = require('node:fs'); ${script}`, path, directory], {
        env,
      });
    const flushDirectory = 'const dir = fs.openSync(process.argv[2]); fs.fsyncSync(dir);';
    run(
      `const file = fs.openSync(process.argv[1], 'w'); fs.writeSync(file, 'x'); fs.fsyncSync(file); ${flushDirectory}`,
    );
    machine.cut('drop', 1, 0.5);
    expect(existsSync(path)).toBe(true);
    run('fs.unlinkSync(process.argv[1]);');
    machine.cut('drop', 1, 0.5);
    expect(existsSync(path)).toBe(true);
    run('fs.unlinkSync(process.argv[1]);');
    run(flushDirectory);
    machine.cut('drop', 1, 0.5);
    expect(existsSync(path)).toBe(false);
  });

  it('has flushed before a commit resolves', async () => {
    const machine = new PowerMachine(newDirectory());
    const env = machine.environment({ syncMs: 70, dsyncMs: 70 });
    const model = new CrashModel();
    const writer = new WriterProcess(
      { dataDir: newDirectory(), generationBytes: 2 ** 30, seed: 1, run: 1, commits: 4, env },
      model,
    );
    expect(await writer.end()).toBe(0);
    expect(writer.commitMs).toHaveLength(4);
    expect(Math.min(...writer.commitMs)).toBeGreaterThan(69);
  });

  it('has flushed the journal, and nothing else, when a commit of entries or definitions resolves', () => {
    const machine = new PowerMachine(newDirectory());
    const script = fileURLToPath(new URL('./timed-commits.ts', import.meta.url));
    const output = execFileSync(process.execPath, ['--import', 'tsx', script, newDirectory()], {
      encoding: 'utf8',
      env: { ...process.env, ...machine.environment({ syncMs: 150, dsyncMs: 30 }) },
    });
    const times: number[] = JSON.parse(output);
    expect(Math.min(...times)).toBeGreaterThan(29);
    expect(Math.max(...times)).toBeLessThan(150);
  });

  it('goes on after a full disk, with everything intact', async () => {
    const { writer, faultFile, restart } = await writerWithFaults('write:1-1000000:28');
    writeFileSync(faultFile, '');
    await writer.next('full');
    rmSync(faultFile);
    await writer.next('confirmed');
    await writer.kill();
    await restart();
  });

  it.each(isSmokeRun ? ['sync:1:5'] : ['sync:1:5', 'dsync:1:5'])(
    'confirms nothing any more after an I/O error (%s)',
    async (fault) => {
      const { writer, faultFile, restart } = await writerWithFaults(fault);
      writeFileSync(faultFile, '');
      await writer.next('broken');
      expect(await writer.end()).toBe(3);
      rmSync(faultFile);
      await restart();
    },
  );
});

/** Cuts the power under load, right after restarts, and after a crash and a restart without a cut between. */
async function cutRepeatedly(
  mode: CutMode,
  times: number,
): Promise<{ confirmed: number; withPending: number; copied: number; adopted: number }> {
  const seed = Date.now() % 1e9;
  const random = randomNumbers(seed);
  const machine = new PowerMachine(newDirectory());
  const dataDir = newDirectory();
  const model = new CrashModel();
  let withPending = 0;
  let copied = 0;
  let adopted = 0;
  let run = 0;
  for (let cut = 1; cut <= times; cut++) {
    const crashes = random() < 0.25 ? 2 : 1;
    try {
      for (let crash = 1; crash <= crashes; crash++) {
        run++;
        const env = machine.environment(SYNC);
        const writer = new WriterProcess(
          { dataDir, generationBytes: GENERATION_BYTES, seed: seed + run, run, env },
          model,
        );
        if (random() < 0.15) await delay(random() * 700);
        else await writer.next(random() < 0.8 ? 'recovered' : 'opened');
        await delay(random() * (random() < 0.3 ? 40 : 500));
        await writer.kill();
        copied += writer.copied;
        adopted += writer.adopted;
      }
      if (machine.cut(mode, seed + run, [0.1, 0.5, 0.9][run % 3] ?? 0.5) > 0) withPending++;
    } catch (error) {
      keepDirectory(dataDir);
      throw new Error(`cut ${cut} (${mode}) with seed ${seed}; the data is kept in ${dataDir}`, {
        cause: error,
      });
    }
  }
  const last = {
    dataDir,
    generationBytes: GENERATION_BYTES,
    seed,
    run: run + 1,
    commits: 10,
    env: machine.environment(SYNC),
  };
  const lastWriter = new WriterProcess(last, model);
  expect(await lastWriter.end(), lastWriter.stderr).toBe(0);
  return { confirmed: model.confirmed, withPending, copied, adopted };
}

/** A writer that meets I/O errors while a file exists. `restart` cuts the power and checks the store. */
async function writerWithFaults(fault: string) {
  const directory = newDirectory();
  const machine = new PowerMachine(directory);
  const faultFile = join(directory, 'faults-on');
  const model = new CrashModel();
  const options = { dataDir: newDirectory(), generationBytes: 2 ** 30, seed: 5 };
  const env = { ...machine.environment(SYNC), POWERLOSS_FAIL: fault, POWERLOSS_FAIL_IF: faultFile };
  const writer = new WriterProcess({ ...options, run: 1, env }, model);
  await writer.next('confirmed');
  const restart = async () => {
    machine.cut('drop', 1, 0.5);
    const next = new WriterProcess({ ...options, run: 2, commits: 5, env: machine.environment(SYNC) }, model);
    expect(await next.end()).toBe(0);
  };
  return { writer, faultFile, restart };
}
