/**
 * What lists of very many queues cost: the time of each request, and how long the event loop was kept meanwhile, which
 * is what the data path would wait. `npm run bench:lists [-- QUEUES]`. Client and broker share the process, so reading a long answer counts, too.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { startBroker } from '../../src/index.ts';
import { HttpClient } from '../management/http-client.ts';

const queueCount = Number(process.argv[2] ?? 100_000);
const broker = await startBroker({ port: 0, managementPort: 0 });
const http = new HttpClient(broker.managementPort);

async function measure(what: string, work: () => Promise<unknown>): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  delay.disable();
  process.stdout.write(
    `${what.padEnd(44)} ${ms.toFixed(0).padStart(7)} ms, event loop at most ${(delay.max / 1e6).toFixed(0)} ms\n`,
  );
}

const get = (path: string) => async () => {
  const { status } = await http.get(path);
  if (status !== 200) throw new Error(`${path}: ${status}`);
};

const queues = Array.from({ length: queueCount }, (_, index) => ({
  name: `queue-${((index * 7919) % queueCount).toString().padStart(7, '0')}`,
  vhost: '/',
  durable: true,
  auto_delete: false,
  arguments: {},
}));
await measure(`import of ${queueCount} queues`, () => http.post('/api/definitions', { queues }));
await measure(
  'idle for ten seconds (samples are taken)',
  () => new Promise((resolve) => setTimeout(resolve, 10_000)),
);
await measure('overview', get('/api/overview'));
await measure('page 1', get('/api/queues?page=1&page_size=100'));
await measure('page 2', get('/api/queues?page=2&page_size=100'));
await measure('page 1 by messages', get('/api/queues?page=1&page_size=100&sort=messages&sort_reverse=true'));
await measure('page 1 by messages published', get('/api/queues?page=1&sort=message_stats.publish'));
await measure('page 1 of names that match', get('/api/queues?page=1&name=99%24&use_regex=true'));
await measure('one queue', get('/api/queues/%2F/queue-0000000'));
await measure('everything', get('/api/queues'));
await measure('export of definitions', get('/api/definitions'));
await broker.close();
