import type { JsonObject } from '../../json-object.ts';
import { version } from '../../version.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { usageError } from '../flags.ts';
import { objectOf, objectsOf } from './api.ts';
import { alarmLines, alarmsOf } from './checks.ts';
import { type Command, type Invocation, linesOf, unknownColumns } from './command.ts';
import { listenerLine, listenersOf, memoryOf, nodePath } from './node-views.ts';

/** Units of memory_breakdown, as rabbitmq-diagnostics has them. */
const units: Readonly<Record<string, readonly [name: string, bytes: number]>> = {
  gb: ['gb', 1e9],
  mb: ['mb', 1e6],
  kb: ['kb', 1e3],
  bytes: ['bytes', 1],
};

/** RabbitMQ 3.10's, all of which Leveret has always had. */
const featureFlags: readonly string[] = [
  'classic_mirrored_queue_version',
  'drop_unroutable_metric',
  'empty_basic_get_metric',
  'implicit_default_bindings',
  'maintenance_mode_status',
  'quorum_queue',
  'stream_queue',
  'user_limits',
  'virtual_host_metadata',
];

/** What there is to know about a broker, one thing at a time. */
export const diagnosticCommands: readonly Command[] = [
  {
    synopsis: 'listeners',
    doc: 'List where something listens',
    banner: () => 'Asking the broker to report its protocol listeners ...',
    run: async (given) => {
      const overview = await given.api.object('/api/overview');
      const listeners = listenersOf(overview);
      return given.value({ result: 'ok', listeners, node: overview['node'] }, listeners.map(listenerLine));
    },
  },
  {
    synopsis: 'alarms',
    doc: 'List resource alarms',
    banner: () => 'Asking the broker to report any known resource alarms ...',
    run: async (given) => {
      const node = await nodeObject(given);
      const alarms = alarmsOf(node);
      const none = ['The broker reported no alarms, local or clusterwide'];
      return given.value(
        { result: 'ok', alarms, node: node['name'] },
        alarms.length === 0 ? none : alarmLines(alarms),
      );
    },
  },
  {
    synopsis: 'memory_breakdown',
    doc: 'Show where memory goes',
    flags: ['unit'],
    banner: () => 'Reporting memory breakdown of the broker ...',
    run: memoryBreakdown,
  },
  {
    synopsis: 'server_version',
    doc: 'Show the version of the broker',
    banner: () => 'Asking the broker for its version ...',
    run: async (given) => {
      const { product_version: found } = await given.api.object('/api/overview?columns=product_version');
      return given.value({ result: 'ok', value: found }, [String(found)]);
    },
  },
  {
    synopsis: 'erlang_version',
    doc: 'Show the version of Node.js, which takes the place of Erlang',
    flags: ['details'],
    banner: () => 'Asking the broker for its runtime ...',
    run: async (given) => {
      const versions = objectOf((await processObject(given))['versions']);
      const details = given.has('details') ? ['v8', 'uv', 'openssl'] : [];
      const value = [
        `Node.js ${versions['node']}`,
        ...details.map((name) => `[${name}:${versions[name]}]`),
      ].join(' ');
      return given.value({ result: 'ok', value }, [value]);
    },
  },
  {
    synopsis: 'os_env',
    doc: 'List the variables of the environment that are for the broker',
    banner: () => 'Listing variables of the environment of the broker ...',
    run: async (given) => {
      const { environment } = await processObject(given);
      const entries = Object.entries(objectOf(environment));
      return given.value(
        environment,
        entries.map(([name, value]) => `${name}=${value}`),
      );
    },
  },
  {
    synopsis: 'command_line_arguments',
    doc: 'Show how the process of the broker was started',
    banner: () => 'Command line of the broker ...',
    run: async (given) => {
      const { command_line: words } = await processObject(given);
      return given.value(words, [Array.isArray(words) ? words.join(' ') : '']);
    },
  },
  ...['tls_versions', 'cipher_suites'].map(
    (synopsis): Command => ({
      synopsis,
      doc: `List the ${synopsis === 'tls_versions' ? 'versions of TLS' : 'cipher suites of TLS'} that there are`,
      ...(synopsis === 'cipher_suites' && { flags: ['format', 'all'] as const }),
      banner: () => `Listing ${synopsis.replace('_', ' ').replace('tls', 'TLS')} of the broker ...`,
      run: async (given) => {
        const found = (await processObject(given))[synopsis];
        return given.value({ [synopsis]: found }, Array.isArray(found) ? found.map(String) : []);
      },
    }),
  ),
  {
    synopsis: 'certificates',
    doc: 'List the listeners that speak TLS, and when their certificates run out',
    banner: () => 'Certificates of the broker ...',
    run: async (given) => {
      const { body } = await given.api.check('/api/health/checks/certificate-expiration/9999/years');
      return given.table(objectsOf(body['expired']), [
        'protocol',
        'interface',
        'port',
        'certfile_expires_on',
      ]);
    },
  },
  {
    synopsis: 'log_location',
    doc: 'List the files of the log',
    flags: ['all'],
    banner: () => 'Log of the broker ...',
    run: async (given) => {
      const { log_files: files } = await nodeObject(given);
      const found = Array.isArray(files) && files.length > 0 ? files.map(String) : ['<stdout>'];
      return given.value(found, found);
    },
  },
  {
    synopsis: 'resolve_hostname <host>',
    doc: 'List the addresses of a host, as this machine finds them',
    flags: ['address-family'],
    banner: (given) => `Resolving hostname ${given.argument(0)} ...`,
    run: resolveHostname,
  },
  {
    synopsis: 'discover_peers',
    doc: 'List other nodes: there are none',
    banner: () => 'Discovering peer nodes ...',
    run: async (given) => {
      await given.node();
      return given.value([], ['No peers: this broker is one node']);
    },
  },
  {
    synopsis: 'list_feature_flags [column] ...',
    doc: 'List the feature flags of RabbitMQ 3.10: everything is enabled, always',
    banner: () => 'Listing feature flags ...',
    run: async (given) => {
      await given.node();
      const columns = given.rest(0).length === 0 ? ['name', 'state'] : given.rest(0);
      const known = ['name', 'state', 'stability', 'desc'];
      const unknown = columns.filter((column) => !known.includes(column));
      if (unknown.length > 0) throw unknownColumns(unknown, known);
      const rows = featureFlags.map((name) => ({ name, state: 'enabled', stability: 'stable', desc: '' }));
      return given.table(rows, columns);
    },
  },
  {
    synopsis: 'enable_feature_flag <name>',
    doc: 'Nothing: everything is enabled, always',
    banner: (given) =>
      `Enabling ${given.argument(0) === 'all' ? 'all feature flags' : `feature flag "${given.argument(0)}"`} ...`,
    run: async (given) => {
      await given.node();
      if (given.argument(0) === 'all' || featureFlags.includes(given.argument(0))) return '';
      const hint = 'leveretctl list_feature_flags shows those there are';
      throw new CommandError(`there is no feature flag "${given.argument(0)}": ${hint}`, ExitCode.Usage);
    },
  },
  {
    synopsis: 'list_deprecated_features',
    doc: 'List features that will go: there are none',
    banner: () => 'Listing deprecated features ...',
    run: async (given) => {
      await given.node();
      return given.table([], ['name', 'deprecation_phase', 'provided_by', 'desc']);
    },
  },
  {
    synopsis: 'list_unresponsive_queues',
    doc: 'List queues that do not answer: all queues answer, or the broker does not',
    flags: ['local'],
    banner: (given) => `Listing unresponsive queues for vhost ${given.vhost} ...`,
    run: async (given) => {
      await given.api.list(`/api/queues/${given.vhostPath}?columns=name&page=1&page_size=1`).catch(() => []);
      return given.table([], ['name']);
    },
  },
  {
    synopsis: 'version',
    doc: 'Show the version of leveretctl',
    run: async () => `${version}\n`,
  },
  {
    synopsis: 'hash_password [password]',
    doc: 'Hash a password for a definition file; one that is not on the command line is read from standard input',
    run: async (given) => {
      const [{ hashPassword }, { readPassword }] = await Promise.all([
        import('../../access/passwords/password-hash.ts'),
        import('./password.ts'),
      ]);
      const hashed = await hashPassword(
        given.argument(0) || (await readPassword()),
        'rabbit_password_hashing_sha256',
      );
      return linesOf([hashed.hash]);
    },
  },
];

async function nodeObject(given: Invocation, path = ''): Promise<JsonObject> {
  return given.api.object(await nodePath(given, path));
}

function processObject(given: Invocation): Promise<JsonObject> {
  return nodeObject(given, '/process');
}

async function memoryBreakdown(given: Invocation): Promise<string> {
  const unit = units[(given.flag('unit') ?? 'gb').toLowerCase()];
  if (unit === undefined) throw usageError(`--unit: "${given.flag('unit')}" is not one of bytes, kb, mb, gb`);
  const [name, size] = unit;
  const { total = 0, ...parts } = memoryOf(await nodeObject(given, '?memory=true'));
  const rows = Object.entries(parts).sort(([, left], [, right]) => right - left);
  const lines = rows.map(([part, bytes]) => {
    const percentage = ((bytes / total) * 100).toFixed(2);
    return `${part}: ${(bytes / size).toFixed(size === 1 ? 0 : 4)} ${name} (${percentage}%)`;
  });
  return given.value({ ...parts, total }, lines);
}

async function resolveHostname(given: Invocation): Promise<string> {
  const { lookup } = await import('node:dns/promises');
  const family = given.flag('address-family') ?? '';
  if (!['', 'ipv4', 'ipv6'].includes(family))
    throw usageError(`--address-family: "${family}" is not ipv4 or ipv6`);
  const options = { all: true, family: family === '' ? 0 : Number(family.slice(-1)) } as const;
  try {
    const found = (await lookup(given.argument(0), options)).map(({ address }) => address);
    return given.value(found, found);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CommandError(
      `this machine finds no address of ${given.argument(0)} (${code})`,
      ExitCode.Unavailable,
    );
  }
}
