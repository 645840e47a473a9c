import { afterEach, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { HttpClient } from './http-client.ts';

let broker: RunningBroker;

async function start(): Promise<HttpClient> {
  broker = await startBroker({ port: 0, managementPort: 0 });
  return new HttpClient(broker.managementPort);
}

afterEach(() => broker.close());

const durable = { durable: true, auto_delete: false };

/** As RabbitMQ 4.x exports it; the password is `fox`. */
const newer = {
  rabbit_version: '4.2.1',
  rabbitmq_version: '4.2.1',
  product_name: 'RabbitMQ',
  product_version: '4.2.1',
  rabbitmq_definition_format: 'cluster',
  original_cluster_name: 'rabbit@burrow',
  explanation: "Definitions of cluster 'rabbit@burrow'",
  users: [
    {
      name: 'fox',
      password_hash: 'AQIDBBEBhlSdJVsaoLqEgJAgvwGE+XG2cndMfysV4mjfttuN',
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags: ['monitoring'],
      limits: { 'max-channels': 20 },
    },
  ],
  vhosts: [
    {
      name: 'burrow',
      description: 'below ground',
      tags: ['deep', 'dark'],
      default_queue_type: 'quorum',
      metadata: { description: 'below ground', tags: ['deep', 'dark'], default_queue_type: 'quorum' },
      limits: [],
    },
  ],
  permissions: [{ user: 'fox', vhost: 'burrow', configure: '', write: '^den', read: '.*' }],
  topic_permissions: [{ user: 'fox', vhost: 'burrow', exchange: 'den', write: '^a', read: '.*' }],
  parameters: [
    { value: { 'max-connections': 10 }, vhost: 'burrow', component: 'vhost-limits', name: 'limits' },
    {
      value: { pattern: '^q', definition: { 'max-length': 9 }, priority: 0, 'apply-to': 'quorum_queues' },
      vhost: 'burrow',
      component: 'operator_policy',
      name: 'cap',
    },
    {
      value: { 'src-uri': 'amqp://', 'src-queue': 'a', 'dest-uri': 'amqp://', 'dest-queue': 'b' },
      vhost: 'burrow',
      component: 'shovel',
      name: 'move',
    },
    { value: { uri: 'amqp://far' }, vhost: 'burrow', component: 'federation-upstream', name: 'far' },
  ],
  global_parameters: [
    { name: 'cluster_name', value: 'rabbit@burrow' },
    { name: 'cluster_tags', value: { region: 'north' } },
    { name: 'internal_cluster_id', value: 'rabbitmq-cluster-id-x' },
  ],
  policies: [
    {
      vhost: 'burrow',
      name: 'spread',
      pattern: '^q',
      'apply-to': 'quorum_queues',
      definition: { 'queue-leader-locator': 'balanced', 'delivery-limit': 5 },
      priority: 0,
    },
    {
      vhost: 'burrow',
      name: 'linked',
      pattern: '^far',
      'apply-to': 'exchanges',
      definition: { 'federation-upstream-set': 'all' },
      priority: 0,
    },
  ],
  queues: [
    {
      name: 'q',
      vhost: 'burrow',
      type: 'quorum',
      ...durable,
      arguments: { 'x-queue-type': 'quorum', 'x-queue-leader-locator': 'balanced' },
    },
    { name: 's', vhost: 'burrow', type: 'stream', ...durable, arguments: { 'x-queue-type': 'stream' } },
    { name: 'c', vhost: 'burrow', type: 'classic', ...durable, arguments: { 'x-queue-version': 2 } },
  ],
  exchanges: [
    { name: 'den', vhost: 'burrow', type: 'topic', ...durable, internal: false, arguments: {} },
    { name: 'rnd', vhost: 'burrow', type: 'x-local-random', ...durable, internal: false, arguments: {} },
    { name: 'jms', vhost: 'burrow', type: 'x-jms-topic', ...durable, internal: false, arguments: {} },
  ],
  bindings: [
    {
      source: 'den',
      vhost: 'burrow',
      destination: 'q',
      destination_type: 'queue',
      routing_key: '#',
      arguments: {},
    },
  ],
};

describe('definitions of a RabbitMQ 4', () => {
  it('give the same topology, and a report of what has no equivalent', async () => {
    const http = await start();
    const { status, body } = await http.post('/api/definitions', newer);
    expect(status).toBe(200);
    const skipped = body.skipped.map(({ kind, name }: { kind: string; name: string }) => `${kind} ${name}`);
    expect(skipped.sort()).toEqual(['exchange jms', 'parameter far', 'parameter move']);
    for (const { reason } of body.skipped) expect(reason).toMatch(/not found|unknown exchange type/);
    expect(body.without_effect).toEqual([
      {
        kind: 'policy',
        vhost: 'burrow',
        name: 'linked',
        reason: expect.stringContaining('no federation here'),
      },
    ]);
    expect(await http.get('/api/vhosts/burrow')).toMatchObject({
      body: { description: 'below ground', tags: ['deep', 'dark'], default_queue_type: 'quorum' },
    });
    const queues = (await http.get('/api/queues/burrow?columns=name,type,policy,operator_policy')).body;
    expect(queues).toEqual([
      { name: 'c', type: 'classic', policy: null, operator_policy: null },
      { name: 'q', type: 'quorum', policy: 'spread', operator_policy: 'cap' },
      { name: 's', type: 'stream', policy: null, operator_policy: null },
    ]);
    expect((await http.get('/api/exchanges/burrow/rnd')).body).toMatchObject({ type: 'x-local-random' });
    expect((await http.get('/api/vhost-limits/burrow')).body).toEqual([
      { vhost: 'burrow', value: { 'max-connections': 10 } },
    ]);
    expect((await http.get('/api/cluster-name')).body).toEqual({ name: 'rabbit@burrow' });
    expect((await http.get('/api/whoami', { login: 'fox:fox' })).body).toMatchObject({ name: 'fox' });
  });

  it('of one virtual host go into another', async () => {
    const http = await start();
    await http.put('/api/vhosts/copy', { default_queue_type: 'classic' });
    const { users: _, vhosts, permissions, topic_permissions, global_parameters, ...rest } = newer;
    const nameless = { queues: rest.queues, exchanges: rest.exchanges, bindings: rest.bindings };
    const single = {
      rabbit_version: '4.2.1',
      rabbitmq_definition_format: 'single_virtual_host',
      original_vhost_name: 'burrow',
      metadata: vhosts[0]?.metadata,
      description: 'below ground',
      default_queue_type: 'quorum',
      limits: {},
      policies: rest.policies.slice(0, 1).map(({ vhost: _vhost, ...policy }) => policy),
      parameters: [],
      ...JSON.parse(JSON.stringify(nameless, (key, value) => (key === 'vhost' ? undefined : value))),
    };
    expect((await http.post('/api/definitions/copy', single)).body.skipped).toMatchObject([{ name: 'jms' }]);
    expect((await http.get('/api/queues/copy?columns=name')).body).toHaveLength(3);
    expect((await http.get('/api/policies/copy')).body).toMatchObject([{ name: 'spread', vhost: 'copy' }]);
  });
});

describe('definitions of a RabbitMQ 3.10 with hundreds of queues', () => {
  it('import as a whole', async () => {
    const http = await start();
    const count = 400;
    const vhost = 'shop';
    const queues = Array.from({ length: count }, (_, index) => ({
      name: `queue-${index}`,
      vhost,
      ...durable,
      arguments: index % 3 === 0 ? { 'x-queue-type': 'quorum' } : { 'x-max-length': index + 1 },
    }));
    const bindings = queues.map(({ name }) => ({
      source: 'amq.topic',
      vhost,
      destination: name,
      destination_type: 'queue',
      routing_key: `${name}.#`,
      arguments: {},
    }));
    const mirrored = {
      vhost,
      name: 'ha',
      pattern: '^queue-1',
      'apply-to': 'queues',
      definition: { 'ha-mode': 'all', 'ha-sync-mode': 'automatic', 'message-ttl': 60_000 },
      priority: 1,
    };
    const definitions = {
      rabbit_version: '3.10.8',
      vhosts: [{ name: vhost }],
      queues,
      bindings,
      policies: [mirrored],
    };
    const { status, body } = await http.post('/api/definitions', definitions);
    expect({ status, body }).toEqual({ status: 204, body: undefined });
    expect((await http.get(`/api/queues/${vhost}?page=1&page_size=1`)).body).toMatchObject({
      total_count: count,
    });
    expect((await http.get('/api/queues/shop/queue-1')).body).toMatchObject({
      policy: 'ha',
      effective_policy_definition: { 'message-ttl': 60_000 },
    });
  });
});
