import { type Logger as PinoLogger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
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

  private constructor(options: LogOutputOptions, destination: LogDestination, lines?: BackgroundLines) {
    this.level = options.level;
    this.#lines = lines;
    const settings = {
      formatters: { log: (fields: Record<string, unknown>) => withoutSecrets(fields) },
      // Errors come out of there as plain objects already.
      serializers: { err: (error: unknown) => error },
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
    };
    this.#root = pino(settings, { write: writer(options, (text) => void destination.write(text)) });
    lines?.whenDropped((dropped) =>
      this.#root.warn({ dropped }, `${dropped} lines of the log were dropped, as they could not be written`),
    );
  }

  /** Anything that can be written to. */
  static to(destination: LogDestination, options: LogOutputOptions): LogOutput {
    return new LogOutput(options, destination);
  }

  /** Standard output. */
  static console(options: LogOutputOptions): LogOutput {
    const lines = BackgroundLines.console();
    return new LogOutput(options, lines, lines);
  }

  /** A file that is appended to. @throws the operating system's error */
  static async file(path: string, options: LogOutputOptions): Promise<LogOutput> {
    const lines = await BackgroundLines.file(path);
    return new LogOutput(options, lines, lines);
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

function writer(
  { formatter, isTerminal = false }: LogOutputOptions,
  write: (text: string) => void,
): (line: string) => void {
  if (formatter === 'json') return write;
  const readable = prettyFactory({
    colorize: isTerminal,
    singleLine: !isTerminal,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    messageFormat: '{if category}[{category}] {end}{msg}',
    ignore: 'category',
  });
  return (line) => write(readable(line));
}
