import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import amqplib, { type Channel, type ChannelModel } from 'amqplib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newDirectory, removeDirectories } from '../storage/support.ts';
import { ServerProcess } from './server-process.ts';

const bodyBytes = 64 * 1024;
const messages = 320;

let dataDir: string;
let server: ServerProcess;
let url: string;
let connection: ChannelModel;
let channel: Channel;

async function start(...flags: readonly string[]): Promise<void> {
  const started = await ServerProcess.start({ dataDir, flags, hasHttp: true, obeysModes: true });
  server = started.server;
  url = started.url;
  connection = await amqplib.connect(url);
  channel = await connection.createChannel();
  await channel.assertQueue('q');
}

beforeEach(() => {
  dataDir = newDirectory();
});
afterEach(async () => {
  chmodSync(dataDir, 0o750);
  await connection.close();
  await server.kill();
});
afterAll(removeDirectories);

const isNoted = (name: string) => name.endsWith('.wal') || name.startsWith('messages-');
const dataFiles = () => readdirSync(dataDir).filter(isNoted).length;

async function publish(from: number, count: number): Promise<void> {
  const confirms = await connection.createConfirmChannel();
  for (let i = from; i < from + count; i++)
    confirms.sendToQueue('q', Buffer.alloc(bodyBytes, `${i}:`), { persistent: true });
  await confirms.waitForConfirms();
}

/** Takes so many messages, and says which they were. */
async function consume(count: number): Promise<number[]> {
  const taken: number[] = [];
  await channel.prefetch(20);
  await new Promise<void>((resolve) => {
    const take = (message: amqplib.ConsumeMessage | null) => {
      if (message === null) return;
      taken.push(Number.parseInt(message.content.toString('latin1', 0, 20), 10));
      channel.ack(message);
      if (taken.length === count) resolve();
    };
    channel.consume('q', take, { consumerTag: 'c' }).catch(() => {});
  });
  await channel.cancel('c');
  return taken;
}

describe('a broker that may not change its data directory any more', () => {
  it('goes on with the files it has, and tidies up once it may', { timeout: 60_000 }, async () => {
    // Journal files of so large messages are taken over, so that some are files of values.
    await start('--generation-size', '2MiB');
    await publish(0, messages);
    chmodSync(dataDir, 0o500);
    await publish(messages, messages);
    expect(await consume(2 * messages)).toEqual(Array.from({ length: 2 * messages }, (_, i) => i));
    await server.logged('cannot be removed yet');
    const before = dataFiles();
    chmodSync(dataDir, 0o750);
    await expect.poll(dataFiles, { timeout: 10_000 }).toBeLessThan(before);
    await server.logged('removed generation');
    await publish(0, messages);
    await server.logged('was created after all');
    expect(await consume(messages)).toHaveLength(messages);
    expect(server.log.match(/could not be created/g)).toHaveLength(1);
  });
});

describe('a broker that may not read a file any more', () => {
  /** Files of values that it would have to open. */
  const closedFiles = () => {
    const open = new Set(server.openPaths);
    const names = readdirSync(dataDir).filter((name) => name.endsWith('.wal'));
    return names.map((name) => join(dataDir, name)).filter((path) => !open.has(path));
  };

  it('has the queue wait, says so, and goes on when it may', { timeout: 60_000 }, async () => {
    await start();
    let count = 0;
    for (; closedFiles().length === 0; count += 50) await publish(count, 50);
    await connection.close();
    await server.stop();
    await start();
    const [path = ''] = closedFiles();
    chmodSync(path, 0);

    const taken = consume(count);
    await server.logged(`${path} cannot be read: EACCES`);
    expect(await server.health('store')).toMatchObject({
      status: 503,
      body: { unreadable_files: [{ path, reason: expect.stringContaining('EACCES') }] },
    });
    await channel.assertQueue('other');
    channel.sendToQueue('other', Buffer.from('meanwhile'));
    expect(await channel.get('other', { noAck: true })).toBeTruthy();

    chmodSync(path, 0o640);
    expect(await taken).toEqual(Array.from({ length: count }, (_, i) => i));
    await server.logged(`${path} can be read again`);
    expect((await server.health('store')).status).toBe(200);
    expect(server.log.match(/cannot be read/g)).toHaveLength(1);
  });
});

describe('a broker whose descriptors have all been taken', () => {
  const limitFiles = (files: number) =>
    execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${files}:`]);

  it('serves those that are there, and newcomers once there are some again', {
    timeout: 15_000,
  }, async () => {
    await start('--generation-size', '2MiB');
    // The first file of the journal is full when a third one is made. It is taken over when none can be opened any more.
    let published = 0;
    for (; !existsSync(join(dataDir, 'journal-03.wal')); published++) await publish(published, 1);
    limitFiles(1);
    const newcomer = amqplib.connect(url);
    // It looks at its memory once a second, and a full file of the journal is left alone for as long.
    const until = performance.now() + 1500;
    for (; performance.now() < until; published += 20) await publish(published, 20);
    limitFiles(1000);
    await (await newcomer).close();
    expect(await consume(published)).toHaveLength(published);
  });
});
