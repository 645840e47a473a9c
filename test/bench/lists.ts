/**
 * What lists of very many queues cost: the time of each request, and how long the event loop was kept meanwhile, which
 * is what the data path would wait. `npm run bench:lists [-- QUEUES]`. The client is curl, so only the broker counts.
 */

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { startBroker } from '../../src/index.ts';

const run = promisify(execFile);
const queueCount = Number(process.argv[2] ?? 100_000);
const broker = await startBroker({ port: 0, managementPort: 0 });
const directory = await mkdtemp(join(tmpdir(), 'bench-lists-'));

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

/** Sends a request and throws the answer away. */
const curl =
  (path: string, ...options: readonly string[]) =>
  async () => {
    const url = `http://127.0.0.1:${broker.managementPort}${path}`;
    const common = ['-s', '-u', 'guest:guest', '-o', '/dev/null', '-w', '%{http_code}'];
    const { stdout } = await run('curl', [...common, ...options, url]);
    if (!stdout.startsWith('2')) throw new Error(`${path}: ${stdout}`);
  };

const queues = Array.from({ length: queueCount }, (_, index) => ({
  name: `queue-${((index * 7919) % queueCount).toString().padStart(7, '0')}`,
  vhost: '/',
  durable: true,
  auto_delete: false,
  arguments: {},
}));
const file = join(directory, 'definitions.json');
await writeFile(file, JSON.stringify({ queues }));
await measure(`import of ${queueCount} queues`, curl('/api/definitions', '--data-binary', `@${file}`));
await measure('import of the same', curl('/api/definitions', '-F', `file=@${file}`));
await measure(
  'idle for ten seconds (samples are taken)',
  () => new Promise((resolve) => setTimeout(resolve, 10_000)),
);
await measure('overview', curl('/api/overview'));
await measure('page 1', curl('/api/queues?page=1&page_size=100'));
await measure('page 2', curl('/api/queues?page=2&page_size=100'));
await measure('page 1 by messages', curl('/api/queues?page=1&page_size=100&sort=messages&sort_reverse=true'));
await measure('page 1 by messages published', curl('/api/queues?page=1&sort=message_stats.publish'));
await measure('page 1 of names that match', curl('/api/queues?page=1&name=99%24&use_regex=true'));
await measure('one queue', curl('/api/queues/%2F/queue-0000000'));
await measure('everything', curl('/api/queues'));
await measure('export of definitions', curl('/api/definitions'));
await broker.close();
await rm(directory, { recursive: true });
