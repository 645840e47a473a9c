import yargs, { type Argv } from 'yargs';
import { type Flags, parserConfiguration } from './flags.ts';

/** A yargs that takes flags as {@link parserConfiguration} says. */
export function commandLine(args: readonly string[], name: string): Argv {
  return yargs([...args])
    .scriptName(name)
    .parserConfiguration(parserConfiguration)
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
