import type { ChannelStats, QueueStats } from '../broker/message-stats.ts';
import type { Queue } from '../broker/queues/queue.ts';
import type { Exchange } from '../broker/routing/exchange.ts';
import type { Channel } from '../server/channel/channel.ts';
import type { Connection } from '../server/connection/connection.ts';
import { header, labelText, sample } from './exposition.ts';
import {
  authAttempts,
  buildMetrics,
  churnMetrics,
  commitLatency,
  flushMetrics,
  identityMetrics,
  nodeLimits,
  nodeMetrics,
  nodeUse,
} from './node-metrics.ts';
import {
  channelDeliveryMetrics,
  channelMetrics,
  channelPublishMetrics,
  connectionCoarseMetrics,
  connectionMetrics,
  exchangeMetrics,
  queueDeliveryMetrics,
  queuePublishMetrics,
} from './object-metrics.ts';
import { type OpenFiles, openFiles } from './open-files.ts';
import {
  lookedAt,
  type QueueLook,
  queueCoarseMetrics,
  queueConsumerMetrics,
  queueHeadMetrics,
  queueMetrics,
  quorumLogMetrics,
} from './queue-metrics.ts';
import type { ObjectLabels, ObjectMetric, Scrape } from './samples.ts';
import type { MetricsSource } from './source.ts';

/** A page in parts, written as its reader takes them. */
export type Page = AsyncGenerator<string | Uint8Array>;

/** Families of `/metrics/detailed`, with RabbitMQ's names. */
export const families = [
  'queue_coarse_metrics',
  'queue_metrics',
  'queue_consumer_count',
  'queue_delivery_metrics',
  'queue_exchange_metrics',
  'ra_metrics',
  'exchange_metrics',
  'channel_metrics',
  'channel_exchange_metrics',
  'channel_queue_metrics',
  'connection_metrics',
  'connection_coarse_metrics',
  'connection_churn_metrics',
  'auth_attempt_metrics',
  'node_coarse_metrics',
  'node_metrics',
  'node_persister_metrics',
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
export async function* aggregated(source: MetricsSource, scrape: Scrape): Page {
  yield identityMetrics(source, 'aggregated') + (await nodeMetrics(source, scrape));
  yield* scrape.sums([...queueCoarseMetrics, ...queueMetrics], lookedAt(queues(source)));
  yield* scrape.sums(quorumLogMetrics, quorumQueues(queues(source)));
  yield* scrape.sums(channelMetrics, channels(source));
  yield* scrape.sums([...connectionCoarseMetrics, ...connectionMetrics], source.listener.connections);
  // What has been closed or deleted since goes on counting: a sum of counters that falls looks like a restart.
  yield* scrape.sums(queuePublishMetrics, queueStats(source));
  yield* scrape.sums([...channelPublishMetrics, ...channelDeliveryMetrics], allChannelStats(source));
}

/** A line for every queue, channel and connection (`/metrics/per-object`). */
export async function* perObject(source: MetricsSource, scrape: Scrape): Page {
  const prefix = 'rabbitmq_';
  scrape.expect(queueCount(source));
  yield identityMetrics(source, 'per-object') + (await nodeMetrics(source, scrape));
  yield* scrape.lines(
    prefix,
    [...queueCoarseMetrics, ...queueMetrics, ...queueHeadMetrics, ...queuePublishMetrics.map(ofLook)],
    lookedAt(queues(source)),
    lookLabels,
  );
  yield* scrape.lines(prefix, quorumLogMetrics, quorumQueues(queues(source)), queueLabels);
  yield* scrape.lines(
    prefix,
    [...channelMetrics, ...[...channelPublishMetrics, ...channelDeliveryMetrics].map(ofChannel)],
    channels(source),
    channelLabels,
  );
  yield* scrape.lines(
    prefix,
    [...connectionCoarseMetrics, ...connectionMetrics],
    source.listener.connections,
    connectionLabels,
  );
}

/** Chosen families, of all or of some virtual hosts and queues (`/metrics/detailed`). */
export async function* detailed(
  source: MetricsSource,
  scrape: Scrape,
  chosen: ReadonlySet<Family>,
  filter: ObjectFilter,
): Page {
  const isVhostWanted = (vhost: string) => filter.vhosts.size === 0 || filter.vhosts.has(vhost);
  const isQueueWanted = ({ name, vhost }: Queue) =>
    isVhostWanted(vhost.name) && (filter.queues.size === 0 || filter.queues.has(name));
  const someQueues = () => wanted(queues(source), isQueueWanted);
  const someChannels = () => wanted(channels(source), ({ vhostName }) => isVhostWanted(vhostName));
  const someExchanges = () => exchanges(source, isVhostWanted);
  const lines = async function* <T>(
    rows: FamilyRows<T>,
    objects: () => Iterable<T>,
    labels: ObjectLabels<T>,
    prefix = detailedPrefix,
  ): Page {
    // A metric of two families is told once.
    const metrics = new Set(rows.flatMap(([family, each]) => (chosen.has(family) ? each : [])));
    if (metrics.size > 0) yield* scrape.lines(prefix, [...metrics], objects(), labels);
  };
  yield identityMetrics(source, 'detailed') + buildMetrics();
  yield* lines(lookRows, () => lookedAt(someQueues()), lookLabels);
  yield* lines(queueRows, someQueues, queueLabels);
  if (chosen.has('ra_metrics')) yield commitLatency(source, detailedPrefix);
  yield* lines([['ra_metrics', quorumLogMetrics]], () => quorumQueues(someQueues()), queueLabels);
  yield* lines([['exchange_metrics', exchangeMetrics.map(ofExchange)]], someExchanges, exchangeLabels);
  yield* lines(channelRows, someChannels, channelLabels);
  yield* lines(connectionRows, () => source.listener.connections, connectionLabels);
  const files = once(openFiles);
  for (const [family, text] of nodeTexts) if (chosen.has(family)) yield await text(source, files);
  if (chosen.has('vhost_status')) yield vhostStatus(source, isVhostWanted);
  yield* lines(exchangeRows, someExchanges, typedExchangeLabels, 'rabbitmq_cluster_');
}

const detailedPrefix = 'rabbitmq_detailed_';

/** Families with a line for every object of one kind: those that are chosen share a round over the objects. */
type FamilyRows<T> = readonly (readonly [Family, readonly ObjectMetric<T>[]])[];

const lookRows: FamilyRows<QueueLook> = [
  ['queue_coarse_metrics', queueCoarseMetrics],
  ['queue_metrics', [...queueMetrics, ...queueHeadMetrics]],
  ['queue_consumer_count', queueConsumerMetrics],
];

const queueRows: FamilyRows<Queue> = [
  ['queue_delivery_metrics', queueDeliveryMetrics.map(ofQueue)],
  ['queue_exchange_metrics', queuePublishMetrics.map(ofQueue)],
];

const channelRows: FamilyRows<Channel> = [
  ['channel_metrics', channelMetrics],
  ['channel_exchange_metrics', channelPublishMetrics.map(ofChannel)],
  ['channel_queue_metrics', channelDeliveryMetrics.map(ofChannel)],
];

const connectionRows: FamilyRows<Connection> = [
  ['connection_coarse_metrics', connectionCoarseMetrics],
  ['connection_metrics', connectionMetrics],
];

/** Families that say something of the node, whatever objects there are. */
const nodeTexts: readonly (readonly [
  Family,
  (source: MetricsSource, files: () => Promise<OpenFiles>) => string | Promise<string>,
])[] = [
  ['connection_churn_metrics', (source) => churnMetrics(source, detailedPrefix)],
  ['auth_attempt_metrics', (source) => authAttempts(source, detailedPrefix)],
  ['node_coarse_metrics', async (source, files) => nodeUse(source, await files(), detailedPrefix)],
  ['node_metrics', async (source, files) => nodeLimits(source, await files(), detailedPrefix)],
  ['node_persister_metrics', (source) => flushMetrics(source, detailedPrefix)],
];

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function vhostStatus({ broker }: MetricsSource, isWanted: (vhost: string) => boolean): string {
  const name = 'rabbitmq_cluster_vhost_status';
  const lines = [...broker.vhosts.keys()]
    .filter(isWanted)
    .map((vhost) => sample(name, labelText({ vhost }), 1));
  return header({ name, type: 'gauge', help: 'Whether a virtual host is running' }) + lines.join('');
}

const exchangeNames: ObjectMetric<PlacedExchange> = {
  name: 'exchange_name',
  type: 'gauge',
  help: 'Enumerates exchanges without any additional info',
  value: () => 1,
};

const exchangeBindings: ObjectMetric<PlacedExchange> = {
  name: 'exchange_bindings',
  type: 'gauge',
  help: 'Number of bindings for an exchange',
  value: ({ exchange }) => exchange.bindingCount,
};

const exchangeRows: FamilyRows<PlacedExchange> = [
  ['exchange_names', [exchangeNames]],
  ['exchange_bindings', [exchangeBindings]],
];

function ofLook(metric: ObjectMetric<QueueStats>): ObjectMetric<QueueLook> {
  return { ...metric, value: ({ queue }) => metric.value(queue.stats) };
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

function queueCount({ broker }: MetricsSource): number {
  let count = 0;
  for (const vhost of broker.vhosts.values()) count += vhost.queueCount;
  return count;
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

function* quorumQueues(queues: Iterable<Queue>): Iterable<Queue> {
  for (const queue of queues) if (queue.type === 'quorum') yield queue;
}

function* channels({ listener }: MetricsSource): Iterable<Channel> {
  for (const connection of listener.connections) yield* connection.channels;
}

function* wanted<T>(objects: Iterable<T>, isWanted: (object: T) => boolean): Iterable<T> {
  for (const object of objects) if (isWanted(object)) yield object;
}

const queueLabels: ObjectLabels<Queue> = {
  names: ['vhost', 'queue'],
  of: (queue) => [queue.vhost.name, queue.name],
};

const lookLabels: ObjectLabels<QueueLook> = {
  names: queueLabels.names,
  of: ({ queue }) => queueLabels.of(queue),
};

const channelLabels: ObjectLabels<Channel> = {
  names: ['channel'],
  of: ({ name }) => [name],
};

/** RabbitMQ calls connections channels here. */
const connectionLabels: ObjectLabels<Connection> = {
  names: ['channel', 'connection'],
  of: ({ name }) => [name, name],
};

const exchangeLabels: ObjectLabels<PlacedExchange> = {
  names: ['vhost', 'exchange'],
  of: ({ exchange, vhost }) => [vhost, exchange.name],
};

const typedExchangeLabels: ObjectLabels<PlacedExchange> = {
  names: ['vhost', 'exchange', 'type'],
  of: ({ exchange, vhost }) => [vhost, exchange.name, exchange.type.name],
};
