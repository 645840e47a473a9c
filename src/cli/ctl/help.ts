import { commandLine, withFlags } from '../command-line.ts';
import { type Command, linesOf, nameOf, type Topic } from './command.ts';
import { commonFlags, specialFlags } from './flags.ts';

const nameWidth = 40;

/** `leveretctl help`: all commands by topic. */
export function overview(topics: readonly Topic[]): string {
  return linesOf([
    'leveretctl <command> [arguments] [flags]',
    '',
    ...topics.flatMap(({ title, commands }) => [
      `${title}:`,
      '',
      ...commands.map((command) => `   ${nameOf(command).padEnd(nameWidth)} ${command.doc}`),
      '',
    ]),
    'leveretctl help <command> has its arguments and flags.',
    'LEVERETCTL_URL, LEVERETCTL_USER and LEVERETCTL_PASSWORD stand for the flags.',
  ]);
}

/** `leveretctl help <command>` */
export async function helpOf({ synopsis, doc, details, flags = [] }: Command): Promise<string> {
  const own = Object.fromEntries(flags.map((name) => [name, specialFlags[name]]));
  const argv = commandLine([], 'leveretctl')
    .usage([`leveretctl ${synopsis} [flags]`, doc, details ?? ''].join('\n\n').trimEnd())
    .version(false);
  return `${await withFlags(argv, { ...own, ...commonFlags }).getHelp()}\n`;
}
