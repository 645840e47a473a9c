import { once } from 'node:events';
import { type Logger as PinoLogger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { LogCategory } from '../logger.ts';
import type { LogFormatter } from './formatter.ts';
import { type LogLevel, pinoLevel } from './level.ts';
import { withoutSecrets } from './secrets.ts';

/** Lines that wait for their file or terminal, in bytes; further ones are dropped and counted. */
const waitingBytesMax = 1024 * 1024;

/** A log that takes nothing any more does not keep the broker from stopping for longer than this. */
const closeTimeoutMs = 1000;

type LogStream = ReturnType<typeof pino.destination>;

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
  readonly #stream: LogStream | undefined;
  readonly #isFile: boolean;

  private constructor(
    options: LogOutputOptions,
    destination: LogDestination,
    stream?: LogStream,
    isFile = false,
  ) {
    this.level = options.level;
    this.#stream = stream;
    this.#isFile = isFile;
    const settings = {
      formatters: { log: (fields: Record<string, unknown>) => withoutSecrets(fields) },
      // Errors come out of there as plain objects already.
      serializers: { err: (error: unknown) => error },
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
    };
    this.#root = pino(settings, { write: writer(options, (text) => void destination.write(text)) });
    if (stream !== undefined) this.#tellOfDroppedLines(stream);
  }

  /** Anything that can be written to. */
  static to(destination: LogDestination, options: LogOutputOptions): LogOutput {
    return new LogOutput(options, destination);
  }

  /** Standard output. */
  static console(options: LogOutputOptions): LogOutput {
    const stream = pino.destination({ dest: 1, sync: false, maxLength: waitingBytesMax });
    return new LogOutput(options, stream, stream);
  }

  /** A file that is appended to. @throws the operating system's error */
  static async file(path: string, options: LogOutputOptions): Promise<LogOutput> {
    const stream = pino.destination({
      dest: path,
      sync: false,
      mkdir: true,
      mode: 0o640,
      maxLength: waitingBytesMax,
    });
    await once(stream, 'ready');
    return new LogOutput(options, stream, stream, true);
  }

  /** Writes lines of one category from this level on. */
  logger(category: LogCategory, level: LogLevel): PinoLogger {
    const fields = category === 'default' ? {} : { category };
    return this.#root.child(fields, { level: pinoLevel(level) });
  }

  /** Goes on in a new file of the same name, as the old one has been moved away. */
  reopen(): void {
    if (this.#isFile) this.#stream?.reopen();
  }

  /** Resolves when everything is written, or cannot be. */
  async close(): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return;
    const closed = once(stream, 'close', { signal: AbortSignal.timeout(closeTimeoutMs) });
    stream.end();
    await closed.catch(() => stream.destroy());
  }

  #tellOfDroppedLines(stream: LogStream): void {
    let count = 0;
    stream.on('drop', () => count++);
    stream.on('drain', () => {
      if (count === 0) return;
      const dropped = count;
      count = 0;
      this.#root.warn({ dropped }, `${dropped} lines of the log were dropped, as they could not be written`);
    });
    // What could not be written is tried again with the next line.
    stream.on('error', () => {});
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
