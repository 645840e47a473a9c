import type { IntervalHistogram, RecordableHistogram } from 'node:perf_hooks';
import { header, labelText, one, sample } from './exposition.ts';
import type { MetricsSource } from './source.ts';

/** The event loop is looked at this often; Node counts the time between two looks, not only what is late. */
export const eventLoopResolutionMs = 10;

const quantiles = [0.5, 0.9, 0.99, 0.999];

/** What RabbitMQ has no name for. Summaries cover the time since the start of the broker. */
export function ownMetrics({
  broker,
  eventLoopDelay,
  garbageCollections,
  spanExporter,
}: MetricsSource): string {
  return [
    summary(
      'leveret_commit_seconds',
      'Time a group commit takes until it is on disk',
      broker.committer.times,
      1e-6,
    ),
    summary(
      'leveret_event_loop_delay_seconds',
      'How late the event loop gets round to what is due',
      eventLoopDelay,
      1e-9,
      eventLoopResolutionMs * 1e6,
    ),
    one('gauge', 'leveret_slab_bytes', 'Memory that holds messages', broker.slabs.bytesInUse),
    one(
      'gauge',
      'leveret_messages_delayed',
      'Messages that wait in delayed exchanges, or for another attempt of a queue',
      broker.delays.waitingCount,
    ),
    one('gauge', 'leveret_heap_used_bytes', 'JavaScript objects', process.memoryUsage().heapUsed),
    one(
      'counter',
      'leveret_gc_seconds_total',
      'Time for which garbage collection stopped the broker',
      garbageCollections.seconds,
    ),
    one(
      'counter',
      'leveret_cpu_seconds_total',
      'Processor time used',
      (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    ),
    spanMetrics(spanExporter),
  ].join('');
}

function spanMetrics(exporter: MetricsSource['spanExporter']): string {
  if (exporter === undefined) return '';
  const { exportedCount, droppedCount } = exporter;
  return [
    one('counter', 'leveret_spans_exported_total', 'Spans the collector has taken', exportedCount),
    one('counter', 'leveret_spans_dropped_total', 'Spans the collector has not taken', droppedCount),
  ].join('');
}

/** @param baseline what every recorded value has in it and does not count */
function summary(
  name: string,
  help: string,
  times: IntervalHistogram | RecordableHistogram,
  unit: number,
  baseline = 0,
): string {
  const isEmpty = times.count === 0;
  const seconds = (recorded: number) => Math.max(0, recorded - baseline) * unit;
  const samples = quantiles.map((quantile) =>
    sample(
      name,
      labelText({ quantile: String(quantile) }),
      isEmpty ? Number.NaN : seconds(times.percentile(quantile * 100)),
    ),
  );
  const sum = isEmpty ? 0 : seconds(times.mean) * times.count;
  return [
    header({ name, type: 'summary', help }),
    ...samples,
    sample(`${name}_sum`, '', sum),
    sample(`${name}_count`, '', times.count),
  ].join('');
}
