import { suggestion } from '../../config/nearest.ts';
import type { ExitCode } from '../exit-code.ts';
import { givenFlags, parseFlags, usageError } from '../flags.ts';
import { runServer, settingFlags } from '../server.ts';

/** Of `leveret`; the first one is what it does when none is named. */
export const commands = ['server', 'config', 'perf'];

/** Words that are no flags of the broker: what yargs knows, too. */
const known = [...commands, 'help'];

/**
 * The flags of a command line that asks for the broker and nothing else. It is parsed by itself: to load yargs, which
 * lays out the help whether it is asked for or not, took a sixth of a start.
 *
 * @returns undefined when other commands are named, or help is wanted.
 * @throws CommandError for a flag without its value
 */
export function flagsOfServer(args: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  const others = args[0] === commands[0] ? args.slice(1) : args;
  // A second command is a mistake, or the value of a flag.
  if (others.some((arg) => known.includes(arg))) return undefined;
  const parsed = parseFlags(others, settingFlags);
  return parsed['help'] === true || parsed['version'] === true ? undefined : parsed;
}

/**
 * `leveret server`.
 *
 * @param parsed its command line.
 * @throws CommandError, ConfigError with one line that says what is wrong.
 */
export async function serve(parsed: Readonly<Record<string, unknown>>): Promise<ExitCode> {
  const given = givenFlags(parsed, settingFlags);
  const word = given.words.find((each) => each !== commands[0]);
  if (word !== undefined && commands.includes(word)) throw usageError(`two commands: server and ${word}`);
  if (word !== undefined) throw usageError(`unknown command ${word}${suggestion(word, commands)}`);
  // Only now: other commands need no broker, and reading it takes them as long as all the rest.
  const { startBroker } = await import('../../index.ts');
  return runServer(given.values, startBroker);
}
