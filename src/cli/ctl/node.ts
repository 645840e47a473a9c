import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, ExitCode } from '../exit-code.ts';
import { usageError } from '../flags.ts';
import type { JsonObject } from './api.ts';
import { alarmLines, alarmsOf } from './checks.ts';
import type { Command, Invocation } from './command.ts';
import { isUp, waitUntilUp } from './wait.ts';

/** What the broker is, and its life. */
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
  {
    synopsis: 'report',
    doc: 'Show everything that helps to understand a problem: status, settings, all lists',
    banner: () => 'Reporting the broker ...',
    run: report,
  },
  {
    synopsis: 'ping',
    doc: 'Check that the broker answers',
    banner: ({ timeoutSeconds }) => `Will ping the broker. Timeout: ${timeoutSeconds * 1000} ms.`,
    run: async (given) => {
      await given.node();
      return given.value({ message: 'Ping succeeded' }, ['Ping succeeded']);
    },
  },
  {
    synopsis: 'await_startup',
    doc: 'Wait until the broker serves clients',
    banner: () => 'Awaiting startup of the broker ...',
    run: async (given) => {
      await waitUntilUp(given);
      return '';
    },
  },
  {
    synopsis: 'await_online_nodes <count>',
    doc: 'Wait until there are so many nodes: there is never more than one',
    banner: (given) => `Waiting for ${given.argument(0)} nodes ...`,
    run: async (given) => {
      const count = Number(given.argument(0));
      if (!Number.isInteger(count) || count < 1)
        throw usageError(`"${given.argument(0)}" is no number of nodes`);
      if (count > 1)
        throw new CommandError('there is no cluster: this broker is its only node', ExitCode.Software);
      await waitUntilUp(given);
      return '';
    },
  },
  {
    synopsis: 'wait [pid-file]',
    doc: 'Wait until the process of this file, or of --pid, is a broker that serves clients',
    flags: ['pid'],
    run: waitForProcess,
  },
  {
    synopsis: 'stop [pid-file]',
    doc: 'Stop the broker, which writes what is left; with a file, wait until the process of that number is gone',
    banner: () => 'Stopping and halting the broker ...',
    run: async (given) => {
      const file = given.argument(0);
      const pid = file === '' ? undefined : await pidIn(file);
      await stop(given);
      if (pid !== undefined) await waitUntilGone(given, pid);
      return '';
    },
  },
  {
    synopsis: 'shutdown',
    doc: 'Stop the broker and wait until its process is gone',
    banner: () => 'Shutting down the broker ...',
    run: async (given) => {
      const { pid } = await given.api.object(await nodePath(given, '/process'));
      await stop(given);
      await waitUntilGone(given, Number(pid));
      return '';
    },
  },
];

async function stop(given: Invocation): Promise<void> {
  const { socket } = await given.api.target;
  if (socket === undefined) {
    throw new CommandError(
      'a broker is stopped on its own machine only, by its local socket: leave --url out',
      ExitCode.Unavailable,
    );
  }
  await given.tellNode('POST', 'stop');
}

async function nodePath(given: Invocation, path = ''): Promise<string> {
  return `/api/nodes/${encodeURIComponent(await given.node())}${path}`;
}

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

const reported = [
  'status',
  'environment',
  'list_users',
  'list_vhosts',
  'list_policies',
  'list_operator_policies',
  'list_global_parameters',
  'list_permissions',
  'list_queues',
  'list_exchanges',
  'list_bindings',
  'list_connections',
  'list_channels',
  'list_consumers',
];

/** The output of other commands, one behind the other. No messages and no passwords. */
async function report(given: Invocation): Promise<string> {
  const { findCommand } = await import('./commands.ts');
  const { versions, platform } = await given.api.object(await nodePath(given, '/process'));
  let text = `Node.js and libraries: ${JSON.stringify(versions)} on ${platform}\n`;
  for (const name of reported) {
    const command = findCommand(name);
    if (command !== undefined && 'run' in command) text += `\n## ${name}\n\n${await command.run(given)}`;
  }
  return text;
}

async function waitForProcess(given: Invocation): Promise<string> {
  const file = given.argument(0);
  const number = given.flag('pid');
  if ((file === '') === (number === undefined))
    throw usageError('say either a file with a process number, or --pid');
  const deadline = Date.now() + given.timeoutSeconds * 1000;
  const pid = number === undefined ? await pidInTime(file, deadline) : Number(number);
  while (isAlive(pid)) {
    if (await isUp(given)) return given.ok(`Broker of process ${pid} is up`, { pid });
    if (Date.now() > deadline) throw new CommandError(`no broker has come up in time`, ExitCode.TimedOut);
    await sleep(100);
  }
  throw new CommandError(`process ${pid} is not running`, ExitCode.Unavailable);
}

async function pidInTime(file: string, deadline: number): Promise<number> {
  for (;;) {
    try {
      return await pidIn(file);
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

async function pidIn(file: string): Promise<number> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(file, 'utf8').catch(() => '');
  if (/^\d+\s*$/.test(text)) return Number(text);
  throw new CommandError(`${file} has no process number in it`, ExitCode.TimedOut);
}

async function waitUntilGone(given: Invocation, pid: number): Promise<void> {
  const deadline = Date.now() + given.timeoutSeconds * 1000;
  while (isAlive(pid)) {
    if (Date.now() > deadline) {
      throw new CommandError(`process ${pid} is still writing: see its log`, ExitCode.TimedOut);
    }
    await sleep(50);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is one, too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

export function listenersOf(overview: JsonObject): readonly JsonObject[] {
  const { listeners } = overview;
  if (!Array.isArray(listeners)) return [];
  return listeners.map(({ node, protocol, ip_address: address, port }: JsonObject) => ({
    node,
    interface: String(address).includes(':') ? `[${address}]` : address,
    port,
    protocol,
    purpose: purposes[String(protocol)] ?? protocol,
  }));
}

const purposes: Readonly<Record<string, string>> = {
  amqp: 'AMQP 0-9-1',
  'amqp/ssl': 'AMQP 0-9-1 over TLS',
  http: 'HTTP API',
  https: 'HTTP API over TLS (HTTPS)',
};

export function listenerLine({ interface: address, port, protocol, purpose }: JsonObject): string {
  return `Interface: ${address}, port: ${port}, protocol: ${protocol}, purpose: ${purpose}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Bytes by use; the sum is `total`. */
export function memoryOf(node: JsonObject): Readonly<Record<string, number>> {
  const { memory } = node;
  const { heap = 0, external = 0, binary = 0, slabs = 0, total } = Object(memory);
  const rss = Number(Object(total)['rss'] ?? node['mem_used'] ?? 0);
  const own = {
    heap,
    message_slabs: slabs,
    other_buffers: Math.max(0, binary - slabs),
    external: external - binary,
  };
  const sum = Object.values(own).reduce((all, bytes) => all + bytes, 0);
  return { ...own, other: Math.max(0, rss - sum), total: rss };
}

function gigabytes(bytes: unknown): string {
  return typeof bytes === 'number' ? `${(bytes / 1e9).toFixed(4)} gb` : '(not known)';
}

function totals(from: unknown, names: readonly string[]): string[] {
  const counts = new Map(Object.entries(Object(from ?? {})));
  return names.map((name) => `${name.replaceAll('_', ' ')}: ${counts.get(name) ?? 0}`);
}

function section(title: string, lines: readonly string[]): string[] {
  return [title, '', ...lines, ''];
}
