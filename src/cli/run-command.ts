import { ConfigError } from '../config/error.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { printable } from './printable.ts';

/**
 * Runs a command and ends the process with its exit code. What goes wrong becomes one line on
 * standard error, without a stack trace.
 */
export async function runCommand(
  name: string,
  run: (setExitCode: (code: ExitCode) => void) => Promise<void>,
): Promise<void> {
  let exitCode: ExitCode = ExitCode.Ok;
  try {
    await run((code) => {
      exitCode = code;
    });
  } catch (error) {
    process.stderr.write(`${name}: ${printable(messageOf(error))}\n`);
    exitCode = exitCodeOf(error);
  }
  // What is still on its way into a pipe would be cut off.
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  process.exit(exitCode);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode;
  if (error instanceof ConfigError) return ExitCode.Config;
  // yargs' own complaints (a flag without its value, say) are about the command line.
  if (error instanceof Error && error.name === 'YError') return ExitCode.Usage;
  return ExitCode.Failure;
}
