import { suggestion } from '../../config/nearest.ts';
import { integer, oneOf } from '../../config/value.ts';
import { version } from '../../version.ts';
import { ExitCode } from '../exit-code.ts';
import { commandLine, type Flags, type GivenFlags, givenFlags, usageError, withFlags } from '../flags.ts';
import { Api } from './api.ts';
import { type Command, Invocation } from './command.ts';
import { formatters } from './format.ts';
import { listCommands } from './lists.ts';
import { type LiveCommand, liveCommands } from './live/commands.ts';
import { liveFlags, withInterval } from './live/options.ts';
import { processTerminal, type Terminal } from './live/terminal.ts';
import { operationCommands } from './operations.ts';
import { parameterCommands } from './parameters.ts';
import { permissionCommands } from './permissions.ts';
import { policyCommands } from './policies.ts';
import { status } from './status.ts';
import { findTarget, targetFlags } from './target.ts';
import { userCommands } from './users.ts';
import { vhostCommands } from './vhosts.ts';

const administration: readonly Command[] = [
  ...listCommands,
  ...operationCommands,
  ...userCommands,
  ...permissionCommands,
  ...vhostCommands,
  ...policyCommands,
  ...parameterCommands,
];
const commands = ['status', 'bench', 'completion', ...[...administration, ...liveCommands].map(nameOf)];

const flags: Flags = {
  ...targetFlags,
  ...liveFlags,
  timeout: { doc: 'Give up after so long.', placeholder: '<seconds>', defaultText: '60', alias: 't' },
  vhost: { doc: 'Virtual host.', placeholder: '<name>', defaultText: '/', alias: 'p' },
  formatter: { doc: 'How to print.', placeholder: formatters.join('|'), defaultText: 'table' },
  quiet: { doc: 'Print no banner.', alias: 'q' },
  silent: { doc: 'Print neither banner nor column names.', alias: 's' },
  'no-table-headers': { doc: 'Print no column names.' },
  description: { doc: 'Of a virtual host.', placeholder: '<text>' },
  tags: { doc: 'Of a virtual host.', placeholder: '<tag,...>' },
  'default-queue-type': { doc: 'Of a virtual host.', placeholder: '<type>' },
  priority: { doc: 'Of a policy.', placeholder: '<n>', defaultText: '0' },
  'apply-to': { doc: 'What a policy is for.', placeholder: '<target>', defaultText: 'all' },
  global: { doc: 'Of all virtual hosts.' },
  'if-empty': { doc: 'Delete a queue only if it is empty.' },
  'if-unused': { doc: 'Delete a queue only if nobody consumes from it.' },
};

/**
 * `leveretctl`: what rabbitmqctl does, over the HTTP API. `write` gets what it prints.
 *
 * @throws CommandError
 */
export async function ctl(
  args: readonly string[],
  write: (text: string) => void,
  terminal: Terminal = processTerminal(write),
): Promise<ExitCode> {
  if (args[0] === 'bench') return (await import('./live/bench.ts')).bench(args);
  if (args[0] === '__complete') {
    const { complete } = await import('./live/complete.ts');
    await complete(args.slice(1), { commands: [...administration, ...liveCommands], flags, write });
    return ExitCode.Ok;
  }
  // Scripts put flags before the command as well as after it, so all commands share all flags.
  const argv = withFlags(commandLine(withInterval(args), 'leveretctl'), flags)
    .usage('$0 <command> [flags]')
    .command('$0', false, {}, (parsed) => {
      const [word] = givenFlags(parsed, flags).words;
      if (word === undefined) throw usageError('a command is missing; leveretctl --help lists them');
      throw usageError(`unknown command ${word}${suggestion(word, commands)}`);
    })
    .command('status', 'Show what the broker is and what it holds', {}, async (parsed) => {
      const given = givenFlags(parsed, flags);
      print(write, given, ['Status of the broker ...'], await status(await apiOf(given), formatterOf(given)));
    })
    .command('bench', 'Put load on the broker and measure it: leveretctl bench --help', {}, () => {
      throw usageError('bench comes first, its flags after it: leveretctl bench --time 5');
    })
    .command(
      'completion',
      'Print a script that lets a shell complete: completion bash|zsh|fish',
      {},
      async (parsed) => {
        const { completionScript } = await import('./live/completion-scripts.ts');
        write(completionScript(givenFlags(parsed, flags).words.slice(1)));
      },
    )
    .version(version);
  for (const command of administration) {
    argv.command(nameOf(command), `${command.doc}: ${command.synopsis}`, {}, (parsed) =>
      administer(command, parsed, write, terminal),
    );
  }
  for (const command of liveCommands) {
    argv.command(nameOf(command), `${command.doc}: ${command.synopsis}`, {}, (parsed) =>
      runLive(command, parsed, terminal),
    );
  }
  await argv
    .epilogue('LEVERETCTL_URL, LEVERETCTL_USER and LEVERETCTL_PASSWORD stand for the flags.')
    .parseAsync();
  return ExitCode.Ok;
}

function nameOf({ synopsis }: Pick<Command, 'synopsis'>): string {
  return synopsis.split(' ')[0] ?? '';
}

async function administer(
  command: Command,
  parsed: Readonly<Record<string, unknown>>,
  write: (text: string) => void,
  terminal: Terminal,
): Promise<void> {
  const { given, invocation } = await invoked(command, parsed);
  if (invocation.flag('watch') !== undefined) {
    const { watch } = await import('./live/watch.ts');
    return watch(command, invocation, terminal);
  }
  const banner = command.banner(invocation);
  print(write, given, [banner], await command.run(invocation));
}

async function runLive(
  command: LiveCommand,
  parsed: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<void> {
  const { invocation } = await invoked(command, parsed);
  const run = await command.load();
  await run(invocation, terminal);
}

async function invoked(
  { synopsis }: Pick<Command, 'synopsis'>,
  parsed: Readonly<Record<string, unknown>>,
): Promise<{ readonly given: GivenFlags; readonly invocation: Invocation }> {
  const given = givenFlags(parsed, flags);
  const invocation = new Invocation(await apiOf(given), given, formatterOf(given), areColumnsNamed(given));
  invocation.check(synopsis);
  return { given, invocation };
}

async function apiOf(given: GivenFlags): Promise<Api> {
  return new Api(await findTarget(given), timeoutOf(given));
}

function timeoutOf(given: GivenFlags): number {
  const text = given.values['timeout'] ?? '60';
  const type = integer(1, 86_400, 'seconds', 'a number of seconds');
  const parsed = type.parse(text);
  if (parsed === undefined) throw usageError(`--timeout: "${text}" is not ${type.expected}`);
  return parsed.value;
}

function formatterOf(given: GivenFlags) {
  const text = given.values['formatter'] ?? 'table';
  const type = oneOf(formatters);
  const parsed = type.parse(text);
  if (parsed === undefined) throw usageError(`--formatter: "${text}" is not ${type.expected}`);
  return parsed.value;
}

function areColumnsNamed(given: GivenFlags): boolean {
  return !given.switches.has('silent') && !given.switches.has('no-table-headers');
}

/** Only tables for people have a banner: other formats are for programs. */
function print(
  write: (text: string) => void,
  given: GivenFlags,
  banner: readonly string[],
  text: string,
): void {
  const quiet = given.switches.has('quiet') || given.switches.has('silent');
  const lines = quiet || formatterOf(given) !== 'table' ? [] : banner;
  write([...lines, text].join('\n'));
}
