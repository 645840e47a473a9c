/** How much goes through, and how long it takes. */
import { confirmed, cpuPerConfirm, cpuPerDelivery, delivered, latencies, rssPeak } from '../metrics.ts';
import type { Scenario, Step } from '../scenario.ts';
import { acked, bounded, flow, persistent, publishOnly, warmedUp } from './loads.ts';

const topic = { exchange: 'bench.topic', queuePrefix: 'bench.', queues: 10, bindings: 1_000 };

/** Each message has an id of its own. */
function onceEach(exchange: string): readonly Step[] {
  return flow(`${exchange} --ids ${persistent} --confirm 1000 ${acked}`, [
    delivered,
    cpuPerDelivery,
    rssPeak,
  ]);
}

export const throughput: readonly Scenario[] = [
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
      '5,000 persistent messages a second with confirms, acked one by one: time from publish to delivery, after three seconds of the same',
    ceiling: 'lmdb',
    byDefault: true,
    steps: warmedUp(`--rate 5000 ${persistent} --confirm 1000 --ack-every 1 --prefetch 1000`, [
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
      'an x-message-deduplication exchange that remembers a million ids, each message with its own, durable queue, confirms; RabbitMQ: the same messages by a fanout exchange, which looks at no ids',
    ceiling: false,
    rabbitmq: { steps: onceEach('--exchange bench.once --exchange-type fanout') },
    steps: onceEach(
      '--exchange bench.once --exchange-type x-message-deduplication --exchange-args x-cache-size=1000000',
    ),
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
    steps: bounded({ name: 'loopback' }, flow('--size 65536 --autoack')),
  },
  {
    name: '64 KiB persistent',
    measures: 'large messages, durable queue, confirms (window 100), ack every 100',
    ceiling: 'lmdb',
    steps: bounded({ name: 'loopback' }, flow(`--size 65536 ${persistent} --confirm 100 ${acked}`)),
  },
  {
    name: 'publish, window 1,000',
    measures: 'nothing is consumed, so every byte is written; after a second of the same',
    ceiling: 'lmdb',
    steps: publishOnly('--confirm 1000', [confirmed, cpuPerConfirm]),
  },
  {
    name: 'publish, window 10,000',
    measures: 'the same with 10,000 unconfirmed messages',
    ceiling: 'lmdb',
    steps: publishOnly('--confirm 10000', [confirmed, cpuPerConfirm]),
  },
  {
    name: 'confirm, window 1',
    measures: 'one persistent message at a time, after three seconds of the same',
    ceiling: 'lmdb',
    steps: bounded(
      { name: 'disk' },
      warmedUp(`${persistent} --confirm 1 ${acked}`, latencies('confirm', 'confirm')),
    ),
  },
];
