import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Channel, type ChannelModel, type ConsumeMessage, connect, type Options } from 'amqplib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startBroker } from '../../src/index.ts';
import type { RunningBroker } from '../../src/options.ts';
import { openEnvironment, transact } from '../../src/storage/lmdb/environment.ts';

let dataDir = '';
let broker: RunningBroker;
let client: ChannelModel;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'leveret-streams-'));
  await start();
});

afterEach(async () => {
  await client.close().catch(() => {});
  await broker.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  broker = await startBroker({ port: 0, dataDir });
  client = await connect(broker.url);
  client.on('error', () => {});
}

async function restart(): Promise<void> {
  await client.close();
  await broker.close();
  await start();
}

async function declare(args: object = {}): Promise<void> {
  const channel = await client.createChannel();
  await channel.assertQueue('s', { durable: true, arguments: { 'x-queue-type': 'stream', ...args } });
  await channel.close();
}

async function publish(bodies: readonly string[], options: Options.Publish = {}): Promise<void> {
  const channel = await client.createConfirmChannel();
  for (const body of bodies) channel.sendToQueue('s', Buffer.from(body), options);
  await channel.waitForConfirms();
  await channel.close();
}

function numbered(count: number, from = 0, size = 0): string[] {
  return Array.from({ length: count }, (_, i) => `${from + i} `.padEnd(size, '.'));
}

function offsetOf(message: ConsumeMessage): number {
  return Number(message.properties.headers?.['x-stream-offset']);
}

/** A consumer on a channel of its own. */
class Reader {
  readonly seen: ConsumeMessage[] = [];
  readonly channel: Channel;
  readonly #acknowledges: boolean;
  #waiter: { readonly count: number; readonly resolve: () => void } | undefined;

  private constructor(channel: Channel, acknowledges: boolean) {
    this.channel = channel;
    this.#acknowledges = acknowledges;
  }

  static async open(
    args: object,
    { tag = '', prefetch = 100, acknowledges = true }: ReaderOptions = {},
  ): Promise<Reader> {
    const channel = await client.createChannel();
    channel.on('error', () => {});
    await channel.prefetch(prefetch);
    const reader = new Reader(channel, acknowledges);
    await channel.consume('s', (message) => message && reader.#take(message), {
      consumerTag: tag,
      arguments: args,
    });
    return reader;
  }

  #take(message: ConsumeMessage): void {
    this.seen.push(message);
    if (this.#acknowledges) this.channel.ack(message);
    if (this.#waiter !== undefined && this.seen.length >= this.#waiter.count) this.#waiter.resolve();
  }

  /** Offsets of the first `count` messages, when they are there. */
  async offsets(count: number): Promise<number[]> {
    if (this.seen.length < count) {
      await new Promise<void>((resolve) => {
        this.#waiter = { count, resolve };
      });
    }
    return this.seen.slice(0, count).map(offsetOf);
  }
}

interface ReaderOptions {
  readonly tag?: string;
  readonly prefetch?: number;
  readonly acknowledges?: boolean;
}

const tracked = { 'x-stream-automatic-offset-tracking': true, 'x-stream-offset': 'first' };

describe('tracked offsets', () => {
  test('a consumer goes on behind what it has acknowledged, over a restart too', async () => {
    await declare();
    await publish(numbered(10));
    const first = await Reader.open(tracked, { tag: 'me', acknowledges: false });
    expect(await first.offsets(10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const message of first.seen.slice(0, 4)) first.channel.ack(message);
    await first.channel.close();

    const second = await Reader.open(tracked, { tag: 'me', acknowledges: false });
    expect(await second.offsets(6)).toEqual([4, 5, 6, 7, 8, 9]);
    // Out of order: the oldest one counts.
    for (const message of second.seen.slice(1, 5)) second.channel.ack(message);
    await second.channel.close();

    await restart();
    const third = await Reader.open(tracked, { tag: 'me' });
    expect(await third.offsets(6)).toEqual([4, 5, 6, 7, 8, 9]);
    await third.channel.checkQueue('s');
    await restart();
    const fourth = await Reader.open(tracked, { tag: 'me' });
    await publish(['new']);
    expect(await fourth.offsets(1)).toEqual([10]);
  });

  test('each tag has its own, and no tag none', async () => {
    await declare();
    await publish(numbered(3));
    const me = await Reader.open(tracked, { tag: 'me' });
    await me.offsets(3);
    await me.channel.checkQueue('s');
    await me.channel.close();
    expect(await (await Reader.open(tracked, { tag: 'you' })).offsets(1)).toEqual([0]);
    expect(await (await Reader.open({ 'x-stream-offset': 'first' }, { tag: 'me' })).offsets(1)).toEqual([0]);
  });

  test('what a cancelled consumer still acknowledges counts', async () => {
    await declare();
    await publish(numbered(5));
    const first = await Reader.open(tracked, { tag: 'me', acknowledges: false });
    await first.offsets(5);
    await first.channel.cancel('me');
    await publish(['new']);
    for (const message of first.seen) first.channel.ack(message);
    await first.channel.checkQueue('s');
    expect(first.seen.length).toBe(5);
    await first.channel.close();
    const second = await Reader.open(tracked, { tag: 'me' });
    expect(await second.offsets(1)).toEqual([5]);
  });

  test('a tag of the broker is refused', async () => {
    await declare();
    const text = `invalid arg 'x-stream-automatic-offset-tracking' for queue 's' in vhost '/'`;
    await expect(Reader.open(tracked)).rejects.toThrow(text);
  });
});

describe('filters', () => {
  const value = (text: string) => ({ headers: { 'x-stream-filter-value': text, other: 1 } });

  async function publishColours(): Promise<void> {
    await declare();
    await publish(['0', '1'], value('red'));
    await publish(['2'], value('green'));
    await publish(['3']);
    await publish(['4'], value('blue'));
    await publish(['5'], { headers: { other: 2 } });
    await publish(['6'], value('red'));
  }

  test.each<[string, object, number[]]>([
    ['one value', { 'x-stream-filter': 'red' }, [0, 1, 6]],
    ['several', { 'x-stream-filter': ['green', 'blue'] }, [2, 4]],
    [
      'a value, and those without',
      { 'x-stream-filter': 'red', 'x-stream-match-unfiltered': true },
      [0, 1, 3, 5, 6],
    ],
    ['no value', { 'x-stream-match-unfiltered': true }, [0, 1, 2, 3, 4, 5, 6]],
  ])('%s', async (_title, args, expected) => {
    await publishColours();
    const all = { ...args, 'x-stream-offset': 'first' };
    expect(await (await Reader.open(all, { prefetch: 1 })).offsets(expected.length)).toEqual(expected);
  });

  test('what does not match is behind a tracked consumer', async () => {
    await publishColours();
    const args = { ...tracked, 'x-stream-filter': 'green' };
    const first = await Reader.open(args, { tag: 'me' });
    expect(await first.offsets(1)).toEqual([2]);
    await first.channel.checkQueue('s');
    await first.channel.close();
    await publish(['7'], value('green'));
    expect(await (await Reader.open(args, { tag: 'me' })).offsets(1)).toEqual([7]);
  });

  test('a long stream, over restarts, is told apart by what its parts hold', async () => {
    await declare({ 'x-stream-filter-size-bytes': 32 });
    const parts = ['red', 'green', 'red', 'blue', 'green', 'red'];
    const expected: number[] = [];
    for (const [part, colour] of parts.entries()) {
      if (part === 3) await restart();
      await publish(numbered(80, part * 80, 5000), value(colour));
      if (colour === 'green') expected.push(...Array.from({ length: 80 }, (_, i) => part * 80 + i));
    }
    await restart();
    const args = { 'x-stream-filter': 'green', 'x-stream-offset': 'first' };
    const reader = await Reader.open(args, { prefetch: 10 });
    await reader.offsets(160);
    await publish(['last'], value('green'));
    expect(await reader.offsets(161)).toEqual([...expected, 480]);
  });

  test.each([15, 256])('cannot be %i bytes long', async (size) => {
    const text = `expected 16 to 255, got ${size}`;
    await expect(declare({ 'x-stream-filter-size-bytes': size })).rejects.toThrow(text);
  });

  test.each([
    ['x-stream-filter', 5, '{unacceptable_type,byte}'],
    ['x-stream-match-unfiltered', 'yes', '{unacceptable_type,longstr}'],
  ])('%s: %s is refused', async (key, wrong, fault) => {
    await declare();
    const text = `invalid arg '${key}' for queue 's' in vhost '/': ${fault}`;
    await expect(Reader.open({ [key]: wrong })).rejects.toThrow(text);
  });
});

test('a repeated message gets no second offset where the stream is to tell', async () => {
  await declare({ 'x-message-deduplication': true, 'x-cache-size': 100 });
  await publish(['a'], { headers: { 'x-deduplication-header': 'one' } });
  await publish(['b'], { headers: { 'x-deduplication-header': 'two' } });
  await publish(['a'], { headers: { 'x-deduplication-header': 'one' } });
  await publish(['c'], { headers: { 'x-deduplication-header': 'three' } });
  const reader = await Reader.open({ 'x-stream-offset': 'first' });
  expect(await reader.offsets(3)).toEqual([0, 1, 2]);
  expect(reader.seen.map(({ content }) => content.toString())).toEqual(['a', 'b', 'c']);
});

describe('on disk', () => {
  test('offsets, order and counts are the same after a restart', async () => {
    await declare();
    await publish(numbered(3000, 0, 1000), { persistent: false });
    await restart();
    const channel = await client.createChannel();
    expect((await channel.checkQueue('s')).messageCount).toBe(3000);
    const reader = await Reader.open({ 'x-stream-offset': 'first' });
    expect(await reader.offsets(3000)).toEqual(Array.from({ length: 3000 }, (_, i) => i));
    expect(reader.seen[2999]?.content.toString()).toMatch(/^2999 /);
    await publish(['new']);
    expect((await reader.offsets(3001)).at(-1)).toBe(3000);
  });

  test('a stream much longer than what stays in memory is read from any place', {
    timeout: 30_000,
  }, async () => {
    await declare();
    const bodies = numbered(20_000, 0, 2000);
    await publish(bodies);
    const places = Array.from({ length: 40 }, (_, i) => i * 500);
    const readers = await Promise.all(
      places.map((place) => Reader.open({ 'x-stream-offset': place }, { prefetch: 50 })),
    );
    for (const [i, reader] of readers.entries()) {
      const from = places[i] ?? 0;
      const expected = Array.from({ length: 500 }, (_, k) => from + k);
      expect(await reader.offsets(500)).toEqual(expected);
      for (const message of reader.seen.slice(0, 500))
        expect(message.content.toString()).toBe(bodies[offsetOf(message)]);
    }
  });

  test('a restart keeps what retention has left, and goes on with it', async () => {
    const args = { 'x-max-length-bytes': 300_000, 'x-stream-max-segment-size-bytes': 50_000 };
    await declare(args);
    await publish(numbered(600, 0, 1000));
    const [before] = await (await Reader.open({ 'x-stream-offset': 'first' })).offsets(1);
    await restart();
    const [after] = await (await Reader.open({ 'x-stream-offset': 'first' })).offsets(1);
    expect(after).toBe(before);
    expect(before).toBeGreaterThan(250);
    await publish(numbered(600, 600, 1000));
    const [last] = await (await Reader.open({ 'x-stream-offset': 0 })).offsets(1);
    expect(last).toBeGreaterThan(850);
    expect(last).toBeLessThan(1000);
  });

  test('a deleted stream is gone for good', async () => {
    await declare();
    await publish(numbered(10));
    const channel = await client.createChannel();
    expect((await channel.deleteQueue('s')).messageCount).toBe(10);
    await declare();
    await publish(['again']);
    expect(await (await Reader.open({ 'x-stream-offset': 'first' })).offsets(1)).toEqual([0]);
    await restart();
    const reader = await Reader.open({ 'x-stream-offset': 'first' });
    expect(await reader.offsets(1)).toEqual([0]);
    expect(reader.seen[0]?.content.toString()).toBe('again');
    expect(readdirSync(dataDir)).toContain('logs.mdb');
  });

  test('without its state a stream is all that is on disk, and knows no consumers', async () => {
    await declare({ 'x-max-length-bytes': 50_000, 'x-stream-max-segment-size-bytes': 10_000 });
    await publish(numbered(200, 0, 1000));
    const reader = await Reader.open(tracked, { tag: 'me' });
    await reader.offsets(40);
    await client.close();
    await broker.close();
    await damageStates();
    await start();
    const again = await Reader.open(tracked, { tag: 'me' });
    // What retention had taken away may be there again, as far as it was ever written.
    const offsets = await again.offsets(40);
    expect(offsets[0]).toBeLessThanOrEqual(160);
    // What is too much leaves when the next segment is full.
    await publish(numbered(20, 200, 1000));
    const channel = await client.createChannel();
    expect((await channel.checkQueue('s')).messageCount).toBeLessThan(60);
    const last = await Reader.open({ 'x-stream-offset': 'first' });
    const [first = 0] = await last.offsets(1);
    const rest = await last.offsets(220 - first);
    expect(rest).toEqual(Array.from({ length: 220 - first }, (_, i) => first + i));
    for (const message of last.seen) expect(message.content.toString()).toMatch(`${offsetOf(message)} `);
  });
});

/** Makes all states of logs unreadable. */
async function damageStates(): Promise<void> {
  const environment = openEnvironment(join(dataDir, 'logs.mdb'), 2 ** 24);
  const rows = [...environment.getRange({ start: Buffer.from([3]) })];
  expect(rows.length).toBeGreaterThan(0);
  await transact(environment, () => {
    for (const { key } of rows) environment.put(Buffer.from(key), Buffer.from('not a state at all'));
  });
  await environment.close();
}
