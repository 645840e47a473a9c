import { type LogCategory, type Logger, logCategories } from '../logger.ts';
import type { LogLevel } from './level.ts';
import type { LogOutput } from './output.ts';

/** Levels of categories that have one of their own. */
export type CategoryLevels = Partial<Record<LogCategory, LogLevel>>;

/** What is logged at the moment. */
export interface LogLevels {
  /** By name of the output: `console`, `file`. */
  readonly outputs: Readonly<Record<string, LogLevel>>;
  /** Those that go before the levels of the outputs. */
  readonly categories: Readonly<CategoryLevels>;
}

/** Levels that change while the broker runs. */
export interface LogLevelControl {
  readonly levels: LogLevels;
  /**
   * The level of one category, for all outputs; without one that of all outputs and categories but `audit`: what
   * operators do is worth a line whatever else is being looked for.
   */
  setLevel(level: LogLevel, category?: LogCategory): void;
}

/** The log of a process: outputs, and a logger for each category. */
export class Logs implements Logger, LogLevelControl {
  readonly #outputs: ReadonlyMap<string, LogOutput>;
  readonly #loggers: ReadonlyMap<LogCategory, CategoryLogger>;
  #categories: CategoryLevels;

  constructor(outputs: Readonly<Record<string, LogOutput | undefined>>, categories: CategoryLevels = {}) {
    this.#outputs = new Map(
      Object.entries(outputs).flatMap(([name, output]) => (output === undefined ? [] : [[name, output]])),
    );
    this.#categories = { ...categories };
    this.#loggers = new Map(logCategories.map((name) => [name, new CategoryLogger()]));
    this.#apply();
  }

  category(name: LogCategory): Logger {
    return this.#logger(name);
  }

  debug(fields: object, message: string): void {
    this.#logger('default').debug(fields, message);
  }

  info(fields: object, message: string): void {
    this.#logger('default').info(fields, message);
  }

  warn(fields: object, message: string): void {
    this.#logger('default').warn(fields, message);
  }

  error(fields: object, message: string): void {
    this.#logger('default').error(fields, message);
  }

  get levels(): LogLevels {
    const outputs = [...this.#outputs].map(([name, { level }]) => [name, level] as const);
    return { outputs: Object.fromEntries(outputs), categories: { ...this.#categories } };
  }

  setLevel(level: LogLevel, category?: LogCategory): void {
    if (category !== undefined) {
      this.#categories[category] = level;
    } else {
      for (const output of this.#outputs.values()) output.level = level;
      const { audit } = this.#categories;
      this.#categories = audit === undefined ? {} : { audit };
    }
    this.#apply();
  }

  /** Takes all levels as they are given; an output that is not named keeps its own. */
  setLevels({ outputs, categories }: LogLevels): void {
    for (const [name, level] of Object.entries(outputs)) {
      const output = this.#outputs.get(name);
      if (output !== undefined) output.level = level;
    }
    this.#categories = { ...categories };
    this.#apply();
  }

  /** Goes on in new files, as the old ones have been moved away. */
  reopen(): void {
    for (const output of this.#outputs.values()) output.reopen();
  }

  /** Resolves when all is written that can be. What is logged afterwards is gone. */
  async close(): Promise<void> {
    for (const logger of this.#loggers.values()) logger.sinks = [];
    await Promise.all([...this.#outputs.values()].map((output) => output.close()));
  }

  #logger(name: LogCategory): CategoryLogger {
    const logger = this.#loggers.get(name);
    if (logger === undefined) throw new Error(`there is no category ${name}`);
    return logger;
  }

  #apply(): void {
    for (const [name, logger] of this.#loggers) {
      logger.sinks = [...this.#outputs.values()].map((output) =>
        output.logger(name, this.#categories[name] ?? output.level),
      );
    }
  }
}

/** Lines of one category, for every output. */
class CategoryLogger implements Logger {
  sinks: readonly Logger[] = [];

  debug(fields: object, message: string): void {
    for (const sink of this.sinks) sink.debug(fields, message);
  }

  info(fields: object, message: string): void {
    for (const sink of this.sinks) sink.info(fields, message);
  }

  warn(fields: object, message: string): void {
    for (const sink of this.sinks) sink.warn(fields, message);
  }

  error(fields: object, message: string): void {
    for (const sink of this.sinks) sink.error(fields, message);
  }
}
