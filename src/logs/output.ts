import { type Logger as PinoLogger, pino } from 'pino';
import type { LogCategory } from '../logger.ts';
import { BackgroundLines } from './background-lines.ts';
import type { LogFormatter } from './formatter.ts';
import { type LogLevel, pinoLevel } from './level.ts';
import { withoutSecrets } from './secrets.ts';

/** Where lines go. */
export interface LogDestination {
  write(text: string): unknown;
}

/** What of the log goes to an output, and how it looks there. */
export interface LogOutputOptions {
  readonly level: LogLevel;
  readonly formatter: LogFormatter;
  /** With colours and with fields on lines of their own: a terminal. */
  readonly isTerminal?: boolean;
}

/**
 * One place where the log goes. What cannot be written waits in memory, 1 MiB at most, then lines are dropped:
 * a full or stuck disk costs log lines, never messages.
 */
export class LogOutput {
  /** What is written of categories without a level of their own. */
  level: LogLevel;
  readonly #root: PinoLogger;
  readonly #lines: BackgroundLines | undefined;

  private constructor(level: LogLevel, write: (line: string) => void, lines?: BackgroundLines) {
    this.level = level;
    this.#lines = lines;
    const settings = {
      formatters: { log: (fields: Record<string, unknown>) => withoutSecrets(fields) },
      // Errors come out of there as plain objects already.
      serializers: { err: (error: unknown) => error },
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
    };
    this.#root = pino(settings, { write });
    lines?.whenDropped((dropped) =>
      this.#root.warn({ dropped }, `${dropped} lines of the log were dropped, as they could not be written`),
    );
  }

  /** Anything that can be written to. */
  static async to(destination: LogDestination, options: LogOutputOptions): Promise<LogOutput> {
    return new LogOutput(options.level, await writer(options, (text) => void destination.write(text)));
  }

  /** Standard output. */
  static async console(options: LogOutputOptions): Promise<LogOutput> {
    return LogOutput.#inBackground(BackgroundLines.console(), options);
  }

  /** A file that is appended to. @throws the operating system's error */
  static async file(path: string, options: LogOutputOptions): Promise<LogOutput> {
    return LogOutput.#inBackground(await BackgroundLines.file(path), options);
  }

  static async #inBackground(lines: BackgroundLines, options: LogOutputOptions): Promise<LogOutput> {
    return new LogOutput(options.level, await writer(options, (text) => lines.write(text)), lines);
  }

  /** Writes lines of one category from this level on. */
  logger(category: LogCategory, level: LogLevel): PinoLogger {
    const fields = category === 'default' ? {} : { category };
    return this.#root.child(fields, { level: pinoLevel(level) });
  }

  /** Goes on in a new file of the same name, as the old one has been moved away. */
  reopen(): void {
    this.#lines?.reopen();
  }

  /** Resolves when everything is written, or cannot be. */
  async close(): Promise<void> {
    await this.#lines?.close();
  }
}

async function writer(
  { formatter, isTerminal = false }: LogOutputOptions,
  write: (text: string) => void,
): Promise<(line: string) => void> {
  if (formatter === 'json') return write;
  // Services, which write JSON, start without it.
  const { prettyFactory } = await import('pino-pretty');
  const readable = prettyFactory({
    colorize: isTerminal,
    singleLine: !isTerminal,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    messageFormat: '{if category}[{category}] {end}{msg}',
    ignore: 'category',
  });
  return (line) => write(readable(line));
}
