import { readdir, stat, statfs } from 'node:fs/promises';
import type { LoginCounts } from '../access/access-control.ts';
import { usedBytes } from '../resources/memory-monitor.ts';
import { version } from '../version.ts';
import { header, labelled, labelText, one, sample } from './exposition.ts';
import { globalMetrics } from './global-metrics.ts';
import { type OpenFiles, openFiles } from './open-files.ts';
import { ownMetrics } from './own-metrics.ts';
import { runtimeMetrics } from './runtime-metrics.ts';
import type { Scrape } from './samples.ts';
import type { MetricsSource } from './source.ts';
import { type Tally, tally } from './tally.ts';

/** Metrics of the node as a whole, under RabbitMQ's names. */
export async function nodeMetrics(source: MetricsSource, scrape: Scrape): Promise<string> {
  const { alarms } = source.broker;
  const isSet = (resource: string) => (alarms.resources.some((each) => each === resource) ? 1 : 0);
  const counted = await tally(source, scrape);
  const files = await openFiles();
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
    await nodeUse(source, files),
    nodeLimits(source, files),
    one(
      'gauge',
      'process_start_time_seconds',
      'Start time of the process since unix epoch in seconds',
      Math.round(performance.timeOrigin / 1000),
    ),
    await storeMetrics(source),
    objectCounts(source, counted),
    flushMetrics(source),
    commitLatency(source),
    authAttempts(source),
    buildMetrics(),
    globalMetrics(source, counted),
    runtimeMetrics(source, counted, files),
    ownMetrics(source),
  ].join('');
}

/** What the node uses (family `node_coarse_metrics`). */
export async function nodeUse(
  { listener, dataDir }: MetricsSource,
  { open }: OpenFiles,
  prefix = 'rabbitmq_',
): Promise<string> {
  const disk = dataDir === undefined ? undefined : await statfs(dataDir);
  const gauge = (name: string, help: string, value: number) => one('gauge', prefix + name, help, value);
  return [
    gauge('process_resident_memory_bytes', 'Memory used in bytes', usedBytes()),
    gauge('process_open_tcp_sockets', 'Open TCP sockets', listener.connectionCount),
    open === undefined ? '' : gauge('process_open_fds', 'Open file descriptors', open),
    disk === undefined
      ? ''
      : gauge('disk_space_available_bytes', 'Disk space available in bytes', disk.bavail * disk.bsize),
  ].join('');
}

/** What the node may use, and since when it runs (family `node_metrics`). */
export function nodeLimits(source: MetricsSource, { max }: OpenFiles, prefix = 'rabbitmq_'): string {
  const { listener, resources, dataDir } = source;
  const diskLimit = dataDir === undefined ? undefined : resources.diskFreeLimitBytes;
  const gauge = (name: string, help: string, value: number) => one('gauge', prefix + name, help, value);
  return [
    gauge('resident_memory_limit_bytes', 'Memory high watermark in bytes', resources.memoryLimitBytes),
    max === undefined
      ? ''
      : gauge('process_max_fds', 'Open file descriptors limit', max) +
        gauge(
          'process_max_tcp_sockets',
          'Open TCP sockets limit',
          Math.min(max, listener.settings.connectionMax),
        ),
    diskLimit === undefined
      ? ''
      : gauge('disk_space_available_limit_bytes', 'Free disk space low watermark in bytes', diskLimit),
    gauge('erlang_uptime_seconds', 'Node uptime', process.uptime()),
  ].join('');
}

/** Versions. */
export function buildMetrics(): string {
  return labelled(
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
  );
}

/** Flushes to disk: there is one to a commit (family `node_persister_metrics`). */
export function flushMetrics({ broker: { committer } }: MetricsSource, prefix = 'rabbitmq_'): string {
  const { count, mean } = committer.times;
  const seconds = count === 0 ? 0 : count * mean * 1e-6;
  return [
    one('counter', `${prefix}io_sync_ops_total`, 'Total number of I/O sync operations', count),
    one('counter', `${prefix}io_sync_time_seconds_total`, 'Total I/O sync time', seconds),
  ].join('');
}

/** How long an entry of a log takes until it is on disk (family `ra_metrics`). */
export function commitLatency({ broker: { committer } }: MetricsSource, prefix = 'rabbitmq_'): string {
  const { count, mean } = committer.times;
  return one(
    'gauge',
    `${prefix}raft_entry_commit_latency_seconds`,
    'Time taken for a log entry to be committed, on average since the start',
    count === 0 ? 0 : mean * 1e-6,
  );
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

/** Logins by protocol (family `auth_attempt_metrics`). */
export function authAttempts({ loginCounts }: MetricsSource, prefix = 'rabbitmq_'): string {
  const metric = (name: string, help: string, value: (counts: LoginCounts) => number) => {
    const announced = { name: `${prefix}auth_attempts_${name}total`, type: 'counter' as const, help };
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

/** The files in the data directory. */
async function storeMetrics({ dataDir }: MetricsSource): Promise<string> {
  if (dataDir === undefined) return '';
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
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const generations = files.filter((file) => /^messages-\d+\.mdb$/.test(file)).length;
  const journal = sizes.filter((_, i) => files[i]?.startsWith('journal-'));
  const journalBytes = journal.reduce((sum, size) => sum + size, 0);
  return [
    one('gauge', 'leveret_journal_files', 'Files that commits went into first', journal.length),
    one('gauge', 'leveret_journal_bytes', 'Disk space they take', journalBytes),
    one('gauge', 'leveret_data_directory_bytes', 'Disk space the data directory takes', bytes),
    one('gauge', 'leveret_generations', 'Generations of the store, spare one included', generations),
  ].join('');
}

function objectCounts({ listener }: MetricsSource, { queues, consumers }: Tally): string {
  return [
    one('gauge', 'rabbitmq_connections', 'Connections currently open', listener.connectionCount),
    one('gauge', 'rabbitmq_channels', 'Channels currently open', listener.channelCount),
    one('gauge', 'rabbitmq_consumers', 'Consumers currently connected', consumers),
    one('gauge', 'rabbitmq_queues', 'Queues available', queues),
  ].join('');
}
