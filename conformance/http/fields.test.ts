/**
 * Names and types of the fields that clients of the management API rely on: all of these RabbitMQ 3.10.8 has, with
 * these types. What it has besides is about Erlang machines (docs/http-api.md).
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { configureLeveret, openConnection } from '../harness/broker.ts';
import { eventually } from '../harness/expectations.ts';
import type { RawConnection } from '../raw-client.ts';
import { managementAvailable, request } from './api.ts';

configureLeveret({ managementPort: 0, statisticsIntervalMs: 200 });

type Kind = 'number' | 'string' | 'boolean' | 'object' | 'array' | 'null';

const rate = (...names: string[]) =>
  names.flatMap((name) => [`${name}:number`, `${name}_details.rate:number`]);
const published = rate('publish', 'confirm', 'return_unroutable', 'drop_unroutable');
const delivered = rate(
  'deliver',
  'deliver_no_ack',
  'deliver_get',
  'get',
  'get_no_ack',
  'get_empty',
  'redeliver',
  'ack',
);
const inside = (object: string, fields: readonly string[]) => fields.map((field) => `${object}.${field}`);
const ofMessages = (...which: string[]) => which.map((each) => `messages${each}:number`);
const bytesOf = (...which: string[]) => which.map((each) => `message_bytes${each}:number`);
const lengths = rate('messages', 'messages_ready', 'messages_unacknowledged');

/** `field:type` by path; of a list the first element counts. */
const fields: Readonly<Record<string, readonly string[]>> = {
  overview: [
    'management_version:string',
    'rates_mode:string',
    'sample_retention_policies.global:array',
    'exchange_types:array',
    'product_version:string',
    'product_name:string',
    'rabbitmq_version:string',
    'cluster_name:string',
    'erlang_version:string',
    'disable_stats:boolean',
    'enable_queue_totals:boolean',
    'statistics_db_event_queue:number',
    'node:string',
    'listeners:array',
    'contexts:array',
    ...inside('message_stats', [...published, ...delivered]),
    ...inside('queue_totals', lengths),
    ...inside('churn_rates', rate('connection_created', 'channel_closed', 'queue_declared', 'queue_created')),
    ...inside('object_totals', [
      'channels:number',
      'connections:number',
      'consumers:number',
      'exchanges:number',
      'queues:number',
    ]),
  ],
  nodes: [
    'name:string',
    'type:string',
    'running:boolean',
    'os_pid:string',
    'uptime:number',
    'processors:number',
    'rates_mode:string',
    ...rate('mem_used', 'fd_used', 'sockets_used', 'disk_free', 'connection_created', 'channel_created'),
    'mem_limit:number',
    'mem_alarm:boolean',
    'disk_free_alarm:boolean',
    'fd_total:number',
    'sockets_total:number',
    'partitions:array',
    'cluster_links:array',
    'enabled_plugins:array',
    'applications:array',
    'contexts:array',
    'auth_mechanisms:array',
    'exchange_types:array',
    'log_files:array',
    'config_files:array',
    'db_dir:string',
  ],
  connections: [
    'name:string',
    'node:string',
    'type:string',
    'protocol:string',
    'state:string',
    'user:string',
    'user_who_performed_action:string',
    'vhost:string',
    'auth_mechanism:string',
    'host:string',
    'port:number',
    'peer_host:string',
    'peer_port:number',
    'peer_cert_issuer:null',
    'peer_cert_subject:null',
    'peer_cert_validity:null',
    'ssl:boolean',
    'ssl_protocol:null',
    'channels:number',
    'channel_max:number',
    'frame_max:number',
    'timeout:number',
    'client_properties:object',
    'connected_at:number',
    'send_pend:number',
    'recv_cnt:number',
    'send_cnt:number',
    'recv_oct:number',
    'send_oct:number',
  ],
  channels: [
    'name:string',
    'number:number',
    'node:string',
    'user:string',
    'vhost:string',
    'state:string',
    'connection_details.name:string',
    'connection_details.peer_host:string',
    'connection_details.peer_port:number',
    'confirm:boolean',
    'transactional:boolean',
    'consumer_count:number',
    'prefetch_count:number',
    'global_prefetch_count:number',
    'messages_unacknowledged:number',
    'messages_unconfirmed:number',
    'messages_uncommitted:number',
    'acks_uncommitted:number',
    ...inside('message_stats', [...published, ...delivered]),
  ],
  'consumers/%2F': [
    'arguments:object',
    'ack_required:boolean',
    'active:boolean',
    'activity_status:string',
    'channel_details.connection_name:string',
    'channel_details.name:string',
    'channel_details.node:string',
    'channel_details.number:number',
    'channel_details.peer_host:string',
    'channel_details.peer_port:number',
    'channel_details.user:string',
    'consumer_tag:string',
    'exclusive:boolean',
    'prefetch_count:number',
    'queue.name:string',
    'queue.vhost:string',
  ],
  'queues/%2F/http-fields': [
    'name:string',
    'vhost:string',
    'type:string',
    'durable:boolean',
    'auto_delete:boolean',
    'exclusive:boolean',
    'arguments:object',
    'node:string',
    'state:string',
    'policy:null',
    'operator_policy:null',
    'effective_policy_definition:object',
    'exclusive_consumer_tag:null',
    'single_active_consumer_tag:null',
    'consumers:number',
    'consumer_details:array',
    'deliveries:array',
    'incoming:array',
    'memory:number',
    'consumer_capacity:number',
    'consumer_utilisation:number',
    'head_message_timestamp:null',
    ...ofMessages('_persistent', '_ram', '_ready_ram', '_unacknowledged_ram', '_paged_out'),
    ...bytesOf('', '_ready', '_unacknowledged', '_persistent', '_ram', '_paged_out'),
    ...lengths,
    ...inside('message_stats', ['publish:number', 'publish_details.rate:number', ...delivered]),
  ],
  'queues/%2F/http-stream': [
    'type:string',
    'node:string',
    'members:array',
    'online:array',
    'readers:object',
    'state:string',
    'policy:null',
    'effective_policy_definition:object',
    'memory:number',
    'consumers:number',
    'consumer_details:array',
    ...lengths,
  ],
  'exchanges/%2F/amq.default': [
    'name:string',
    'vhost:string',
    'type:string',
    'durable:boolean',
    'auto_delete:boolean',
    'internal:boolean',
    'arguments:object',
    'incoming:array',
    'outgoing:array',
    ...inside('message_stats', rate('publish_in', 'publish_out')),
  ],
  'bindings/%2F': [
    'source:string',
    'vhost:string',
    'destination:string',
    'destination_type:string',
    'routing_key:string',
    'arguments:object',
    'properties_key:string',
  ],
  'vhosts/%2F': [
    'name:string',
    'description:string',
    'tags:array',
    'default_queue_type:string',
    'metadata.description:string',
    'metadata.tags:array',
    'tracing:boolean',
    'cluster_state:object',
    ...lengths,
    'recv_oct:number',
    'send_oct:number',
    ...inside('message_stats', [...published, ...delivered]),
  ],
  'users/guest': [
    'name:string',
    'password_hash:string',
    'hashing_algorithm:string',
    'tags:array',
    'limits:object',
  ],
  definitions: [
    'rabbit_version:string',
    'rabbitmq_version:string',
    'product_name:string',
    'product_version:string',
    'users:array',
    'vhosts:array',
    'permissions:array',
    'topic_permissions:array',
    'parameters:array',
    'global_parameters:array',
    'policies:array',
    'queues:array',
    'exchanges:array',
    'bindings:array',
  ],
};

function kindOf(value: unknown): Kind | 'undefined' {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  const type = typeof value;
  if (type === 'number' || type === 'string' || type === 'boolean' || type === 'object') return type;
  return 'undefined';
}

function at(from: unknown, path: string): unknown {
  let value = from;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.entries(value).find(([name]) => name === key)?.[1];
  }
  return value;
}

describe.skipIf(!managementAvailable)('fields', () => {
  let connection: RawConnection;

  beforeAll(async () => {
    connection = await openConnection();
    const channel = await connection.channel();
    const queue = 'http-fields';
    await channel.call('queue.delete', { queue });
    await channel.call('queue.declare', { queue, durable: true });
    await channel.call('confirm.select', {});
    for (const body of ['one', 'two', 'three']) channel.publish({ routingKey: queue, body });
    await channel.call('basic.get', { queue, 'no-ack': true });
    await channel.call('basic.consume', { queue, 'consumer-tag': 'fields' });
    await channel.next('basic.deliver');
    const stream = { queue: 'http-stream', durable: true, arguments: { 'x-queue-type': 'stream' } };
    await channel.call('queue.declare', stream);
    return async () => {
      await channel.call('queue.delete', { queue });
      await channel.call('queue.delete', { queue: stream.queue });
      await connection.close();
    };
  });

  it.each(Object.entries(fields))(
    'of %s',
    async (path, expected) => {
      // RabbitMQ collects statistics every five seconds.
      await eventually(async () => {
        const { body } = await request('GET', `/api/${path}`);
        const first: unknown = Array.isArray(body) ? body[0] : body;
        const found = expected.map((field) => {
          const [name = ''] = field.split(':');
          return `${name}:${kindOf(at(first, name))}`;
        });
        expect(found).toEqual(expected);
      }, 15_000);
    },
    20_000,
  );
});
