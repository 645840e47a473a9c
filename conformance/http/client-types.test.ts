/**
 * What clients in typed languages decode: rabbitmqadmin v2 and the Rust library it is made of, rabbit-hole (Terraform's
 * provider, Kubernetes' topology operator), Nagios' and Datadog's checks. One field that is missing, or a text for a
 * number, and such a client fails as a whole.
 */

import amqplib from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { brokerName, brokerUrl, configureLeveret } from '../harness/broker.ts';
import { eventually } from '../harness/expectations.ts';
import { managementAvailable, request } from './api.ts';

configureLeveret({ managementPort: 0, statisticsIntervalMs: 200 });

/** `?` behind a type: may be missing or null. */
type Type = 'text' | 'natural' | 'integer' | 'number' | 'truth' | 'texts' | 'object' | 'objects' | 'digits';
type Shape = Readonly<Record<string, Type | `${Type}?`>>;

const checks: Readonly<Record<Type, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  natural: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  integer: (value) => Number.isSafeInteger(value),
  number: (value) => typeof value === 'number',
  truth: (value) => typeof value === 'boolean',
  texts: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  object: isObject,
  objects: (value) => Array.isArray(value) && value.every(isObject),
  digits: (value) => typeof value === 'string' && /^\d+$/.test(value),
};

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const rates = (...names: readonly string[]): Shape =>
  Object.fromEntries(
    names.flatMap((name) => [
      [name, 'natural'],
      [`${name}_details.rate`, 'number'],
    ]),
  );

const peer: Shape = {
  'connection_details.name': 'text',
  'connection_details.peer_host': 'text',
  'connection_details.peer_port': 'natural',
};
const policy: Shape = {
  name: 'text',
  vhost: 'text',
  pattern: 'text',
  'apply-to': 'text',
  priority: 'integer',
  definition: 'object',
};
const permission: Shape = { user: 'text', vhost: 'text', write: 'text', read: 'text' };
const memory: readonly string[] = [
  ...['connection_readers', 'connection_writers', 'connection_channels', 'connection_other', 'queue_procs'],
  ...['quorum_queue_procs', 'stream_queue_procs', 'stream_queue_replica_reader_procs', 'plugins', 'metrics'],
  ...['stream_queue_coordinator_procs', 'other_proc', 'mgmt_db', 'mnesia', 'quorum_ets', 'other_ets'],
  ...['binary', 'msg_index', 'code', 'atom', 'other_system', 'allocated_unused', 'reserved_unallocated'],
  ...['total.rss', 'total.allocated', 'total.erlang'],
];

/** Path below /api, with `{node}` and `{connection}`; the shape is that of each element of a list. */
const shapes: Readonly<Record<string, Shape>> = {
  overview: {
    cluster_name: 'text',
    node: 'text',
    erlang_full_version: 'text',
    erlang_version: 'text',
    rabbitmq_version: 'text',
    product_name: 'text',
    product_version: 'text',
    management_version: 'text',
    rates_mode: 'text',
    disable_stats: 'truth',
    enable_queue_totals: 'truth',
    exchange_types: 'objects',
    listeners: 'objects',
    contexts: 'objects',
    'object_totals.queues': 'natural',
    'queue_totals.messages': 'natural',
    'queue_totals.messages_details.rate': 'number',
    'churn_rates.connection_created': 'natural',
    'churn_rates.queue_deleted': 'natural',
  },
  nodes: {
    name: 'text',
    type: 'text',
    running: 'truth',
    uptime: 'natural',
    run_queue: 'natural',
    processors: 'natural',
    os_pid: 'digits',
    fd_total: 'natural',
    sockets_total: 'natural',
    proc_total: 'natural',
    mem_limit: 'natural',
    mem_alarm: 'truth',
    disk_free_limit: 'natural',
    disk_free_alarm: 'truth',
    rates_mode: 'text',
    enabled_plugins: 'texts',
    being_drained: brokerName === 'leveret' ? 'truth' : 'truth?',
    partitions: 'texts',
    exchange_types: 'objects',
    auth_mechanisms: 'objects',
    applications: 'objects',
    contexts: 'objects',
    ...rates('mem_used', 'fd_used', 'sockets_used', 'proc_used', 'disk_free'),
  },
  'nodes/{node}/memory': Object.fromEntries([
    ...memory.map((name) => [`memory.${name}`, 'natural'] as const),
    ['memory.strategy', 'text'],
  ]),
  vhosts: {
    name: 'text',
    description: 'text?',
    tags: 'texts?',
    default_queue_type: 'text?',
    metadata: 'object?',
    tracing: 'truth',
    cluster_state: 'object',
  },
  users: { name: 'text', tags: 'texts', password_hash: 'text', hashing_algorithm: 'text', limits: 'object' },
  whoami: { name: 'text', tags: 'texts' },
  permissions: { ...permission, configure: 'text' },
  'topic-permissions': { ...permission, exchange: 'text' },
  'vhost-limits': { vhost: 'text', value: 'object' },
  'user-limits': { user: 'text', value: 'object' },
  policies: policy,
  'operator-policies': policy,
  'global-parameters': { name: 'text' },
  exchanges: {
    name: 'text',
    vhost: 'text',
    type: 'text',
    durable: 'truth',
    auto_delete: 'truth',
    internal: 'truth',
    arguments: 'object',
  },
  'queues/types': {
    name: 'text',
    vhost: 'text',
    type: 'text',
    durable: 'truth',
    auto_delete: 'truth',
    exclusive: 'truth',
    arguments: 'object',
    node: 'text',
    state: 'text',
    policy: 'text?',
    leader: 'text?',
    members: 'texts?',
    online: 'texts?',
    memory: 'natural?',
    consumers: 'natural',
    consumer_utilisation: 'number?',
    exclusive_consumer_tag: 'text?',
    message_bytes: 'natural?',
    message_bytes_ready: 'natural',
    owner_pid_details: 'object?',
    ...rates('messages', 'messages_ready', 'messages_unacknowledged'),
  },
  bindings: {
    source: 'text',
    vhost: 'text',
    destination: 'text',
    destination_type: 'text',
    routing_key: 'text',
    arguments: 'object',
    properties_key: 'text',
  },
  connections: {
    name: 'text',
    node: 'text',
    state: 'text',
    protocol: 'text',
    type: 'text',
    user: 'text',
    vhost: 'text',
    connected_at: 'natural',
    host: 'text',
    port: 'natural',
    peer_host: 'text',
    peer_port: 'natural',
    channel_max: 'natural',
    channels: 'natural',
    frame_max: 'natural',
    timeout: 'natural',
    auth_mechanism: 'text',
    ssl: 'truth',
    client_properties: 'object',
    'client_properties.capabilities': 'object?',
    send_pend: 'natural',
    ...rates('recv_oct', 'send_oct'),
  },
  channels: {
    number: 'natural',
    name: 'text',
    node: 'text',
    user: 'text',
    vhost: 'text',
    state: 'text',
    consumer_count: 'natural',
    confirm: 'truth',
    transactional: 'truth',
    prefetch_count: 'natural',
    global_prefetch_count: 'natural',
    messages_unacknowledged: 'natural',
    messages_unconfirmed: 'natural',
    messages_uncommitted: 'natural',
    acks_uncommitted: 'natural',
    ...peer,
  },
  consumers: {
    consumer_tag: 'text',
    active: 'truth',
    ack_required: 'truth',
    prefetch_count: 'natural',
    exclusive: 'truth',
    arguments: 'object',
    // RabbitMQ 4 has it, and its clients insist on it.
    consumer_timeout: brokerName === 'leveret' ? 'natural' : 'natural?',
    'queue.name': 'text',
    'queue.vhost': 'text',
    'channel_details.number': 'natural',
    'channel_details.name': 'text',
    'channel_details.connection_name': 'text',
    'channel_details.node': 'text',
    'channel_details.peer_host': 'text',
    'channel_details.peer_port': 'natural',
    'channel_details.user': 'text',
  },
  definitions: {
    rabbit_version: 'text',
    users: 'objects',
    vhosts: 'objects',
    permissions: 'objects',
    topic_permissions: 'objects',
    parameters: 'objects',
    global_parameters: 'objects',
    policies: 'objects',
    queues: 'objects',
    exchanges: 'objects',
    bindings: 'objects',
  },
};

/** What is wrong with a decoded answer. */
function mistakes(answer: unknown, shape: Shape): readonly string[] {
  const items: readonly unknown[] = Array.isArray(answer) ? answer : [answer];
  if (items.length === 0) return ['the list is empty'];
  return items.flatMap((item) =>
    Object.entries(shape).flatMap(([path, type]) => {
      const value = at(item, path);
      if (type.endsWith('?') && (value === undefined || value === null)) return [];
      const base = Object.keys(checks).find((name): name is Type => name === type.replace('?', ''));
      if (base !== undefined && checks[base](value)) return [];
      return [`${path} is ${JSON.stringify(value)}, not ${type}`];
    }),
  );
}

/** Keys with dots in them are none of a shape's. */
function at(from: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), from);
}

const json = async (path: string): Promise<unknown> => (await request('GET', `/api/${path}`)).body;

describe.runIf(managementAvailable)('typed clients', () => {
  let node = '';

  beforeAll(async () => {
    const put = (path: string, body: unknown) => request('PUT', `/api/${path}`, body);
    await put('vhosts/types', { description: 'for typed clients', tags: ['a', 'b'] });
    await put('permissions/types/guest', { configure: '.*', write: '.*', read: '.*' });
    await put('topic-permissions/types/guest', { exchange: 'amq.topic', write: '.*', read: '.*' });
    await put('vhost-limits/types/max-queues', { value: 100 });
    // As rabbit-hole writes tags.
    await put('users/types-user', { password: 'secret', tags: 'management,policymaker' });
    await put('user-limits/types-user/max-connections', { value: 10 });
    await put('policies/types/p', {
      pattern: '^q',
      definition: { 'max-length': 10 },
      'apply-to': 'queues',
      priority: 1,
    });
    await put('operator-policies/types/o', {
      pattern: '^q',
      definition: { 'max-length': 9 },
      'apply-to': 'queues',
    });
    // rabbit-hole says the type beside the arguments, too.
    await put('queues/types/q', { type: 'classic', durable: true, auto_delete: false, arguments: {} });
    const quorum = { 'x-queue-type': 'quorum' };
    await put('queues/types/quorum', {
      type: 'quorum',
      durable: true,
      auto_delete: false,
      arguments: quorum,
    });
    await request('POST', '/api/bindings/types/e/amq.topic/q/q', { routing_key: 'a.b', arguments: { n: 1 } });
    const url = new URL(brokerUrl());
    url.pathname = 'types';
    const connection = await amqplib.connect(url.href);
    const channel = await connection.createChannel();
    await channel.consume('q', () => {});
    await eventually(async () => {
      for (const list of ['connections', 'channels', 'consumers']) {
        expect(await json(list)).toEqual(expect.arrayContaining([expect.objectContaining({})]));
      }
      expect(await json('queues/types/q')).toHaveProperty('messages_details');
      expect(await json('queues/types/quorum')).toHaveProperty('messages_details');
      expect(await json('connections')).toEqual([expect.objectContaining({ channels: 1 })]);
      // RabbitMQ takes a sample every five seconds.
    }, 20_000);
    node = String(at(await json('overview'), 'node'));
    return async () => {
      await connection.close();
      await request('DELETE', '/api/vhosts/types');
      await request('DELETE', '/api/users/types-user');
    };
  }, 30_000);

  it.each(Object.entries(shapes))('decode %s', async (path, shape) => {
    const answer = await json(path.replace('{node}', encodeURIComponent(node)));
    expect(mistakes(answer, shape)).toEqual([]);
  });

  it('find the tags they sent', async () => {
    expect(await json('users/types-user')).toMatchObject({ tags: ['management', 'policymaker'] });
  });

  it('find a binding again by the address it was given', async () => {
    const body = { routing_key: 'c d', arguments: {} };
    const { status, headers } = await request('POST', '/api/bindings/types/e/amq.topic/q/q', body);
    expect(status).toBe(201);
    const key = headers.get('location')?.split('/').at(-1) ?? '';
    const bindings = await json('bindings/types/e/amq.topic/q/q');
    expect(bindings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ routing_key: 'c d', properties_key: decodeURIComponent(key) }),
      ]),
    );
    expect((await request('DELETE', `/api/bindings/types/e/amq.topic/q/q/${key}`)).status).toBe(204);
    expect((await request('GET', `/api/bindings/types/e/amq.topic/q/q/${key}`)).status).toBe(404);
  });

  it('see a 404 with a reason for what is gone', async () => {
    for (const path of [
      'queues/types/x',
      'users/nobody',
      'vhosts/nowhere',
      'policies/types/x',
      'exchanges/types/x',
    ]) {
      const { status, body } = await request('GET', `/api/${path}`);
      expect({ status, body }).toEqual({
        status: 404,
        body: expect.objectContaining({ error: 'Object Not Found', reason: 'Not Found' }),
      });
    }
  });

  it('read what a failed health check says', async () => {
    const port = await request('GET', '/api/health/checks/port-listener/1');
    expect(port.status).toBe(503);
    expect(mistakes(port.body, { status: 'text', reason: 'text', missing: 'natural' })).toEqual([]);
    const protocol = await request('GET', '/api/health/checks/protocol-listener/mqtt');
    expect(protocol.status).toBe(503);
    const shape: Shape = { status: 'text', reason: 'text', missing: 'text', protocols: 'texts' };
    expect(mistakes(protocol.body, shape)).toEqual([]);
  });
});
