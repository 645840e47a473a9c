import { suggestion } from '../../config/nearest.ts';
import { integer, oneOf } from '../../config/value.ts';
import { version } from '../../version.ts';
import { ExitCode } from '../exit-code.ts';
import { type GivenFlags, givenFlags, parseFlags, usageError } from '../flags.ts';
import { printable } from '../printable.ts';
import { Api } from './api.ts';
import { type Command, Invocation, nameOf } from './command.ts';
import { allTopics, commandNames, findCommand } from './commands.ts';
import { commonFlags, specialFlags } from './flags.ts';
import { formatters, isJson } from './format.ts';
import { withInterval } from './live/options.ts';
import { processTerminal, type Terminal } from './live/terminal.ts';
import { findTarget } from './target.ts';

const flags = { ...commonFlags, ...specialFlags };

const common = new Set(Object.keys(commonFlags));

/**
 * `leveretctl`: what rabbitmqctl, rabbitmq-diagnostics and rabbitmq-queues do, and more. `write` gets what it prints.
 *
 * @throws CommandError
 */
export async function ctl(
  args: readonly string[],
  write: (text: string) => void,
  terminal: Terminal = processTerminal(write),
): Promise<ExitCode> {
  // These two have flags of their own, or none.
  if (args[0] === 'bench') return (await import('./live/bench.ts')).bench(args);
  if (args[0] === '__complete') {
    const { complete } = await import('./live/complete.ts');
    const commands = (await allTopics()).flatMap((topic) => topic.commands);
    await complete(args.slice(1), { commands, flags, write });
  } else {
    await administer(withInterval(args), write, terminal);
  }
  return ExitCode.Ok;
}

async function administer(
  args: readonly string[],
  write: (text: string) => void,
  terminal: Terminal,
): Promise<void> {
  // Scripts put flags before the command as well as after it, so all commands are parsed with all flags.
  const parsed = parseFlags(args, flags);
  const first = Array.isArray(parsed['_']) ? parsed['_'][0] : undefined;
  if (first === 'bench' && parsed['help'] !== true)
    throw usageError('bench comes first, all flags after it: leveretctl bench --time 5');
  const given = givenFlags(parsed, flags);
  const [word, about] = given.words;
  if (parsed['version'] === true || word === 'version') return write(`${version}\n`);
  if (word === 'help') return write(await helpAbout(about));
  if (parsed['help'] === true) return write(await helpAbout(word));
  if (word === undefined) throw usageError('a command is missing; leveretctl help lists them');
  await runCommand(await commandOf(word), given, write, terminal);
}

/** Of a command, or all there are. @throws CommandError */
async function helpAbout(word: string | undefined): Promise<string> {
  const { helpOf, overview } = await import('./help.ts');
  return word === undefined ? overview(await allTopics()) : helpOf(await commandOf(word));
}

/** @throws CommandError */
async function commandOf(word: string): Promise<Command> {
  const command = await findCommand(word);
  if (command !== undefined) return command;
  const otherwise = ': leveretctl help lists them all';
  throw usageError(`unknown command ${word}${suggestion(word, commandNames) || otherwise}`);
}

async function runCommand(
  command: Command,
  given: GivenFlags,
  write: (text: string) => void,
  terminal: Terminal,
): Promise<void> {
  const own = new Set<string>(command.flags ?? []);
  for (const name of [...Object.keys(given.values), ...given.switches]) {
    if (command.ignoresFlags || common.has(name) || own.has(name)) continue;
    throw usageError(`${nameOf(command)} has no flag --${name}: see leveretctl help ${nameOf(command)}`);
  }
  const formatter = formatterOf(given);
  const areColumnsNamed = !given.switches.has('silent') && !given.switches.has('no-table-headers');
  const isSubject = command.isAboutUser && given.values['password'] === undefined;
  const api = new Api(() => findTarget(isSubject ? without(given, 'user') : given), timeoutOf(given));
  const invocation = new Invocation(api, given, formatter, areColumnsNamed);
  invocation.check(command.synopsis);
  if (given.values['watch'] !== undefined && nameOf(command) !== 'top') {
    const { watch } = await import('./live/watch.ts');
    return watch(command, invocation, terminal);
  }
  const banner = command.banner?.(invocation) ?? '';
  const text = await command.run(invocation, terminal);
  if (text === '' && isJson(formatter) && !command.isLive) {
    return write(`${JSON.stringify({ node: await invocation.node(), result: 'ok' })}\n`);
  }
  // Only tables for people have a banner: other formats are for programs.
  const hasBanner = invocation.isTalkative && formatter === 'table' && banner !== '';
  write(hasBanner ? `${printable(banner)}\n${text}` : text);
}

function without({ values, ...others }: GivenFlags, flag: string): GivenFlags {
  return { ...others, values: Object.fromEntries(Object.entries(values).filter(([name]) => name !== flag)) };
}

function timeoutOf(given: GivenFlags): number {
  const text = given.values['timeout'] ?? '60';
  const type = integer(1, 86_400, 'seconds', 'a number of seconds');
  const parsed = type.parse(text);
  if (parsed === undefined) throw usageError(`--timeout: "${text}" is not ${type.expected}`);
  return parsed.value;
}

function formatterOf(given: GivenFlags) {
  const text = given.values['formatter'] ?? (given.switches.has('json') ? 'json' : 'table');
  const type = oneOf(formatters);
  const parsed = type.parse(text);
  if (parsed === undefined) throw usageError(`--formatter: "${text}" is not ${type.expected}`);
  return parsed.value;
}
