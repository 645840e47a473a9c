import { ChannelStats, QueueStats } from '../broker/message-stats.ts';
import { type QueueType, queueTypes } from '../broker/queue-type.ts';
import type { Queue } from '../broker/queues/queue.ts';
import type { Scrape } from './samples.ts';
import type { MetricsSource } from './source.ts';

/** What one round over all queues and channels counts for the metrics of the whole node. */
export interface Tally {
  readonly queues: number;
  readonly consumers: number;
  /** Channels on which something was published. */
  readonly publishers: number;
  /** Since the broker started, whatever has been closed since. */
  readonly channels: ChannelStats;
  /** Since the broker started, whatever has been deleted since. */
  readonly byType: ReadonlyMap<QueueType, QueueStats>;
}

/** Goes over everything in slices: what comes or goes meanwhile may or may not be counted. */
export async function tally({ broker, listener }: MetricsSource, scrape: Scrape): Promise<Tally> {
  const channels = new ChannelStats();
  const byType = new Map(queueTypes.map((type) => [type, new QueueStats()]));
  let [queues, consumers, publishers] = [0, 0, 0];
  const count = ({ type, stats, consumerCount }: Queue): void => {
    queues++;
    consumers += consumerCount;
    byType.get(type)?.add(stats);
  };
  for (const vhost of broker.vhosts.values()) {
    channels.add(vhost.closedChannels);
    for (const [type, stats] of vhost.deletedQueues) byType.get(type)?.add(stats);
    await scrape.each(vhost.queues(), count);
  }
  await scrape.each(listener.connections, (connection) => {
    for (const channel of connection.channels) {
      const stats = channel.currentStats();
      channels.add(stats);
      if (stats.publish > 0) publishers++;
    }
  });
  return { queues, consumers, publishers, channels, byType };
}
