import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type BrokerOptions, type RunningBroker, startBroker } from '../../src/index.ts';
import { HttpClient } from './http-client.ts';

const running: RunningBroker[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((broker) => broker.close()));
});

async function start(options: BrokerOptions = {}) {
  const broker = await startBroker({ port: 0, managementPort: 0, ...options });
  running.push(broker);
  return { broker, http: new HttpClient(broker.managementPort) };
}

/** What a RabbitMQ 3.10.8 exported, the numbers of its queues cut down; the passwords are the users' names. */
const exported = {
  rabbit_version: '3.10.8',
  rabbitmq_version: '3.10.8',
  product_name: 'RabbitMQ',
  product_version: '3.10.8',
  users: [
    {
      name: 'guest',
      password_hash: 'aGFyZZ0XXC1KuzqeWVzLklr6D6OI9m/AZPNQ1hfOqzH8nh2n',
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags: ['administrator'],
      limits: {},
    },
    {
      name: 'limited',
      password_hash: 'aGFyZevGwcmh+BajX5BsaPqpNuib2qHPppH4dzOzraEsjPaC',
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags: ['management'],
      limits: { 'max-connections': 7 },
    },
  ],
  vhosts: [{ name: 'shop' }, { name: '/' }],
  permissions: [
    { user: 'limited', vhost: 'shop', configure: '^mine-', write: '.*', read: '' },
    { user: 'guest', vhost: '/', configure: '.*', write: '.*', read: '.*' },
  ],
  topic_permissions: [{ user: 'limited', vhost: 'shop', exchange: 'amq.topic', write: '^a', read: '.*' }],
  parameters: [
    { value: { 'max-queues': 50 }, vhost: 'shop', component: 'vhost-limits', name: 'limits' },
    {
      value: { pattern: '^q', definition: { 'max-length': 9 }, priority: 0, 'apply-to': 'queues' },
      vhost: 'shop',
      component: 'operator_policy',
      name: 'o',
    },
  ],
  global_parameters: [{ name: 'cluster_name', value: 'rabbit@old' }],
  policies: [
    {
      vhost: 'shop',
      name: 'p',
      pattern: '^q',
      'apply-to': 'queues',
      definition: { 'max-length': 5 },
      priority: 2,
    },
  ],
  queues: [
    { name: 'q1', vhost: 'shop', durable: true, auto_delete: false, arguments: { 'x-max-length': 1000 } },
    {
      name: 'quorum',
      vhost: 'shop',
      durable: true,
      auto_delete: false,
      arguments: { 'x-queue-type': 'quorum' },
    },
  ],
  exchanges: [
    {
      name: 'e',
      vhost: 'shop',
      type: 'topic',
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: { 'alternate-exchange': 'amq.fanout' },
    },
  ],
  bindings: [
    {
      source: 'e',
      vhost: 'shop',
      destination: 'q1',
      destination_type: 'queue',
      routing_key: 'a.*',
      arguments: {},
    },
    {
      source: 'amq.headers',
      vhost: 'shop',
      destination: 'quorum',
      destination_type: 'queue',
      routing_key: '',
      arguments: { 'x-match': 'all', n: 5 },
    },
  ],
};

describe('definitions', () => {
  it('of a RabbitMQ give the same topology, and users who log in with their passwords', async () => {
    const { http } = await start();
    expect(await http.post('/api/definitions', exported)).toMatchObject({ status: 204 });
    const { body } = await http.get('/api/definitions');
    for (const section of [
      'users',
      'permissions',
      'topic_permissions',
      'policies',
      'queues',
      'exchanges',
      'bindings',
    ] as const) {
      const rows: readonly object[] = exported[section];
      expect(body[section], section).toEqual(expect.arrayContaining([...rows]));
      expect(body[section]).toHaveLength(exported[section].length);
    }
    expect(body.parameters).toEqual(expect.arrayContaining(exported.parameters));
    expect(await http.get('/api/whoami', { login: 'limited:limited' })).toMatchObject({
      body: { name: 'limited' },
    });
    expect(await http.get('/api/cluster-name')).toMatchObject({ body: { name: 'rabbit@old' } });
    expect(await http.get('/api/queues/shop/q1')).toMatchObject({
      body: { policy: 'p', operator_policy: 'o' },
    });
  });

  it('are the same after export, import and export', async () => {
    const first = await start();
    await first.http.post('/api/definitions', exported);
    const { text } = await first.http.get('/api/definitions');
    const second = await start();
    expect(await second.http.post('/api/definitions', text)).toMatchObject({ status: 204 });
    expect((await second.http.get('/api/definitions')).body).toEqual(JSON.parse(text));
  });

  it('of one virtual host go into another one', async () => {
    const { http } = await start();
    await http.post('/api/definitions', exported);
    await http.put('/api/vhosts/copy');
    const { body } = await http.get('/api/definitions/shop');
    expect(body.queues[0]).not.toHaveProperty('vhost');
    expect(await http.post('/api/definitions/copy', body)).toMatchObject({ status: 204 });
    const copied = (await http.get('/api/definitions/copy')).body;
    expect(copied.queues).toEqual(body.queues);
    expect(copied.bindings).toEqual(body.bindings);
  });

  it('leave what is there, and report what has no equivalent', async () => {
    const { http } = await start();
    await http.put('/api/queues/%2F/q', { durable: true });
    const { status, body } = await http.post('/api/definitions', {
      queues: [{ name: 'q', vhost: '/', durable: false, auto_delete: true, arguments: {} }],
      exchanges: [
        { name: 'x', vhost: '/', type: 'x-nobody-knows', durable: true, auto_delete: false, arguments: {} },
      ],
      parameters: [{ vhost: '/', component: 'nobody', name: 'n', value: 1 }],
      bindings: [
        { source: 'nope', vhost: '/', destination: 'q', destination_type: 'queue', routing_key: '' },
      ],
      something: 'else',
    });
    expect(status).toBe(200);
    expect(body.skipped.map(({ kind, name }: { kind: string; name: string }) => [kind, name])).toEqual([
      ['exchange', 'x'],
      ['parameter', 'n'],
      ['binding', 'nope -> q'],
    ]);
    expect(await http.get('/api/queues/%2F/q')).toMatchObject({ body: { durable: true } });
  });

  it('take a number for its digits, as RabbitMQ exports a routing key that was sent as one', async () => {
    const { http } = await start();
    const queues = [{ name: 'q', vhost: '/', durable: true, auto_delete: false, arguments: {} }];
    const binding = { source: 'amq.direct', vhost: '/', destination: 'q', destination_type: 'queue' };
    const bindings = [{ ...binding, routing_key: 5, arguments: {} }];
    expect(await http.post('/api/definitions', { queues, bindings })).toMatchObject({ status: 204 });
    expect((await http.get('/api/bindings/%2F/e/amq.direct/q/q')).body).toMatchObject([{ routing_key: '5' }]);
  });

  it('that make no sense change nothing', async () => {
    const { http } = await start();
    for (const [definitions, reason] of [
      [{ queues: 5 }, "'queues' has to be a list"],
      [{ queues: [5] }, "entry 1 of 'queues' is no object"],
      [{ users: [{ name: 'fresh' }], queues: [{ vhost: '/' }] }, "'name' has to be a string"],
      [
        { users: [{ name: 'fresh' }], queues: [{ name: 'q', vhost: 'nope' }] },
        'Please create virtual host "nope"',
      ],
      ['[]', 'failed_to_parse_json'],
      ['{"users": [{"name": "fresh"}]} trailing', 'failed_to_parse_json'],
      [`{"parameters": ${'['.repeat(200)}`, 'at most 128 deep'],
    ] as const) {
      const { status, body } = await http.post('/api/definitions', definitions);
      expect({ status, reason: body.reason }).toEqual({
        status: 400,
        reason: expect.stringContaining(reason),
      });
    }
    expect(await http.get('/api/users/fresh')).toMatchObject({ status: 404 });
  });

  it('are loaded at the start, and then there is no user but those in the file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'leveret-definitions-'));
    try {
      const file = join(directory, 'definitions.json');
      const users = [{ ...exported.users[1], tags: ['administrator'] }];
      await writeFile(file, JSON.stringify({ ...exported, users, permissions: [exported.permissions[0]] }));
      const { http } = await start({ definitionsFile: directory });
      expect(await http.get('/api/whoami')).toMatchObject({ status: 401 });
      expect((await http.get('/api/queues/shop', { login: 'limited:limited' })).body).toHaveLength(2);
      await writeFile(file, 'no JSON');
      await expect(start({ definitionsFile: file })).rejects.toThrow(
        `cannot load definitions from ${file}: `,
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
