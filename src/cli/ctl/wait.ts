import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, ExitCode } from '../exit-code.ts';
import type { Invocation } from './command.ts';

const intervalMs = 100;

/** Whether clients are served. @throws CommandError when asking is forbidden */
export async function isUp(given: Invocation): Promise<boolean> {
  try {
    return (await given.api.check('/api/health/checks/ready-to-serve-clients')).isHealthy;
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === ExitCode.Unavailable) return false;
    throw error;
  }
}

/** Resolves when clients are served. @throws CommandError when they are not in time */
export async function waitUntilUp(given: Invocation): Promise<void> {
  const deadline = Date.now() + given.timeoutSeconds * 1000;
  while (!(await isUp(given))) {
    if (Date.now() > deadline) {
      throw new CommandError(
        `no broker serves clients after ${given.timeoutSeconds} seconds: see its log`,
        ExitCode.TimedOut,
      );
    }
    await sleep(intervalMs);
  }
}
