/**
 * What is measured, as data: a scenario is one line of amqpload options (see the head of amqpload.c) or
 * several that run one after the other against the same broker, and the figures to take from them.
 */
export interface Scenario {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Persistent messages: the ceiling has to write too. `false`: the ceiling cannot do this scenario. */
  readonly ceiling: 'memory' | 'lmdb' | false;
  /** Measured when no scenario is asked for by name. */
  readonly byDefault?: true;
}

export interface Step {
  /** Options of amqpload. `{seconds}` stands for the duration of a run. */
  readonly options: string;
  readonly metrics: readonly Metric[];
}

export interface Metric {
  /** The field of amqpload's JSON. */
  readonly field: string;
  readonly label: string;
  /** Ratios are turned so that above 1 means better. */
  readonly better: 'higher' | 'lower';
  /** Figures are shown divided by this. */
  readonly divisor: number;
  /** Show `count / figure`: a rate from a time. */
  readonly ratePer?: number;
}

const thousand = 1000;
const delivered: Metric = {
  field: 'deliver_rate',
  label: 'delivered k/s',
  better: 'higher',
  divisor: thousand,
};
const published: Metric = {
  field: 'publish_rate',
  label: 'published k/s',
  better: 'higher',
  divisor: thousand,
};
const confirmed: Metric = {
  field: 'confirm_rate',
  label: 'confirmed k/s',
  better: 'higher',
  divisor: thousand,
};
const endToEnd = latency('e2e', 'end to end');
const confirm = latency('confirm', 'confirm');

function latency(field: string, label: string): Metric[] {
  return [
    { field: `${field}_p50_us`, label: `${label} p50 ms`, better: 'lower', divisor: thousand },
    { field: `${field}_p99_us`, label: `${label} p99 ms`, better: 'lower', divisor: thousand },
    { field: `${field}_p999_us`, label: `${label} p99.9 ms`, better: 'lower', divisor: thousand },
  ];
}

function perSecond(label: string, field: string, count: number): Metric {
  return { field, label, better: 'higher', divisor: 1, ratePer: count };
}

/** One command that publishes and consumes for the whole run. */
function flow(
  name: string,
  ceiling: Scenario['ceiling'],
  options: string,
  metrics: readonly Metric[] = [delivered],
): Scenario {
  return { name, ceiling, steps: [{ options: `--duration {seconds} --warmup 1 ${options}`, metrics }] };
}

const persistent = '--persistent --durable';
const acked = '--ack-every 100 --prefetch 1000';
const backlogMessages = 1_000_000;
const declaredQueues = 50_000;

export const scenarios: readonly Scenario[] = [
  {
    ...flow('16B-transient-autoack', 'memory', '--size 16 --autoack'),
    byDefault: true,
  },
  {
    ...flow('1KiB-transient-autoack', 'memory', '--size 1024 --autoack'),
    byDefault: true,
  },
  {
    ...flow(
      '1KiB-persistent-confirm1000-ack100-prefetch1000',
      'lmdb',
      `--size 1024 ${persistent} --confirm 1000 ${acked}`,
    ),
    byDefault: true,
  },
  {
    ...flow(
      'latency-5000-persistent-confirm',
      'lmdb',
      `--size 1024 ${persistent} --confirm 1000 --ack-every 1 --prefetch 1000 --rate 5000`,
      endToEnd,
    ),
    byDefault: true,
  },
  flow('4x4x4-1KiB-transient-autoack', 'memory', '--producers 4 --consumers 4 --queues 4 --autoack'),
  flow(
    '4x4x4-1KiB-persistent-confirm1000',
    'lmdb',
    `--producers 4 --consumers 4 --queues 4 ${persistent} --confirm 1000 ${acked}`,
  ),
  flow('fanout-5-1KiB-transient-autoack', false, '--fanout --queues 5 --autoack'),
  flow('100-queues-1KiB-transient-autoack', 'memory', '--queues 100 --autoack'),
  flow('1KiB-transient-ack-each-prefetch10', 'memory', '--prefetch 10 --ack-every 1'),
  flow('64KiB-transient-autoack', 'memory', '--size 65536 --autoack'),
  flow('64KiB-persistent-confirm100', 'lmdb', `--size 65536 ${persistent} --confirm 100 ${acked}`),
  flow('publish-only-confirm1000', 'lmdb', `--publish-only ${persistent} --confirm 1000`, [confirmed]),
  flow('publish-only-confirm10000', 'lmdb', `--publish-only ${persistent} --confirm 10000`, [confirmed]),
  flow('confirm-window-1', 'lmdb', `${persistent} --confirm 1 ${acked}`, [confirmed, ...confirm]),
  {
    name: 'backlog-1M-1KiB-persistent',
    ceiling: 'lmdb',
    steps: [
      {
        options: `--publish-only --messages ${backlogMessages} ${persistent} --confirm 1000`,
        metrics: [published],
      },
      { options: `--consume-only --durable ${acked}`, metrics: [delivered] },
    ],
  },
  {
    name: 'declare-50000-queues',
    ceiling: false,
    steps: [
      {
        options: `--declare-only --queues ${declaredQueues} --durable`,
        metrics: [perSecond('declared /s', 'seconds', declaredQueues)],
      },
      {
        options: `--delete-only --queues ${declaredQueues} --durable`,
        metrics: [perSecond('deleted /s', 'seconds', declaredQueues)],
      },
    ],
  },
  {
    name: 'idle-1000-connections',
    ceiling: 'memory',
    steps: [{ options: '--idle 1000 --duration 1', metrics: [perSecond('opened /s', 'open_s', thousand)] }],
  },
  {
    name: 'churn',
    ceiling: 'memory',
    steps: [
      {
        options: '--churn --duration {seconds}',
        metrics: [
          { field: 'connections_per_s', label: 'connections /s', better: 'higher', divisor: 1 },
          ...latency('cycle', 'cycle'),
        ],
      },
    ],
  },
];
