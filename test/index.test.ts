import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BrokerOptions, PolicyError, type RunningBroker, startBroker } from '../src/index.ts';
import { FieldTable } from '../src/protocol/field-table.ts';
import { type Method, MethodId } from '../src/protocol/methods.ts';
import { RawClient } from './server/raw-client.ts';

const running: RunningBroker[] = [];
let dataDir: string;

async function start(options: BrokerOptions): Promise<RunningBroker> {
  const broker = await startBroker({ port: 0, ...options });
  running.push(broker);
  return broker;
}

function declare(queue: string, passive: boolean): Method {
  return {
    id: MethodId.QueueDeclare,
    queue,
    passive,
    durable: true,
    exclusive: false,
    autoDelete: false,
    noWait: false,
    arguments: FieldTable.empty,
  };
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'leveret-index-'));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((broker) => broker.close()));
  await rm(dataDir, { recursive: true });
});

describe('startBroker', () => {
  it('listens on this machine, on a free port, where its URL says', async () => {
    const broker = await start({});
    expect(broker.host).toBe('127.0.0.1');
    expect(broker.url).toBe(`amqp://127.0.0.1:${broker.port}`);
    expect(broker.managementPort).toBeUndefined();
    const client = await RawClient.open(broker.port);
    client.socket.destroy();
  });

  it('names the port it cannot have', async () => {
    const first = await start({});
    await expect(start({ port: first.port, dataDir })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      port: first.port,
    });
    // Nothing of the failed attempt holds the data directory.
    await start({ dataDir });
  });

  it('keeps durable queues in the data directory', async () => {
    const before = await start({ dataDir });
    const declaring = await RawClient.open(before.port);
    await declaring.openChannel(1);
    declaring.send(1, declare('orders', false));
    await declaring.expect(MethodId.QueueDeclareOk, 1);
    declaring.socket.destroy();
    await before.close();

    const after = await start({ dataDir });
    const client = await RawClient.open(after.port);
    await client.openChannel(1);
    client.send(1, declare('orders', true));
    expect(await client.expect(MethodId.QueueDeclareOk, 1)).toMatchObject({ queue: 'orders' });
    client.socket.destroy();
  });

  it('keeps policies in the data directory', async () => {
    const before = await start({ dataDir });
    await before.setPolicy({ name: 'p', pattern: '^orders', definition: { expires: 1000 } });
    await before.setPolicy({ name: 'gone', pattern: '', definition: { expires: 1000 } });
    await before.setOperatorPolicy({ name: 'o', pattern: '', definition: { 'max-length': 5 } });
    expect(await before.clearPolicy('gone')).toBe(true);
    expect(await before.clearPolicy('gone')).toBe(false);
    await expect(before.setPolicy({ name: 'p', pattern: '(', definition: {} })).rejects.toThrow(PolicyError);
    await expect(before.clearOperatorPolicy('o', 'nowhere')).rejects.toThrow(
      "Virtual host 'nowhere' does not exist",
    );
    await before.close();

    const after = await start({ dataDir });
    expect(after.listPolicies()).toEqual([
      { name: 'p', pattern: '^orders', applyTo: 'all', priority: 0, definition: { expires: 1000 } },
    ]);
    expect(after.listOperatorPolicies().map(({ name }) => name)).toEqual(['o']);
  });

  it('has one broker to a data directory', async () => {
    await start({ dataDir });
    await expect(start({ dataDir })).rejects.toThrow(dataDir);
  });

  it('answers HTTP when asked to', async () => {
    const broker = await start({ managementPort: 0 });
    const url = `http://127.0.0.1:${broker.managementPort}`;
    expect((await fetch(`${url}/health`)).status).toBe(200);
    const overview = (password: string) =>
      fetch(`${url}/api/overview`, {
        headers: { authorization: `Basic ${Buffer.from(`guest:${password}`).toString('base64')}` },
      });
    expect((await overview('guest')).status).toBe(200);
    expect((await overview('wrong')).status).toBe(401);
  });

  it('closes more than once without complaint', async () => {
    const broker = await start({ dataDir });
    await Promise.all([broker.close(), broker.close()]);
    await broker.close();
  });
});
