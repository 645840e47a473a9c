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
