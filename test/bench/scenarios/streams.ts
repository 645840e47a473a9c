/** Streams, which are read by many. */
import { confirmed, cpuPerConfirm, cpuPerDelivery, delivered, ms, rssPeak } from '../metrics.ts';
import type { Scenario } from '../scenario.ts';
import { acked, load } from './loads.ts';

const published = `--stream --publish-only --persistent --confirm 1000 ${acked}`;
/** Behind what is there. */
const steadily = '--keep --duration {seconds} --warmup 1 --rate 5000';
/** What readers find. */
const streamMessages = '--messages 300000';
const readBy = (readers: number) =>
  `--stream --consume-only --keep ${streamMessages} --consumers ${readers} ${acked}`;

export const streams: readonly Scenario[] = [
  {
    name: 'stream',
    measures:
      '1 KiB messages published to a stream with confirms (window 1,000), after three seconds of the same; then a stream of 300,000 read whole by 1, 5 and 20 consumers, after it was read once',
    ceiling: false,
    steps: [
      load(`${published} --duration 3`, []),
      load(`${published} --duration {seconds} --warmup 1`, [confirmed, cpuPerConfirm]),
      load('--delete-only', []),
      load(`${published} ${streamMessages}`, []),
      load(readBy(1), []),
      ...[1, 5, 20].map((readers) =>
        load(readBy(readers), [
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
      load(`${published} --messages {backlog}`, [
        confirmed,
        { ...rssPeak, label: 'RssAnon filling at most, MiB' },
      ]),
      // What was published so fast is still on its way to its place on the disk.
      { kind: 'disk-use', settleSeconds: 10, metrics: [] },
      load(`${published} ${steadily}`, [
        ms('confirm_p50_us', 'confirm p50 ms, no readers'),
        ms('confirm_p99_us', 'confirm p99 ms, no readers'),
      ]),
      {
        kind: 'load',
        options: `${published} ${steadily}`,
        // A process of its own: the one that measures must not be late because it is busy reading.
        beside: {
          kind: 'load',
          options: `--stream-places {backlog} --first-id 1 --consumers 100 --keep --duration {seconds} --warmup 1 --rate 1 ${acked}`,
        },
        metrics: [
          ms('confirm_p50_us', 'confirm p50 ms, 100 readers'),
          ms('confirm_p99_us', 'confirm p99 ms, 100 readers'),
          { ...delivered, field: `beside_${delivered.field}`, label: 'delivered to 100, k/s' },
          { ...rssPeak, label: 'RssAnon with 100 readers at most, MiB' },
        ],
      },
      load('--delete-only', []),
    ],
  },
];
