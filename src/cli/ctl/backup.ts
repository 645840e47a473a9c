import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../json-object.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { objectOf } from './api.ts';
import type { Command, Invocation } from './command.ts';
import { bytes } from './live/figures.ts';
import { Progress } from './live/progress.ts';
import type { Terminal } from './live/terminal.ts';

const path = '/api/backup';

/** How often the broker is asked how far it is. */
const askMs = 200;

/** What rabbitmqctl has not: the data directory is copied while the broker runs. */
export const backupCommands: readonly Command[] = [
  {
    synopsis: 'backup <directory>',
    doc: 'Copy everything to a new directory on the machine of the broker, while it runs',
    banner: (given) => `Backing up to ${target(given)} ...`,
    run: backUp,
  },
];

async function backUp(given: Invocation, terminal: Terminal): Promise<string> {
  const directory = target(given);
  const begun = await given.api.post(path, { directory, wait: false }, { exitCode: ExitCode.CannotCreate });
  let status = objectOf(begun);
  const progress = await Progress.start(terminal, 'copying', !given.isTalkative, bytes);
  try {
    while (status['state'] === 'running') {
      const { bytes_done: done, bytes_total: total } = status;
      if (typeof done === 'number' && typeof total === 'number') progress.update(done, total);
      await sleep(askMs);
      status = await given.api.object(path);
    }
  } finally {
    progress.stop();
  }
  requireDone(status, directory);
  return given.ok(`Backed up ${status['bytes_done']} bytes to ${directory}`, status);
}

/** @throws CommandError */
function requireDone({ state, directory, reason }: JsonObject, wanted: string): void {
  if (directory !== wanted)
    throw new CommandError('another backup has been begun meanwhile', ExitCode.Failure);
  if (state !== 'done') throw new CommandError(String(reason), ExitCode.CannotCreate);
}

/** As it is called on this machine, which is the broker's as a rule. */
function target(given: Invocation): string {
  return resolve(given.argument(0));
}
