import amqplib from 'amqplib';
import { afterEach, describe, expect, it } from 'vitest';
import { type BrokerOptions, type RunningBroker, startBroker } from '../../src/index.ts';
import { HttpClient } from './http-client.ts';

let broker: RunningBroker;

async function start(options: BrokerOptions = {}): Promise<HttpClient> {
  broker = await startBroker({ port: 0, managementPort: 0, ...options });
  return new HttpClient(broker.managementPort);
}

afterEach(() => broker.close());

describe('the name of the cluster', () => {
  it('is what the API, AMQP clients and metrics are told', async () => {
    const http = await start({ metricsPort: 0 });
    const { body: before } = await http.get('/api/overview');
    expect(before.cluster_name).toBe(before.node);
    expect(await http.put('/api/cluster-name', { name: 'rabbit@shop' })).toMatchObject({ status: 204 });
    expect((await http.get('/api/cluster-name')).body).toEqual({ name: 'rabbit@shop' });
    expect((await http.get('/api/overview')).body.cluster_name).toBe('rabbit@shop');
    const connection = await amqplib.connect(broker.url);
    expect(connection.connection.serverProperties).toMatchObject({ cluster_name: 'rabbit@shop' });
    await connection.close();
    const metrics = await (await fetch(`http://127.0.0.1:${broker.metricsPort}/metrics`)).text();
    expect(metrics).toMatch(/rabbitmq_identity_info\{[^}]*rabbitmq_cluster="rabbit@shop"/);
  });
});

describe('the first user', () => {
  it('has the tags and permissions that are asked for', async () => {
    const http = await start({
      defaultUserTags: ['monitoring'],
      defaultPermissions: { configure: '^own-', write: '', read: '.*' },
    });
    expect((await http.get('/api/whoami')).body).toMatchObject({ tags: ['monitoring'] });
    expect(await http.put('/api/queues/%2F/own-queue')).toMatchObject({ status: 201 });
    expect(await http.put('/api/queues/%2F/other')).toMatchObject({ status: 401 });
  });
});

describe('a node without a data directory', () => {
  it('says how much disk is free where it runs, and has no alarm', async () => {
    const http = await start();
    const [node] = (await http.get('/api/nodes')).body;
    expect(node).toMatchObject({ disk_free_limit: 0, disk_free_alarm: false });
    expect(node.disk_free).toBeGreaterThan(0);
  });
});
