/** What is measured, as data. */
import {
  confirmed,
  connections,
  cpuPerConfirm,
  cpuPerConnection,
  cpuPerDelivery,
  delivered,
  diskUse,
  eachSecond,
  firstMessage,
  heldRate,
  latencies,
  ms,
  perSecond,
  plainMs,
  rssGrowth,
  rssPeak,
  tenths,
} from './metrics.ts';
import type { Metric, Scenario, Step } from './scenario.ts';

const persistent = '--persistent --durable';
const acked = '--ack-every 100 --prefetch 1000';
const manyQueues = '{queues:50000}';
const idleConnections = 10_000;
const delayed =
  '--exchange bench.later --exchange-type x-delayed-message --exchange-args x-delayed-type=direct';
const deduplicated =
  '--exchange bench.once --exchange-type x-message-deduplication --exchange-args x-cache-size=1000000';
const topic = { exchange: 'bench.topic', queuePrefix: 'bench.', queues: 10, bindings: 1_000 };
const backlogQueue = 'bench.q-0';
const steady = `--duration {seconds} --warmup 1 --rate 5000 ${persistent} --confirm 1000 --ack-every 1 --prefetch 1000`;
const streamMessages = '--messages 300000';

function load(options: string, metrics: readonly Metric[], label?: string): Step {
  return label === undefined ? { kind: 'load', options, metrics } : { kind: 'load', options, metrics, label };
}

/** One command that publishes and consumes for the whole run. */
function flow(options: string, metrics: readonly Metric[] = [delivered, cpuPerDelivery]): readonly [Step] {
  return [load(`--duration {seconds} --warmup 1 ${options}`, metrics)];
}

/** Fills a queue that outlives the command, so it is deleted afterwards. */
function publishOnly(options: string, metrics: readonly Metric[]): readonly Step[] {
  const publish = `--duration {seconds} --warmup 1 --publish-only ${persistent} ${options}`;
  return [load(publish, metrics), load('--delete-only --durable', [])];
}

export const scenarios: readonly Scenario[] = [
  {
    name: '16 B transient',
    measures: 'one producer, one queue, one consumer with automatic acknowledgement: the cost of a message',
    ceiling: 'memory',
    byDefault: true,
    steps: flow('--size 16 --autoack'),
  },
  {
    name: '1 KiB transient',
    measures: 'the same with 1 KiB bodies',
    ceiling: 'memory',
    byDefault: true,
    steps: flow('--size 1024 --autoack'),
  },
  {
    name: '1 KiB persistent',
    measures: 'durable queue, confirms (window 1,000), ack every 100, prefetch 1,000',
    ceiling: 'lmdb',
    byDefault: true,
    steps: flow(`--size 1024 ${persistent} --confirm 1000 ${acked}`),
  },
  {
    name: '1 KiB persistent, 4 queues',
    measures: 'the same with 4 producers, 4 queues and 4 consumers',
    ceiling: 'lmdb',
    byDefault: true,
    steps: flow(`--producers 4 --consumers 4 --queues 4 ${persistent} --confirm 1000 ${acked}`),
  },
  {
    name: 'latency at 5,000/s',
    measures:
      '5,000 persistent messages a second with confirms, acked one by one: time from publish to delivery',
    ceiling: 'lmdb',
    byDefault: true,
    steps: flow(`--rate 5000 ${persistent} --confirm 1000 --ack-every 1 --prefetch 1000`, [
      ...latencies('e2e', 'end to end'),
      cpuPerDelivery,
    ]),
  },
  {
    name: 'fanout to 5',
    measures:
      'a fanout exchange with 5 durable queues, persistent messages, confirms; deliveries of all queues',
    ceiling: false,
    steps: flow(`--fanout --queues 5 ${persistent} --confirm 1000 ${acked}`),
  },
  {
    name: 'topic, 1,000 bindings',
    measures: 'a topic exchange with 1,000 bindings to 10 queues; two of them match each message',
    ceiling: false,
    steps: [
      { kind: 'bind', topology: topic, metrics: [] },
      ...flow(`--exchange ${topic.exchange} --exchange-type topic --queues ${topic.queues} --autoack`),
    ],
  },
  {
    name: 'consistent hash, 10 queues',
    measures:
      'an x-consistent-hash exchange spreads 200 routing keys over 10 queues, transient, automatic acknowledgement',
    ceiling: false,
    steps: flow(
      '--exchange bench.hash --exchange-type x-consistent-hash --bind-key 1 --spread 200 --queues 10 --autoack',
    ),
  },
  {
    name: 'deduplication',
    measures:
      'an x-message-deduplication exchange that remembers a million ids, each message with its own, durable queue, confirms',
    ceiling: false,
    needsPlugin: true,
    steps: flow(`${deduplicated} --ids ${persistent} --confirm 1000 ${acked}`, [
      delivered,
      cpuPerDelivery,
      rssPeak,
    ]),
  },
  {
    name: '100 queues',
    measures: '100 queues with one producer and one consumer each, transient, automatic acknowledgement',
    ceiling: 'memory',
    steps: flow('--queues 100 --producers 100 --autoack'),
  },
  {
    name: 'ack one by one',
    measures: 'transient messages, each acknowledged by itself, prefetch 10',
    ceiling: 'memory',
    steps: flow('--prefetch 10 --ack-every 1'),
  },
  {
    name: '64 KiB transient',
    measures: 'large messages, automatic acknowledgement',
    ceiling: 'memory',
    steps: flow('--size 65536 --autoack'),
  },
  {
    name: '64 KiB persistent',
    measures: 'large messages, durable queue, confirms (window 100), ack every 100',
    ceiling: 'lmdb',
    steps: flow(`--size 65536 ${persistent} --confirm 100 ${acked}`),
  },
  {
    name: 'publish, window 1,000',
    measures:
      'nothing is consumed, so every byte is written. Disk: as many bytes a commit, written in sequence and flushed',
    ceiling: 'lmdb',
    disk: 'throughput',
    steps: publishOnly('--confirm 1000', [confirmed, cpuPerConfirm]),
  },
  {
    name: 'publish, window 10,000',
    measures: 'the same with 10,000 unconfirmed messages',
    ceiling: 'lmdb',
    disk: 'throughput',
    steps: publishOnly('--confirm 10000', [confirmed, cpuPerConfirm]),
  },
  {
    name: 'confirm, window 1',
    measures: 'one persistent message at a time. Disk: one page written and flushed',
    ceiling: 'lmdb',
    disk: 'latency',
    steps: flow(`${persistent} --confirm 1 ${acked}`, latencies('confirm', 'confirm')),
  },
  {
    name: 'delayed, published',
    measures:
      'persistent messages that are due at random within a day after an hour, confirms (window 1,000)',
    ceiling: false,
    needsPlugin: true,
    disk: 'throughput',
    steps: publishOnly(`${delayed} --delay 3600000 --delay-spread 86400000 --confirm 1000`, [
      confirmed,
      cpuPerConfirm,
      rssPeak,
    ]),
  },
  {
    name: 'delayed, due',
    measures: '5,000 persistent messages a second, each due after a second: how much later they arrive',
    ceiling: false,
    needsPlugin: true,
    steps: flow(`${delayed} --delay 1000 --rate 5000 ${persistent} --confirm 1000 ${acked}`, [
      ...latencies('e2e', 'after it was due'),
      cpuPerDelivery,
    ]),
  },
  {
    name: 'delayed by a second',
    measures: 'as many persistent messages as it takes, each delayed by a second, confirms (window 1,000)',
    ceiling: false,
    needsPlugin: true,
    steps: flow(`${delayed} --delay 1000 ${persistent} --confirm 1000 ${acked}`),
  },
  {
    name: '1,000 consumers',
    measures: 'one queue with 1,000 consumers, prefetch 10, ack every 5',
    ceiling: 'memory',
    steps: flow('--consumers 1000 --prefetch 10 --ack-every 5'),
    openFiles: 1_100,
  },
  {
    name: 'churn',
    measures:
      'connect, open a channel, publish one message, close: one client at a time, so that waiting for each other counts',
    ceiling: 'memory',
    steps: [load('--churn --duration {seconds}', [connections, cpuPerConnection])],
  },
  {
    name: 'churn, 8 at a time',
    measures: 'the same with 8 clients: what the broker can do',
    ceiling: 'memory',
    steps: [load('--churn --producers 8 --duration {seconds}', [connections, cpuPerConnection])],
  },
  {
    name: 'idle connections',
    measures: `${idleConnections} connections with an open channel each`,
    ceiling: 'memory',
    fresh: true,
    repetitionsMax: 1,
    openFiles: idleConnections + 200,
    steps: [
      load(`--idle ${idleConnections} --duration 2`, [
        perSecond('opened /s', 'open_s', idleConnections),
        rssGrowth,
      ]),
    ],
  },
  {
    name: '50,000 queues',
    measures: 'durable queues (--queues), declared and deleted 1,000 requests at a time',
    ceiling: false,
    fresh: true,
    repetitionsMax: 1,
    steps: [
      load(`--declare-only --durable --queues ${manyQueues} --pipeline 1000`, [
        eachSecond('queues_declared', 'declared /s, pipelined'),
        rssGrowth,
      ]),
      load(`--delete-only --durable --queues ${manyQueues} --pipeline 1000`, [
        eachSecond('queues_deleted', 'deleted /s, pipelined'),
      ]),
    ],
  },
  {
    name: 'declare one by one',
    measures: 'the same queues, each request waits for its answer. Disk: one page written and flushed',
    ceiling: false,
    disk: 'latency',
    fresh: true,
    repetitionsMax: 1,
    steps: [
      load(`--declare-only --durable --queues ${manyQueues}`, [
        {
          field: 'seconds',
          per: 'queues_declared',
          label: 'ms per declaration',
          better: 'lower',
          divisor: 1e-3,
        },
      ]),
    ],
  },
  {
    name: 'stream',
    measures:
      '1 KiB messages published to a stream with confirms (window 1,000), then read whole by 1, 5 and 20 consumers',
    ceiling: false,
    steps: [
      load(`--stream --publish-only ${streamMessages} --persistent --confirm 1000 ${acked}`, [
        confirmed,
        cpuPerConfirm,
      ]),
      ...[1, 5, 20].map((readers) =>
        load(`--stream --consume-only --keep ${streamMessages} --consumers ${readers} ${acked}`, [
          { ...delivered, label: `delivered to ${readers}, k/s` },
          { ...cpuPerDelivery, label: `CPU us per delivery to ${readers}` },
        ]),
      ),
      load('--delete-only', []),
    ],
  },
  {
    name: 'stream, 100 readers',
    measures:
      '100 consumers read on from different places of a long stream (--millions), while 5,000 messages a second are published',
    ceiling: false,
    fresh: true,
    repetitionsMax: 1,
    steps: [
      load(`--stream --publish-only --messages {backlog} --persistent --confirm 1000 ${acked}`, [
        confirmed,
        { ...rssPeak, label: 'RssAnon filling at most, MiB' },
      ]),
      load(
        `--stream --keep --duration {seconds} --rate 5000 --persistent --confirm 1000 --consumers 1 ${acked}`,
        [
          ms('confirm_p50_us', 'confirm p50 ms, 1 reader at the end'),
          ms('confirm_p99_us', 'confirm p99 ms, 1 reader at the end'),
        ],
      ),
      load(
        `--stream-places {backlog} --first-id 1 --duration {seconds} --rate 5000 --persistent --confirm 1000 --consumers 100 --keep ${acked}`,
        [
          ms('confirm_p50_us', 'confirm p50 ms, 100 readers'),
          ms('confirm_p99_us', 'confirm p99 ms, 100 readers'),
          { ...delivered, label: 'delivered to 100, k/s' },
          { ...rssPeak, label: 'RssAnon with 100 readers at most, MiB' },
        ],
      ),
      load('--delete-only', []),
    ],
  },
  {
    name: 'stall over a backlog',
    measures:
      '10,000 persistent messages a second in and out of a queue that holds a backlog (--millions): the longest pauses',
    ceiling: false,
    fresh: true,
    repetitionsMax: 1,
    steps: [
      load(`--publish-only --messages {backlog} ${persistent} --confirm 1000`, []),
      {
        kind: 'load',
        options: `--duration {seconds} --no-purge --first-id 1 --rate 10000 --consume-rate 10000 ${persistent} --confirm 1000 ${acked}`,
        beside: { kind: 'greet' },
        metrics: [
          ms('confirm_p99_us', 'confirm p99 ms'),
          ms('confirm_gap_max_us', 'longest without a confirm, ms'),
          ms('deliver_gap_max_us', 'longest without a delivery, ms'),
          plainMs('greeting_p99_ms', 'answer to a greeting, p99 ms'),
          plainMs('greeting_max_ms', 'latest answer to a greeting, ms'),
        ],
      },
    ],
  },
  {
    name: 'copying forward',
    measures:
      '5,000 persistent messages a second, alone and while 250 a second stay in another queue: generations of 16 MiB, of each a twentieth is copied forward',
    ceiling: false,
    fresh: true,
    generationMib: 16,
    repetitionsMax: 1,
    steps: [
      load(steady, latencies('e2e', 'end to end alone')),
      {
        kind: 'load',
        options: steady,
        beside: {
          kind: 'load',
          options: `--duration {seconds} --prefix stuck. --publish-only --rate 250 ${persistent} --confirm 1000`,
        },
        metrics: latencies('e2e', 'end to end, copying'),
      },
      load('--delete-only --durable --prefix stuck.', []),
    ],
  },
  {
    name: 'metrics of 10,000 queues',
    measures:
      '5,000 persistent messages a second in a broker with many queues (--queues), alone and while the metrics of each are read every second',
    ceiling: false,
    fresh: true,
    metrics: true,
    repetitionsMax: 1,
    steps: [
      load('--declare-only --durable --prefix many. --queues {queues:10000} --pipeline 1000', []),
      load(steady, latencies('e2e', 'end to end alone')),
      {
        kind: 'load',
        options: steady,
        beside: { kind: 'scrape' },
        metrics: [
          ...latencies('e2e', 'end to end, metrics read'),
          plainMs('scrape_p50_ms', 'reading them, p50 ms'),
          plainMs('scrape_max_ms', 'reading them, at most, ms'),
        ],
      },
    ],
  },
  {
    name: 'delayed, a backlog',
    measures:
      'persistent messages (--millions) that are due at random within a day after an hour, confirms (window 1,000): memory and pace',
    ceiling: false,
    fresh: true,
    needsPlugin: true,
    repetitionsMax: 1,
    steps: [
      load(
        `--publish-only --messages {backlog} --size {size} ${delayed} --delay 3600000 --delay-spread 86400000 ${persistent} --confirm 1000`,
        [confirmed, ...tenths('confirmed'), heldRate, rssPeak],
        'delayed',
      ),
      { kind: 'disk-use', settleSeconds: 0, metrics: [diskUse] },
    ],
  },
  {
    name: 'backlog',
    measures:
      'persistent messages (--millions, of --size bytes) published, left alone over two restarts, and drained; the same in and out first',
    ceiling: 'lmdb',
    fresh: true,
    repetitionsMax: 1,
    steps: [
      ...flow(`--size {size} ${persistent} --confirm 1000 ${acked}`, [
        { ...delivered, label: 'in and out without a backlog, k/s' },
      ]),
      load(
        `--publish-only --messages {backlog} --size {size} ${persistent} --confirm 1000`,
        [confirmed, ...tenths('confirmed'), heldRate, { ...rssPeak, label: 'RssAnon filling at most, MiB' }],
        'published',
      ),
      { kind: 'disk-use', settleSeconds: 0, metrics: [{ ...diskUse, label: 'disk used when full, MiB' }] },
      {
        kind: 'restart',
        signal: 'SIGTERM',
        queue: backlogQueue,
        metrics: [firstMessage('restart to first message, ms')],
      },
      {
        kind: 'restart',
        signal: 'SIGKILL',
        queue: backlogQueue,
        metrics: [firstMessage('the same after SIGKILL, ms')],
      },
      load(
        `--consume-only --durable ${acked}`,
        [delivered, ...tenths('delivered'), { ...rssPeak, label: 'RssAnon draining at most, MiB' }],
        'delivered',
      ),
      { kind: 'disk-use', settleSeconds: 3, metrics: [{ ...diskUse, label: 'disk used when drained, MiB' }] },
    ],
  },
];
