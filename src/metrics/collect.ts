import { setImmediate } from 'node:timers/promises';
import type { Channel } from '../server/channel.ts';
import type { Connection } from '../server/connection.ts';
import { header, labelText, sample } from './exposition.ts';
import { nodeMetrics } from './node-metrics.ts';
import { channelMetrics, connectionMetrics, type ObjectMetric, queueMetrics } from './object-metrics.ts';
import type { MetricsSource } from './source.ts';

/** How long a scrape may keep the event loop to itself; messages wait for no longer. */
const sliceMs = 2;
/** Objects between two looks at the clock. */
const sliceObjects = 100;

/** Families of `/metrics/detailed`, with RabbitMQ's names. */
export const families = [
  'queue_coarse_metrics',
  'queue_metrics',
  'queue_consumer_count',
  'channel_metrics',
  'connection_metrics',
  'connection_coarse_metrics',
  'vhost_status',
  'exchange_names',
] as const;
export type Family = (typeof families)[number];

/** Sums over all queues, channels and connections (`/metrics`). */
export async function* aggregated(source: MetricsSource): AsyncGenerator<string> {
  yield await nodeMetrics(source);
  yield* sums(queueMetrics, queues(source));
  yield* sums(channelMetrics, channels(source));
  yield* sums(connectionMetrics, source.listener.connections);
}

/** A line for every queue, channel and connection (`/metrics/per-object`). */
export async function* perObject(source: MetricsSource): AsyncGenerator<string> {
  yield await nodeMetrics(source);
  yield* each('rabbitmq_', queueMetrics, queues(source), queueLabels);
  yield* each('rabbitmq_', channelMetrics, channels(source), channelLabels);
  yield* each('rabbitmq_', connectionMetrics, source.listener.connections, connectionLabels);
}

/** Chosen families, of all or of some virtual hosts (`/metrics/detailed`). */
export async function* detailed(
  source: MetricsSource,
  chosen: ReadonlySet<Family>,
  vhosts: ReadonlySet<string>,
): AsyncGenerator<string> {
  const prefix = 'rabbitmq_detailed_';
  const isWanted = (vhost: string) => vhosts.size === 0 || vhosts.has(vhost);
  if (chosen.has('queue_coarse_metrics') || chosen.has('queue_metrics')) {
    yield* each(
      prefix,
      queueMetrics,
      wanted(queues(source), (queue) => isWanted(queue.vhost.name)),
      queueLabels,
    );
  } else if (chosen.has('queue_consumer_count')) {
    const consumers = queueMetrics.filter(({ name }) => name === 'queue_consumers');
    yield* each(
      prefix,
      consumers,
      wanted(queues(source), (queue) => isWanted(queue.vhost.name)),
      queueLabels,
    );
  }
  if (chosen.has('channel_metrics')) {
    yield* each(
      prefix,
      channelMetrics,
      wanted(channels(source), (channel) => isWanted(channel.vhostName)),
      channelLabels,
    );
  }
  if (chosen.has('connection_metrics') || chosen.has('connection_coarse_metrics')) {
    yield* each(prefix, connectionMetrics, source.listener.connections, connectionLabels);
  }
  if (chosen.has('vhost_status')) yield vhostStatus(source, isWanted);
  if (chosen.has('exchange_names')) yield exchangeNames(source, isWanted);
}

function vhostStatus({ broker }: MetricsSource, isWanted: (vhost: string) => boolean): string {
  const name = 'rabbitmq_cluster_vhost_status';
  const lines = [...broker.vhosts.keys()]
    .filter(isWanted)
    .map((vhost) => sample(name, labelText({ vhost }), 1));
  return header({ name, type: 'gauge', help: 'Whether a virtual host is running' }) + lines.join('');
}

function exchangeNames({ broker }: MetricsSource, isWanted: (vhost: string) => boolean): string {
  const name = 'rabbitmq_cluster_exchange_name';
  let text = header({ name, type: 'gauge', help: 'Enumerates exchanges without any additional info' });
  for (const vhost of broker.vhosts.values()) {
    if (!isWanted(vhost.name)) continue;
    for (const exchange of vhost.exchanges()) {
      if (exchange.isDefault) continue;
      text += sample(
        name,
        labelText({ vhost: vhost.name, exchange: exchange.name, type: exchange.type.name }),
        1,
      );
    }
  }
  return text;
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

/** Hands out objects by the hundred and lets others have their turn when time is up. */
async function* slices<T>(objects: Iterable<T>): AsyncGenerator<readonly T[]> {
  let turnStartedAt = performance.now();
  let slice: T[] = [];
  for (const object of objects) {
    slice.push(object);
    if (slice.length < sliceObjects) continue;
    yield slice;
    slice = [];
    if (performance.now() - turnStartedAt > sliceMs) {
      await setImmediate();
      turnStartedAt = performance.now();
    }
  }
  if (slice.length > 0) yield slice;
}

function* queues({ broker }: MetricsSource) {
  for (const vhost of broker.vhosts.values()) yield* vhost.queues();
}

function* channels({ listener }: MetricsSource) {
  for (const connection of listener.connections) yield* connection.channels;
}

function* wanted<T>(objects: Iterable<T>, isWanted: (object: T) => boolean): Iterable<T> {
  for (const object of objects) if (isWanted(object)) yield object;
}

function queueLabels(queue: { readonly name: string; readonly vhost: { readonly name: string } }): string {
  return labelText({ vhost: queue.vhost.name, queue: queue.name });
}

function channelLabels(channel: Channel): string {
  return labelText({ channel: channel.name });
}

function connectionLabels(connection: Connection): string {
  return labelText({ connection: connection.name });
}
