import type { ChannelStats, Churn, DeliveryStats } from '../../broker/message-stats.ts';
import type { Queue } from '../../broker/queues/queue.ts';
import type { Totals } from './totals.ts';

/** What is sampled of each kind of object, under RabbitMQ's names, and how a row of it is filled. */

export const deliveryColumns = [
  'deliver',
  'deliver_no_ack',
  'get',
  'get_no_ack',
  'get_empty',
  'redeliver',
  'ack',
] as const;
export const publishColumns = ['publish', 'confirm', 'return_unroutable', 'drop_unroutable'] as const;
export const queueColumns = [
  'messages_ready',
  'messages_unacknowledged',
  'publish',
  ...deliveryColumns,
] as const;
export const channelColumns = [...publishColumns, ...deliveryColumns] as const;
export const trafficColumns = ['recv_oct', 'send_oct'] as const;
export const totalColumns = [
  'messages_ready',
  'messages_unacknowledged',
  ...trafficColumns,
  ...channelColumns,
] as const;
export const exchangeColumns = ['publish_in', 'publish_out'] as const;
export const churnColumns = [
  'connection_created',
  'connection_closed',
  'channel_created',
  'channel_closed',
  'queue_declared',
  'queue_created',
  'queue_deleted',
] as const;
export const nodeColumns = [
  'mem_used',
  'fd_used',
  'sockets_used',
  'proc_used',
  'disk_free',
  ...churnColumns,
] as const;

export type QueueColumn = (typeof queueColumns)[number];
export type ChannelColumn = (typeof channelColumns)[number];
export type TrafficColumn = (typeof trafficColumns)[number];
export type TotalColumn = (typeof totalColumns)[number];
export type ExchangeColumn = (typeof exchangeColumns)[number];
export type NodeColumn = (typeof nodeColumns)[number];

/** A row of {@link deliveryColumns}. */
export function deliveryValues(stats: DeliveryStats): readonly number[] {
  const { deliver, deliverNoAck, get, getNoAck, getEmpty, redeliver, ack } = stats;
  return [deliver, deliverNoAck, get, getNoAck, getEmpty, redeliver, ack];
}

/** A row of {@link queueColumns}. */
export function queueValues({ readyCount, unackedCount, stats }: Queue): readonly number[] {
  return [readyCount, unackedCount, stats.publish, ...deliveryValues(stats)];
}

/** A row of {@link publishColumns}. */
export function publishValues(stats: ChannelStats): readonly number[] {
  const { publish, confirm, returnUnroutable, dropUnroutable } = stats;
  return [publish, confirm, returnUnroutable, dropUnroutable];
}

/** A row of {@link channelColumns}. */
export function channelValues(stats: ChannelStats): readonly number[] {
  return [...publishValues(stats), ...deliveryValues(stats)];
}

/** A row of {@link totalColumns}. */
export function totalValues({ ready, unacknowledged, traffic, stats }: Totals): readonly number[] {
  return [ready, unacknowledged, traffic.received, traffic.sent, ...channelValues(stats)];
}

/** A row of {@link churnColumns}. */
export function churnValues(churn: Churn): readonly number[] {
  const { connectionCreated, connectionClosed, channelCreated, channelClosed } = churn;
  const { queueDeclared, queueCreated, queueDeleted } = churn;
  return [
    connectionCreated,
    connectionClosed,
    channelCreated,
    channelClosed,
    queueDeclared,
    queueCreated,
    queueDeleted,
  ];
}
