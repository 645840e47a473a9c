import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import amqplib, { type ChannelModel } from 'amqplib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newDirectory, removeDirectories } from '../storage/support.ts';
import { ServerProcess } from './server-process.ts';
import { mayMount, mountDisk, remountDisk, unmountDisk } from './small-disk.ts';

const mebibyte = 2 ** 20;
/** The store keeps 200 MiB free. */
const diskBytes = 270 * mebibyte;
const ballastBytes = 40 * mebibyte;
const bodyBytes = 64 * 1024;

let directory: string;
let server: ServerProcess;

beforeEach(() => {
  directory = newDirectory();
  if (mayMount) mountDisk(directory, diskBytes);
});
afterEach(async () => {
  await server?.kill();
  if (mayMount) unmountDisk(directory);
});
afterAll(removeDirectories);

/** Publishes with confirms and counts them. */
class Publisher {
  readonly confirmed = new Set<number>();
  refused = 0;
  #next = 0;
  #changed: () => void = () => {};

  async publish(connection: ChannelModel, count: number): Promise<void> {
    const channel = await connection.createConfirmChannel();
    for (let i = 0; i < count; i++) {
      const number = this.#next++;
      channel.sendToQueue('q', Buffer.alloc(bodyBytes, `${number}:`), { persistent: true }, (error) => {
        if (error === null) this.confirmed.add(number);
        else this.refused++;
        this.#changed();
      });
    }
  }

  async allConfirmed(): Promise<void> {
    while (this.confirmed.size < this.#next) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

describe.skipIf(!mayMount)('a broker whose disk is full (skipped where no tmpfs can be mounted)', () => {
  it('holds confirms until there is space, given by the operator or by consumers', {
    timeout: 60_000,
  }, async () => {
    const ballast = join(directory, 'ballast');
    writeFileSync(ballast, Buffer.alloc(ballastBytes));
    const dataDir = join(directory, 'data');
    const started = await ServerProcess.start({ dataDir, hasHttp: true });
    server = started.server;
    const connection = await amqplib.connect(started.url);
    const blocked = once(connection, 'blocked');
    // A blocked connection is not read from, so consumers have one of their own.
    const consumers = await amqplib.connect(started.url);
    const channel = await consumers.createChannel();
    await channel.assertQueue('q');

    const publisher = new Publisher();
    await publisher.publish(connection, 590);
    await server.logged('the store is full');
    expect(publisher.confirmed.size).toBeLessThan(590);
    // All of them may have been read by now: only who goes on publishing is blocked.
    const rest = publisher.publish(connection, 10);
    expect(await blocked).toEqual(['low on disk']);
    expect(await server.health('local-alarms')).toMatchObject({
      status: 503,
      body: { alarms: [{ resource: 'disk space' }] },
    });
    rmSync(ballast);
    await rest;
    await publisher.allConfirmed();
    await server.logged('the store has room again');
    await expect.poll(async () => (await server.health('local-alarms')).status).toBe(200);

    const more = 800;
    await publisher.publish(connection, more);
    await server.loggedTimes('the store is full', 2);
    const received: number[] = [];
    await channel.prefetch(50);
    const taken = new Promise<void>((resolve) => {
      const take = (message: amqplib.ConsumeMessage | null) => {
        if (message === null) return;
        received.push(Number(message.content.toString('latin1', 0, 20).split(':')[0]));
        channel.ack(message);
        if (received.length === 600 + more) resolve();
      };
      channel.consume('q', take).catch(() => {});
    });
    await taken;
    await publisher.allConfirmed();
    expect(received).toEqual(Array.from({ length: 600 + more }, (_, i) => i));
    expect(publisher.refused).toBe(0);

    await publisher.publish(connection, 100);
    await publisher.allConfirmed();
    await connection.close();
    await consumers.close();
    expect(await server.stop()).toBe(0);
  });

  it('loses nothing it has confirmed when it dies meanwhile', { timeout: 60_000 }, async () => {
    const dataDir = join(directory, 'data');
    const started = await ServerProcess.start({ dataDir });
    server = started.server;
    const connection = await amqplib.connect(started.url);
    connection.on('error', () => {});
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    await channel.assertQueue('q');
    const publisher = new Publisher();
    await publisher.publish(connection, 1500);
    await server.logged('the store is full');
    await server.stop();
    const confirmed = publisher.confirmed.size;
    expect(confirmed).toBeLessThan(1500);

    remountDisk(directory, `size=${2 * diskBytes}`);
    const again = await ServerProcess.start({ dataDir });
    server = again.server;
    const next = await amqplib.connect(again.url);
    const { messageCount } = await (await next.createChannel()).checkQueue('q');
    expect(messageCount).toBeGreaterThanOrEqual(confirmed);
    await next.close();
  });
});

describe.skipIf(!mayMount)('a disk that others have filled (skipped where no tmpfs can be mounted)', () => {
  it('keeps everything waiting, and LMDB from writing', { timeout: 60_000 }, async () => {
    const started = await ServerProcess.start({ dataDir: join(directory, 'data') });
    server = started.server;
    const connection = await amqplib.connect(started.url);
    const channel = await connection.createChannel();
    await channel.assertQueue('q');
    const publisher = new Publisher();
    await publisher.publish(connection, 10);
    await publisher.allConfirmed();

    const ballast = join(directory, 'ballast');
    expect(() => writeFileSync(ballast, Buffer.alloc(diskBytes))).toThrow('ENOSPC');
    let taken = 0;
    await channel.consume('q', (message) => {
      if (message === null) return;
      taken++;
      channel.ack(message);
    });
    await server.logged('the store is full');
    await publisher.publish(connection, 10);
    rmSync(ballast);
    await publisher.allConfirmed();
    await server.logged('the store has room again');
    await expect.poll(() => taken).toBe(20);
    await connection.close();
    expect(await server.stop()).toBe(0);
    expect(server.complaints).toEqual([]);
  });
});

describe.skipIf(!mayMount)('a disk that is read-only (skipped where no tmpfs can be mounted)', () => {
  it('is named in one line, and used again once it can be written to', { timeout: 60_000 }, async () => {
    const dataDir = join(directory, 'data');
    const first = await ServerProcess.start({ dataDir });
    server = first.server;
    const publisher = new Publisher();
    const connection = await amqplib.connect(first.url);
    await (await connection.createChannel()).assertQueue('q');
    await publisher.publish(connection, 10);
    await publisher.allConfirmed();
    await connection.close();
    expect(await server.stop()).toBe(0);

    remountDisk(directory, 'ro');
    const refused = new ServerProcess({ dataDir });
    expect(await refused.ended()).toBe(73);
    expect(refused.complaints).toEqual([
      expect.stringContaining(`cannot write to the data directory ${dataDir}`),
    ]);

    remountDisk(directory, 'rw');
    const again = await ServerProcess.start({ dataDir });
    server = again.server;
    const next = await amqplib.connect(again.url);
    expect((await (await next.createChannel()).checkQueue('q')).messageCount).toBe(10);
    await next.close();
  });
});
