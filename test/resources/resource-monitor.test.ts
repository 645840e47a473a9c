import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import amqplib from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Logger, type RunningBroker, startBroker } from '../../src/index.ts';
import { silentLogger } from '../../src/logger.ts';
import { type ClientMethod, MethodId } from '../../src/protocol/methods.ts';
import { availableBytes, usedBytes } from '../../src/resources/memory-monitor.ts';
import { capable, frame, methodFrame, RawClient } from '../server/raw-client.ts';

const petabyte = 10 ** 15;
const publish: ClientMethod = {
  id: MethodId.BasicPublish,
  exchange: '',
  routingKey: 'nowhere',
  mandatory: false,
  immediate: false,
};
/** A content header for an empty body and no properties. */
const emptyContent = frame(2, 1, Buffer.from('003c000000000000000000000000', 'hex'));

let dataDir: string;
let broker: RunningBroker;
let warnings: string[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'leveret-resources-'));
  warnings = [];
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => warnings.push(message) };
  broker = await startBroker({ port: 0, managementPort: 0, dataDir, logger });
});

afterEach(async () => {
  await broker.close();
  await rm(dataDir, { recursive: true });
});

async function publisher(): Promise<RawClient> {
  const client = await RawClient.open(broker.port, { properties: capable('connection.blocked') });
  await client.openChannel(1);
  return client;
}

async function blockedReason(): Promise<string> {
  const client = await publisher();
  client.write(Buffer.concat([methodFrame(1, publish), emptyContent]));
  const { reason } = await client.expect(MethodId.ConnectionBlocked);
  client.socket.destroy();
  await once(client.socket, 'close');
  return reason;
}

async function healthCheck(name: string): Promise<{ status: number; body: unknown }> {
  const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`;
  const url = `http://127.0.0.1:${broker.managementPort}/api/health/checks/${name}`;
  const response = await fetch(url, { headers: { authorization } });
  return { status: response.status, body: await response.json() };
}

describe('resource alarms', () => {
  it('name what is short, whichever came first', async () => {
    await broker.setDiskFreeLimit(petabyte);
    expect(await blockedReason()).toBe('low on disk');
    broker.setMemoryWatermark({ absolute: 1 });
    expect(await blockedReason()).toBe('low on disk & memory');
    await broker.setDiskFreeLimit(1);
    expect(await blockedReason()).toBe('low on memory');
  });

  it('block once, and unblock when the last one is cleared', async () => {
    const client = await publisher();
    broker.setMemoryWatermark({ absolute: 1 });
    client.write(Buffer.concat([methodFrame(1, publish), emptyContent]));
    await client.expect(MethodId.ConnectionBlocked);
    await broker.setDiskFreeLimit(petabyte);
    broker.setMemoryWatermark({ relative: 1 });
    expect(broker.alarms).toEqual(['disk']);
    await broker.setDiskFreeLimit(1);
    await client.expect(MethodId.ConnectionUnblocked);
    client.socket.destroy();
  });

  it('hold publishers back and let consumers drain', async () => {
    const url = broker.url.replace('amqp://', 'amqp://guest:guest@');
    const publishers = await amqplib.connect(url);
    const channel = await publishers.createConfirmChannel();
    await channel.assertQueue('q');
    for (let i = 0; i < 1_000; i++) channel.sendToQueue('q', Buffer.from(`${i}`), { persistent: true });
    await channel.waitForConfirms();

    broker.setMemoryWatermark({ absolute: 1 });
    const blocked = once(publishers, 'blocked');
    let isConfirmed = false;
    channel.sendToQueue('q', Buffer.from('late'), { persistent: true }, () => {
      isConfirmed = true;
    });
    expect(await blocked).toEqual(['low on memory']);

    const consumers = await amqplib.connect(url);
    const consumer = await consumers.createChannel();
    const bodies: string[] = [];
    await consumer.consume('q', (message) => {
      if (message === null) return;
      consumer.ack(message);
      bodies.push(message.content.toString());
    });
    await expect.poll(() => bodies.length).toBe(1_000);
    expect(bodies).toEqual(Array.from({ length: 1_000 }, (_, i) => `${i}`));
    expect(isConfirmed).toBe(false);

    broker.setMemoryWatermark({ relative: 1 });
    await channel.waitForConfirms();
    expect(isConfirmed).toBe(true);
    await expect.poll(() => bodies.at(-1)).toBe('late');
    await publishers.close();
    await consumers.close();
  });

  it('are shown by the health checks', async () => {
    expect(await healthCheck('local-alarms')).toMatchObject({ status: 200 });
    broker.setMemoryWatermark({ absolute: 1 });
    for (const name of ['alarms', 'local-alarms']) {
      expect(await healthCheck(name)).toMatchObject({
        status: 503,
        body: { alarms: [{ resource: 'memory' }] },
      });
    }
  });

  it('are logged once per change', () => {
    broker.setMemoryWatermark({ absolute: 1 });
    broker.setMemoryWatermark({ absolute: 2 });
    broker.setMemoryWatermark({ relative: 1 });
    expect(warnings).toEqual([
      expect.stringMatching(/^memory resource limit alarm set on node 'leveret@.+'\. \*\*\* Publishers will/),
      expect.stringMatching(/^memory resource limit alarm cleared on node 'leveret@.+'$/),
    ]);
  });

  it('do not keep the broker from closing', async () => {
    const client = await publisher();
    broker.setMemoryWatermark({ absolute: 1 });
    client.write(Buffer.concat([methodFrame(1, publish), emptyContent]));
    await client.expect(MethodId.ConnectionBlocked);
    const closing = broker.close();
    expect((await client.expect(MethodId.ConnectionClose)).replyCode).toBe(320);
    client.send(0, { id: MethodId.ConnectionCloseOk });
    await closing;
  });
});

it('measures something', () => {
  expect(usedBytes()).toBeGreaterThan(2 ** 20);
  expect(usedBytes()).toBeLessThan(availableBytes());
});
