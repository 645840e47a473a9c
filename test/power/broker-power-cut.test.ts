import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AMQPClient } from '@cloudamqp/amqp-client';
import amqplib, { type ConfirmChannel } from 'amqplib';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Books } from '../crash/books.ts';
import { killRepeatedly } from '../crash/crash-loop.ts';
import { delayThroughKills } from '../crash/delaying-client.ts';
import { repeatThroughKills } from '../crash/repeating-publisher.ts';
import { ServerProcess } from '../crash/server-process.ts';
import { randomNumbers } from '../storage/crash/random.ts';
import { newDirectory, removeDirectories } from '../storage/support.ts';
import { type CutMode, hasCompiler, PowerMachine } from './power-machine.ts';

/** `npm run test:power` cuts as often as this says, half of the times in each mode. LEVERET_SEED repeats a run. */
const wantedCuts = process.env['LEVERET_POWER_CUTS'];
const seed = Number(process.env['LEVERET_SEED'] ?? Date.now() % 1e9);
const cutsPerMode = Math.ceil(Number(wantedCuts ?? 2) / 2);

/** A flush that fails, a disk that fails (EIO), and one that the kernel has made read-only (EROFS). */
const ioFaults = ['dsync:1-1000000:5', 'write:1-1000000:5', 'write:1-1000000:30'];

const servers: ServerProcess[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.kill();
});
afterAll(removeDirectories);

async function start(options: { dataDir: string; env: Record<string, string> }) {
  const started = await ServerProcess.start(options);
  servers.push(started.server);
  return started;
}

/** Connects to a broker whose flushes all take so long. */
async function connectToSlow(syncMs: number) {
  const machine = new PowerMachine(newDirectory());
  const env = machine.environment({ syncMs, dsyncMs: syncMs });
  const { url } = await start({ dataDir: newDirectory(), env });
  const connection = await amqplib.connect(url);
  return { url, connection, channel: await connection.createConfirmChannel() };
}

describe.skipIf(!hasCompiler())('a broker on a machine that loses power', () => {
  for (const mode of ['drop', 'random'] as const) {
    it.skipIf(wantedCuts === undefined)(
      `loses nothing it has confirmed, ${cutsPerMode} times (${mode})`,
      {
        timeout: 20_000 + cutsPerMode * 15_000,
      },
      () => cutRepeatedly(mode),
    );

    it.skipIf(wantedCuts === undefined)(
      `takes every message once, though its publisher repeats it, ${cutsPerMode} times (${mode})`,
      { timeout: 30_000 + cutsPerMode * 15_000 },
      () => cutUnderRepeats(mode),
    );

    it.skipIf(wantedCuts === undefined)(
      `gives out delayed and retried messages once, ${cutsPerMode} times (${mode})`,
      { timeout: 30_000 + cutsPerMode * 15_000 },
      () => cutUnderDelays(mode),
    );
  }

  it('says nothing before the flush', { timeout: 30_000 }, async () => {
    const syncMs = 40;
    const { url, connection, channel } = await connectToSlow(syncMs);
    const slowerThanAFlush = async (act: () => Promise<unknown>) => {
      const startedAt = performance.now();
      await act();
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(syncMs - 1);
    };
    await slowerThanAFlush(() => channel.assertQueue('q'));
    await slowerThanAFlush(() => channel.assertExchange('x', 'direct'));
    await slowerThanAFlush(() => channel.bindQueue('q', 'x', 'k'));
    await slowerThanAFlush(() => confirmed(channel, 'x', 'k'));
    await channel.assertExchange('later', 'x-delayed-message', { arguments: { 'x-delayed-type': 'direct' } });
    await slowerThanAFlush(() => confirmed(channel, 'later', 'k', { 'x-delay': 3_600_000 }));
    await channel.assertQueue('s', { arguments: { 'x-queue-type': 'stream' } });
    await slowerThanAFlush(() => confirmed(channel, '', 's'));
    await channel.assertExchange('once', 'x-message-deduplication', { arguments: { 'x-cache-size': 10 } });
    await channel.bindQueue('q', 'once', 'k');
    const first = { 'x-deduplication-header': '1' };
    await slowerThanAFlush(async () => {
      await Promise.race([confirmed(channel, 'once', 'k', first), confirmed(channel, 'once', 'k', first)]);
    });
    const client = new AMQPClient(url);
    await client.connect();
    const tx = await client.channel();
    await tx.txSelect();
    await tx.basicPublish('x', 'k', 'x', { deliveryMode: 2 });
    await slowerThanAFlush(() => tx.txCommit());
    await client.close();
    await slowerThanAFlush(() => channel.unbindQueue('q', 'x', 'k'));
    await slowerThanAFlush(() => channel.deleteExchange('x'));
    await slowerThanAFlush(() => channel.deleteQueue('q'));
    await connection.close();
  });

  it('confirms a large message last, which others do not wait for', { timeout: 30_000 }, async () => {
    const syncMs = 20;
    const { connection, channel } = await connectToSlow(syncMs);
    const other = await connection.createConfirmChannel();
    await channel.assertQueue('large');
    await channel.assertQueue('small');
    const confirms: string[] = [];
    const startedAt = performance.now();
    const large = new Promise<void>((resolve) => {
      channel.sendToQueue('large', Buffer.alloc(17 * 2 ** 20, 'x'), { persistent: true }, () => {
        confirms.push('large');
        resolve();
      });
    });
    // It is with its consumers at once.
    await new Promise<void>((resolve) => void other.consume('large', () => resolve(), { noAck: false }));
    for (let i = 0; i < 3; i++) {
      await confirmed(other, '', 'small');
      confirms.push('small');
    }
    await large;
    expect(confirms).toEqual(['small', 'small', 'small', 'large']);
    expect(performance.now() - startedAt).toBeGreaterThan(17 * syncMs);
    await connection.close();
  });

  it('confirms a large message when it is in all queues', { timeout: 30_000 }, async () => {
    const syncMs = 20;
    const { connection, channel } = await connectToSlow(syncMs);
    // In the second one it has to be in the same commit as what is remembered of it.
    await channel.assertExchange('all', 'fanout');
    await channel.assertQueue('a');
    await channel.assertQueue('b', { arguments: { 'x-message-deduplication': true } });
    for (const queue of ['a', 'b']) await channel.bindQueue(queue, 'all', '');
    const startedAt = performance.now();
    await new Promise<void>((resolve) => {
      const headers = { 'x-deduplication-header': '1' };
      channel.publish('all', '', Buffer.alloc(17 * 2 ** 20, 'x'), { persistent: true, headers }, () =>
        resolve(),
      );
    });
    expect(performance.now() - startedAt).toBeGreaterThan(17 * syncMs);
    await connection.close();
  });

  it.each(wantedCuts === undefined ? ['dsync:1-1000000:5'] : ioFaults)(
    'confirms nothing after an I/O error (%s) and exits',
    async (fault) => {
      const directory = newDirectory();
      const machine = new PowerMachine(directory);
      const faultFile = join(directory, 'faults-on');
      const dataDir = newDirectory();
      const env = machine.environment({ syncMs: 0, dsyncMs: 0 });
      const faulty = { ...env, POWERLOSS_FAIL: fault, POWERLOSS_FAIL_IF: faultFile };
      const { server, url } = await start({ dataDir, env: faulty });
      const connection = await amqplib.connect(url);
      connection.on('error', () => {});
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => {});
      await channel.assertQueue('q');
      await confirmed(channel, '', 'q');
      writeFileSync(faultFile, '');
      await expect(confirmed(channel, '', 'q')).rejects.toThrow();
      expect(await server.ended()).toBe(1);
      expect(server.log).toContain('the store failed; the next start recovers what is on disk');

      rmSync(faultFile);
      machine.cut('drop', seed, 0.5);
      const again = await start({ dataDir, env });
      const next = await amqplib.connect(again.url);
      const { messageCount } = await (await next.createChannel()).checkQueue('q');
      expect(messageCount).toBe(1);
      await next.close();
    },
  );
});

function confirmed(
  channel: ConfirmChannel,
  exchange: string,
  routingKey: string,
  headers: object = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.publish(exchange, routingKey, Buffer.from('x'), { persistent: true, headers }, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}

async function cutUnderRepeats(mode: CutMode): Promise<void> {
  const random = randomNumbers(seed);
  const machine = new PowerMachine(newDirectory());
  let cuts = 0;
  const afterKill = () => void machine.cut(mode, seed + cuts++, 0.5);
  const env = machine.environment({ syncMs: 4, dsyncMs: 2 });
  const dataDir = newDirectory();
  const { published, repeated } = await repeatThroughKills({
    dataDir,
    random,
    kills: cutsPerMode,
    env,
    afterKill,
  });
  process.stderr.write(`${mode}, seed ${seed}: ${published} messages, ${repeated} repeated\n`);
  expect(Math.min(published, repeated)).toBeGreaterThan(cutsPerMode);
}

async function cutUnderDelays(mode: CutMode): Promise<void> {
  const random = randomNumbers(seed);
  const machine = new PowerMachine(newDirectory());
  let cuts = 0;
  const afterKill = () => void machine.cut(mode, seed + cuts++, 0.5);
  const env = machine.environment({ syncMs: 4, dsyncMs: 2 });
  const tally = await delayThroughKills({
    dataDir: newDirectory(),
    random,
    kills: cutsPerMode,
    env,
    afterKill,
  });
  process.stderr.write(`${mode}, seed ${seed}: ${tally}\n`);
  expect(tally.confirmed).toBeGreaterThan(cutsPerMode);
}

async function cutRepeatedly(mode: CutMode): Promise<void> {
  const books = new Books();
  const random = randomNumbers(seed);
  const machine = new PowerMachine(newDirectory());
  const startedAt = performance.now();
  let withPending = 0;
  const cut = () => {
    const survival = [0.1, 0.5, 0.9][Math.floor(random() * 3)] ?? 0.5;
    // Now and then only the process dies, and the power goes when the next one runs.
    if (random() < 0.15) return;
    if (machine.cut(mode, seed + books.tally.kills, survival) > 0) withPending++;
  };
  try {
    const env = machine.environment({ syncMs: 4, dsyncMs: 2 });
    await killRepeatedly({ dataDir: newDirectory(), books, random, kills: cutsPerMode, env, afterKill: cut });
  } catch (error) {
    const command = `LEVERET_SEED=${seed} LEVERET_POWER_CUTS=${2 * cutsPerMode} npx vitest run test/power -t ${mode}`;
    throw new Error(`to repeat: ${command}`, { cause: error });
  }
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  process.stderr.write(
    `${mode}, seed ${seed}: ${seconds} s, ${withPending} with pending blocks, ${books.tally}\n`,
  );
  expect(books.tally.confirmed).toBeGreaterThan(cutsPerMode);
}
