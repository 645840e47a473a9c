import { isObject } from '../../../json-object.ts';
import { commandLine, withFlags } from '../../command-line.ts';
import { CommandError, ExitCode } from '../../exit-code.ts';
import { type Flags, type GivenFlags, givenFlags } from '../../flags.ts';
import { perfFlags } from '../../perf/options.ts';
import { runPerf } from '../../perf/perf.ts';
import { Api } from '../api.ts';
import { findTarget, targetFlags } from '../target.ts';

const timeoutSeconds = 10;

/** What is measured when nothing is said: durable messages with confirms and acknowledgements, for ten seconds. */
const defaults = {
  switches: ['persistent'],
  values: { confirm: '1000', prefetch: '1000', 'multi-ack-every': '100', time: '10' },
} as const;

/** Of those that say which broker is meant, all but short names, which perf has for other things. */
export const benchFlags: Flags = {
  ...Object.fromEntries(Object.entries(targetFlags).map(([name, { alias: _, ...flag }]) => [name, flag])),
  vhost: { doc: 'Virtual host.', placeholder: '<name>', defaultText: '/' },
  ...perfFlags,
  uri: {
    doc: 'Broker to connect to.',
    placeholder: '<uri>',
    defaultText: 'the one that leveretctl talks to',
  },
};

/** `bench [flags of leveret perf]`: `leveret perf` against the broker that leveretctl talks to. @throws CommandError */
export async function bench(args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = ExitCode.Ok;
  await withFlags(commandLine(args, 'leveretctl'), benchFlags)
    .command('bench', 'Put load on the broker and measure it', {}, async (parsed) => {
      exitCode = await measure(givenFlags(parsed, benchFlags));
    })
    .epilogue(
      'Without flags of its own: --persistent --confirm 1000 --prefetch 1000 --multi-ack-every 100 --time 10.',
    )
    .parseAsync();
  return exitCode;
}

async function measure(given: GivenFlags): Promise<ExitCode> {
  const uri = given.values['uri'] ?? (await uriOf(given));
  const isTold = Object.keys(perfFlags).some(
    (name) =>
      name !== 'uri' && name !== 'json' && (given.values[name] !== undefined || given.switches.has(name)),
  );
  const { values, switches } = isTold ? { values: {}, switches: [] } : defaults;
  // Whatever was chosen, it is to come to an end.
  const ends = given.values['time'] === undefined && given.values['messages'] === undefined;
  return runPerf({
    words: ['perf'],
    switches: new Set([...given.switches, ...switches]),
    values: { ...values, ...(ends && { time: defaults.values.time }), ...given.values, uri },
  });
}

/** Where the broker says that it listens for AMQP. @throws CommandError */
async function uriOf(given: GivenFlags): Promise<string> {
  const api = new Api(() => findTarget(given), timeoutSeconds);
  const [target, { listeners }] = await Promise.all([api.target, api.object('/api/overview')]);
  const all = Array.isArray(listeners) ? listeners.filter(isObject) : [];
  const listener =
    all.find(({ protocol }) => protocol === 'amqp') ?? all.find(({ protocol }) => protocol === 'amqps');
  if (listener === undefined) {
    throw new CommandError(
      'the broker does not say where it listens (the user needs the tag monitoring): say --uri amqp://host',
      ExitCode.Unavailable,
    );
  }
  const host = target.socket === undefined ? target.url.hostname : hostOf(String(listener['ip_address']));
  const { user, password } = target.login ?? { user: 'guest', password: 'guest' };
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  const vhost = encodeURIComponent(given.values['vhost'] ?? '/');
  const scheme = listener['protocol'] === 'amqps' ? 'amqps' : 'amqp';
  return `${scheme}://${login}@${host}:${listener['port']}/${vhost}`;
}

/** A listener on all addresses is reached on this machine's own. */
function hostOf(address: string): string {
  if (address === '::' || address === '0.0.0.0') return 'localhost';
  return address.includes(':') ? `[${address}]` : address;
}
