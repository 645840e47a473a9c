import { availableParallelism } from 'node:os';
import type { Api } from '../api.ts';
import type { Json } from '../http/columns.ts';
import { churnColumns, churnValues, nodeColumns } from '../stats/columns.ts';
import type { Ranges } from '../stats/ranges.ts';
import { processCount } from '../stats/totals.ts';
import { exchangeTypesView } from './exchange-types.ts';
import { counts } from './message-stats.ts';

/** RabbitMQ's default. */
const processesMax = 1_048_576;

/**
 * This node, as in `GET /api/nodes`. What only an Erlang machine counts (reductions, garbage collections) is left
 * out, but for what clients and monitoring insist on: processes and the queue of those that are ready to run.
 */
export function nodeView(api: Api, ranges: Ranges): Json {
  const { node, broker, figures, sampler, clients, startedAt, dataDir } = api;
  const { disk } = figures;
  const { resources } = broker.alarms;
  const values = [
    figures.memoryUsed,
    figures.filesUsed,
    clients.connections.size,
    processCount(broker, clients),
    disk.freeBytes,
    ...churnValues(broker.churn),
  ];
  return {
    name: node,
    type: 'disc',
    running: true,
    being_drained: false,
    os_pid: String(process.pid),
    uptime: broker.clock.now() - startedAt,
    processors: availableParallelism(),
    rates_mode: 'basic',
    ...counts(sampler.node.changesOf(broker, ranges.node_stats), nodeColumns, values),
    mem_limit: Math.floor(figures.memoryLimit),
    mem_alarm: resources.includes('memory'),
    mem_calculation_strategy: 'rss',
    disk_free_limit: disk.limitBytes,
    disk_free_alarm: resources.includes('disk'),
    proc_total: processesMax,
    // One event loop, which is running this.
    run_queue: 0,
    fd_total: figures.filesMax,
    sockets_total: figures.filesMax,
    partitions: [],
    cluster_links: [],
    enabled_plugins: [],
    applications: [],
    contexts: [],
    auth_mechanisms: [],
    exchange_types: exchangeTypesView(),
    log_files: [],
    config_files: [],
    db_dir: dataDir ?? '',
  };
}

/** The part of a node that `overview` has as `churn_rates`. */
export function churnView({ broker, sampler }: Api, ranges: Ranges): Json {
  return counts(sampler.node.changesOf(broker, ranges.lengths), churnColumns, churnValues(broker.churn));
}
