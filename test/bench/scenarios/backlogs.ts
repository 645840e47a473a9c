/** Queues that are long, and stores that are full. */
import {
  confirmed,
  delivered,
  diskUse,
  firstMessage,
  heldRate,
  latencies,
  ms,
  plainMs,
  rssPeak,
  tenths,
} from '../metrics.ts';
import type { Scenario } from '../scenario.ts';
import { acked, bounded, flow, load, persistent, steady } from './loads.ts';

const backlogQueue = 'bench.q-0';

export const backlogs: readonly Scenario[] = [
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
        options: `--duration {seconds} --no-purge --no-drain --first-id 1 --rate 10000 --consume-rate 10000 ${persistent} --confirm 1000 ${acked}`,
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
      // The disk before beside the first tenth, the disk after beside the last. A GiB tells how fast it is, and leaves
      // most of what it takes in a burst to the backlog.
      ...bounded({ name: 'disk', mibMax: 1024 }, [
        load(
          `--publish-only --messages {backlog} --size {size} ${persistent} --confirm 1000`,
          [
            confirmed,
            ...tenths('confirmed'),
            heldRate,
            { ...rssPeak, label: 'RssAnon filling at most, MiB' },
          ],
          'published',
        ),
      ]),
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
