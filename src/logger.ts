/**
 * What log lines are about; each category may have a level of its own (`log.connection.level`, RabbitMQ page
 * "Logging", "Log Message Categories").
 *
 * - `connection`: clients that come and go, and what went wrong with them
 * - `channel`: what clients did wrong on a channel, consumers that were too slow
 * - `queue`: messages that a queue could not read back
 * - `store`: files of the data directory
 * - `http`: the HTTP API
 * - `audit`: what operators do, one line each
 * - `default`: everything else
 */
export const logCategories = ['connection', 'channel', 'queue', 'store', 'http', 'audit', 'default'] as const;
export type LogCategory = (typeof logCategories)[number];

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
