import { usageError } from '../../flags.ts';
import type { Command, Invocation } from '../command.ts';
import type { SpecialFlag } from '../flags.ts';
import type { Terminal } from './terminal.ts';

type Run = (given: Invocation, terminal: Terminal) => Promise<void>;

const filters = ['exchange', 'routing-key', 'header', 'payload', 'older-than'] as const;

/** What rabbitmqctl has not. The code of each is read when it is asked for, so that other commands start quickly. */
export const liveCommands: readonly Command[] = [
  live({
    synopsis: 'peek <queue> [position]',
    doc: 'Show messages, which stay as they are; only the one at a position, the first is 1',
    flags: ['count', 'from', 'truncate', ...filters],
    load: async () => (await import('./peek.ts')).peek,
  }),
  live({
    synopsis: 'tail [queue]',
    doc: 'Follow messages of a queue or an exchange as they come, without consuming',
    flags: ['count', 'truncate', 'full', ...filters],
    load: async () => (await import('./tail.ts')).tail,
  }),
  live({
    synopsis: 'move <from> [to]',
    doc: 'Move messages to another queue or exchange',
    flags: ['to-exchange', 'limit', 'rate', 'dry-run', ...filters],
    load: async () => (await import('./move.ts')).move,
  }),
  live({
    synopsis: 'replay <queue>',
    doc: 'Move dead letters back to the queues that they died in',
    flags: ['limit', 'rate', 'dry-run', ...filters],
    load: async () => (await import('./move.ts')).replay,
  }),
  live({
    synopsis: 'list_delayed_messages',
    doc: 'List messages that wait in an exchange or for a queue, as they are due',
    flags: ['exchange', 'queue', 'count', 'from', 'truncate'],
    load: async () => (await import('./delayed.ts')).listDelayed,
  }),
  live({
    synopsis: 'cancel_delayed_message <id>',
    doc: 'Cancel a message that waits in an exchange or for a queue',
    flags: ['exchange', 'queue'],
    load: async () => (await import('./delayed.ts')).cancelDelayed,
  }),
  live({
    synopsis: 'top [what]',
    doc: 'Watch queues, connections or channels',
    flags: ['sort', 'filter'],
    load: async () => (await import('./top/top.ts')).top,
  }),
  {
    synopsis: 'bench',
    doc: 'Put load on the broker and measure it',
    details: 'Takes the flags of leveret perf: leveretctl bench --help lists them.',
    ignoresFlags: true,
    run: async () => {
      throw usageError('bench comes first, its flags after it: leveretctl bench --time 5');
    },
  },
  {
    synopsis: 'completion <shell>',
    doc: 'Print a script with which a shell (bash, zsh, fish) completes commands and names',
    run: async (given) => {
      const { completionScript } = await import('./completion-scripts.ts');
      return completionScript(given.argument(0));
    },
  },
];

/** A command that prints while it goes on. */
function live({
  load,
  ...command
}: Omit<Command, 'run' | 'flags'> & {
  readonly flags: readonly SpecialFlag[];
  readonly load: () => Promise<Run>;
}): Command {
  return {
    ...command,
    isLive: true,
    run: async (given, terminal) => {
      const run = await load();
      await run(given, terminal);
      return '';
    },
  };
}
