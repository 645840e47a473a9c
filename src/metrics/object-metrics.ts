import type { Queue } from '../broker/queue.ts';
import type { Channel } from '../server/channel.ts';
import type { Connection } from '../server/connection.ts';
import type { Metric, MetricType } from './exposition.ts';

/** A metric that every queue, channel or connection has. Aggregated, it is the sum over all of them. */
export interface ObjectMetric<T> extends Metric {
  value(object: T): number;
}

function metric<T>(
  type: MetricType,
  name: string,
  help: string,
  value: (object: T) => number,
): ObjectMetric<T> {
  return { name, type, help, value };
}

/** Metrics of queues under RabbitMQ's names (family `queue_coarse_metrics` and some of `queue_metrics`). */
export const queueMetrics: readonly ObjectMetric<Queue>[] = [
  metric(
    'gauge',
    'queue_messages_ready',
    'Messages ready to be delivered to consumers',
    (queue) => queue.readyCount,
  ),
  metric(
    'gauge',
    'queue_messages_unacked',
    'Messages delivered to consumers but not yet acknowledged',
    (queue) => queue.unackedCount,
  ),
  metric(
    'gauge',
    'queue_messages',
    'Sum of ready and unacknowledged messages - total queue depth',
    (queue) => queue.readyCount + queue.unackedCount,
  ),
  metric(
    'gauge',
    'queue_messages_ready_bytes',
    'Size in bytes of ready messages',
    (queue) => queue.readyBytes,
  ),
  metric('gauge', 'queue_consumers', 'Consumers on a queue', (queue) => queue.consumerCount),
];

/** Metrics of channels under RabbitMQ's names. */
export const channelMetrics: readonly ObjectMetric<Channel>[] = [
  metric('gauge', 'channel_consumers', 'Consumers on a channel', (channel) => channel.consumerCount),
  metric(
    'gauge',
    'channel_messages_unacked',
    'Delivered but not yet acknowledged messages',
    (channel) => channel.unackedCount,
  ),
  metric(
    'gauge',
    'channel_messages_unconfirmed',
    'Published but not yet confirmed messages',
    (channel) => channel.unconfirmedCount,
  ),
  metric(
    'gauge',
    'channel_messages_uncommitted',
    'Messages received in a transaction but not yet committed',
    (channel) => channel.uncommittedCount,
  ),
  metric(
    'gauge',
    'channel_acks_uncommitted',
    'Message acknowledgements in a transaction not yet committed',
    (channel) => channel.uncommittedAckCount,
  ),
  metric(
    'gauge',
    'consumer_prefetch',
    'Limit of unacknowledged messages for each consumer',
    (channel) => channel.prefetch,
  ),
  metric(
    'gauge',
    'channel_prefetch',
    'Total limit of unacknowledged messages for all consumers on a channel',
    (channel) => channel.globalPrefetch,
  ),
];

/** Metrics of connections under RabbitMQ's names. */
export const connectionMetrics: readonly ObjectMetric<Connection>[] = [
  metric(
    'counter',
    'connection_incoming_bytes_total',
    'Total number of bytes received on a connection',
    (connection) => connection.bytesReceived,
  ),
  metric(
    'counter',
    'connection_outgoing_bytes_total',
    'Total number of bytes sent on a connection',
    (connection) => connection.bytesSent,
  ),
  metric('gauge', 'connection_channels', 'Channels on a connection', (connection) => connection.channelCount),
];
