import yargs, { type Argv } from 'yargs';
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

/** A yargs that takes flags literally: no camel case, no dots, no `--no-`, no numbers. */
export function commandLine(args: readonly string[], name: string): Argv {
  return yargs([...args])
    .scriptName(name)
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'duplicate-arguments-array': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'strip-aliased': true,
    })
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .fail(false)
    .help()
    .alias('help', 'h');
}

/** Declares flags, for parsing and for `--help`. */
export function withFlags(argv: Argv, flags: Flags): Argv {
  for (const [name, flag] of Object.entries(flags)) {
    const takesValue = flag.placeholder !== undefined;
    const description = takesValue ? `${flag.doc} ${flag.placeholder}` : flag.doc;
    argv.option(name, {
      type: takesValue ? 'string' : 'boolean',
      ...(takesValue && { requiresArg: true }),
      ...(flag.alias !== undefined && { alias: flag.alias }),
      ...(flag.defaultText !== undefined && { defaultDescription: flag.defaultText }),
      description,
    });
  }
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
