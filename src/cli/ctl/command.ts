import { CommandError, ExitCode } from '../exit-code.ts';
import { type GivenFlags, usageError } from '../flags.ts';
import type { Api, JsonObject } from './api.ts';
import { type Formatter, formatRows } from './format.ts';

/** A command of leveretctl, with rabbitmqctl's name, arguments, words and columns. */
export interface Command {
  /** `set_permissions <user> <configure> <write> <read>`; `[optional]`, `...` for any number. */
  readonly synopsis: string;
  readonly doc: string;
  /** What is said before it is done; not with --quiet. */
  banner(given: Invocation): string;
  /** What it prints; nothing, mostly. @throws CommandError */
  run(given: Invocation): Promise<string>;
}

/** A command as it was given. */
export class Invocation {
  readonly api: Api;
  /** The virtual host, and as it stands in a path. */
  readonly vhost: string;
  readonly vhostPath: string;
  readonly formatter: Formatter;
  readonly timeoutSeconds: number;
  readonly #flags: GivenFlags;
  readonly #words: readonly string[];
  readonly #areColumnsNamed: boolean;
  /** Of a list nobody sees more; undefined: all of it is wanted. */
  readonly rowsMax: number | undefined;

  constructor(
    api: Api,
    flags: GivenFlags,
    formatter: Formatter,
    areColumnsNamed: boolean,
    rowsMax: number | undefined = undefined,
  ) {
    this.api = api;
    this.timeoutSeconds = api.timeoutSeconds;
    this.vhost = flags.values['vhost'] ?? '/';
    this.vhostPath = encodeURIComponent(this.vhost);
    this.formatter = formatter;
    this.#flags = flags;
    this.#words = flags.words.slice(1);
    this.#areColumnsNamed = areColumnsNamed;
    this.rowsMax = rowsMax;
  }

  /** The same command, of which only so many rows are wanted. */
  withRows(rowsMax: number): Invocation {
    return new Invocation(this.api, this.#flags, this.formatter, this.#areColumnsNamed, rowsMax);
  }

  /** An argument by its place. The synopsis has been checked: only optional ones can be missing. */
  argument(index: number): string {
    return this.#words[index] ?? '';
  }

  /** An argument as a part of a path. */
  path(index: number): string {
    return encodeURIComponent(this.argument(index));
  }

  /** Arguments from this place on. */
  rest(index: number): readonly string[] {
    return this.#words.slice(index);
  }

  flag(name: string): string | undefined {
    return this.#flags.values[name];
  }

  has(name: string): boolean {
    return this.#flags.switches.has(name);
  }

  /** An argument that is a JSON object. @throws CommandError */
  json(index: number): JsonObject {
    const value = this.jsonValue(index);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
    throw new CommandError(`${this.argument(index)} is not a JSON object`, ExitCode.Data);
  }

  /** @throws CommandError */
  jsonValue(index: number): unknown {
    try {
      return JSON.parse(this.argument(index));
    } catch {
      throw new CommandError(`${this.argument(index)} is not JSON`, ExitCode.Data);
    }
  }

  table(rows: readonly JsonObject[], columns: readonly string[]): string {
    return formatRows(rows, columns, this.formatter, this.#areColumnsNamed);
  }

  /** A list as rabbitmqctl shows it: `[a, b]`, in JSON an array. */
  words(list: unknown): unknown {
    if (!Array.isArray(list) || this.formatter === 'json') return list;
    return `[${list.join(', ')}]`;
  }

  /** @throws CommandError when arguments are missing or too many, in rabbitmqctl's words */
  check(synopsis: string): void {
    const [, ...expected] = synopsis.split(' ');
    const min = expected.filter((word) => word.startsWith('<')).length;
    const max = synopsis.endsWith('...') ? Number.POSITIVE_INFINITY : expected.length;
    const count = this.#words.length;
    if (count >= min && count <= max) return;
    const what = count < min ? 'not enough arguments' : 'too many arguments';
    throw usageError(`(argument validation) ${what}: leveretctl ${synopsis}`);
  }
}

export function noSuchUser(name: string): CommandError {
  return new CommandError(`User "${name}" does not exist`, ExitCode.NoUser);
}

export function noSuchVhost(name: string): CommandError {
  return new CommandError(`Virtual host '${name}' does not exist`, ExitCode.Data);
}

export function noSuchParameter(): CommandError {
  return new CommandError('Parameter does not exist', ExitCode.Unavailable);
}
