import { version } from '../../version.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { usageError } from '../flags.ts';
import type { Command, Invocation } from './command.ts';

/** Plugins of RabbitMQ, and of others for it, whose work Leveret does itself. */
const builtIn: readonly string[] = [
  'rabbitmq_auth_backend_cache',
  'rabbitmq_auth_backend_http',
  'rabbitmq_auth_backend_oauth2',
  'rabbitmq_auth_mechanism_ssl',
  'rabbitmq_consistent_hash_exchange',
  'rabbitmq_delayed_message_exchange',
  'rabbitmq_event_exchange',
  'rabbitmq_management',
  'rabbitmq_management_agent',
  'rabbitmq_message_deduplication',
  'rabbitmq_prometheus',
  'rabbitmq_random_exchange',
  'rabbitmq_recent_history_exchange',
  'rabbitmq_sharding',
];

/** rabbitmq-plugins, for scripts that make sure of what they need. */
export const pluginCommands: readonly Command[] = [
  {
    synopsis: 'list [pattern]',
    doc: 'List the plugins of RabbitMQ that are built in',
    flags: ['minimal', 'enabled'],
    banner: (given) => `Listing plugins with pattern "${given.argument(0) || '.*'}" ...`,
    run: async (given) => {
      const pattern = patternOf(given);
      const names = builtIn.filter((name) => pattern.test(name));
      const plugins = names.map((name) => ({ name, version, enabled: 'enabled', running: true }));
      const lines = given.has('minimal') ? names : names.map((name) => `[E*] ${name.padEnd(33)} ${version}`);
      return given.value({ plugins }, lines);
    },
  },
  {
    synopsis: 'is_enabled <plugin> ...',
    doc: 'Check that plugins of RabbitMQ are built in',
    flags: ['offline'],
    banner: (given) => `Asking the broker if ${named(given.rest(0), 'is', 'are')} enabled...`,
    run: async (given) => {
      const node = await given.node();
      demand(given, ExitCode.Unavailable);
      const which = named(given.rest(0), 'is', 'are');
      return given.ok(`${which.replace('plugin', 'Plugin')} enabled on node ${node}`);
    },
  },
  {
    synopsis: 'enable <plugin> ...',
    doc: 'Enable plugins of RabbitMQ: those that are built in always are, others cannot be',
    flags: ['offline', 'online'],
    banner: (given) => `Enabling plugins on the broker:\n${given.rest(0).join('\n')}`,
    run: async (given) => {
      demand(given, ExitCode.Software);
      return given.ok('Plugin configuration unchanged.');
    },
  },
];

/** @throws CommandError when one is not built in */
function demand(given: Invocation, exitCode: ExitCode): void {
  const missing = given.rest(0).filter((name) => !builtIn.includes(name));
  if (missing.length === 0) return;
  throw new CommandError(
    `${named(missing, 'is', 'are')} not built in, and there is no way to add any: leveretctl list shows those that are`,
    exitCode,
  );
}

function named(names: readonly string[], one: string, many: string): string {
  return names.length === 1 ? `plugin ${names[0]} ${one}` : `plugins ${names.join(', ')} ${many}`;
}

/** @throws CommandError */
function patternOf(given: Invocation): RegExp {
  try {
    return new RegExp(given.argument(0));
  } catch {
    throw usageError(`"${given.argument(0)}" is not a regular expression`);
  }
}
