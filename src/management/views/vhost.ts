import type { VirtualHost } from '../../broker/virtual-host.ts';
import type { Api } from '../api.ts';
import type { Json } from '../http/columns.ts';
import { trafficColumns } from '../stats/columns.ts';
import type { Ranges } from '../stats/ranges.ts';
import { Totals, type TotalsByVhost } from '../stats/totals.ts';
import { channelMessageStats, counts, lengthCounts } from './message-stats.ts';

/** A virtual host with what happens in it. */
export function vhostView(
  { node, sampler }: Api,
  vhost: VirtualHost,
  totals: TotalsByVhost,
  ranges: Ranges,
): Json {
  const { stats, traffic, ready, unacknowledged } = totals.get(vhost) ?? new Totals();
  const { received, sent } = traffic;
  const { description, tags, defaultQueueType = 'undefined' } = vhost.metadata;
  return {
    name: vhost.name,
    description,
    tags,
    // RabbitMQ's word for none.
    default_queue_type: defaultQueueType,
    metadata: {
      description,
      tags,
      ...(vhost.metadata.defaultQueueType !== undefined && { default_queue_type: defaultQueueType }),
    },
    tracing: vhost.firehose.isOn,
    cluster_state: { [node]: 'running' },
    ...lengthCounts(sampler.vhosts.changesOf(vhost, ranges.lengths), ready, unacknowledged),
    ...(received + sent > 0 &&
      counts(sampler.vhosts.changesOf(vhost, ranges.data_rates), trafficColumns, [received, sent])),
    ...channelMessageStats(sampler.vhosts.changesOf(vhost, ranges.msg_rates), stats),
  };
}
