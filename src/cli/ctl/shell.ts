import { usageError } from '../flags.ts';
import type { Command } from './command.ts';

/** What is no command to a broker. */
export const shellCommands: readonly Command[] = [
  {
    synopsis: 'bench [flag] ...',
    doc: 'Put load on the broker and measure it: leveretctl bench --help',
    ignoresFlags: true,
    run: async () => {
      throw usageError('bench comes first, its flags after it: leveretctl bench --time 5');
    },
  },
  {
    synopsis: 'completion [shell]',
    doc: 'Print a script that lets a shell complete: bash, zsh or fish',
    run: async (given) => {
      const { completionScript } = await import('./live/completion-scripts.ts');
      return completionScript(given.rest(0));
    },
  },
];
