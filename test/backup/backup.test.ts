import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ExitCode } from '../../src/cli/exit-code.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { Ctl } from '../cli/ctl-harness.ts';

let directory: string;
let broker: RunningBroker;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-backup-'));
});
afterEach(async () => {
  await broker.close();
  rmSync(directory, { recursive: true });
});

const start = (dataDir: string) =>
  startBroker({ port: 0, managementPort: 0, dataDir, generationBytes: 1024 * 1024 });

const queues = ['work', 'dead', 'due'];
const padding = 'x'.repeat(1000);

async function declare(channel: Channel): Promise<void> {
  await channel.assertExchange('later', 'x-delayed-message', { arguments: { 'x-delayed-type': 'fanout' } });
  await channel.assertQueue('work', {
    deadLetterExchange: '',
    deadLetterRoutingKey: 'dead',
  });
  for (const queue of ['dead', 'due']) await channel.assertQueue(queue);
  await channel.bindQueue('due', 'later', '');
}

/** Publishes numbered messages until it is told to stop: each third one for later. */
async function publishUntil(connection: ChannelModel, isOver: () => boolean, confirmed: Set<number>) {
  const channel = await connection.createConfirmChannel();
  for (let id = 0; !isOver(); ) {
    for (let i = 0; i < 100; i++, id++) {
      const body = Buffer.from(`${id} ${padding}`);
      const of = id;
      const done = (error: unknown) => {
        if (error === null) confirmed.add(of);
      };
      const headers = { 'x-delay': 50 + (id % 1000) };
      if (id % 3 === 0) channel.publish('later', '', body, { persistent: true, headers }, done);
      else channel.sendToQueue('work', body, { persistent: true }, done);
    }
    await channel.waitForConfirms();
  }
}

/** Declares a queue, has a message confirmed in it, and so on with the next, until it is told to stop. */
async function declareUntil(connection: ChannelModel, isOver: () => boolean): Promise<void> {
  const channel = await connection.createConfirmChannel();
  for (let i = 0; !isOver(); i++) {
    await channel.assertQueue(`declared-${i}`);
    channel.sendToQueue(`declared-${i}`, Buffer.from('x'), { persistent: true });
    await channel.waitForConfirms();
  }
}

/** Queues and messages are those of one moment: only the queue that was declared last may be without its message. */
async function expectMessagesInDeclared(connection: ChannelModel): Promise<void> {
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  const counts: number[] = [];
  const count = async (): Promise<void> => {
    counts.push((await channel.checkQueue(`declared-${counts.length}`)).messageCount);
    await count();
  };
  await expect(count()).rejects.toThrow('NOT_FOUND');
  expect(counts.length).toBeGreaterThan(1);
  expect(counts.slice(0, -1).filter((messages) => messages !== 1)).toEqual([]);
}

/** Acknowledges some, rejects others, leaves the rest. */
async function work(connection: ChannelModel, consumed: Set<number>): Promise<void> {
  const channel = await connection.createChannel();
  await channel.prefetch(200);
  await channel.consume('work', (message) => {
    if (message === null) return;
    const id = Number.parseInt(message.content.toString(), 10);
    if (id % 5 === 0) {
      consumed.add(id);
      channel.ack(message);
    } else if (id % 5 === 1) channel.nack(message, false, false);
    else if (id % 50 !== 2) channel.nack(message, false, id % 7 !== 0);
  });
}

/** The ids of all messages there are, those that are due later included. */
async function drain(connection: ChannelModel): Promise<ReadonlySet<number>> {
  const channel = await connection.createChannel();
  const found = new Set<number>();
  for (const queue of queues) {
    await channel.consume(
      queue,
      (message) => {
        const text = message?.content.toString() ?? '';
        expect(text.slice(text.indexOf(' ') + 1)).toBe(padding);
        found.add(Number.parseInt(text, 10));
      },
      { noAck: true },
    );
  }
  await vi.waitFor(
    async () => {
      for (const queue of queues) expect((await channel.checkQueue(queue)).messageCount).toBe(0);
      expect(broker.listDelayed({ exchange: 'later' })).toEqual([]);
    },
    { timeout: 20_000, interval: 50 },
  );
  return found;
}

it('taken under load has every message that was confirmed before, unless it was consumed', async () => {
  broker = await start(join(directory, 'data'));
  const connection = await connect(broker.url);
  await declare(await connection.createChannel());
  const confirmed = new Set<number>();
  const consumed = new Set<number>();
  let isOver = false;
  const publishing = Promise.all([
    publishUntil(connection, () => isOver, confirmed),
    declareUntil(connection, () => isOver),
  ]);
  await vi.waitFor(() => expect(confirmed.size).toBeGreaterThan(4000), { timeout: 20_000, interval: 5 });

  // From here on what was confirmed before is dead-lettered, becomes due, is acknowledged.
  const before = [...confirmed];
  await work(connection, consumed);
  const backup = join(directory, 'backup');
  const taken = await broker.backUp({ directory: backup, bytesPerSecond: 8 * 1024 * 1024 });
  const consumedMeanwhile = new Set(consumed);
  isOver = true;
  await publishing;
  expect(taken).toMatchObject({ directory: backup, state: 'done' });
  expect(taken.bytesDone).toBe(taken.bytesTotal);
  expect(broker.lastBackup).toEqual(taken);
  expect(confirmed.size).toBeGreaterThan(before.length);
  await connection.close();
  await broker.close();

  broker = await start(backup);
  const restored = await connect(broker.url);
  await expectMessagesInDeclared(restored);
  const found = await drain(restored);
  const lost = before.filter((id) => !found.has(id) && !consumedMeanwhile.has(id));
  expect(lost).toEqual([]);
  await restored.close();
}, 60_000);

it('keeps what is consumed meanwhile, goes on as a broker of its own, and the first one gives its space back', async () => {
  broker = await start(join(directory, 'data'));
  const connection = await connect(broker.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('q');
  const publish = async () => {
    for (let i = 0; i < 3000; i++)
      channel.sendToQueue('q', Buffer.from(`${i} ${padding}`), { persistent: true });
    await channel.waitForConfirms();
  };
  await publish();
  const backup = broker.backUp({ directory: join(directory, 'backup'), bytesPerSecond: 4 * 1024 * 1024 });
  await vi.waitFor(() => expect(broker.lastBackup?.bytesTotal).toBeDefined(), 10_000);
  await channel.purgeQueue('q');
  await publish();
  await backup;
  await channel.purgeQueue('q');
  const generations = () => readdirSync(join(directory, 'data')).filter((name) => name.endsWith('.mdb'));
  // The last one stays, and the one that is ready to take over.
  await vi.waitFor(() =>
    expect(generations().filter((name) => /^messages/.test(name)).length).toBeLessThan(3),
  );
  await connection.close();
  await broker.close();

  broker = await start(join(directory, 'backup'));
  const restored = await connect(broker.url);
  const again = await restored.createConfirmChannel();
  expect(await again.checkQueue('q')).toMatchObject({ messageCount: 3000 });
  again.sendToQueue('q', Buffer.from('3000 new'), { persistent: true });
  await again.waitForConfirms();
  for (let i = 0; i <= 3000; i++) {
    const message = await again.get('q', { noAck: true });
    expect(message !== false && Number.parseInt(message.content.toString(), 10)).toBe(i);
  }
  await restored.close();
});

async function request(method: string, body?: object) {
  const response = await fetch(`http://127.0.0.1:${broker.managementPort}/api/backup`, {
    method,
    headers: { authorization: `Basic ${btoa('guest:guest')}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

it('is made by HTTP, and says why when it cannot be', async () => {
  broker = await start(join(directory, 'data'));
  expect(await request('GET')).toEqual({ status: 200, body: { state: 'none' } });
  const target = join(directory, 'backup');
  expect(await request('POST', { directory: target })).toMatchObject({
    status: 200,
    body: { directory: target, state: 'done' },
  });
  expect(existsSync(join(target, 'format.json'))).toBe(true);
  expect(await request('POST', { directory: target, wait: false })).toMatchObject({
    status: 400,
    body: { reason: `${target} is there already: choose a new directory` },
  });
  expect(await request('GET')).toMatchObject({ body: { state: 'failed' } });
  expect(await request('POST', { directory: 'here' })).toMatchObject({ status: 400 });
  const nowhere = join(directory, 'no', 'where');
  expect(await request('POST', { directory: nowhere })).toMatchObject({
    status: 400,
    body: { reason: `${join(directory, 'no')} does not exist: make it first` },
  });
  expect(await request('POST', { directory: `${target}2`, wait: false })).toMatchObject({
    status: 202,
    body: { state: 'running' },
  });
  await vi.waitFor(
    async () => expect(await request('GET')).toMatchObject({ body: { state: 'done' } }),
    10_000,
  );
});

it('is made by leveretctl', async () => {
  broker = await start(join(directory, 'data'));
  const program = Ctl.over(broker);
  const target = join(directory, 'backup');
  expect(await program.print('backup', target)).toMatch(
    new RegExp(`^Backing up to ${target} \\.\\.\\.\nBacked up \\d+ bytes to ${target}\n$`),
  );
  expect(existsSync(join(target, 'format.json'))).toBe(true);
  await expect(program.print('backup', target)).rejects.toThrow('is there already');
  expect(await program.exitCode('backup', target)).toBe(ExitCode.CannotCreate);
  expect(await program.exitCode('backup', '/dev/null/backup')).toBe(ExitCode.CannotCreate);
});

it('is broken off when the broker stops, and leaves nothing behind', async () => {
  broker = await start(join(directory, 'data'));
  const backup = broker.backUp({ directory: join(directory, 'backup'), bytesPerSecond: 1 });
  const refused = expect(backup).rejects.toThrow('the broker stops');
  await vi.waitFor(() => expect(broker.lastBackup?.bytesTotal).toBeDefined(), 10_000);
  await broker.close();
  await refused;
  expect(readdirSync(directory)).toEqual(['data']);
});

it('needs a data directory', async () => {
  broker = await startBroker({ port: 0 });
  await expect(broker.backUp({ directory: join(directory, 'backup') })).rejects.toThrow('no data directory');
});
