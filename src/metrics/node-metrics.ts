import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import type { LoginCounts } from '../access/access-control.ts';
import { usedBytes } from '../resources/memory-monitor.ts';
import type { Listener } from '../server/listener.ts';
import { version } from '../version.ts';
import { header, labelled, labelText, one, sample } from './exposition.ts';
import { globalMetrics } from './global-metrics.ts';
import { ownMetrics } from './own-metrics.ts';
import type { MetricsSource } from './source.ts';

/** Metrics of the node as a whole, under RabbitMQ's names. */
export async function nodeMetrics(source: MetricsSource): Promise<string> {
  const { broker, listener, resources } = source;
  const { alarms } = broker;
  const isSet = (resource: string) => (alarms.resources.some((each) => each === resource) ? 1 : 0);
  return [
    one(
      'untyped',
      'rabbitmq_alarms_file_descriptor_limit',
      'is 1 if file descriptor limit alarm is in effect',
      0,
    ),
    one(
      'untyped',
      'rabbitmq_alarms_free_disk_space_watermark',
      'is 1 if free disk space watermark alarm is in effect',
      isSet('disk'),
    ),
    one(
      'untyped',
      'rabbitmq_alarms_memory_used_watermark',
      'is 1 if VM memory watermark alarm is in effect',
      isSet('memory'),
    ),
    churnMetrics(source),
    one('gauge', 'rabbitmq_process_resident_memory_bytes', 'Memory used in bytes', usedBytes()),
    one(
      'gauge',
      'rabbitmq_resident_memory_limit_bytes',
      'Memory high watermark in bytes',
      resources.memoryLimitBytes,
    ),
    one('gauge', 'rabbitmq_process_open_tcp_sockets', 'Open TCP sockets', listener.connectionCount),
    await fileMetrics(listener),
    await diskMetrics(source),
    one('gauge', 'rabbitmq_erlang_uptime_seconds', 'Node uptime', process.uptime()),
    ...objectCounts(source),
    authAttempts(source),
    labelled(
      'untyped',
      'rabbitmq_build_info',
      'Version of the broker',
      {
        rabbitmq_version: version,
        product_name: 'Leveret',
        product_version: version,
        node_version: process.versions.node,
      },
      1,
    ),
    globalMetrics(source),
    ownMetrics(source),
  ].join('');
}

/** What dashboards join every panel on. */
export function identityMetrics(source: MetricsSource, endpoint: string): string {
  return labelled(
    'untyped',
    'rabbitmq_identity_info',
    'RabbitMQ node & cluster identity info',
    {
      rabbitmq_node: source.nodeName,
      rabbitmq_cluster: source.clusterName(),
      rabbitmq_cluster_permanent_id: source.clusterId(),
      rabbitmq_endpoint: endpoint,
    },
    1,
  );
}

/** What came and went since the broker started (family `connection_churn_metrics`). */
export function churnMetrics({ broker: { churn } }: MetricsSource, prefix = 'rabbitmq_'): string {
  const total = (name: string, help: string, value: number) =>
    one('counter', `${prefix}${name}_total`, `Total number of ${help}`, value);
  return [
    total('connections_opened', 'connections opened', churn.connectionCreated),
    total('connections_closed', 'connections closed or terminated', churn.connectionClosed),
    total('channels_opened', 'channels opened', churn.channelCreated),
    total('channels_closed', 'channels closed', churn.channelClosed),
    total('queues_declared', 'queues declared', churn.queueDeclared),
    total('queues_created', 'queues created', churn.queueCreated),
    total('queues_deleted', 'queues deleted', churn.queueDeleted),
  ].join('');
}

/** Logins by protocol. */
function authAttempts({ loginCounts }: MetricsSource): string {
  const metric = (name: string, help: string, value: (counts: LoginCounts) => number) => {
    const announced = { name: `rabbitmq_auth_attempts_${name}total`, type: 'counter' as const, help };
    const samples = Object.entries(loginCounts).map(([protocol, counts]) =>
      sample(announced.name, labelText({ protocol }), value(counts)),
    );
    return header(announced) + samples.join('');
  };
  return [
    metric('', 'Total number of authorization attempts', (counts) => counts.succeeded + counts.failed),
    metric('succeeded_', 'Total number of successful authentication attempts', (counts) => counts.succeeded),
    metric('failed_', 'Total number of failed authentication attempts', (counts) => counts.failed),
  ].join('');
}

async function fileMetrics(listener: Listener): Promise<string> {
  const limits = await readFile('/proc/self/limits', 'latin1').catch(() => '');
  const max = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.NaN);
  const open = (await readdir('/proc/self/fd').catch(() => [])).length;
  if (open === 0) return '';
  return [
    one('gauge', 'rabbitmq_process_open_fds', 'Open file descriptors', open),
    one('gauge', 'rabbitmq_process_max_fds', 'Open file descriptors limit', max),
    one(
      'gauge',
      'rabbitmq_process_max_tcp_sockets',
      'Open TCP sockets limit',
      Math.min(max, listener.settings.connectionMax),
    ),
  ].join('');
}

async function diskMetrics({ dataDir, resources }: MetricsSource): Promise<string> {
  const limit = resources.diskFreeLimitBytes;
  if (dataDir === undefined || limit === undefined) return '';
  const { bavail, bsize } = await statfs(dataDir);
  const files = await readdir(dataDir);
  const sizes = await Promise.all(
    // A generation may go while it is looked at.
    files.map(async (file) =>
      stat(`${dataDir}/${file}`).then(
        ({ blocks }) => blocks * 512,
        () => 0,
      ),
    ),
  );
  return [
    one('gauge', 'rabbitmq_disk_space_available_bytes', 'Disk space available in bytes', bavail * bsize),
    one(
      'gauge',
      'rabbitmq_disk_space_available_limit_bytes',
      'Free disk space low watermark in bytes',
      limit,
    ),
    one(
      'gauge',
      'leveret_data_directory_bytes',
      'Disk space the data directory takes',
      sizes.reduce((sum, size) => sum + size, 0),
    ),
    one(
      'gauge',
      'leveret_generations',
      'Generations of the store, spare one included',
      files.filter((file) => /^messages-\d+\.mdb$/.test(file)).length,
    ),
  ].join('');
}

function objectCounts({ broker, listener }: MetricsSource): string[] {
  let [queues, consumers] = [0, 0];
  for (const vhost of broker.vhosts.values()) {
    for (const queue of vhost.queues()) {
      queues++;
      consumers += queue.consumerCount;
    }
  }
  return [
    one('gauge', 'rabbitmq_connections', 'Connections currently open', listener.connectionCount),
    one('gauge', 'rabbitmq_channels', 'Channels currently open', listener.channelCount),
    one('gauge', 'rabbitmq_consumers', 'Consumers currently connected', consumers),
    one('gauge', 'rabbitmq_queues', 'Queues available', queues),
  ];
}
