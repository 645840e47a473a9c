/** The loads that scenarios are made of: options of amqpload. */
import { cpuPerDelivery, delivered } from '../metrics.ts';
import type { LoadStep, Metric, Step, StepBound } from '../scenario.ts';

/** Messages and queues that survive. */
export const persistent = '--persistent --durable';
/** A hundred acknowledged at a time. */
export const acked = '--ack-every 100 --prefetch 1000';
/** 5,000 persistent messages a second with confirms, acked one by one. */
export const steady = steadyFor('{seconds}');

/** The same for so many seconds. */
export function steadyFor(seconds: number | '{seconds}'): string {
  return `--duration ${seconds} --warmup 1 --rate 5000 ${persistent} --confirm 1000 --ack-every 1 --prefetch 1000`;
}

/** One run of amqpload. */
export function load(options: string, metrics: readonly Metric[], label?: string): LoadStep {
  return label === undefined ? { kind: 'load', options, metrics } : { kind: 'load', options, metrics, label };
}

/** One command that publishes and consumes for the whole run. */
export function flow(
  options: string,
  metrics: readonly Metric[] = [delivered, cpuPerDelivery],
): readonly [LoadStep] {
  return [load(`--duration {seconds} --warmup 1 ${options}`, metrics)];
}

/**
 * The same, after three seconds of it. A broker that has just started is compiled while it works, and RabbitMQ, one
 * process for many scenarios, has been at work before.
 */
export function warmedUp(options: string, metrics: readonly Metric[]): readonly LoadStep[] {
  return [load(`--duration 3 ${options}`, []), ...flow(options, metrics)];
}

/**
 * Fills a queue that outlives the command, so it is deleted afterwards. A second of the same comes first: it shows how
 * large commits are, which the disk is measured with.
 */
export function publishOnly(options: string, metrics: readonly Metric[]): readonly Step[] {
  const publish = `--publish-only ${persistent} ${options}`;
  return bounded({ name: 'disk' }, [
    load(`--duration 1 ${publish}`, []),
    load(`--duration {seconds} --warmup 1 ${publish}`, metrics),
    load('--delete-only --durable', []),
  ]);
}

/** The steps, with a bound beside those that have figures to show. */
export function bounded(bound: StepBound, steps: readonly LoadStep[]): readonly LoadStep[] {
  return steps.map((step) => (step.metrics.length === 0 ? step : { ...step, bounds: [bound] }));
}
