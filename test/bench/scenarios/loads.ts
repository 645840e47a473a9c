/** The loads that scenarios are made of: options of amqpload. */
import { cpuPerDelivery, delivered } from '../metrics.ts';
import type { Metric, Step } from '../scenario.ts';

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
export function load(options: string, metrics: readonly Metric[], label?: string): Step {
  return label === undefined ? { kind: 'load', options, metrics } : { kind: 'load', options, metrics, label };
}

/** One command that publishes and consumes for the whole run. */
export function flow(
  options: string,
  metrics: readonly Metric[] = [delivered, cpuPerDelivery],
): readonly [Step] {
  return [load(`--duration {seconds} --warmup 1 ${options}`, metrics)];
}

/**
 * The same, after three seconds of it. A broker that has just started is compiled while it works, and RabbitMQ, one
 * process for many scenarios, has been at work before.
 */
export function warmedUp(options: string, metrics: readonly Metric[]): readonly Step[] {
  return [load(`--duration 3 ${options}`, []), ...flow(options, metrics)];
}

/** Fills a queue that outlives the command, so it is deleted afterwards. */
export function publishOnly(options: string, metrics: readonly Metric[]): readonly Step[] {
  const publish = `--duration {seconds} --warmup 1 --publish-only ${persistent} ${options}`;
  return [load(publish, metrics), load('--delete-only --durable', [])];
}
