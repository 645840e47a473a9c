import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { type Channel, type ChannelModel, connect, type GetMessage } from 'amqplib';
import { afterEach, describe, expect, test } from 'vitest';
import { programPath } from '../programs.ts';

/** What was delivered is on disk after this time at the latest, on a busy machine too. */
const writtenMs = 500;

const clients: ChannelModel[] = [];
const servers: ChildProcess[] = [];
const directories: string[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close().catch(() => {});
  for (const server of servers.splice(0)) await kill(server);
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGKILL');
  await once(server, 'exit');
}

async function startServer(dataDir: string): Promise<{ server: ChildProcess; url: string }> {
  const flags = ['--host', '127.0.0.1', '--port', '0', '--management-port', 'none', '--data-dir', dataDir];
  const server = spawn(process.execPath, [programPath('leveret'), 'server', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  servers.push(server);
  for await (const line of createInterface({ input: server.stdout })) {
    const url = /amqp:\/\/[\d.:]+/.exec(line)?.[0];
    if (line.includes(' ready at ') && url !== undefined) {
      server.stdout.resume();
      return { server, url };
    }
  }
  throw new Error('the server did not start');
}

async function openChannel(url: string): Promise<Channel> {
  const client = await connect(url);
  client.on('error', () => {});
  clients.push(client);
  const channel = await client.createChannel();
  channel.on('error', () => {});
  return channel;
}

async function publish(url: string, queue: string, args: object, count: number): Promise<void> {
  const client = await connect(url);
  const channel = await client.createConfirmChannel();
  await channel.assertQueue(queue, { durable: true, arguments: args });
  for (let i = 0; i < count; i++) channel.sendToQueue(queue, Buffer.from(String(i)), { persistent: true });
  await channel.waitForConfirms();
  await client.close();
}

async function getAll(channel: Channel, queue: string): Promise<GetMessage[]> {
  const messages: GetMessage[] = [];
  for (let next = await channel.get(queue); next !== false; next = await channel.get(queue))
    messages.push(next);
  return messages;
}

function seen({ content, fields, properties }: GetMessage) {
  const count: unknown = properties.headers?.['x-delivery-count'];
  return { id: Number(content.toString()), redelivered: fields.redelivered, count };
}

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'leveret-redelivery-'));
  directories.push(directory);
  return directory;
}

/** Takes and gives back, `turns` times. */
async function giveBack(channel: Channel, queue: string, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    const message = await channel.get(queue);
    if (message !== false) channel.nack(message);
  }
}

describe('after SIGKILL', () => {
  test('what was delivered is in its place, everything is marked redelivered, and counts go on', async () => {
    const dataDir = newDirectory();
    const before = await startServer(dataDir);
    await publish(before.url, 'classic', {}, 10);
    await publish(before.url, 'limited', { 'x-queue-type': 'quorum', 'x-delivery-limit': 10 }, 4);
    await publish(before.url, 'unlimited', { 'x-queue-type': 'quorum' }, 3);
    const channel = await openChannel(before.url);
    for (let i = 0; i < 6; i++) {
      const message = await channel.get('classic');
      if (message !== false && i === 1) channel.ack(message);
    }
    await giveBack(channel, 'limited', 3);
    for (let i = 0; i < 2; i++) await channel.get('limited');
    await giveBack(channel, 'unlimited', 4);
    await delay(writtenMs);
    await kill(before.server);

    const after = await openChannel((await startServer(dataDir)).url);
    expect((await getAll(after, 'classic')).map(seen)).toEqual(
      [0, 2, 3, 4, 5, 6, 7, 8, 9].map((id) => ({ id, redelivered: true, count: undefined })),
    );
    expect((await getAll(after, 'limited')).map(seen)).toEqual([
      { id: 0, redelivered: true, count: 4 },
      { id: 1, redelivered: true, count: 1 },
      { id: 2, redelivered: true, count: 0 },
      { id: 3, redelivered: true, count: 0 },
    ]);
    expect((await getAll(after, 'unlimited')).map(seen)).toEqual([
      { id: 1, redelivered: true, count: 1 },
      { id: 2, redelivered: true, count: 1 },
      { id: 0, redelivered: true, count: 2 },
    ]);
  });
});
