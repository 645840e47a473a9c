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
import type { Metric, Scenario, StandIn } from '../scenario.ts';
import { acked, flow, load, persistent, publishOnly } from './loads.ts';

const delayed =
  '--exchange bench.later --exchange-type x-delayed-message --exchange-args x-delayed-type=direct';

/** Due at random within a day after an hour. */
const someday = '--delay 3600000 --delay-spread 86400000';
const aSecond = '--delay 1000';

/**
 * How a second's delay is had with RabbitMQ as it is: messages expire in a queue, and are dead-lettered to the one they
 * are for. All have the same delay: behind one that takes longer they would be late.
 */
function byExpiry(options: string, metrics?: readonly Metric[]): StandIn {
  return {
    waitingQueue: { exchange: 'bench.later', target: 'bench.q-0', delayMs: 1000 },
    // Nothing goes to the queue but what was dead-lettered.
    steps: flow(`--exchange bench.later --bind-key nobody ${options}`, metrics),
  };
}

/** 5,000 messages a second. */
const steadily = `${aSecond} --rate 5000 ${persistent} --confirm 1000 ${acked}`;
const lateness = [...latencies('e2e', 'after it was due'), cpuPerDelivery];
const flooding = `${aSecond} ${persistent} --confirm 1000 ${acked}`;
const waiting = [confirmed, cpuPerConfirm, rssPeak];

export const delays: readonly Scenario[] = [
  {
    name: 'delayed, published',
    measures:
      'persistent messages that are due at random within a day after an hour, confirms (window 1,000); RabbitMQ: in a queue where they expire after an hour, in no order of due times',
    ceiling: false,
    rabbitmq: {
      steps: publishOnly(
        `${someday} --queue-args x-message-ttl=3600000,x-dead-letter-exchange=amq.direct --confirm 1000`,
        waiting,
      ),
    },
    steps: publishOnly(`${delayed} ${someday} --confirm 1000`, waiting),
  },
  {
    name: 'delayed, due',
    measures:
      '5,000 persistent messages a second, each due after a second: how much later they arrive; RabbitMQ: they expire in a queue and are dead-lettered',
    ceiling: false,
    rabbitmq: byExpiry(steadily, lateness),
    steps: flow(`${delayed} ${steadily}`, lateness),
  },
  {
    name: 'delayed by a second',
    measures:
      'as many persistent messages as it takes, each delayed by a second, confirms (window 1,000); RabbitMQ: they expire in a queue and are dead-lettered',
    ceiling: false,
    rabbitmq: byExpiry(flooding),
    steps: flow(`${delayed} ${flooding}`),
  },
  {
    name: 'delayed, a backlog',
    measures:
      'persistent messages (--millions) that are due at random within a day after an hour, confirms (window 1,000): memory and pace',
    ceiling: false,
    fresh: true,
    rabbitmq: false,
    repetitionsMax: 1,
    steps: [
      load(
        `--publish-only --messages {backlog} --size {size} ${delayed} ${someday} ${persistent} --confirm 1000`,
        [confirmed, ...tenths('confirmed'), heldRate, rssPeak],
        'delayed',
      ),
      { kind: 'disk-use', settleSeconds: 0, metrics: [diskUse] },
    ],
  },
];
