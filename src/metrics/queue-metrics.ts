import type { LogFigures } from '../broker/log/log-figures.ts';
import type { Queue } from '../broker/queues/queue.ts';
import type { ObjectMetric } from './object-metrics.ts';

/** How long figures are good for: all metrics of a scrape go by the same. */
const figuresTtlMs = 1000;
const counted = new WeakMap<Queue, { readonly figures: LogFigures; readonly at: number }>();

/** What a queue holds: summed up over its segments once for all metrics. */
function figuresOf(queue: Queue): LogFigures {
  const now = performance.now();
  const known = counted.get(queue);
  if (known !== undefined && now - known.at < figuresTtlMs) return known.figures;
  const figures = queue.figures();
  counted.set(queue, { figures, at: now });
  return figures;
}

function queueGauge(name: string, help: string, value: (queue: Queue) => number): ObjectMetric<Queue> {
  return { type: 'gauge', name: `queue_${name}`, help, value };
}

/** Messages, or bytes of them, that are in memory. */
function inMemory(queue: Queue, what: 'count' | 'bytes'): number {
  const { readyInMemory, deliveredInMemory } = figuresOf(queue);
  return readyInMemory[what] + deliveredInMemory[what];
}

/** What a queue holds, under RabbitMQ's names (families `queue_coarse_metrics` and `queue_metrics`). */
export const queueMetrics: readonly ObjectMetric<Queue>[] = [
  queueGauge('messages_ready', 'Messages ready to be delivered to consumers', (queue) => queue.readyCount),
  queueGauge(
    'messages_unacked',
    'Messages delivered to consumers but not yet acknowledged',
    (queue) => queue.unackedCount,
  ),
  queueGauge(
    'messages',
    'Sum of ready and unacknowledged messages - total queue depth',
    (queue) => queue.readyCount + queue.unackedCount,
  ),
  queueGauge('messages_ready_bytes', 'Size in bytes of ready messages', (queue) => queue.readyBytes),
  queueGauge(
    'messages_unacked_bytes',
    'Size in bytes of all unacknowledged messages',
    (queue) => figuresOf(queue).delivered.bytes,
  ),
  queueGauge(
    'messages_bytes',
    'Size in bytes of ready and unacknowledged messages',
    (queue) => queue.readyBytes + figuresOf(queue).delivered.bytes,
  ),
  queueGauge('messages_persistent', 'Persistent messages', (queue) => figuresOf(queue).persistent.count),
  queueGauge(
    'messages_persistent_bytes',
    'Size in bytes of persistent messages',
    (queue) => figuresOf(queue).persistent.bytes,
  ),
  queueGauge('messages_ram', 'Ready and unacknowledged messages stored in memory', (queue) =>
    inMemory(queue, 'count'),
  ),
  queueGauge('messages_ram_bytes', 'Size of ready and unacknowledged messages stored in memory', (queue) =>
    inMemory(queue, 'bytes'),
  ),
  queueGauge(
    'messages_ready_ram',
    'Ready messages stored in memory',
    (queue) => figuresOf(queue).readyInMemory.count,
  ),
  queueGauge(
    'messages_unacked_ram',
    'Unacknowledged messages stored in memory',
    (queue) => figuresOf(queue).deliveredInMemory.count,
  ),
  queueGauge('messages_paged_out', 'Messages paged out to disk', (queue) => figuresOf(queue).pagedOut.count),
  queueGauge(
    'messages_paged_out_bytes',
    'Size in bytes of messages paged out to disk',
    (queue) => figuresOf(queue).pagedOut.bytes,
  ),
  queueGauge('consumers', 'Consumers on a queue', (queue) => queue.consumerCount),
  queueGauge('consumer_capacity', 'Consumer capacity', (queue) => queue.consumerCapacity ?? 0),
  queueGauge('consumer_utilisation', 'Same as consumer capacity', (queue) => queue.consumerCapacity ?? 0),
];
