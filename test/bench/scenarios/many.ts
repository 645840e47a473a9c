/** Many clients, many queues. */
import {
  connections,
  cpuPerConnection,
  eachSecond,
  latencies,
  perSecond,
  plainMs,
  rssGrowth,
} from '../metrics.ts';
import type { Metric, Scenario, Step } from '../scenario.ts';
import { bounded, flow, load, steady, steadyFor } from './loads.ts';

const manyQueues = '{queues:50000}';
const idleConnections = 10_000;

export const many: readonly Scenario[] = [
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
      'connect, open a channel, publish one message, close: one client at a time, so that waiting for each other counts; after two seconds of the same',
    ceiling: 'memory',
    steps: [
      load('--churn --duration 2', []),
      load('--churn --duration {seconds}', [connections, cpuPerConnection]),
    ],
  },
  {
    name: 'churn, 8 at a time',
    measures: 'the same with 8 clients: what the broker can do',
    ceiling: 'memory',
    steps: [
      load('--churn --producers 8 --duration 2', []),
      load('--churn --producers 8 --duration {seconds}', [connections, cpuPerConnection]),
    ],
  },
  {
    name: 'idle connections',
    measures: `${idleConnections.toLocaleString('en-US')} connections with an open channel each`,
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
    measures: 'the same queues, each request waits for its answer',
    ceiling: false,
    fresh: true,
    repetitionsMax: 1,
    steps: bounded({ name: 'disk' }, [
      load(`--declare-only --durable --queues ${manyQueues}`, [
        {
          field: 'seconds',
          per: 'queues_declared',
          label: 'ms per declaration',
          better: 'lower',
          divisor: 1e-3,
        },
      ]),
    ]),
  },
  {
    name: 'metrics of 10,000 queues',
    measures:
      '5,000 persistent messages a second in a broker with many queues (--queues), alone and while the metrics of each are read: every 15 seconds, as Prometheus does (two of 30 seconds), and every second',
    ceiling: false,
    fresh: true,
    metrics: true,
    repetitionsMax: 1,
    steps: [
      load('--declare-only --durable --prefix many. --queues {queues:10000} --pipeline 1000', []),
      // The longest of these is the first one there was.
      whileRead(steadyFor(3), 1000, [plainMs('scrape_max_ms', 'reading them for the first time, ms')]),
      load(steady, latencies('e2e', 'end to end alone')),
      whileRead(steadyFor(30), 15_000, latencies('e2e', 'end to end, read every 15 s')),
      whileRead(steady, 1000, [
        ...latencies('e2e', 'end to end, read every second'),
        plainMs('scrape_p50_ms', 'reading them, p50 ms'),
        plainMs('scrape_max_ms', 'reading them, at most, ms'),
      ]),
    ],
  },
];

/** A load while the metrics of every object are read. */
function whileRead(options: string, everyMs: number, metrics: readonly Metric[]): Step {
  return { kind: 'load', options, beside: { kind: 'scrape', everyMs }, metrics };
}
