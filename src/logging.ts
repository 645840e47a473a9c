import { type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';

/** RabbitMQ's names for levels, most talkative first. */
export const logLevels = ['debug', 'info', 'warning', 'error', 'critical', 'none'] as const;
export type LogLevel = (typeof logLevels)[number];

const pinoLevels = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  critical: 'fatal',
  none: 'silent',
} as const satisfies Record<LogLevel, string>;

/** What pino calls a level. */
export function pinoLevel(level: LogLevel): string {
  return pinoLevels[level];
}

/** Fields that are never written, wherever they stand in a log entry of ours. */
const secretFields = ['password', 'pass', 'passphrase', 'authorization', 'response', 'token'];

/** Where log entries go: standard output or, in tests, anything that can be written to. */
export interface LogDestination {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Lines for people on a terminal, one JSON object a line (pino's format) everywhere else. */
export function createLogger(level: LogLevel, destination: LogDestination = process.stdout): Logger {
  const options = {
    level: pinoLevel(level),
    redact: {
      paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
      censor: '[hidden]',
    },
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  if (destination.isTTY !== true) return pino(options, { write: (line) => void destination.write(line) });
  const readable = prettyFactory({ colorize: true, translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l' });
  return pino(options, { write: (line) => void destination.write(readable(line)) });
}

/** A URI as it may be logged: without its password. */
export function withoutPassword(uri: string): string {
  return uri.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#]*?):[^/?#]*@/i, '$1:***@');
}
