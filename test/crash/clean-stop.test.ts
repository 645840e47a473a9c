import { setTimeout as delay } from 'node:timers/promises';
import amqplib from 'amqplib';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { randomNumbers } from '../storage/crash/random.ts';
import { newDirectory, removeDirectories } from '../storage/support.ts';
import { Books } from './books.ts';
import { inspect } from './inspection.ts';
import { ServerProcess } from './server-process.ts';
import { Workload } from './workload.ts';

/** `npm run test:crash` stops as often as it kills. */
const stops = Number(process.env['LEVERET_KILLS'] ?? 2);
const seed = Number(process.env['LEVERET_SEED'] ?? Date.now() % 1e9);
const stopMsMax = 4_000;

const servers: ServerProcess[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.kill();
});
afterAll(removeDirectories);

async function start(dataDir: string) {
  const started = await ServerProcess.start({ dataDir });
  servers.push(started.server);
  return started;
}

describe('a broker that is asked to stop under load', () => {
  it(`loses nothing and repeats nothing, ${stops} times`, { timeout: 20_000 + stops * 10_000 }, async () => {
    const books = new Books();
    const random = randomNumbers(seed);
    const dataDir = newDirectory();
    let slowestMs = 0;
    try {
      while (books.tally.stops++ < stops) {
        const { server, url } = await start(dataDir);
        if (books.hasTopology) await inspect(url, books, random, false);
        const workload = new Workload(url, books, random);
        await workload.start();
        await delay(random() * 600);
        const askedAt = performance.now();
        expect(await server.stop()).toBe(0);
        slowestMs = Math.max(slowestMs, performance.now() - askedAt);
        await workload.end();
      }
      const { url } = await start(dataDir);
      await inspect(url, books, random, false);
    } catch (error) {
      const command = `LEVERET_SEED=${seed} LEVERET_KILLS=${stops} npx vitest run test/crash/clean-stop.test.ts`;
      throw new Error(`stop ${books.tally.stops}, to repeat: ${command}`, { cause: error });
    }
    process.stderr.write(`seed ${seed}: slowest stop ${Math.round(slowestMs)} ms, ${books.tally}\n`);
    expect(slowestMs).toBeLessThan(stopMsMax);
  });

  it('remembers what may have been delivered before a crash', { timeout: 60_000 }, async () => {
    const dataDir = newDirectory();
    const first = await start(dataDir);
    await publish(first.url, 'before');
    await first.server.kill();
    const second = await start(dataDir);
    await publish(second.url, 'after');
    expect(await second.server.stop()).toBe(0);
    const { url } = await start(dataDir);
    const connection = await amqplib.connect(url);
    const channel = await connection.createChannel();
    for (const [body, redelivered] of [
      ['before', true],
      ['after', false],
    ]) {
      const message = await channel.get('q', { noAck: true });
      if (message === false) throw new Error('the queue is empty');
      expect([message.content.toString(), message.fields.redelivered]).toEqual([body, redelivered]);
    }
    await connection.close();
  });
});

async function publish(url: string, body: string): Promise<void> {
  const connection = await amqplib.connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('q');
  channel.sendToQueue('q', Buffer.from(body), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
}
