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
