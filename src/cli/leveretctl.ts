#!/usr/bin/env node
import { suggestion } from '../config/nearest.ts';
import { integer, oneOf } from '../config/value.ts';
import { version } from '../version.ts';
import { Api } from './ctl/api.ts';
import { formatters } from './ctl/format.ts';
import { listQueues } from './ctl/list-queues.ts';
import { status } from './ctl/status.ts';
import { commandLine, type Flags, type GivenFlags, givenFlags, usageError, withFlags } from './flags.ts';
import { runCommand } from './run-command.ts';

const commands = ['status', 'list_queues'];

const flags: Flags = {
  url: { doc: 'HTTP API of the broker.', placeholder: '<url>', defaultText: 'http://127.0.0.1:15672' },
  user: { doc: 'User to log in as.', placeholder: '<name>', defaultText: 'guest' },
  password: {
    doc: 'Password; better in LEVERETCTL_PASSWORD, where others do not see it.',
    placeholder: '<text>',
    defaultText: 'guest',
  },
  timeout: { doc: 'Give up after so long.', placeholder: '<seconds>', defaultText: '60', alias: 't' },
  vhost: { doc: 'Virtual host.', placeholder: '<name>', defaultText: '/', alias: 'p' },
  formatter: { doc: 'How to print.', placeholder: formatters.join('|'), defaultText: 'table' },
  quiet: { doc: 'Print no banner.', alias: 'q' },
  silent: { doc: 'Print neither banner nor column names.', alias: 's' },
  'no-table-headers': { doc: 'Print no column names.' },
};

await runCommand('leveretctl', async () => {
  // Scripts put flags before the command as well as after it, so all commands share all flags.
  await withFlags(commandLine(process.argv.slice(2), 'leveretctl'), flags)
    .usage('$0 <command> [flags]')
    .command('$0', false, {}, (parsed) => {
      const [word] = givenFlags(parsed, flags).words;
      if (word === undefined) throw usageError('a command is missing; leveretctl --help lists them');
      throw usageError(`unknown command ${word}${suggestion(word, commands)}`);
    })
    .command('status', 'Show what the broker is and what it holds', {}, async (parsed) => {
      const given = givenFlags(parsed, flags);
      print(given, ['Status of the broker ...'], await status(apiOf(given), formatterOf(given)));
    })
    .command(
      'list_queues',
      'List queues; columns may follow, such as name messages consumers',
      {},
      async (parsed) => {
        const given = givenFlags(parsed, flags);
        const vhost = given.values['vhost'] ?? '/';
        const [, ...columns] = given.words;
        const banner = [
          `Timeout: ${timeoutOf(given).toFixed(1)} seconds ...`,
          `Listing queues for vhost ${vhost} ...`,
        ];
        const list = await listQueues(
          apiOf(given),
          columns,
          vhost,
          formatterOf(given),
          areColumnsNamed(given),
        );
        print(given, banner, list);
      },
    )
    .version(version)
    .epilogue('LEVERETCTL_URL, LEVERETCTL_USER and LEVERETCTL_PASSWORD stand for the flags.')
    .parseAsync();
});

function apiOf(given: GivenFlags): Api {
  const from = (flag: string, otherwise: string) =>
    given.values[flag] ?? process.env[`LEVERETCTL_${flag.toUpperCase()}`] ?? otherwise;
  const url = from('url', 'http://127.0.0.1:15672');
  if (!URL.canParse(url)) throw usageError(`--url: "${url}" is not a URL such as http://127.0.0.1:15672`);
  return new Api({
    url,
    user: from('user', 'guest'),
    password: from('password', 'guest'),
    timeoutSeconds: timeoutOf(given),
  });
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
function print(given: GivenFlags, banner: readonly string[], text: string): void {
  const quiet = given.switches.has('quiet') || given.switches.has('silent');
  const lines = quiet || formatterOf(given) !== 'table' ? [] : banner;
  process.stdout.write([...lines, text].join('\n'));
}
