import type { ChannelStats, DeliveryStats, QueueStats } from '../../broker/message-stats.ts';
import type { Json } from '../http/columns.ts';
import {
  type ChannelColumn,
  deliveryColumns,
  deliveryValues,
  publishColumns,
  publishValues,
  type QueueColumn,
} from '../stats/columns.ts';
import type { Changes } from '../stats/sample-table.ts';
import { merged } from './merged.ts';

/** The four ways to get a message, which `deliver_get` adds up. */
export const deliverGet = ['deliver', 'deliver_no_ack', 'get', 'get_no_ack'] as const;

/** Counts and how they change: `name` and `name_details` for each column. */
export function counts<Column extends string>(
  changes: Changes<Column>,
  columns: readonly Column[],
  values: readonly number[],
): Json {
  const view: Record<string, unknown> = {};
  for (const [index, column] of columns.entries()) {
    view[column] = values[index] ?? 0;
    view[`${column}_details`] = changes([column]);
  }
  return view;
}

function deliveryCounts(changes: Changes<(typeof deliveryColumns)[number]>, stats: DeliveryStats): Json {
  return merged(counts(changes, deliveryColumns, deliveryValues(stats)), {
    deliver_get: stats.deliver + stats.deliverNoAck + stats.get + stats.getNoAck,
    deliver_get_details: changes(deliverGet),
  });
}

/** `message_stats` of a queue; none before something has happened, as in RabbitMQ. */
export function queueMessageStats(
  changes: Changes<QueueColumn>,
  stats: QueueStats,
): { readonly message_stats?: Json } {
  const { publish } = stats;
  if (publish === 0 && !isActive(deliveryValues(stats))) return {};
  return {
    message_stats: merged(counts(changes, ['publish'], [publish]), deliveryCounts(changes, stats)),
  };
}

/** `message_stats` of a channel, a virtual host or everything: what is published, what is delivered, or both. */
export function channelMessageStats(
  changes: Changes<ChannelColumn>,
  stats: ChannelStats,
): { readonly message_stats?: Json } {
  const published = publishValues(stats);
  const [publishes, delivers] = [isActive(published), isActive(deliveryValues(stats))];
  if (!publishes && !delivers) return {};
  return {
    message_stats: merged(
      publishes && counts(changes, publishColumns, published),
      delivers && deliveryCounts(changes, stats),
    ),
  };
}

function isActive(values: readonly number[]): boolean {
  return values.some((value) => value > 0);
}

/** `messages`, `messages_ready` and `messages_unacknowledged`, with their changes. */
export function lengthCounts(
  changes: Changes<'messages_ready' | 'messages_unacknowledged'>,
  ready: number,
  unacknowledged: number,
): Json {
  const columns = ['messages_ready', 'messages_unacknowledged'] as const;
  return merged(
    {
      messages: ready + unacknowledged,
      messages_details: changes(columns),
    },
    counts(changes, columns, [ready, unacknowledged]),
  );
}
