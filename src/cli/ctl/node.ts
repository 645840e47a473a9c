import { objectOf } from './api.ts';
import { alarmLines, alarmsOf } from './checks.ts';
import type { Command, Invocation } from './command.ts';
import { listenerLine, listenersOf, memoryOf, nodePath } from './node-views.ts';

/** What the broker is. */
export const nodeCommands: readonly Command[] = [
  {
    synopsis: 'status',
    doc: 'Show what the broker is, what it uses and what it holds',
    banner: () => 'Status of the broker ...',
    run: status,
  },
  {
    synopsis: 'cluster_status',
    doc: 'Show the nodes: there is one',
    banner: () => 'Cluster status of the broker ...',
    run: clusterStatus,
  },
  {
    synopsis: 'environment',
    doc: 'Show every setting, its value and where it came from',
    banner: () => 'Settings of the broker ...',
    run: async (given) => {
      const rows = await given.api.list(await nodePath(given, '/environment'));
      return given.table(rows, ['name', 'value', 'source', 'live']);
    },
  },
];

async function status(given: Invocation): Promise<string> {
  const overview = await given.api.object('/api/overview');
  const node = await given.api.object(await nodePath(given, '?memory=true'));
  const { queue_totals: messages, object_totals: objects } = overview;
  const listeners = listenersOf(overview);
  const alarms = alarmsOf(node);
  const memory = memoryOf(node);
  const versions = {
    pid: Number(node['os_pid']),
    product_name: overview['product_name'],
    product_version: overview['product_version'],
    rabbitmq_version: overview['rabbitmq_version'],
    node: overview['node'],
    cluster_name: overview['cluster_name'],
    uptime: Math.round(Number(node['uptime']) / 1000),
  };
  const figures = {
    data_directory: node['db_dir'],
    alarms,
    memory,
    vm_memory_high_watermark_limit: node['mem_limit'],
    file_descriptors: { total_used: node['fd_used'], total_limit: node['fd_total'] },
    disk_free: node['disk_free'],
    disk_free_limit: node['disk_free_limit'],
  };
  return given.value({ ...versions, ...figures, object_totals: objects, queue_totals: messages, listeners }, [
    ...section('Runtime', [
      `OS PID: ${versions.pid}`,
      `Uptime (seconds): ${versions.uptime}`,
      `Product: ${versions.product_name} ${versions.product_version}`,
      `RabbitMQ version: ${versions.rabbitmq_version}`,
      `Node name: ${versions.node}`,
      `Cluster name: ${versions.cluster_name}`,
    ]),
    ...section('Data directory', [`${figures.data_directory || '(none: everything is in memory)'}`]),
    ...section('Alarms', alarms.length === 0 ? ['(none)'] : alarmLines(alarms)),
    ...section('Memory', [
      `Total memory used: ${gigabytes(memory['total'])}`,
      `Memory high watermark setting: publishers are blocked above ${gigabytes(node['mem_limit'])}`,
    ]),
    ...section('File Descriptors', [`Total: ${node['fd_used']}, limit: ${node['fd_total']}`]),
    ...section('Free Disk Space', [
      `Low free disk space watermark: ${gigabytes(node['disk_free_limit'])}`,
      `Free disk space: ${gigabytes(node['disk_free'])}`,
    ]),
    ...section('Totals', [
      ...totals(objects, ['connections', 'channels', 'queues', 'exchanges', 'consumers']),
      ...totals(messages, ['messages', 'messages_ready', 'messages_unacknowledged']),
    ]),
    ...section('Listeners', listeners.map(listenerLine)),
  ]);
}

async function clusterStatus(given: Invocation): Promise<string> {
  const overview = await given.api.object('/api/overview');
  const node = String(overview['node']);
  const alarms = alarmsOf(await given.api.object(await nodePath(given)));
  const listeners = listenersOf(overview);
  const value = {
    cluster_name: overview['cluster_name'],
    disk_nodes: [node],
    ram_nodes: [],
    running_nodes: [node],
    versions: { [node]: overview['product_version'] },
    alarms,
    partitions: {},
    listeners: { [node]: listeners },
  };
  return given.value(value, [
    'Basics',
    '',
    `Cluster name: ${overview['cluster_name']}`,
    '',
    ...section('Disk Nodes', [node]),
    ...section('Running Nodes', [node]),
    ...section('Versions', [`${node}: ${overview['product_name']} ${overview['product_version']}`]),
    ...section('Alarms', alarms.length === 0 ? ['(none)'] : alarmLines(alarms)),
    ...section('Network Partitions', ['(none)']),
    ...section(
      'Listeners',
      listeners.map((listener) => `Node: ${node}, ${lowerFirst(listenerLine(listener))}`),
    ),
  ]);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function gigabytes(bytes: unknown): string {
  return typeof bytes === 'number' ? `${(bytes / 1e9).toFixed(4)} gb` : '(not known)';
}

function totals(from: unknown, names: readonly string[]): string[] {
  const counts = objectOf(from);
  return names.map((name) => `${name.replaceAll('_', ' ')}: ${counts[name] ?? 0}`);
}

function section(title: string, lines: readonly string[]): string[] {
  return [title, '', ...lines, ''];
}
