import { setTimeout as delay } from 'node:timers/promises';
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
const flags = ['--generation-size', '16MiB'];

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
  try {
    while (tally.kills < kills) {
      await runAndKill(new ServerProcess(options), books, random);
      afterKill?.();
      tally.kills++;
    }
    const { server, url } = await ServerProcess.start(options);
    await inspect(url, books, random, true);
    const exitCode = await server.stop();
    if (exitCode !== 0) throw new Error(`exit code ${exitCode} at the end:\n${server.log}`);
  } catch (error) {
    throw new Error(`after kill ${tally.kills}: ${error}`, { cause: error });
  }
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
  } catch (error) {
    throw new Error(`${error}, and the server had logged:\n${server.log}`, { cause: error });
  } finally {
    await server.kill();
    await workload?.end();
  }
}
