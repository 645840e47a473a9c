import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import amqplib from 'amqplib';
import { afterAll, afterEach, expect, test } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { newDirectory, removeDirectories } from '../storage/support.ts';

let broker: RunningBroker | undefined;
afterEach(() => broker?.close());
afterAll(removeDirectories);

const errors: string[] = [];
const ignore = () => {};
const logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: (_fields: object, message: string) => errors.push(message),
};

async function start(dataDir: string): Promise<RunningBroker> {
  broker = await startBroker({ port: 0, managementPort: 0, host: '127.0.0.1', dataDir, logger });
  return broker;
}

function bodyOf(number: number): Buffer {
  return Buffer.alloc(10_000, `${number}:`);
}

/** One message after the other, so that each has a checksum of its own. */
async function publish(url: string, count: number): Promise<void> {
  const connection = await amqplib.connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('q');
  for (let number = 0; number < count; number++) {
    channel.sendToQueue('q', bodyOf(number), { persistent: true });
    await channel.waitForConfirms();
  }
  await connection.close();
}

function flipBitOf(dataDir: string, number: number): void {
  for (const name of readdirSync(dataDir).filter((file) => /^(messages.*mdb|journal.*wal)$/.test(file))) {
    const content = readFileSync(join(dataDir, name));
    const at = content.indexOf(bodyOf(number));
    if (at < 0) continue;
    content.writeUInt8(content.readUInt8(at + 5_000) ^ 1, at + 5_000);
    writeFileSync(join(dataDir, name), content);
  }
}

async function storeCheck({ managementPort }: RunningBroker) {
  const url = `http://127.0.0.1:${managementPort}/api/health/checks/store`;
  const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`;
  const response = await fetch(url, { headers: { authorization } });
  return { status: response.status, body: await response.json() };
}

test('a message whose bytes have changed on disk is kept back, and everybody is told', async () => {
  const dataDir = newDirectory();
  await publish((await start(dataDir)).url, 3);
  await broker?.close();
  flipBitOf(dataDir, 1);

  const damaged = await start(dataDir);
  const connection = await amqplib.connect(damaged.url);
  const channel = await connection.createChannel();
  const bodies: Buffer[] = [];
  for (;;) {
    const message = await channel.get('q', { noAck: true });
    if (message === false) break;
    bodies.push(message.content);
  }
  expect(bodies).toEqual([bodyOf(0), bodyOf(2)]);
  expect((await channel.checkQueue('q')).messageCount).toBe(0);
  await connection.close();
  expect(errors.join()).toMatch(/1 messages of log \d+ from sequence 1 on are damaged in .*\.(mdb|wal)/);
  expect(readdirSync(join(dataDir, 'damaged'))).toHaveLength(1);
  expect(await storeCheck(damaged)).toMatchObject({
    status: 503,
    body: { status: 'failed', damaged_messages: 1 },
  });
  await damaged.close();

  expect(await storeCheck(await start(dataDir))).toMatchObject({ status: 200, body: { status: 'ok' } });
});
