import type { Exchange } from '../../broker/routing/exchange.ts';
import type { Api } from '../api.ts';
import type { Json } from '../http/columns.ts';
import { exchangeColumns } from '../stats/columns.ts';
import type { Ranges } from '../stats/ranges.ts';
import { deduplicationView } from './deduplication.ts';
import { counts } from './message-stats.ts';

/** An exchange as lists show it. */
export function exchangeView({ sampler }: Api, vhost: string, exchange: Exchange, ranges: Ranges): Json {
  const { publishIn, publishOut } = exchange.stats;
  const { policy } = exchange.policies;
  return {
    name: exchange.name,
    vhost,
    type: exchange.type.name,
    durable: exchange.durable,
    auto_delete: exchange.autoDelete,
    internal: exchange.internal,
    arguments: exchange.arguments.toJSON(),
    ...(policy !== undefined && { policy: policy.name }),
    ...(exchange.delayed !== undefined && { messages_delayed: exchange.delayed.count }),
    ...(exchange.deduplicator !== undefined && { cache_info: deduplicationView(exchange.deduplicator) }),
    ...(publishIn > 0 && {
      message_stats: counts(sampler.exchanges.changesOf(exchange, ranges.msg_rates), exchangeColumns, [
        publishIn,
        publishOut,
      ]),
    }),
  };
}

/** An exchange that is asked for by name. RabbitMQ fills the two lists with rates_mode = detailed only. */
export function exchangeDetailsView(api: Api, vhost: string, exchange: Exchange, ranges: Ranges): Json {
  return { ...exchangeView(api, vhost, exchange, ranges), incoming: [], outgoing: [] };
}
