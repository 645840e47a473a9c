import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { keepDirectory } from '../storage/support.ts';
import type { Books } from './books.ts';
import { inspect } from './inspection.ts';
import { ServerProcess } from './server-process.ts';
import { Workload } from './workload.ts';

export interface CrashLoopOptions {
  readonly dataDir: string;
  readonly books: Books;
  readonly random: () => number;
  readonly kills: number;
  /** Environment of the server. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the broker dead, before the next one starts. */
  readonly afterKill?: () => void;
}

/** Files take over from each other as often as the settings allow. */
const flags = ['--generation-size', '1MiB'];

/** Set: what a broker that fails had found at its start is kept, too. */
const keepsEverything = process.env['LEVERET_KEEP'] !== undefined;

/** How often a broker dies before it has started. */
const earlyShare = 0.1;
const earlyMsMax = 1200;

/**
 * Kills a broker again and again under load, right after a start and in the middle of one, and has the next one
 * inspected.
 *
 * @throws Error saying what is wrong after which kill.
 */
export async function killRepeatedly({ dataDir, books, random, kills, env, afterKill }: CrashLoopOptions) {
  const options = { dataDir, flags, ...(env !== undefined && { env }) };
  const { tally } = books;
  const foundDir = `${dataDir}-found`;
  let server: ServerProcess | undefined;
  try {
    while (tally.kills < kills) {
      server = new ServerProcess(options);
      await runAndKill(server, books, random);
      afterKill?.();
      tally.kills++;
      if (keepsEverything) copyDirectory(dataDir, foundDir);
    }
    server = new ServerProcess(options);
    await inspect(await server.ready(), books, random, true);
    const exitCode = await server.stop();
    if (exitCode !== 0) throw new Error(`exit code ${exitCode} at the end`);
    rmSync(foundDir, { recursive: true, force: true });
  } catch (error) {
    await server?.kill();
    keepDirectory(dataDir);
    const logFile = `${dataDir}.log`;
    writeFileSync(logFile, `${server?.log}\n`);
    const found = keepsEverything ? `, what it had found is in ${foundDir}` : '';
    throw new Error(
      `after kill ${tally.kills}: ${error}; the data is kept in ${dataDir}, the log in ${logFile}${found}`,
      { cause: error },
    );
  }
}

/** With `-found` in its place whatever was there before is replaced. */
function copyDirectory(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith('.sock') });
}

async function runAndKill(server: ServerProcess, books: Books, random: () => number): Promise<void> {
  let workload: Workload | undefined;
  try {
    if (random() < earlyShare) {
      await delay(random() * earlyMsMax);
      return;
    }
    const url = await server.ready();
    if (books.hasTopology) await inspect(url, books, random, true);
    workload = new Workload(url, books, random);
    await workload.start();
    await delay(random() < 0.3 ? random() * 50 : random() * 800);
  } finally {
    await server.kill();
    await workload?.end();
  }
}
