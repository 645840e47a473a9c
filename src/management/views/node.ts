import { availableParallelism } from 'node:os';
import type { Api } from '../api.ts';
import type { Json } from '../http/columns.ts';
import { churnColumns, churnValues, nodeColumns } from '../stats/columns.ts';
import type { Ranges } from '../stats/ranges.ts';
import { counts } from './message-stats.ts';
import { exchangeTypesView } from './overview.ts';

/** This node, as in `GET /api/nodes`. What an Erlang machine would count (processes, reductions) is left out. */
export function nodeView(api: Api, ranges: Ranges): Json {
  const { node, broker, figures, sampler, clients, startedAt, dataDir } = api;
  const { disk } = figures;
  const { resources } = broker.alarms;
  const values = [
    figures.memoryUsed,
    figures.filesUsed,
    clients.connections.size,
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
    ...counts(sampler.node, broker, nodeColumns, values, ranges.node_stats),
    mem_limit: figures.memoryLimit,
    mem_alarm: resources.includes('memory'),
    mem_calculation_strategy: 'rss',
    disk_free_limit: disk.limitBytes,
    disk_free_alarm: resources.includes('disk'),
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
  return counts(sampler.node, broker, churnColumns, churnValues(broker.churn), ranges.lengths);
}
