import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { olderOverview, overview } from './dashboards.ts';

let directory: string;
let broker: RunningBroker;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-metrics-'));
  broker = await startBroker({ port: 0, metricsPort: 0, dataDir: join(directory, 'data') });
});
afterEach(async () => {
  await broker.close();
  rmSync(directory, { recursive: true });
});

/** The samples of a page by name and labels, as Prometheus would read them. */
async function scrape(path: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`http://127.0.0.1:${broker.metricsPort}${path}`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const samples = new Map<string, number>();
  const announced = new Set<string>();
  for (const line of (await response.text()).split('\n').slice(0, -1)) {
    const [, type] = /^# TYPE (\S+) (?:counter|gauge|summary|untyped)$/.exec(line) ?? [];
    if (type !== undefined) {
      expect(announced).not.toContain(type);
      announced.add(type);
    }
    if (line.startsWith('#')) continue;
    const [, name, labels = '', value] = /^([a-z_0-9]+)(\{.*\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`not a sample: ${line}`);
    expect(announced).toContain(name.replace(/(?<=_seconds)_(sum|count)$/, ''));
    samples.set(name + labels, Number(value));
  }
  return samples;
}

it('has every metric of the overview dashboards, and figures that fit what happened', async () => {
  const connection = await connect(broker.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('orders', { durable: true });
  await channel.assertQueue('gone');
  for (let i = 0; i < 5; i++) channel.sendToQueue('orders', Buffer.from('x'), { persistent: true });
  channel.sendToQueue('gone', Buffer.from('x'));
  channel.publish('', 'nowhere', Buffer.from('x'));
  channel.publish('', 'nowhere', Buffer.from('x'), { mandatory: true });
  await channel.waitForConfirms();
  await channel.get('gone', { noAck: true });
  await channel.get('gone', { noAck: true });
  const taken = await channel.get('orders');
  if (taken !== false) channel.nack(taken, false, true);
  await channel.get('orders');
  await channel.deleteQueue('gone');

  const samples = await scrape('/metrics');
  const names = new Set([...samples.keys()].map((key) => key.replace(/\{.*/, '')));
  expect([...overview, ...olderOverview].filter((name) => !names.has(name))).toEqual([]);
  const classic = '{protocol="amqp091",queue_type="rabbit_classic_queue"}';
  expect(Object.fromEntries(samples)).toMatchObject({
    rabbitmq_connections: 1,
    rabbitmq_channels: 1,
    rabbitmq_queues: 1,
    rabbitmq_queues_created_total: 2,
    rabbitmq_queues_deleted_total: 1,
    rabbitmq_queue_messages_ready: 4,
    rabbitmq_queue_messages_unacked: 1,
    rabbitmq_queue_messages: 5,
    rabbitmq_queue_messages_ready_bytes: 4,
    'rabbitmq_global_messages_received_total{protocol="amqp091"}': 8,
    'rabbitmq_global_messages_received_confirm_total{protocol="amqp091"}': 8,
    'rabbitmq_global_messages_confirmed_total{protocol="amqp091"}': 8,
    'rabbitmq_global_messages_routed_total{protocol="amqp091"}': 6,
    'rabbitmq_global_messages_unroutable_dropped_total{protocol="amqp091"}': 1,
    'rabbitmq_global_messages_unroutable_returned_total{protocol="amqp091"}': 1,
    [`rabbitmq_global_messages_delivered_total${classic}`]: 3,
    [`rabbitmq_global_messages_delivered_get_auto_ack_total${classic}`]: 1,
    [`rabbitmq_global_messages_get_empty_total${classic}`]: 1,
    [`rabbitmq_global_messages_redelivered_total${classic}`]: 1,
    'rabbitmq_global_publishers{protocol="amqp091"}': 1,
    rabbitmq_channel_messages_published_total: 8,
    rabbitmq_channel_messages_confirmed_total: 8,
    rabbitmq_channel_messages_unroutable_dropped_total: 1,
    rabbitmq_channel_messages_redelivered_total: 1,
    rabbitmq_channel_get_total: 1,
    rabbitmq_channel_get_ack_total: 2,
    rabbitmq_channel_get_empty_total: 1,
    rabbitmq_queue_messages_published_total: 6,
    'rabbitmq_auth_attempts_succeeded_total{protocol="amqp091"}': 1,
    'rabbitmq_auth_attempts_failed_total{protocol="amqp091"}': 0,
  });
  const identity = [...samples.keys()].find((key) => key.startsWith('rabbitmq_identity_info'));
  expect(identity).toMatch(
    /rabbitmq_cluster_permanent_id="rabbitmq-cluster-id-.{22}",rabbitmq_endpoint="aggregated"\}$/,
  );
  expect(samples.get('rabbitmq_process_open_tcp_sockets')).toBe(1);
  expect(samples.get('rabbitmq_process_open_fds')).toBeGreaterThan(5);
  expect(samples.get('rabbitmq_process_max_fds')).toBeGreaterThan(
    samples.get('rabbitmq_process_open_fds') ?? 0,
  );
  expect(samples.get('leveret_commit_seconds_count')).toBeGreaterThan(0);
  expect(samples.get('leveret_commit_seconds{quantile="0.5"}')).toBeLessThan(10);
  // An idle loop is late by less than the time between two looks at it.
  expect(samples.get('leveret_event_loop_delay_seconds{quantile="0.5"}')).toBeLessThan(0.01);
  expect(samples.get('leveret_generations')).toBeGreaterThanOrEqual(1);
  expect(samples.get('leveret_data_directory_bytes')).toBeGreaterThan(4096);
  await connection.close();
});

it('has a line for every object, with its labels escaped', async () => {
  const connection = await connect(broker.url);
  const channel = await connection.createChannel();
  await channel.assertQueue('a "quoted"\\name');
  channel.sendToQueue('a "quoted"\\name', Buffer.from('xyz'));
  await channel.checkQueue('a "quoted"\\name');
  const samples = await scrape('/metrics/per-object');
  const labels = '{vhost="/",queue="a \\"quoted\\"\\\\name"}';
  expect(samples.get(`rabbitmq_queue_messages_ready${labels}`)).toBe(1);
  expect(samples.get(`rabbitmq_queue_messages_ready_bytes${labels}`)).toBe(3);
  expect([...samples.keys()].filter((key) => key.startsWith('rabbitmq_channel_prefetch{'))).toHaveLength(1);
  expect([...samples.keys()].filter((key) => key.startsWith('rabbitmq_connection_channels{'))).toHaveLength(
    1,
  );
  await connection.close();
});

it('gives the families that are asked for, of the virtual hosts that are asked for', async () => {
  const connection = await connect(broker.url);
  const channel = await connection.createChannel();
  await channel.assertQueue('q');
  const samples = await scrape('/metrics/detailed?family=queue_consumer_count&family=exchange_names&vhost=/');
  expect(samples.get('rabbitmq_detailed_queue_consumers{vhost="/",queue="q"}')).toBe(0);
  expect(samples.get('rabbitmq_cluster_exchange_name{vhost="/",exchange="amq.topic",type="topic"}')).toBe(1);
  expect([...samples.keys()].filter((key) => key.includes('queue_messages'))).toEqual([]);
  // What is left is the line that dashboards join on.
  expect((await scrape('/metrics/detailed?family=queue_consumer_count&vhost=other')).size).toBe(1);
  expect((await scrape('/metrics/detailed')).size).toBe(1);
  await connection.close();
});

it('gives what came and went by queue, exchange and channel', async () => {
  const connection = await connect(broker.url);
  const channel = await connection.createChannel();
  for (const queue of ['a', 'b']) await channel.assertQueue(queue);
  channel.publish('amq.direct', 'nowhere', Buffer.from('x'));
  channel.sendToQueue('a', Buffer.from('x'));
  await channel.get('a', { noAck: true });
  const families = [
    'queue_delivery_metrics',
    'queue_exchange_metrics',
    'exchange_metrics',
    'exchange_bindings',
    'channel_exchange_metrics',
    'channel_queue_metrics',
    'connection_churn_metrics',
    'vhost_status',
  ];
  const query = families.map((family) => `family=${family}`).join('&');
  const samples = await scrape(`/metrics/detailed?${query}&queue=a`);
  expect(Object.fromEntries(samples)).toMatchObject({
    'rabbitmq_detailed_queue_get_total{vhost="/",queue="a"}': 1,
    'rabbitmq_detailed_queue_messages_published_total{vhost="/",queue="a"}': 1,
    'rabbitmq_detailed_exchange_messages_published_total{vhost="/",exchange="amq.direct"}': 1,
    'rabbitmq_cluster_exchange_bindings{vhost="/",exchange="amq.direct",type="direct"}': 0,
    'rabbitmq_cluster_vhost_status{vhost="/"}': 1,
    rabbitmq_detailed_connections_opened_total: 1,
  });
  const keys = [...samples.keys()];
  expect(keys.filter((key) => key.includes('queue="b"'))).toEqual([]);
  expect(
    keys.filter((key) => /^rabbitmq_detailed_channel_(messages_published|get)_total\{/.test(key)),
  ).toHaveLength(2);
  await connection.close();
});

describe('many queues', () => {
  it('are listed one by one', async () => {
    const connection = await connect(broker.url);
    const channel = await connection.createChannel();
    const count = 2000;
    for (let i = 0; i < count; i += 200) {
      await Promise.all(
        Array.from({ length: 200 }, (_, j) => channel.assertQueue(`q${i + j}`, { durable: false })),
      );
    }
    const samples = await scrape('/metrics/per-object');
    expect(
      [...samples.keys()].filter((key) => key.startsWith('rabbitmq_queue_messages_ready{')),
    ).toHaveLength(count);
    await connection.close();
  });
});
