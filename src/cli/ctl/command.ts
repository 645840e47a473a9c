import { suggestion } from '../../config/nearest.ts';
import { isObject, type JsonObject } from '../../json-object.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { type GivenFlags, usageError } from '../flags.ts';
import type { Api } from './api.ts';
import type { SpecialFlag } from './flags.ts';
import { type Formatter, formatRows, isJson } from './format.ts';
import type { Terminal } from './live/terminal.ts';

/** A command of leveretctl, with rabbitmqctl's name, arguments, words and columns. */
export interface Command {
  /** `set_permissions <user> <configure> <write> <read>`; `[optional]`, `...` for any number. */
  readonly synopsis: string;
  readonly doc: string;
  /** What only `leveretctl help <command>` says. */
  readonly details?: string;
  /** Flags besides those that every command has. */
  readonly flags?: readonly SpecialFlag[];
  /** It has printed all there is to print, in JSON too. */
  readonly isLive?: true;
  /** `--user` says whom it is about, not who asks, unless there is a password with it. */
  readonly isAboutUser?: true;
  /** Takes any flag, as it does nothing with it. */
  readonly ignoresFlags?: true;
  /** What is said before it is done, if anything; not with --quiet. */
  banner?(given: Invocation): string;
  /** What it prints in the end; nothing, mostly. What goes on prints to the terminal meanwhile. @throws CommandError */
  run(given: Invocation, terminal: Terminal): Promise<string>;
}

/** Commands that belong together in `leveretctl help`. */
export interface Topic {
  readonly title: string;
  readonly commands: readonly Command[];
}

/** The first word of a synopsis, by which a command is called. */
export function nameOf({ synopsis }: Pick<Command, 'synopsis'>): string {
  return synopsis.split(' ', 1)[0] ?? '';
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
  #node: string | undefined;
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

  /** An argument as a part of a path. @throws CommandError for an empty one, most often a variable that is not set */
  path(index: number): string {
    if (this.argument(index) !== '') return encodeURIComponent(this.argument(index));
    throw usageError(`(argument validation) argument ${index + 1} is empty: it has to be a name`);
  }

  /** Arguments from this place on. */
  rest(index: number): readonly string[] {
    return this.#words.slice(index);
  }

  /** What was given with `--name`; undefined when it was not given. */
  flag(name: string): string | undefined {
    return this.#flags.values[name];
  }

  /** Whether a flag without a value was given. */
  has(name: string): boolean {
    return this.#flags.switches.has(name);
  }

  /** A program reads what is printed: it has to be JSON and nothing else. */
  get isJson(): boolean {
    return isJson(this.formatter);
  }

  /** Neither --quiet nor --silent: what is said to people may be said. */
  get isTalkative(): boolean {
    return !this.has('quiet') && !this.has('silent');
  }

  /** A flag that is a whole number. @throws CommandError */
  count(name: string, otherwise: number): number {
    const text = this.flag(name) ?? String(otherwise);
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw usageError(`--${name}: "${text}" is not a whole number`);
  }

  /** An argument that is a JSON object. @throws CommandError */
  json(index: number): JsonObject {
    const value = this.jsonValue(index);
    if (isObject(value)) return value;
    throw this.#noJson(index, 'a JSON object');
  }

  /** @throws CommandError */
  jsonValue(index: number): unknown {
    try {
      return JSON.parse(this.argument(index));
    } catch {
      throw this.#noJson(index, 'JSON');
    }
  }

  #noJson(index: number, expected: string): CommandError {
    const example = `write it as '{"max-length": 1000}', in single quotes because of the shell`;
    return new CommandError(`${this.argument(index)} is not ${expected}: ${example}`, ExitCode.Unavailable);
  }

  /** A list, with the formatter that was asked for. `columns`: fields of the rows, in their order. */
  table(rows: readonly JsonObject[], columns: readonly string[]): Promise<string> {
    return formatRows(rows, columns, this.formatter, this.#areColumnsNamed);
  }

  /** Something that is no list: as lines for people, or whole in JSON. */
  value(value: unknown, lines: readonly string[]): string {
    return this.isJson ? `${JSON.stringify(value)}\n` : linesOf(lines);
  }

  /** That all is well: not with --silent. */
  ok(message: string, details: JsonObject = {}): string {
    if (this.isJson) return `${JSON.stringify({ result: 'ok', ...details })}\n`;
    return this.has('silent') ? '' : `${message}\n`;
  }

  /** A list as rabbitmqctl shows it: `[a, b]`, in JSON an array. */
  words(list: unknown): unknown {
    if (!Array.isArray(list) || this.isJson) return list;
    return `[${list.join(', ')}]`;
  }

  /** The name of the node that answers. @throws CommandError */
  async node(): Promise<string> {
    this.#node ??= String((await this.api.object('/api/overview?columns=node'))['node']);
    return this.#node;
  }

  /** Sends something to the node. @throws CommandError */
  async tellNode(method: 'PUT' | 'POST', path: string, body: JsonObject = {}): Promise<void> {
    const url = `/api/nodes/${encodeURIComponent(await this.node())}/${path}`;
    if (method === 'PUT') await this.api.put(url, body);
    else await this.api.post(url, body);
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

/** Each with its line break. */
export function linesOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** In rabbitmqctl's words, with a hint. Some of its commands end with another exit code. */
export function noSuchUser(name: string, exitCode: ExitCode = ExitCode.NoUser): CommandError {
  return new CommandError(
    `User "${name}" does not exist: leveretctl list_users shows those there are`,
    exitCode,
  );
}

/** In rabbitmqctl's words, with a hint. Some of its commands end with another exit code. */
export function noSuchVhost(name: string, exitCode: ExitCode = ExitCode.Data): CommandError {
  return new CommandError(
    `Virtual host '${name}' does not exist: leveretctl list_vhosts shows those there are`,
    exitCode,
  );
}

/** `list`: the command that shows what there is. */
export function noSuchParameter(list: string): CommandError {
  return new CommandError(
    `Parameter does not exist: leveretctl ${list} shows those there are`,
    ExitCode.Unavailable,
  );
}

/** In rabbitmqctl's words, and what there is. */
export function unknownColumns(unknown: readonly string[], known: readonly string[]): CommandError {
  const [first = ''] = unknown;
  const nearest = suggestion(first, known) || `: there are ${known.join(', ')}`;
  return usageError(`(argument validation) Info key(s) ${unknown.join(', ')} are not supported${nearest}`);
}

/** `name`: of the queue, most often the first argument. The exit code is not the same for all commands of rabbitmqctl. */
export function noSuchQueue(
  given: Invocation,
  exitCode: ExitCode = ExitCode.Unavailable,
  name = given.argument(0),
): CommandError {
  const { vhost } = given;
  return new CommandError(
    `no queue '${name}' in vhost '${vhost}': leveretctl list_queues -p '${vhost}' shows those there are`,
    exitCode,
  );
}

/** What only commands that rabbitmqctl has not are given the name of. */
export function noSuchExchange({ vhost }: Invocation, name: string): CommandError {
  return new CommandError(
    `no exchange '${name}' in vhost '${vhost}': leveretctl list_exchanges -p '${vhost}' shows those there are`,
    ExitCode.Unavailable,
  );
}
