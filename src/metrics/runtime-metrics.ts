import { getHeapSpaceStatistics } from 'node:v8';
import type { Broker } from '../broker/broker.ts';
import { TrafficStats } from '../broker/message-stats.ts';
import type { Listener } from '../server/listener.ts';
import { header, labelText, one, sample } from './exposition.ts';
import type { OpenFiles } from './open-files.ts';
import type { MetricsSource } from './source.ts';
import type { Tally } from './tally.ts';

/**
 * Figures of Erlang's runtime that this one has, too, under the names that the dashboard Erlang-BEAM asks for. What has
 * no counterpart is left out: its panels stay empty rather than wrong.
 */
export function runtimeMetrics(source: MetricsSource, { queues }: Tally, { open, max }: OpenFiles): string {
  const { listener, garbageCollections } = source;
  const { user, system } = process.cpuUsage();
  const { voluntaryContextSwitches, involuntaryContextSwitches } = process.resourceUsage();
  return [
    one(
      'gauge',
      'erlang_vm_process_count',
      'Connections, channels and queues: each is a process in Erlang',
      listener.connectionCount + listener.channelCount + queues,
    ),
    one(
      'counter',
      'erlang_vm_statistics_runtime_milliseconds',
      'Processor time of all threads',
      (user + system) / 1000,
    ),
    one(
      'counter',
      'erlang_vm_statistics_context_switches',
      'Context switches of all threads, as the operating system counts them',
      voluntaryContextSwitches + involuntaryContextSwitches,
    ),
    one(
      'counter',
      'erlang_vm_statistics_garbage_collection_number_of_gcs',
      'Garbage collections of V8',
      garbageCollections.count,
    ),
    trafficMetrics(source),
    memoryMetrics(),
    open === undefined ? '' : one('gauge', 'process_open_fds', 'Open file descriptors', open),
    max === undefined ? '' : one('gauge', 'process_max_fds', 'Open file descriptors limit', max),
  ].join('');
}

function trafficMetrics({ broker, listener }: MetricsSource): string {
  const { received, sent } = traffic(broker, listener);
  return [
    one(
      'counter',
      'erlang_vm_statistics_bytes_received_total',
      'Bytes received from clients of AMQP',
      received,
    ),
    one('counter', 'erlang_vm_statistics_bytes_output_total', 'Bytes sent to clients of AMQP', sent),
  ].join('');
}

/** With all clients since the start, those that have gone, too. */
function traffic({ vhosts }: Broker, { connections }: Listener): TrafficStats {
  const sum = new TrafficStats();
  for (const { closedConnections: closed } of vhosts.values()) sum.add(closed.received, closed.sent);
  for (const connection of connections)
    sum.add(connection.traffic.bytesReceived, connection.traffic.bytesSent);
  return sum;
}

/** JavaScript objects are what Erlang's processes hold, buffers what its binaries are. */
function memoryMetrics(): string {
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const code = codeBytes();
  const parts = { binary: arrayBuffers, code, other: Math.max(0, rss - heapUsed - arrayBuffers) };
  const kinds = {
    processes: Math.max(0, heapUsed - code),
    system: parts.binary + parts.code + parts.other,
  };
  return [
    labelledGauge('erlang_vm_memory_bytes_total', 'Memory in bytes', 'kind', kinds),
    labelledGauge('erlang_vm_memory_system_bytes_total', 'Memory in bytes beside objects', 'usage', parts),
  ].join('');
}

/** Of compiled code. V8's `getHeapCodeStatistics` would walk the whole heap for it, which takes 12 ms and more. */
function codeBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => name.startsWith('code'))
    .reduce((sum, { space_used_size: used }) => sum + used, 0);
}

function labelledGauge(
  name: string,
  help: string,
  label: string,
  values: Readonly<Record<string, number>>,
): string {
  const samples = Object.entries(values).map(([key, value]) =>
    sample(name, labelText({ [label]: key }), value),
  );
  return header({ name, type: 'gauge', help }) + samples.join('');
}
