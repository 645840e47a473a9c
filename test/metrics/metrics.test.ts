import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { connect } from 'amqplib';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Queue } from '../../src/broker/queues/queue.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { silentLogger } from '../../src/logger.ts';
import { absent, dashboards, zeros } from './dashboards.ts';
import { useAll } from './use-all.ts';

let directory: string;
let broker: RunningBroker;
const errors: string[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-metrics-'));
  errors.length = 0;
  const logger = { ...silentLogger, error: (_fields: object, message: string) => errors.push(message) };
  broker = await startBroker({ port: 0, metricsPort: 0, dataDir: join(directory, 'data'), logger });
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
    const [, type] = /^# TYPE (\S+) (?:counter|gauge|histogram|summary|untyped)$/.exec(line) ?? [];
    if (type !== undefined) {
      expect(announced).not.toContain(type);
      announced.add(type);
    }
    if (line.startsWith('#')) continue;
    const [, name, labels = '', value] = /^([a-z_0-9]+)(\{.*\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`not a sample: ${line}`);
    expect(announced).toContain(name.replace(/(?<=_seconds|_size_bytes)_(sum|count|bucket)$/, ''));
    samples.set(name + labels, Number(value));
  }
  return samples;
}

/** An entry of `dashboards.ts` as a pattern for samples with their labels. */
function pattern(entry: string): RegExp {
  const [name = '', label] = entry.split(/[{}]/);
  const start = `^${name.replaceAll('*', '.*')}`;
  if (label === undefined) return new RegExp(`${start}(\\{|$)`);
  const value = label.includes('=') ? label.replace('+', '\\+') : `${label}="`;
  return new RegExp(`${start}\\{(.*,)?${value}`);
}

it("has every metric that RabbitMQ's dashboards ask for and that has a meaning here", async () => {
  const connection = await connect(broker.url);
  await useAll(connection, broker.url);
  // Enough garbage for the runtime to collect some.
  for (let i = 0; i < 5; i++) Array.from({ length: 300_000 }, (_, j) => ({ j }));
  const samples = await scrape('/metrics');

  const isOneOf = (list: readonly string[]) => {
    const patterns = list.map(pattern);
    return (text: string) => patterns.some((each) => each.test(text));
  };
  const [isAbsent, mayBeZero] = [isOneOf(absent), isOneOf(zeros)];
  const wrong = Object.entries(dashboards).flatMap(([dashboard, entries]) =>
    entries
      .filter((entry) => !isAbsent(entry))
      .filter((entry) => {
        const found = [...samples].filter(([key]) => pattern(entry).test(key));
        const isPlausible = mayBeZero(entry)
          ? found.every(([, value]) => value >= 0)
          : found.some(([, value]) => value > 0);
        return found.length === 0 || !isPlausible;
      })
      .map((entry) => `${dashboard}: ${entry}`),
  );
  expect(wrong).toEqual([]);
  expect([...samples.keys()].filter(isAbsent)).toEqual([]);
  const handbook = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8');
  expect(absent.filter((name) => !handbook.includes(`\`${name}\``))).toEqual([]);
  await connection.close();
});

it('breaks a page off that it cannot write, and says so in the log', async () => {
  const connection = await connect(broker.url);
  await (await connection.createChannel()).assertQueue('q');
  const failing = vi.spyOn(Queue.prototype, 'figures').mockImplementation(() => {
    throw new Error('no figures');
  });
  const url = `http://127.0.0.1:${broker.metricsPort}/metrics`;
  await expect(fetch(url).then((response) => response.text())).rejects.toThrow();
  expect(errors).toEqual(['a page of metrics could not be written']);
  failing.mockRestore();
  expect((await fetch(url)).ok).toBe(true);
  await connection.close();
});

it('counts nothing any more when its port is taken', async () => {
  const disconnect = vi.spyOn(PerformanceObserver.prototype, 'disconnect');
  await expect(startBroker({ port: 0, metricsPort: broker.metricsPort ?? 0 })).rejects.toThrow('EADDRINUSE');
  expect(disconnect).toHaveBeenCalledOnce();
  disconnect.mockRestore();
});

it('has figures that fit what happened', async () => {
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
    rabbitmq_queue_messages_unacked_bytes: 1,
    rabbitmq_queue_messages_bytes: 5,
    rabbitmq_queue_messages_persistent: 5,
    rabbitmq_queue_messages_ram: 5,
    rabbitmq_queue_messages_paged_out: 0,
    rabbitmq_queue_consumer_capacity: 0,
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
  // In seconds; how many depends on what else the machine does.
  expect(samples.get('leveret_event_loop_delay_seconds{quantile="0.5"}')).toBeLessThan(1);
  expect(samples.get('leveret_journal_files')).toBeGreaterThanOrEqual(1);
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
  // What is left are the lines that dashboards join on.
  expect((await scrape('/metrics/detailed?family=queue_consumer_count&vhost=other')).size).toBe(2);
  expect((await scrape('/metrics/detailed')).size).toBe(2);
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

it('shows the logs of quorum queues on the Raft dashboards, and that nothing came over the stream protocol', async () => {
  const connection = await connect(broker.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('safe', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.assertQueue('log', { durable: true, arguments: { 'x-queue-type': 'stream' } });
  for (let i = 0; i < 5; i++) channel.sendToQueue('safe', Buffer.from('x'));
  channel.sendToQueue('log', Buffer.from('x'));
  await channel.waitForConfirms();
  for (let i = 0; i < 2; i++) await channel.get('safe', { noAck: true });
  await channel.checkQueue('safe');

  const samples = await scrape('/metrics');
  expect(Object.fromEntries(samples)).toMatchObject({
    rabbitmq_raft_term_total: 1,
    rabbitmq_raft_log_commit_index: 5,
    rabbitmq_raft_log_last_applied_index: 5,
    rabbitmq_raft_log_last_written_index: 5,
    rabbitmq_raft_log_snapshot_index: 2,
    'rabbitmq_global_messages_received_total{protocol="stream"}': 0,
    'rabbitmq_global_messages_received_total{protocol="amqp091"}': 6,
  });
  expect(samples.get('rabbitmq_raft_entry_commit_latency_seconds')).toBeGreaterThan(0);
  expect(samples.get('rabbitmq_io_sync_ops_total')).toBeGreaterThan(0);
  const detailed = await scrape('/metrics/detailed?family=ra_metrics');
  expect(detailed.get('rabbitmq_detailed_raft_log_commit_index{vhost="/",queue="safe"}')).toBe(5);
  await connection.close();
});

it('counts dead letters by type, strategy and reason, and messages by size', async () => {
  const connection = await connect(broker.url);
  const channel = await connection.createConfirmChannel();
  const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
  await channel.assertQueue('dead');
  await channel.assertQueue('plain', { arguments: toDead });
  await channel.assertQueue('lost', { arguments: { 'x-message-ttl': 0 } });
  const once = { ...toDead, 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };
  await channel.assertQueue('sure', { durable: true, arguments: { ...once, 'x-queue-type': 'quorum' } });
  for (const queue of ['plain', 'lost', 'sure']) channel.sendToQueue(queue, Buffer.alloc(101));
  channel.sendToQueue('plain', Buffer.alloc(20_000));
  await channel.waitForConfirms();
  for (const queue of ['plain', 'sure']) {
    const message = await channel.get(queue);
    if (message !== false) channel.nack(message, false, false);
  }
  await channel.checkQueue('dead');

  const dead = (reason: string, type: string, strategy: string) =>
    `rabbitmq_global_messages_dead_lettered_${reason}_total{queue_type="rabbit_${type}_queue",dead_letter_strategy="${strategy}"}`;
  const size = (what: string) => `rabbitmq_message_size_bytes_${what}`;
  expect(Object.fromEntries(await scrape('/metrics'))).toMatchObject({
    [dead('rejected', 'classic', 'at_most_once')]: 1,
    [dead('expired', 'classic', 'disabled')]: 1,
    [dead('rejected', 'quorum', 'at_least_once')]: 1,
    [dead('confirmed', 'quorum', 'at_least_once')]: 1,
    [dead('maxlen', 'classic', 'at_most_once')]: 0,
    [dead('delivery_limit', 'quorum', 'disabled')]: 0,
    [size('bucket{protocol="amqp091",le="100"}')]: 0,
    [size('bucket{protocol="amqp091",le="1000"}')]: 3,
    [size('bucket{protocol="amqp091",le="100000"}')]: 4,
    [size('bucket{protocol="amqp091",le="+Inf"}')]: 4,
    [size('count{protocol="amqp091"}')]: 4,
    [size('sum{protocol="amqp091"}')]: 20_303,
  });
  await connection.close();
});

it('counts the messages that wait for their time', async () => {
  const connection = await connect(broker.url);
  const channel = await connection.createConfirmChannel();
  for (const exchange of ['soon', 'late']) {
    await channel.assertExchange(exchange, 'x-delayed-message', {
      arguments: { 'x-delayed-type': 'direct' },
    });
    for (const headers of [{ 'x-delay': 600_000 }, { 'x-delay': 3_600_000 }])
      channel.publish(exchange, '', Buffer.from(''), { headers });
  }
  await channel.waitForConfirms();
  expect((await scrape('/metrics')).get('leveret_messages_delayed')).toBe(4);
  await connection.close();
  await broker.close();
  broker = await startBroker({ port: 0, metricsPort: 0, dataDir: join(directory, 'data') });
  expect((await scrape('/metrics')).get('leveret_messages_delayed')).toBe(4);
  const [first] = broker.listDelayed({ exchange: 'soon' });
  await broker.cancelDelayed({ exchange: 'soon' }, first?.id ?? '');
  const again = await connect(broker.url);
  await (await again.createChannel()).deleteExchange('late');
  expect((await scrape('/metrics')).get('leveret_messages_delayed')).toBe(1);
  await again.close();
});

it('says when the first message of a queue was sent', async () => {
  const connection = await connect(broker.url);
  const channel = await connection.createChannel();
  await channel.assertQueue('dated');
  channel.sendToQueue('dated', Buffer.from('x'), { timestamp: 1_700_000_000 });
  await channel.checkQueue('dated');
  const samples = await scrape('/metrics/detailed?family=queue_metrics');
  expect(samples.get('rabbitmq_detailed_queue_head_message_timestamp{vhost="/",queue="dated"}')).toBe(
    1_700_000_000,
  );
  await connection.close();
});

it('says what can be had, and that it can only be read', async () => {
  const url = `http://127.0.0.1:${broker.metricsPort}`;
  const elsewhere = await fetch(`${url}/elsewhere`);
  expect([elsewhere.status, await elsewhere.text()]).toEqual([
    404,
    'there is nothing here; metrics are at /metrics, /metrics/per-object, /metrics/detailed\n',
  ]);
  const posted = await fetch(`${url}/metrics`, { method: 'POST', body: 'x' });
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  expect((await fetch(`${url}/metrics/`)).status).toBe(200);
});
