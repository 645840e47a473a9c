import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Percentiles of a latency, in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Latencies of the last interval and of the whole run. */
export class LatencyMeter {
  #interval: RecordableHistogram = createHistogram();
  readonly #total: RecordableHistogram = createHistogram();

  record(microseconds: number): void {
    this.#interval.record(Math.max(microseconds, 1));
  }

  /** Percentiles since the last call; `undefined` when nothing was recorded. */
  takeInterval(): Latency | undefined {
    const latency = latencyOf(this.#interval);
    this.#total.add(this.#interval);
    this.#interval.reset();
    return latency;
  }

  total(): Latency | undefined {
    this.takeInterval();
    return latencyOf(this.#total);
  }
}

function latencyOf(histogram: RecordableHistogram): Latency | undefined {
  if (histogram.count === 0) return undefined;
  const ms = (percentile: number) => histogram.percentile(percentile) / 1000;
  return { p50: ms(50), p95: ms(95), p99: ms(99), p999: ms(99.9), max: histogram.max / 1000 };
}

/** What all producers and consumers of a run count together. */
export class Meters {
  published = 0;
  confirmed = 0;
  nacked = 0;
  consumed = 0;
  /** When the last delivery came, by performance.now(). */
  lastConsumedMs = 0;
  redelivered = 0;
  reordered = 0;
  /** Deliveries that this run did not publish. */
  foreign = 0;
  readonly endToEnd = new LatencyMeter();
  readonly confirm = new LatencyMeter();
}
