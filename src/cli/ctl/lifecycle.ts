import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, ExitCode } from '../exit-code.ts';
import { usageError } from '../flags.ts';
import type { Command, Invocation } from './command.ts';
import { nodePath } from './node-views.ts';
import { isUp, waitUntilUp } from './wait.ts';

/** A broker that comes and goes. */
export const lifecycleCommands: readonly Command[] = [
  {
    synopsis: 'ping',
    doc: 'Check that the broker answers',
    banner: ({ timeoutSeconds }) => `Will ping the broker. Timeout: ${timeoutSeconds * 1000} ms.`,
    run: async (given) => {
      await given.node();
      return given.value({ message: 'Ping succeeded' }, ['Ping succeeded']);
    },
  },
  {
    synopsis: 'await_startup',
    doc: 'Wait until the broker serves clients',
    banner: () => 'Awaiting startup of the broker ...',
    run: async (given) => {
      await waitUntilUp(given);
      return '';
    },
  },
  {
    synopsis: 'await_online_nodes <count>',
    doc: 'Wait until there are so many nodes: there is never more than one',
    banner: (given) => `Waiting for ${given.argument(0)} nodes ...`,
    run: async (given) => {
      const count = Number(given.argument(0));
      if (!Number.isInteger(count) || count < 1)
        throw new CommandError(`"${given.argument(0)}" is no number of nodes: say 1`, ExitCode.Data);
      if (count > 1)
        throw new CommandError('there is no cluster: this broker is its only node', ExitCode.Software);
      await waitUntilUp(given);
      return '';
    },
  },
  {
    synopsis: 'wait [pid-file]',
    doc: 'Wait until the process of this file, or of --pid, is a broker that serves clients',
    flags: ['pid'],
    run: waitForProcess,
  },
  {
    synopsis: 'stop [pid-file]',
    doc: 'Stop the broker, which writes what is left; with a file, wait until the process of that number is gone',
    banner: () => 'Stopping and halting the broker ...',
    run: async (given) => {
      const file = given.argument(0);
      const pid = file === '' ? undefined : await pidIn(file);
      await stop(given);
      if (pid !== undefined) await waitUntilGone(given, pid);
      return '';
    },
  },
  {
    synopsis: 'shutdown',
    doc: 'Stop the broker and wait until its process is gone',
    banner: () => 'Shutting down the broker ...',
    run: async (given) => {
      const { pid } = await given.api.object(await nodePath(given, '/process'));
      await stop(given);
      await waitUntilGone(given, Number(pid));
      return '';
    },
  },
];

async function stop(given: Invocation): Promise<void> {
  const { socket } = await given.api.target;
  if (socket === undefined) {
    throw new CommandError(
      'a broker is stopped on its own machine only, by its local socket: leave --url out',
      ExitCode.Unavailable,
    );
  }
  await given.tellNode('POST', 'stop');
}

async function waitForProcess(given: Invocation): Promise<string> {
  const file = given.argument(0);
  const number = given.flag('pid');
  if ((file === '') === (number === undefined))
    throw usageError('say either a file with a process number, or --pid');
  const deadline = Date.now() + given.timeoutSeconds * 1000;
  const pid = number === undefined ? await pidInTime(file, deadline) : Number(number);
  while (isAlive(pid)) {
    if (await isUp(given)) return given.ok(`Broker of process ${pid} is up`, { pid });
    if (Date.now() > deadline) throw new CommandError(`no broker has come up in time`, ExitCode.TimedOut);
    await sleep(100);
  }
  throw new CommandError(`process ${pid} is not running`, ExitCode.Unavailable);
}

async function pidInTime(file: string, deadline: number): Promise<number> {
  for (;;) {
    try {
      return await pidIn(file);
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

async function pidIn(file: string): Promise<number> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(file, 'utf8').catch(() => '');
  if (/^\d+\s*$/.test(text)) return Number(text);
  throw new CommandError(`${file} has no process number in it`, ExitCode.TimedOut);
}

async function waitUntilGone(given: Invocation, pid: number): Promise<void> {
  const deadline = Date.now() + given.timeoutSeconds * 1000;
  while (isAlive(pid)) {
    if (Date.now() > deadline) {
      throw new CommandError(`process ${pid} is still writing: see its log`, ExitCode.TimedOut);
    }
    await sleep(50);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is one, too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
