import { ConfigError } from './error.ts';

/** A line of a configuration file. */
export interface FileEntry {
  readonly key: string;
  readonly value: string;
  /** `leveret.conf:12`, for error messages. */
  readonly place: string;
}

/**
 * Reads rabbitmq.conf's syntax: `key = value`, one a line; `#` starts a comment at the start of a line
 * or after white space; a value may stand in single quotes.
 *
 * @throws ConfigError for a line that is neither.
 */
export function parseConfigFile(content: string, fileName: string): FileEntry[] {
  const entries: FileEntry[] = [];
  const lines = content.split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    const place = `${fileName}:${index + 1}`;
    if (/^\s*(#.*)?$/.test(line)) continue;
    const match = /^\s*([\w.$-]+)\s*=\s*(?:'([^']*)'|(.*?))\s*(?:\s#.*)?$/.exec(line);
    const key = match?.[1];
    const value = match?.[2] ?? match?.[3];
    if (key === undefined || value === undefined) {
      throw new ConfigError(`${place}: expected "key = value", found "${line.trim()}"`);
    }
    entries.push({ key, value, place });
  }
  return entries;
}
