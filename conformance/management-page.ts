/**
 * Opens every tab of RabbitMQ's own management page against Leveret's HTTP API in a headless Chromium:
 * `npm run check:management-page [-- --screenshots DIRECTORY]`. The page is that of the installed RabbitMQ package;
 * nothing of it is part of this project. An error of a script or a failed request ends the check with exit code 1.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';
import amqp from 'amqplib';
import type { Page } from 'playwright-core';
import { startBroker } from '../src/index.ts';
import { launchBrowser } from '../test/browser/page.ts';
import { HttpClient } from '../test/management/http-client.ts';

const chromiumPath = '/usr/bin/chromium';

/** A tab that shows nothing by then is a fault. */
const tabTimeoutMs = 15_000;

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.ejs': 'text/plain',
};

/** Where the installed RabbitMQ keeps the page. */
function findPage(): string | undefined {
  const library = '/usr/lib/rabbitmq/lib';
  for (const server of existsSync(library) ? readdirSync(library) : []) {
    const plugins = join(library, server, 'plugins');
    for (const plugin of existsSync(plugins) ? readdirSync(plugins) : []) {
      const page = join(plugins, plugin, 'priv/www');
      if (plugin.startsWith('rabbitmq_management-') && existsSync(join(page, 'index.html'))) return page;
    }
  }
  return undefined;
}

/** Serves the files of the page, and passes on what goes to /api. */
function serve(page: string, apiPort: number): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    const path = (incoming.url ?? '/').split('?', 1)[0] ?? '/';
    if (path.startsWith('/api')) forward(incoming, outgoing, apiPort);
    else sendFile(join(page, normalize(path === '/' ? '/index.html' : path)), outgoing);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, port: number): void {
  const { url, method, headers } = incoming;
  const passed = request({ host: '127.0.0.1', port, path: url, method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  passed.on('error', () => outgoing.writeHead(502).end());
  incoming.pipe(passed);
}

function sendFile(file: string, outgoing: ServerResponse): void {
  if (!existsSync(file)) {
    outgoing.writeHead(404).end();
    return;
  }
  outgoing.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' });
  outgoing.end(readFileSync(file));
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return address.port;
}

/** Something of every kind for the tabs to show. Returns the client, which stays connected. */
async function fill(broker: Awaited<ReturnType<typeof startBroker>>) {
  const client = await amqp.connect(broker.url, { clientProperties: { connection_name: 'page' } });
  const channel = await client.createConfirmChannel();
  await channel.assertQueue('page', { durable: true, arguments: { 'x-max-length': 1000 } });
  await channel.assertQueue('quorum', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.assertQueue('stream', { durable: true, arguments: { 'x-queue-type': 'stream' } });
  await channel.assertExchange('page', 'topic', { durable: true });
  await channel.bindQueue('page', 'page', 'a.*');
  await channel.consume('quorum', (message) => message !== null && channel.ack(message));
  for (let index = 0; index < 100; index++) {
    channel.publish('page', 'a.b', Buffer.from(`message ${index}`));
    channel.sendToQueue('quorum', Buffer.from('x'));
  }
  await channel.waitForConfirms();
  const { administration } = broker;
  await administration.policies.setPolicy({
    name: 'policy',
    pattern: '^page',
    definition: { 'max-length': 500 },
  });
  await administration.users.put({ name: 'somebody', password: 'secret', tags: ['monitoring'] });
  await administration.vhostLimits.set('/', { 'max-queues': 1000 });
  return client;
}

/** The tabs, and what has to stand on them. */
function tabs(node: string, connection: string): readonly (readonly [hash: string, text: string])[] {
  const name = encodeURIComponent(connection);
  return [
    ['#/', 'Totals'],
    ['#/connections', 'All connections'],
    [`#/connections/${name}`, 'Client properties'],
    ['#/channels', 'All channels'],
    [`#/channels/${encodeURIComponent(`${connection} (1)`)}`, 'Message rates'],
    ['#/exchanges', 'amq.topic'],
    ['#/exchanges/%2F/page', 'Bindings'],
    ['#/exchanges/%2F/amq.default', 'Default exchange'],
    ['#/queues', 'quorum'],
    ['#/queues/%2F/page', 'Get messages'],
    ['#/queues/%2F/quorum', 'Consumers'],
    ['#/queues/%2F/stream', 'Overview'],
    [`#/nodes/${encodeURIComponent(node)}`, 'Process statistics'],
    ['#/users', 'somebody'],
    ['#/users/somebody', 'Permissions'],
    ['#/vhosts', 'Virtual Hosts'],
    ['#/vhosts/%2F', 'Delete this vhost'],
    ['#/policies', 'policy'],
    ['#/policies/%2F/policy', 'max-length'],
    ['#/limits', 'max-queues'],
    ['#/feature-flags', 'Feature Flags'],
    ['#/cluster-name', 'Cluster name'],
  ];
}

/** Waits until the tab shows its text and every section is open; what went wrong is in `faults`. */
async function openTab(page: Page, hash: string, text: string): Promise<void> {
  const [location, expected] = [JSON.stringify(hash), JSON.stringify(text)];
  // Texts, as this program knows nothing of a browser's types.
  await page.evaluate(`window.location.hash = ${location}`);
  const isShown = `document.querySelector('#main')?.textContent?.includes(${expected})`;
  await page.waitForFunction(`document.location.hash === ${location} && ${isShown}`, undefined, {
    timeout: tabTimeoutMs,
  });
  // The sections that are closed at first, too.
  await page.evaluate(
    "document.querySelectorAll('.section-hidden > h2').forEach((section) => section.click())",
  );
}

const page = findPage();
if (page === undefined || !existsSync(chromiumPath)) {
  process.stderr.write(
    'needs the packages rabbitmq-server and chromium: apt-get install rabbitmq-server chromium\n',
  );
  process.exit(2);
}
const [, directory] = process.argv.slice(2);
if (directory !== undefined) mkdirSync(directory, { recursive: true });

const broker = await startBroker({ port: 0, managementPort: 0, statisticsIntervalMs: 500 });
const client = await fill(broker);
const server = await serve(page, broker.managementPort ?? 0);
const browser = await launchBrowser();
const faults: string[] = [];
let where = 'login';
try {
  const tab = await browser.newPage({ viewport: { width: 1400, height: 1400 } });
  tab.on('pageerror', (error) => faults.push(`${where}: ${error.stack}`));
  tab.on('dialog', (dialog) => {
    faults.push(`${where}: ${dialog.message()}`);
    void dialog.dismiss();
  });
  tab.on('response', (response) => {
    if (response.status() >= 400) faults.push(`${where}: ${response.status()} for ${response.url()}`);
  });
  await tab.goto(`http://127.0.0.1:${portOf(server)}/`);
  await tab.fill('input[name=username]', 'guest');
  await tab.fill('input[name=password]', 'guest');
  await tab.click('input[type=submit]');
  await tab.waitForSelector('#topnav', { state: 'attached' });
  const http = new HttpClient(broker.managementPort);
  const { node } = (await http.get('/api/overview')).body;
  const [{ name }] = (await http.get('/api/connections')).body;
  for (const [hash, text] of tabs(node, name)) {
    where = hash;
    const before = faults.length;
    try {
      await openTab(tab, hash, text);
      // What a field that is missing looks like.
      const shown = await tab.textContent('#main');
      for (const [word] of shown?.matchAll(/\b(undefined|NaN)\b|(?<=^|\s)\?(?=\s|$)/g) ?? [])
        faults.push(`${hash}: shows '${word}'`);
    } catch (error) {
      faults.push(`${hash}: ${error instanceof Error ? error.message.split('\n', 1)[0] : error}`);
    }
    if (directory !== undefined) {
      await tab.screenshot({ path: join(directory, `${hash.replace(/\W+/g, '_')}.png`), fullPage: true });
    }
    process.stdout.write(`${faults.length === before ? 'ok  ' : 'FAIL'} ${hash}\n`);
  }
} finally {
  await browser.close();
  server.close();
  await client.close();
  await broker.close();
}
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(`${faults.length === 0 ? 'no faults' : `${faults.length} faults`}\n`);
process.exit(faults.length === 0 ? 0 : 1);
