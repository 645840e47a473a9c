import type { ChannelStats, DeliveryStats, QueueStats } from '../broker/message-stats.ts';
import type { Exchange } from '../broker/routing/exchange.ts';
import type { Channel } from '../server/channel/channel.ts';
import type { Connection } from '../server/connection/connection.ts';
import type { MetricType } from './exposition.ts';
import type { ObjectMetric } from './samples.ts';

function metric<T>(
  type: MetricType,
  name: string,
  help: string,
  value: (object: T) => number,
): ObjectMetric<T> {
  return { name, type, help, value };
}

/** What has come into a queue since it was declared or the broker started (family `queue_exchange_metrics`). */
export const queuePublishMetrics: readonly ObjectMetric<QueueStats>[] = [
  metric(
    'counter',
    'queue_messages_published_total',
    'Total number of messages published to queues',
    (stats) => stats.publish,
  ),
];

/** What has gone out of a queue (family `queue_delivery_metrics`). */
export const queueDeliveryMetrics: readonly ObjectMetric<QueueStats>[] = deliveryMetrics('queue');

/** What has come in through an exchange (family `exchange_metrics`). */
export const exchangeMetrics: readonly ObjectMetric<Exchange>[] = [
  metric(
    'counter',
    'exchange_messages_published_total',
    'Total number of messages published into an exchange',
    ({ stats }) => stats.publishIn,
  ),
];

/** What publishers did on a channel (family `channel_exchange_metrics`). */
export const channelPublishMetrics: readonly ObjectMetric<ChannelStats>[] = [
  metric(
    'counter',
    'channel_messages_published_total',
    'Total number of messages published into an exchange on a channel',
    (stats) => stats.publish,
  ),
  metric(
    'counter',
    'channel_messages_confirmed_total',
    'Total number of messages published into an exchange and confirmed on the channel',
    (stats) => stats.confirm,
  ),
  metric(
    'counter',
    'channel_messages_unroutable_returned_total',
    'Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable',
    (stats) => stats.returnUnroutable,
  ),
  metric(
    'counter',
    'channel_messages_unroutable_dropped_total',
    'Total number of messages published as non-mandatory into an exchange and dropped as unroutable',
    (stats) => stats.dropUnroutable,
  ),
];

/** What consumers did on a channel (family `channel_queue_metrics`). */
export const channelDeliveryMetrics: readonly ObjectMetric<ChannelStats>[] = deliveryMetrics('channel');

function deliveryMetrics(of: 'channel' | 'queue'): readonly ObjectMetric<DeliveryStats>[] {
  const counter = (name: string, help: string, value: (stats: DeliveryStats) => number) =>
    metric('counter', `${of}_${name}_total`, help, value);
  return [
    counter(
      'get_ack',
      'Total number of messages fetched with basic.get in manual acknowledgement mode',
      (stats) => stats.get,
    ),
    counter(
      'get',
      'Total number of messages fetched with basic.get in automatic acknowledgement mode',
      (stats) => stats.getNoAck,
    ),
    counter(
      'messages_delivered_ack',
      'Total number of messages delivered to consumers in manual acknowledgement mode',
      (stats) => stats.deliver,
    ),
    counter(
      'messages_delivered',
      'Total number of messages delivered to consumers in automatic acknowledgement mode',
      (stats) => stats.deliverNoAck,
    ),
    counter(
      'messages_redelivered',
      'Total number of messages redelivered to consumers',
      (stats) => stats.redeliver,
    ),
    counter('messages_acked', 'Total number of messages acknowledged by consumers', (stats) => stats.ack),
    counter(
      'get_empty',
      'Total number of times basic.get operations fetched no message',
      (stats) => stats.getEmpty,
    ),
  ];
}

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

/** Bytes to and from clients (family `connection_coarse_metrics`). */
export const connectionCoarseMetrics: readonly ObjectMetric<Connection>[] = [
  metric(
    'counter',
    'connection_incoming_bytes_total',
    'Total number of bytes received on a connection',
    (connection) => connection.traffic.bytesReceived,
  ),
  metric(
    'counter',
    'connection_outgoing_bytes_total',
    'Total number of bytes sent on a connection',
    (connection) => connection.traffic.bytesSent,
  ),
];

/** What a connection carries (family `connection_metrics`). */
export const connectionMetrics: readonly ObjectMetric<Connection>[] = [
  metric('gauge', 'connection_channels', 'Channels on a connection', (connection) => connection.channelCount),
];
