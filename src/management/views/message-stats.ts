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
import type { Range } from '../stats/ranges.ts';
import type { Details } from '../stats/sample-table.ts';
import { merged } from './merged.ts';

/** The four ways to get a message, which `deliver_get` adds up. */
export const deliverGet = ['deliver', 'deliver_no_ack', 'get', 'get_no_ack'] as const;

/** Where the samples of an object are: a table, of which only some columns matter. */
export interface Samples<Item, Column extends string> {
  details(item: Item, columns: readonly Column[], range: Range | undefined): Details;
}

/** Counts and how they change: `name` and `name_details` for each column. */
export function counts<Item, Column extends string>(
  samples: Samples<Item, Column>,
  item: Item,
  columns: readonly Column[],
  values: readonly number[],
  range: Range | undefined,
): Json {
  const view: Record<string, unknown> = {};
  for (const [index, column] of columns.entries()) {
    view[column] = values[index] ?? 0;
    view[`${column}_details`] = samples.details(item, [column], range);
  }
  return view;
}

function deliveryCounts<Item>(
  samples: Samples<Item, (typeof deliveryColumns)[number]>,
  item: Item,
  stats: DeliveryStats,
  range: Range | undefined,
): Json {
  return merged(counts(samples, item, deliveryColumns, deliveryValues(stats), range), {
    deliver_get: stats.deliver + stats.deliverNoAck + stats.get + stats.getNoAck,
    deliver_get_details: samples.details(item, deliverGet, range),
  });
}

/** `message_stats` of a queue; none before something has happened, as in RabbitMQ. */
export function queueMessageStats<Item>(
  samples: Samples<Item, QueueColumn>,
  item: Item,
  stats: QueueStats,
  range: Range | undefined,
): { readonly message_stats?: Json } {
  const { publish } = stats;
  if (publish === 0 && !isActive(deliveryValues(stats))) return {};
  return {
    message_stats: merged(
      counts(samples, item, ['publish'], [publish], range),
      deliveryCounts(samples, item, stats, range),
    ),
  };
}

/** `message_stats` of a channel, a virtual host or everything: what is published, what is delivered, or both. */
export function channelMessageStats<Item>(
  samples: Samples<Item, ChannelColumn>,
  item: Item,
  stats: ChannelStats,
  range: Range | undefined,
): { readonly message_stats?: Json } {
  const published = publishValues(stats);
  const [publishes, delivers] = [isActive(published), isActive(deliveryValues(stats))];
  if (!publishes && !delivers) return {};
  return {
    message_stats: merged(
      publishes && counts(samples, item, publishColumns, published, range),
      delivers && deliveryCounts(samples, item, stats, range),
    ),
  };
}

function isActive(values: readonly number[]): boolean {
  return values.some((value) => value > 0);
}

/** `messages`, `messages_ready` and `messages_unacknowledged`, with their changes. */
export function lengthCounts<Item>(
  samples: Samples<Item, 'messages_ready' | 'messages_unacknowledged'>,
  item: Item,
  ready: number,
  unacknowledged: number,
  range: Range | undefined,
): Json {
  const columns = ['messages_ready', 'messages_unacknowledged'] as const;
  return merged(
    {
      messages: ready + unacknowledged,
      messages_details: samples.details(item, columns, range),
    },
    counts(samples, item, columns, [ready, unacknowledged], range),
  );
}
