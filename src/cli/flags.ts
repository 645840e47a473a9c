import parser from 'yargs-parser';
import { suggestion } from '../config/nearest.ts';
import { CommandError, ExitCode } from './exit-code.ts';

/** A flag as `--help` shows it. */
export interface Flag {
  readonly doc: string;
  /** What stands for the value; without one the flag takes no value. */
  readonly placeholder?: string;
  readonly defaultText?: string;
  readonly alias?: string;
}
export type Flags = Readonly<Record<string, Flag>>;

/** What was given on a command line: the text of each flag (`true` for those without a value). */
export interface GivenFlags {
  readonly values: Readonly<Record<string, string>>;
  readonly switches: ReadonlySet<string>;
  /** What is no flag, the command itself included. */
  readonly words: readonly string[];
}

/** Names yargs puts into every result. */
const ownNames = new Set(['_', '$0', 'help', 'version']);

/** Flags are taken literally: no camel case, no dots, no `--no-`, no numbers. */
export const parserConfiguration = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'duplicate-arguments-array': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'strip-aliased': true,
} as const;

/**
 * Parses a command line as yargs would, by its parser alone: all of yargs takes twice as long to load as the rest of
 * leveretctl. `--help` (`-h`, `-?`) and `--version` are known.
 *
 * @throws CommandError for a flag without its value
 */
export function parseFlags(args: readonly string[], flags: Flags): Readonly<Record<string, unknown>> {
  const all = Object.entries(flags);
  const withValue = all.filter(([, { placeholder }]) => placeholder !== undefined).map(([name]) => name);
  const { argv, error } = parser.detailed([...args], {
    string: withValue,
    narg: Object.fromEntries(withValue.map((name) => [name, 1])),
    boolean: [...Object.keys(flags).filter((name) => !withValue.includes(name)), 'help', 'version'],
    alias: {
      ...Object.fromEntries(all.flatMap(([name, { alias }]) => (alias === undefined ? [] : [[name, alias]]))),
      help: ['h', '?'],
    },
    configuration: parserConfiguration,
  });
  if (error !== null) throw usageError(error.message);
  return argv;
}

/**
 * Sorts a parsed command line.
 *
 * @throws CommandError for a flag that is not in `flags`, naming the nearest one that is.
 */
export function givenFlags(parsed: Readonly<Record<string, unknown>>, flags: Flags): GivenFlags {
  const values: Record<string, string> = {};
  const switches = new Set<string>();
  for (const [name, value] of Object.entries(parsed)) {
    if (ownNames.has(name) || value === undefined) continue;
    if (!Object.hasOwn(flags, name)) {
      const dashes = name.length === 1 ? '-' : '--';
      throw usageError(`unknown flag ${dashes}${name}${suggestion(name, Object.keys(flags), '--')}`);
    }
    if (typeof value === 'string') values[name] = value;
    else if (value === true) switches.add(name);
  }
  const words = Array.isArray(parsed['_']) ? parsed['_'].map(String) : [];
  return { values, switches, words };
}

export function usageError(message: string): CommandError {
  return new CommandError(message, ExitCode.Usage);
}
