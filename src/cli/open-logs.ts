import { isAbsolute, join, resolve } from 'node:path';
import type { Config } from '../config/settings.ts';
import { type LogLevels, Logs } from '../logs/logs.ts';
import { LogOutput } from '../logs/output.ts';
import { CommandError, ExitCode } from './exit-code.ts';

type LogConfig = Config['log'];

/** The log of the server. @throws CommandError when the file cannot be written */
export async function openLogs(config: LogConfig): Promise<Logs> {
  const isTerminal = process.stdout.isTTY;
  const consoleFormatter = config.consoleFormatter ?? (isTerminal ? 'plaintext' : 'json');
  const file = await openFile(config);
  return new Logs(
    {
      console: config.console
        ? await LogOutput.console({ level: config.consoleLevel, formatter: consoleFormatter, isTerminal })
        : undefined,
      file,
    },
    config.categories,
  );
}

/** What the settings say about levels. */
export function configuredLevels({ consoleLevel, fileLevel, categories }: LogConfig): LogLevels {
  return { outputs: { console: consoleLevel, file: fileLevel }, categories };
}

async function openFile({ file, directory, fileLevel, fileFormatter }: LogConfig) {
  if (file === undefined) return undefined;
  const path = resolve(isAbsolute(file) ? file : join(directory, file));
  try {
    return await LogOutput.file(path, { level: fileLevel, formatter: fileFormatter });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(
      `cannot write the log file ${path} (${reason}): choose another with --log-file or --log-dir`,
      ExitCode.CannotCreate,
    );
  }
}
