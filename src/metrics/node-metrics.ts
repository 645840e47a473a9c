import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { usedBytes } from '../resources/memory-monitor.ts';
import type { Listener } from '../server/listener.ts';
import { version } from '../version.ts';
import { labelled, one } from './exposition.ts';
import { globalMetrics } from './global-metrics.ts';
import { ownMetrics } from './own-metrics.ts';
import type { MetricsSource } from './source.ts';

/** Metrics of the node as a whole, under RabbitMQ's names. */
export async function nodeMetrics(source: MetricsSource): Promise<string> {
  const { broker, listener, resources } = source;
  const { churn, alarms } = broker;
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
    one(
      'counter',
      'rabbitmq_connections_opened_total',
      'Total number of connections opened',
      churn.connectionCreated,
    ),
    one(
      'counter',
      'rabbitmq_connections_closed_total',
      'Total number of connections closed or terminated',
      churn.connectionClosed,
    ),
    one('counter', 'rabbitmq_channels_opened_total', 'Total number of channels opened', churn.channelCreated),
    one('counter', 'rabbitmq_channels_closed_total', 'Total number of channels closed', churn.channelClosed),
    one('counter', 'rabbitmq_queues_declared_total', 'Total number of queues declared', churn.queueDeclared),
    one('counter', 'rabbitmq_queues_created_total', 'Total number of queues created', churn.queueCreated),
    one('counter', 'rabbitmq_queues_deleted_total', 'Total number of queues deleted', churn.queueDeleted),
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
    labelled(
      'untyped',
      'rabbitmq_build_info',
      'Version of the broker',
      { rabbitmq_version: version, product: 'Leveret', node_version: process.versions.node },
      1,
    ),
    labelled(
      'untyped',
      'rabbitmq_identity_info',
      'RabbitMQ node & cluster identity info',
      {
        rabbitmq_node: source.nodeName,
        rabbitmq_cluster: source.clusterName(),
        rabbitmq_cluster_permanent_id: source.clusterName(),
      },
      1,
    ),
    globalMetrics(source),
    ownMetrics(source),
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
