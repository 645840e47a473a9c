/** Pages that are so large that a thread writes them. */
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type ChannelModel, connect } from 'amqplib';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RunningBroker } from '../../src/index.ts';
import { silentLogger } from '../../src/logger.ts';

/** As it is built: Node.js 20 starts no thread from TypeScript. */
const built = new URL('../../dist/index.js', import.meta.url).href;
const { startBroker }: typeof import('../../src/index.ts') = await import(built);
const { LineThread }: typeof import('../../src/metrics/line-thread.ts') = await import(
  new URL('../../dist/line-thread.js', import.meta.url).href
);

const queues = Array.from({ length: 700 }, (_, i) => (i % 100 === 0 ? `q "${i}\\ü` : `q${i}`));
const families = 'family=queue_coarse_metrics&family=queue_metrics&family=queue_delivery_metrics';

const posted = vi.spyOn(Worker.prototype, 'postMessage');
let broker: RunningBroker;
let connection: ChannelModel;
const errors: string[] = [];

beforeEach(async () => {
  posted.mockClear();
  errors.length = 0;
  const logger = { ...silentLogger, error: (_fields: object, message: string) => errors.push(message) };
  broker = await startBroker({ port: 0, metricsPort: 0, logger });
  connection = await connect(broker.url);
  const channel = await connection.createConfirmChannel();
  await Promise.all(queues.map((queue) => channel.assertQueue(queue)));
  for (let i = 0; i < queues.length; i += 30)
    channel.sendToQueue(queues[i] ?? '', Buffer.alloc(i), { timestamp: 1_700_000_000 + i });
  await channel.waitForConfirms();
});
afterEach(async () => {
  await connection.close();
  await broker.close();
});

async function page(query: string): Promise<readonly string[]> {
  const response = await fetch(`http://127.0.0.1:${broker.metricsPort}${query}`);
  return (await response.text()).split('\n').filter((line) => line.startsWith('rabbitmq_detailed_'));
}

it('has the lines that smaller pages have', async () => {
  const all = await page(`/metrics/detailed?${families}`);
  // One for each section of the page.
  expect(posted).toHaveBeenCalledTimes(2);
  const parts: string[] = [];
  for (let i = 0; i < queues.length; i += 350) {
    const some = queues.slice(i, i + 350).map((queue) => `&queue=${encodeURIComponent(queue)}`);
    parts.push(...(await page(`/metrics/detailed?${families}${some.join('')}`)));
  }
  expect(posted).toHaveBeenCalledTimes(2);
  expect(all.toSorted()).toEqual(parts.toSorted());
  expect(all.length).toBeGreaterThan(queues.length * 25);
  expect(all).toContain('rabbitmq_detailed_queue_messages_ready_bytes{vhost="/",queue="q30"} 30');
  expect(all).toContain('rabbitmq_detailed_queue_messages_ready{vhost="/",queue="q \\"600\\\\ü"} 1');
  const names = all.map((line) => line.slice(0, line.indexOf('{')));
  expect(names.filter((name, i) => name !== names[i - 1])).toEqual([...new Set(names)]);
});

it('breaks off when the thread dies, and has another one for the next page', async () => {
  const post = Worker.prototype.postMessage;
  posted.mockImplementationOnce(function (this: Worker, ...message) {
    post.apply(this, message);
    void this.terminate();
  });
  await expect(page('/metrics/per-object')).rejects.toThrow();
  expect(errors).toEqual(['a page of metrics could not be written']);
  expect((await page(`/metrics/detailed?${families}`)).length).toBeGreaterThan(queues.length * 25);
});

it('breaks off when the thread dies while rows are noted', async () => {
  const thread = new LineThread(silentLogger);
  const worker = thread.prepare();
  const section = { metrics: [{ name: 'm', type: 'gauge', help: '' }], labelNames: ['queue'] } as const;
  const rows = (queue: string) => ({ labels: [queue], values: new Float64Array([1]) });
  const portions = async function* () {
    yield rows('first');
    await worker.terminate();
    // It is told of that in a turn of its own.
    await setImmediate();
    await setImmediate();
    yield rows('second');
  };
  await expect(thread.linesOf(section, portions()).next()).rejects.toThrow('has ended');
});

it('says nothing in the log of a client that gives a page up', async () => {
  const url = `http://127.0.0.1:${broker.metricsPort}/metrics/per-object`;
  for (const encoding of ['gzip', 'identity']) {
    const gone = new AbortController();
    await fetch(url, { headers: { 'accept-encoding': encoding }, signal: gone.signal });
    gone.abort();
  }
  await page(`/metrics/detailed?${families}`);
  expect(errors).toEqual([]);
});

it('refuses a page while sixteen are being read', async () => {
  const url = `http://127.0.0.1:${broker.metricsPort}/metrics/per-object`;
  const held: (() => void)[] = [];
  const post = Worker.prototype.postMessage;
  posted.mockImplementation(function (this: Worker, ...message) {
    held.push(() => post.apply(this, message));
  });
  const pages = await Promise.all(Array.from({ length: 16 }, () => fetch(url)));
  const refused = await fetch(url);
  expect([refused.status, await refused.text()]).toEqual([
    503,
    '16 pages of metrics are being read already\n',
  ]);
  posted.mockReset();
  for (const letGo of held) letGo();
  await Promise.all(pages.map((response) => response.text()));
  expect((await fetch(url)).status).toBe(200);
});
