import { ChannelStats, type QueueStats } from '../broker/message-stats.ts';
import type { Queue } from '../broker/queues/queue.ts';
import type { Exchange } from '../broker/routing/exchange.ts';
import type { Channel } from '../server/channel/channel.ts';
import type { Connection } from '../server/connection/connection.ts';
import { header, labelText, sample } from './exposition.ts';
import { churnMetrics, identityMetrics, nodeMetrics } from './node-metrics.ts';
import {
  channelDeliveryMetrics,
  channelMetrics,
  channelPublishMetrics,
  connectionMetrics,
  exchangeMetrics,
  type ObjectMetric,
  queueDeliveryMetrics,
  queuePublishMetrics,
} from './object-metrics.ts';
import { queueMetrics } from './queue-metrics.ts';
import { slices } from './slices.ts';
import type { MetricsSource } from './source.ts';

/** Families of `/metrics/detailed`, with RabbitMQ's names. */
export const families = [
  'queue_coarse_metrics',
  'queue_metrics',
  'queue_consumer_count',
  'queue_delivery_metrics',
  'queue_exchange_metrics',
  'exchange_metrics',
  'channel_metrics',
  'channel_exchange_metrics',
  'channel_queue_metrics',
  'connection_metrics',
  'connection_coarse_metrics',
  'connection_churn_metrics',
  'vhost_status',
  'exchange_names',
  'exchange_bindings',
] as const;
export type Family = (typeof families)[number];

/** Which objects are meant; an empty set means all. */
export interface ObjectFilter {
  readonly vhosts: ReadonlySet<string>;
  readonly queues: ReadonlySet<string>;
}

/** An exchange does not know where it is. */
interface PlacedExchange {
  readonly exchange: Exchange;
  readonly vhost: string;
}

/** Sums over all queues, channels and connections (`/metrics`). */
export async function* aggregated(source: MetricsSource): AsyncGenerator<string> {
  yield identityMetrics(source, 'aggregated') + (await nodeMetrics(source));
  yield* sums(queueMetrics, queues(source));
  yield* sums(channelMetrics, channels(source));
  yield* sums(connectionMetrics, source.listener.connections);
  // What has been closed or deleted since goes on counting: a sum of counters that falls looks like a restart.
  yield* sums(queuePublishMetrics, queueStats(source));
  const channelStats = new ChannelStats();
  for await (const slice of slices(allChannelStats(source)))
    for (const stats of slice) channelStats.add(stats);
  yield* sums(channelPublishMetrics, [channelStats]);
  yield* sums(channelDeliveryMetrics, [channelStats]);
}

/** A line for every queue, channel and connection (`/metrics/per-object`). */
export async function* perObject(source: MetricsSource): AsyncGenerator<string> {
  const prefix = 'rabbitmq_';
  yield identityMetrics(source, 'per-object') + (await nodeMetrics(source));
  yield* each(prefix, queueMetrics, queues(source), queueLabels);
  yield* each(prefix, queuePublishMetrics.map(ofQueue), queues(source), queueLabels);
  yield* each(prefix, channelMetrics, channels(source), channelLabels);
  yield* each(prefix, channelPublishMetrics.map(ofChannel), channels(source), channelLabels);
  yield* each(prefix, channelDeliveryMetrics.map(ofChannel), channels(source), channelLabels);
  yield* each(prefix, connectionMetrics, source.listener.connections, connectionLabels);
}

/** Chosen families, of all or of some virtual hosts and queues (`/metrics/detailed`). */
export async function* detailed(
  source: MetricsSource,
  chosen: ReadonlySet<Family>,
  filter: ObjectFilter,
): AsyncGenerator<string> {
  const prefix = 'rabbitmq_detailed_';
  const isVhostWanted = (vhost: string) => filter.vhosts.size === 0 || filter.vhosts.has(vhost);
  const isQueueWanted = ({ name, vhost }: Queue) =>
    isVhostWanted(vhost.name) && (filter.queues.size === 0 || filter.queues.has(name));
  const someQueues = () => wanted(queues(source), isQueueWanted);
  const someChannels = () => wanted(channels(source), ({ vhostName }) => isVhostWanted(vhostName));
  yield identityMetrics(source, 'detailed');
  if (chosen.has('queue_coarse_metrics') || chosen.has('queue_metrics')) {
    yield* each(prefix, queueMetrics, someQueues(), queueLabels);
  } else if (chosen.has('queue_consumer_count')) {
    const consumers = queueMetrics.filter(({ name }) => name === 'queue_consumers');
    yield* each(prefix, consumers, someQueues(), queueLabels);
  }
  if (chosen.has('queue_delivery_metrics'))
    yield* each(prefix, queueDeliveryMetrics.map(ofQueue), someQueues(), queueLabels);
  if (chosen.has('queue_exchange_metrics'))
    yield* each(prefix, queuePublishMetrics.map(ofQueue), someQueues(), queueLabels);
  if (chosen.has('exchange_metrics'))
    yield* each(prefix, exchangeMetrics.map(ofExchange), exchanges(source, isVhostWanted), exchangeLabels);
  if (chosen.has('channel_metrics')) yield* each(prefix, channelMetrics, someChannels(), channelLabels);
  if (chosen.has('channel_exchange_metrics'))
    yield* each(prefix, channelPublishMetrics.map(ofChannel), someChannels(), channelLabels);
  if (chosen.has('channel_queue_metrics'))
    yield* each(prefix, channelDeliveryMetrics.map(ofChannel), someChannels(), channelLabels);
  if (chosen.has('connection_metrics') || chosen.has('connection_coarse_metrics')) {
    yield* each(prefix, connectionMetrics, source.listener.connections, connectionLabels);
  }
  if (chosen.has('connection_churn_metrics')) yield churnMetrics(source, prefix);
  if (chosen.has('vhost_status')) yield vhostStatus(source, isVhostWanted);
  if (chosen.has('exchange_names')) yield* exchangeNames(source, isVhostWanted);
  if (chosen.has('exchange_bindings')) yield* exchangeBindings(source, isVhostWanted);
}

function vhostStatus({ broker }: MetricsSource, isWanted: (vhost: string) => boolean): string {
  const name = 'rabbitmq_cluster_vhost_status';
  const lines = [...broker.vhosts.keys()]
    .filter(isWanted)
    .map((vhost) => sample(name, labelText({ vhost }), 1));
  return header({ name, type: 'gauge', help: 'Whether a virtual host is running' }) + lines.join('');
}

function exchangeNames(source: MetricsSource, isWanted: (vhost: string) => boolean): AsyncGenerator<string> {
  const metric: ObjectMetric<PlacedExchange> = {
    name: 'exchange_name',
    type: 'gauge',
    help: 'Enumerates exchanges without any additional info',
    value: () => 1,
  };
  return each('rabbitmq_cluster_', [metric], exchanges(source, isWanted), typedExchangeLabels);
}

function exchangeBindings(
  source: MetricsSource,
  isWanted: (vhost: string) => boolean,
): AsyncGenerator<string> {
  const metric: ObjectMetric<PlacedExchange> = {
    name: 'exchange_bindings',
    type: 'gauge',
    help: 'Number of bindings for an exchange',
    value: ({ exchange }) => exchange.bindingCount,
  };
  return each('rabbitmq_cluster_', [metric], exchanges(source, isWanted), typedExchangeLabels);
}

async function* sums<T>(metrics: readonly ObjectMetric<T>[], objects: Iterable<T>): AsyncGenerator<string> {
  const totals = metrics.map(() => 0);
  for await (const slice of slices(objects)) {
    for (const [i, { value }] of metrics.entries()) {
      let total = totals[i] ?? 0;
      for (const object of slice) total += value(object);
      totals[i] = total;
    }
  }
  yield metrics
    .map((metric, i) => {
      const name = `rabbitmq_${metric.name}`;
      return header({ ...metric, name }) + sample(name, '', totals[i] ?? 0);
    })
    .join('');
}

/** All samples of a metric have to stand together, so there is one round over the objects for each. */
async function* each<T>(
  prefix: string,
  metrics: readonly ObjectMetric<T>[],
  objects: Iterable<T>,
  labelsOf: (object: T) => string,
): AsyncGenerator<string> {
  const labelled: { object: T; labels: string }[] = [];
  for await (const slice of slices(objects)) {
    for (const object of slice) labelled.push({ object, labels: labelsOf(object) });
  }
  for (const metric of metrics) {
    const name = prefix + metric.name;
    yield header({ ...metric, name });
    for await (const slice of slices(labelled)) {
      yield slice.map(({ object, labels }) => sample(name, labels, metric.value(object))).join('');
    }
  }
}

function ofQueue(metric: ObjectMetric<QueueStats>): ObjectMetric<Queue> {
  return { ...metric, value: (queue) => metric.value(queue.stats) };
}

function ofChannel(metric: ObjectMetric<ChannelStats>): ObjectMetric<Channel> {
  return { ...metric, value: (channel) => metric.value(channel.currentStats()) };
}

function ofExchange(metric: ObjectMetric<Exchange>): ObjectMetric<PlacedExchange> {
  return { ...metric, value: ({ exchange }) => metric.value(exchange) };
}

function* queues({ broker }: MetricsSource): Iterable<Queue> {
  for (const vhost of broker.vhosts.values()) yield* vhost.queues();
}

/** Deleted queues and those there are. */
function* queueStats(source: MetricsSource): Iterable<QueueStats> {
  for (const vhost of source.broker.vhosts.values()) yield* vhost.deletedQueues.values();
  for (const queue of queues(source)) yield queue.stats;
}

/** Closed channels and those that are open. */
function* allChannelStats(source: MetricsSource): Iterable<ChannelStats> {
  for (const vhost of source.broker.vhosts.values()) yield vhost.closedChannels;
  for (const channel of channels(source)) yield channel.currentStats();
}

function* exchanges(
  { broker }: MetricsSource,
  isWanted: (vhost: string) => boolean,
): Iterable<PlacedExchange> {
  for (const vhost of broker.vhosts.values()) {
    if (!isWanted(vhost.name)) continue;
    for (const exchange of vhost.exchanges()) if (!exchange.isDefault) yield { exchange, vhost: vhost.name };
  }
}

function* channels({ listener }: MetricsSource): Iterable<Channel> {
  for (const connection of listener.connections) yield* connection.channels;
}

function* wanted<T>(objects: Iterable<T>, isWanted: (object: T) => boolean): Iterable<T> {
  for (const object of objects) if (isWanted(object)) yield object;
}

function queueLabels(queue: Queue): string {
  return labelText({ vhost: queue.vhost.name, queue: queue.name });
}

function channelLabels(channel: Channel): string {
  return labelText({ channel: channel.name });
}

function connectionLabels(connection: Connection): string {
  return labelText({ connection: connection.name });
}

function exchangeLabels({ exchange, vhost }: PlacedExchange): string {
  return labelText({ vhost, exchange: exchange.name });
}

function typedExchangeLabels({ exchange, vhost }: PlacedExchange): string {
  return labelText({ vhost, exchange: exchange.name, type: exchange.type.name });
}
