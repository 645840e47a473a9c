/** Messages that wait for their time. */
import {
  confirmed,
  cpuPerConfirm,
  cpuPerDelivery,
  diskUse,
  heldRate,
  latencies,
  rssPeak,
  tenths,
} from '../metrics.ts';
import type { Scenario } from '../scenario.ts';
import { acked, flow, load, persistent, publishOnly } from './loads.ts';

const delayed =
  '--exchange bench.later --exchange-type x-delayed-message --exchange-args x-delayed-type=direct';

export const delays: readonly Scenario[] = [
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
];
