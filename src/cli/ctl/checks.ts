import type { JsonObject } from '../../json-object.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { usageError } from '../flags.ts';
import { objectsOf } from './api.ts';
import type { Command, Invocation } from './command.ts';
import type { SpecialFlag } from './flags.ts';
import { isUp } from './wait.ts';

/** A check that the HTTP API makes. */
interface Check {
  readonly synopsis: string;
  readonly doc: string;
  readonly flags?: readonly SpecialFlag[];
  readonly path: (given: Invocation) => string;
  readonly banner: (given: Invocation) => string;
  readonly passed: (given: Invocation, node: string) => string;
  readonly failed: (given: Invocation, body: JsonObject) => string;
}

const checks: readonly Check[] = [
  {
    synopsis: 'check_running',
    doc: 'The broker serves clients',
    path: () => '/api/health/checks/ready-to-serve-clients',
    banner: () => 'Checking if the broker is running ...',
    passed: (_given, node) => `Leveret on node ${node} is fully booted and running`,
    failed: () => 'The broker does not accept connections: leveretctl resume_listeners lets clients in again',
  },
  {
    synopsis: 'check_alarms',
    doc: 'There is no resource alarm',
    path: () => '/api/health/checks/alarms',
    banner: () => 'Asking the broker to report any resource alarms ...',
    passed: (_given, node) => `Node ${node} reported no alarms, local or clusterwide`,
    failed: alarmsReported,
  },
  {
    synopsis: 'check_local_alarms',
    doc: 'There is no resource alarm on this node',
    path: () => '/api/health/checks/local-alarms',
    banner: () => 'Asking the broker to report any local resource alarms ...',
    passed: (_given, node) => `Node ${node} reported no local alarms`,
    failed: alarmsReported,
  },
  {
    synopsis: 'check_port_listener <port>',
    doc: 'Something listens on this port',
    path: (given) => {
      if (/^\d{1,5}$/.test(given.argument(0))) return `/api/health/checks/port-listener/${given.path(0)}`;
      throw new CommandError(`"${given.argument(0)}" is not a port`, ExitCode.Data);
    },
    banner: (given) => `Asking the broker if there's an active listener on port ${given.argument(0)} ...`,
    passed: (given, node) => `A listener for port ${given.argument(0)} is running on node ${node}.`,
    failed: (given, { ports }) =>
      `No listener for port ${given.argument(0)} is active: there are ${words(ports)}`,
  },
  {
    synopsis: 'check_protocol_listener <protocol>',
    doc: 'Something listens for this protocol: amqp, amqp/ssl, http, https, http/prometheus',
    path: (given) => `/api/health/checks/protocol-listener/${given.path(0)}`,
    banner: (given) =>
      `Asking the broker if there's an active listener for protocol ${given.argument(0)} ...`,
    passed: (given, node) => `A listener for protocol ${given.argument(0)} is running on node ${node}.`,
    failed: (given, { protocols }) =>
      `No listener for protocol ${given.argument(0)} is active: there are ${words(protocols)}`,
  },
  {
    synopsis: 'check_virtual_hosts',
    doc: 'All virtual hosts can be used',
    path: () => '/api/health/checks/virtual-hosts',
    banner: () => 'Checking if all vhosts are running ...',
    passed: (_given, node) => `Node ${node} reported all vhosts as running`,
    failed: () => 'Some virtual hosts cannot be used: see the log',
  },
  {
    synopsis: 'check_store',
    doc: 'Everything on disk can be read, and was intact where it was read (RabbitMQ has no such check)',
    path: () => '/api/health/checks/store',
    banner: () => 'Checking if everything on disk is intact ...',
    passed: () => 'Everything on disk can be read, and was intact where it was read',
    failed: (_given, { damaged_messages: count, unreadable_files: files }) =>
      Array.isArray(files) && files.length > 0
        ? `${files.length} files on disk cannot be read, and the messages in them wait: see the log`
        : `${count} messages on disk are damaged: see the log`,
  },
  {
    synopsis: 'check_certificate_expiration',
    doc: 'No certificate of a TLS listener runs out soon',
    flags: ['within', 'unit'],
    path: (given) => {
      const unit = given.flag('unit') ?? 'weeks';
      if (!['days', 'weeks', 'months', 'years'].includes(unit)) {
        throw usageError(`--unit: "${unit}" is not one of days, weeks, months, years`);
      }
      return `/api/health/checks/certificate-expiration/${given.count('within', 4)}/${unit}`;
    },
    banner: () => 'Checking certificate expiration ...',
    passed: (given) =>
      `No certificates are expiring within ${given.count('within', 4)} ${given.flag('unit') ?? 'weeks'}.`,
    failed: (_given, { expired }) => `Certificates are expiring: ${JSON.stringify(expired)}`,
  },
  {
    synopsis: 'check_if_node_is_quorum_critical',
    doc: 'No quorum queue would lose its majority without this node: there is no other',
    path: () => '/api/health/checks/node-is-quorum-critical',
    banner: () => 'Checking if the broker is critical for quorum of any quorum queues ...',
    passed: () => 'The broker is the only node: there is no quorum to lose',
    failed: (_given, { reason }) => String(reason),
  },
  {
    synopsis: 'check_if_node_is_mirror_sync_critical',
    doc: 'No mirrored queue would lose its only copy without this node: there are none',
    path: () => '/api/health/checks/node-is-mirror-sync-critical',
    banner: () => 'Checking if the broker is critical for data availability of any mirrored queues ...',
    passed: () => 'The broker is the only node: there are no mirrored queues',
    failed: (_given, { reason }) => String(reason),
  },
];

/** Checks of later versions of RabbitMQ that one node passes whenever it answers: what they say of it. */
const alwaysPassed: Readonly<Record<string, string>> = {
  'check_for_quorum_queues_without_an_elected_leader [pattern]':
    'Each quorum queue has one replica, which is its leader',
  check_if_new_quorum_queue_replicas_have_finished_initial_sync: 'There are no replicas to synchronise',
  check_if_metadata_store_is_initialized: 'Definitions have been read',
  check_if_metadata_store_is_initialized_with_data: 'Definitions have been read',
  check_if_any_deprecated_features_are_used: 'There are no deprecated features',
  check_if_cluster_has_classic_queue_mirroring_policy: 'There is no mirroring of queues',
};

/** Checks for monitoring and orchestrators: exit code 0, or 69 and one line. */
export const checkCommands: readonly Command[] = [
  ...checks.map(
    ({ path, passed, failed, ...rest }): Command => ({
      ...rest,
      run: async (given) => {
        const { isHealthy, body } = await given.api.check(path(given));
        if (isHealthy) return given.ok(passed(given, await given.node()));
        throw new CommandError(failed(given, body), ExitCode.Unavailable);
      },
    }),
  ),
  ...Object.entries(alwaysPassed).map(
    ([synopsis, words]): Command => ({
      synopsis,
      doc: `Passes when the broker answers. ${words}`,
      ...(synopsis.includes(' ') && { flags: ['across-all-vhosts'] as const }),
      banner: () => 'Asking the broker ...',
      run: async (given) => {
        await given.node();
        return given.ok(words);
      },
    }),
  ),
  {
    synopsis: 'check_port_connectivity',
    doc: 'Every listener can be connected to',
    flags: ['address'],
    banner: () => 'Testing TCP connections to all active listeners ...',
    run: checkConnectivity,
  },
  {
    synopsis: 'is_running',
    doc: 'Say whether the broker serves clients',
    banner: () => 'Asking the broker if it is running ...',
    run: async (given) => {
      const isRunning = await isUp(given);
      const words = isRunning ? 'The broker is fully booted and running' : 'The broker is not running';
      return given.value({ result: isRunning }, [words]);
    },
  },
  {
    synopsis: 'is_booting',
    doc: 'Say whether the broker is still starting: it answers when it has started',
    banner: () => 'Asking the broker if it is booting ...',
    run: async (given) => {
      await given.node();
      return given.value({ result: false }, ['The broker is fully booted and running']);
    },
  },
];

function alarmsReported(_given: Invocation, { alarms }: JsonObject): string {
  const resources = objectsOf(alarms).map(({ resource }) => resource);
  return `The broker reported alarms: ${resources.join(', ')}. Publishers wait until they are over; see leveretctl status`;
}

function words(list: unknown): string {
  return Array.isArray(list) ? list.join(', ') : '';
}

/** Resource alarms of a node, `memory` and `disk`. */
export function alarmsOf(node: JsonObject): readonly string[] {
  const { mem_alarm: memory, disk_free_alarm: disk } = node;
  return [...(memory === true ? ['memory'] : []), ...(disk === true ? ['disk'] : [])];
}

export function alarmLines(alarms: readonly string[]): readonly string[] {
  return alarms.map((alarm) => (alarm === 'memory' ? 'Memory alarm' : 'Free disk space alarm'));
}

async function checkConnectivity(given: Invocation): Promise<string> {
  const { connect } = await import('node:net');
  const { socket, url } = await given.api.target;
  const { listeners } = await given.api.object('/api/overview?columns=listeners');
  const ports: number[] = [];
  for (const { ip_address: address, port } of objectsOf(listeners)) {
    const isAny = address === '::' || address === '0.0.0.0';
    const near = isAny ? '127.0.0.1' : String(address);
    const host = given.flag('address') ?? (socket === undefined ? url.hostname : near);
    await new Promise<void>((resolve, reject) => {
      const connection = connect({ host, port: Number(port), timeout: given.timeoutSeconds * 1000 });
      const fail = (reason: string) => {
        connection.destroy();
        reject(new CommandError(`cannot connect to ${host}:${port} (${reason})`, ExitCode.Unavailable));
      };
      connection.once('connect', () => {
        connection.destroy();
        resolve();
      });
      connection.once('timeout', () => fail('timeout'));
      connection.once('error', (error) => fail(error.message));
    });
    ports.push(Number(port));
  }
  return given.ok(`Successfully connected to ports ${ports.join(', ')} on node ${await given.node()}.`, {
    ports,
  });
}
