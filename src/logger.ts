import type { LogCategory } from './logs/category.ts';

/**
 * What the broker asks of a log: the part of pino's face it uses, so that a pino logger fits as it is.
 * Nothing is logged per message, and never a password or a token.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** The part of the log for lines of one category. A log without it takes them as they come. */
  category?(name: LogCategory): Logger;
}

/** Says nothing: for embedding and for tests. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};

/** The part of a log for lines of one category. */
export function ofCategory(log: Logger, name: LogCategory): Logger {
  return log.category?.(name) ?? log;
}
