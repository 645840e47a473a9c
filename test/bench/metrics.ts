/** The figures that scenarios take, with their units. */
import type { Metric } from './scenario.ts';

const thousand = 1000;

export const delivered = rate('deliver_rate', 'delivered k/s');
export const confirmed = rate('confirm_rate', 'confirmed k/s');

export const connections: Metric = {
  field: 'connections_per_s',
  label: 'connections /s',
  better: 'higher',
  divisor: 1,
};

export const cpuPerDelivery = cpuPer('delivered', 'CPU us per delivery');
export const cpuPerConfirm = cpuPer('confirmed', 'CPU us per confirm');
export const cpuPerConnection = cpuPer('connections', 'CPU us per connection');

export const rssPeak = mib('rss_peak_mib', 'RssAnon at most, MiB');
export const rssGrowth = mib('rss_growth_mib', 'RssAnon grown by, MiB');
export const diskUse = mib('disk_mib', 'disk used, MiB');

/** The rate at the beginning and at the end: does it hold? */
export function tenths(what: string): Metric[] {
  return [
    rate('first_tenth_rate', `${what}, first tenth, k/s`),
    rate('last_tenth_rate', `${what}, last tenth, k/s`),
  ];
}

/** How much of its first rate a publisher still has at the end. */
export const heldRate: Metric = {
  field: 'last_tenth_rate',
  per: 'first_tenth_rate',
  label: 'last tenth of the first',
  better: 'higher',
  divisor: 1,
};

export function latencies(field: 'e2e' | 'confirm' | 'cycle', label: string): Metric[] {
  return [
    ms(`${field}_p50_us`, `${label} p50 ms`),
    ms(`${field}_p99_us`, `${label} p99 ms`),
    ms(`${field}_p999_us`, `${label} p99.9 ms`),
  ];
}

/** From a figure in microseconds. */
export function ms(field: string, label: string): Metric {
  return { field, label, better: 'lower', divisor: thousand };
}

export function firstMessage(label: string): Metric {
  return plainMs('first_message_ms', label);
}

/** A figure that is in milliseconds already. */
export function plainMs(field: string, label: string): Metric {
  return { field, label, better: 'lower', divisor: 1 };
}

/** How many there are of `field`, for each second that it took. */
export function eachSecond(field: string, label: string): Metric {
  return { field, per: 'seconds', label, better: 'higher', divisor: 1 };
}

/** `count` divided by a figure in seconds. */
export function perSecond(label: string, field: string, count: number): Metric {
  return { field, label, better: 'higher', divisor: 1, ratePer: count };
}

function rate(field: string, label: string): Metric {
  return { field, label, better: 'higher', divisor: thousand };
}

function cpuPer(per: string, label: string): Metric {
  return { field: 'broker_cpu_us', per, label, better: 'lower', divisor: 1 };
}

function mib(field: string, label: string): Metric {
  return { field, label, better: 'lower', divisor: 1 };
}
