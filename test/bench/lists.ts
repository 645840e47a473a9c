/**
 * What the HTTP API costs when there are very many queues: the time of each request, and how long the event loop was
 * kept meanwhile, which is what the data path would wait. `npm run bench:lists [-- QUEUES]`. Requests come from a
 * process of its own, so only the broker counts.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { startBroker } from '../../src/index.ts';
import type { ListsJob } from './lists-client.ts';

const queueCount = Number(process.argv[2] ?? 100_000);
const client = fork(fileURLToPath(new URL('./lists-client.ts', import.meta.url)));
const directory = await mkdtemp(join(tmpdir(), 'bench-lists-'));
const broker = await startBroker({ port: 0, managementPort: 0, dataDir: directory });
const api = `http://127.0.0.1:${broker.managementPort}/api`;
const amqp = `amqp://guest:guest@127.0.0.1:${broker.port}`;

/** Has the client do something; its answer is how long it took. */
async function ask(job: ListsJob): Promise<number> {
  client.send(job);
  const [answer]: unknown[] = await once(client, 'message');
  if (typeof answer !== 'number') throw new Error(String(answer));
  return answer;
}

const padded = (figure: number) => figure.toFixed(0).padStart(6);

async function measure(what: string, job: ListsJob): Promise<void> {
  // What the garbage collector stops the world for, as far as it is told: part of the longest stretch.
  let pauseMs = 0;
  const collections = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) pauseMs = Math.max(pauseMs, duration);
  });
  collections.observe({ entryTypes: ['gc'] });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const ms = await ask(job);
  delay.disable();
  await new Promise((resolve) => setImmediate(resolve));
  collections.disconnect();
  const longest = `event loop at most ${padded(delay.max / 1e6)} ms (p99 ${padded(delay.percentile(99) / 1e6)})`;
  process.stdout.write(`${what.padEnd(42)} ${padded(ms)} ms, ${longest}, collector ${padded(pauseMs)} ms\n`);
}

const get = (path: string): ListsJob => ({ kind: 'request', url: `${api}${path}` });
const send = (method: string, path: string, body?: unknown): ListsJob => ({
  kind: 'request',
  url: `${api}${path}`,
  method,
  body: body === undefined ? '' : JSON.stringify(body),
});
const definitions = (vhost: string, bindings = false): ListsJob => ({
  kind: 'import',
  url: `${api}/definitions`,
  vhost,
  count: queueCount,
  bindings,
});
const policy = { pattern: '^queue-', definition: { 'max-length': 1000 }, 'apply-to': 'queues' };
const lastPage = Math.max(1, Math.floor(queueCount / 100));

await ask(send('PUT', '/vhosts/other'));
await measure(`import of ${queueCount} queues`, definitions('/'));
await measure('import of the same', definitions('/'));
await measure('import with a binding each', definitions('other', true));
await measure('idle for ten seconds (samples are taken)', { kind: 'wait', ms: 10_000 });
await measure('overview', get('/overview'));
await measure('nodes', get('/nodes'));
await measure('page 1, cold', get('/queues/%2F?page=1&page_size=100'));
await measure('page 1, warm', get('/queues/%2F?page=1&page_size=100'));
await measure('last page', get(`/queues/%2F?page=${lastPage}&page_size=100`));
await measure('page 1 by messages', get('/queues/%2F?page=1&page_size=100&sort=messages&sort_reverse=true'));
await measure('page 1 by messages published', get('/queues/%2F?page=1&sort=message_stats.publish'));
await measure('page 1 by arguments, of which views are made', get('/queues/%2F?page=1&sort=arguments'));
await measure('page 1 of names that match', get('/queues/%2F?page=1&name=99%24&use_regex=true'));
await measure('one queue', get('/queues/%2F/queue-0000000'));
await measure('everything', get('/queues/%2F'));
await measure('everything by messages', get('/queues/%2F?sort=messages'));
await measure('everything, two columns', get('/queues/%2F?columns=name,messages'));
await measure('numbers only', get('/queues/%2F?disable_stats=true&enable_queue_totals=true'));
await measure('bindings', get('/bindings/other'));
await measure('export of definitions', get('/definitions'));
await measure('a policy for all of them', send('PUT', '/policies/%2F/all', policy));
await measure('the same policy is taken back', send('DELETE', '/policies/%2F/all'));
await measure('deletion of the virtual host', send('DELETE', '/vhosts/other'));
await ask({ kind: 'declare', url: amqp, count: queueCount / 2 });
await measure(`${queueCount / 2} consumers`, get('/consumers'));
await measure(`end of ${queueCount / 2} exclusive queues`, { kind: 'close' });
client.disconnect();
await broker.close();
await rm(directory, { recursive: true });
