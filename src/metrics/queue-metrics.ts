import { LogFigures } from '../broker/log/log-figures.ts';
import { timestampOf } from '../broker/message-timestamp.ts';
import type { Queue } from '../broker/queues/queue.ts';
import type { ObjectMetric } from './samples.ts';

/** A queue at one moment: summed up over its segments once for all metrics. Good until the next one is looked at. */
export interface QueueLook {
  readonly queue: Queue;
  readonly figures: LogFigures;
}

/** Looks at each queue when its turn has come. */
export function* lookedAt(queues: Iterable<Queue>): Iterable<QueueLook> {
  const figures = new LogFigures();
  for (const queue of queues) yield { queue, figures: queue.figures(figures) };
}

function gauge(
  name: string,
  help: string,
  value: (look: QueueLook) => number | undefined,
): ObjectMetric<QueueLook> {
  return { type: 'gauge', name: `queue_${name}`, help, value };
}

/** How many messages a queue holds (family `queue_coarse_metrics`). */
export const queueCoarseMetrics: readonly ObjectMetric<QueueLook>[] = [
  gauge('messages_ready', 'Messages ready to be delivered to consumers', ({ queue }) => queue.readyCount),
  gauge(
    'messages_unacked',
    'Messages delivered to consumers but not yet acknowledged',
    ({ queue }) => queue.unackedCount,
  ),
  gauge(
    'messages',
    'Sum of ready and unacknowledged messages - total queue depth',
    ({ queue }) => queue.readyCount + queue.unackedCount,
  ),
];

/** Consumers of a queue (family `queue_consumer_count`). */
export const queueConsumerMetrics: readonly ObjectMetric<QueueLook>[] = [
  gauge('consumers', 'Consumers on a queue', ({ queue }) => queue.consumerCount),
];

/** What a queue holds, in all its parts (family `queue_metrics`). */
export const queueMetrics: readonly ObjectMetric<QueueLook>[] = [
  ...queueConsumerMetrics,
  gauge('consumer_capacity', 'Consumer capacity', ({ queue }) => queue.consumerCapacity ?? 0),
  gauge('consumer_utilisation', 'Same as consumer capacity', ({ queue }) => queue.consumerCapacity ?? 0),
  gauge(
    'process_memory_bytes',
    'Memory in bytes used by the messages of the queue',
    ({ figures }) => figures.memory,
  ),
  gauge(
    'messages_ram',
    'Ready and unacknowledged messages stored in memory',
    ({ figures }) => figures.readyInMemory.count + figures.deliveredInMemory.count,
  ),
  gauge(
    'messages_ram_bytes',
    'Size of ready and unacknowledged messages stored in memory',
    ({ figures }) => figures.readyInMemory.bytes + figures.deliveredInMemory.bytes,
  ),
  gauge(
    'messages_ready_ram',
    'Ready messages stored in memory',
    ({ figures }) => figures.readyInMemory.count,
  ),
  gauge(
    'messages_unacked_ram',
    'Unacknowledged messages stored in memory',
    ({ figures }) => figures.deliveredInMemory.count,
  ),
  gauge('messages_persistent', 'Persistent messages', ({ figures }) => figures.persistent.count),
  gauge(
    'messages_persistent_bytes',
    'Size in bytes of persistent messages',
    ({ figures }) => figures.persistent.bytes,
  ),
  gauge(
    'messages_bytes',
    'Size in bytes of ready and unacknowledged messages',
    ({ queue, figures }) => queue.readyBytes + figures.delivered.bytes,
  ),
  gauge('messages_ready_bytes', 'Size in bytes of ready messages', ({ queue }) => queue.readyBytes),
  gauge(
    'messages_unacked_bytes',
    'Size in bytes of all unacknowledged messages',
    ({ figures }) => figures.delivered.bytes,
  ),
  gauge('messages_paged_out', 'Messages paged out to disk', ({ figures }) => figures.pagedOut.count),
  gauge(
    'messages_paged_out_bytes',
    'Size in bytes of messages paged out to disk',
    ({ figures }) => figures.pagedOut.bytes,
  ),
];

/** Sums of them mean nothing, so they are for each queue only (family `queue_metrics`, too). */
export const queueHeadMetrics: readonly ObjectMetric<QueueLook>[] = [
  gauge(
    'head_message_timestamp',
    'Timestamp of the first message in a queue, if it is in memory and has one',
    ({ queue }) => timestampOf(queue.backlog.head.headInMemory()),
  ),
];

/**
 * The log of a quorum queue, under the names of the Raft log that it is in RabbitMQ (family `ra_metrics`). On a single
 * node what is written is committed and applied, and there are no elections.
 */
export const quorumLogMetrics: readonly ObjectMetric<Queue>[] = [
  {
    type: 'counter',
    name: 'raft_term_total',
    help: 'Current Raft term number: there are no elections',
    value: () => 1,
  },
  {
    type: 'gauge',
    name: 'raft_log_snapshot_index',
    help: 'Messages that are settled with all before them',
    value: ({ backlog }) => backlog.logs.reduce((sum, { readPosition }) => sum + readPosition, 0),
  },
  ...(['last_applied', 'commit', 'last_written'] as const).map(
    (what): ObjectMetric<Queue> => ({
      type: 'gauge',
      name: `raft_log_${what}_index`,
      help: 'Messages the queue has ever taken',
      value: ({ backlog }) => backlog.logs.reduce((sum, { nextSequence }) => sum + nextSequence, 0),
    }),
  ),
];
