import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';

const executablePath = '/usr/bin/chromium';

/** Why tests in a browser cannot run here; `undefined` when they can. */
export const noBrowser = existsSync(executablePath) ? undefined : `${executablePath} is not installed`;

/** Sandbox and network services need rights and a network that test machines do not have. */
const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath, args: quiet });
}

const clientFile = fileURLToPath(import.meta.resolve('@cloudamqp/amqp-client')).replace(
  'lib/mjs/index.js',
  'dist/amqp-websocket-client.mjs',
);

/** Serves an empty page, and @cloudamqp/amqp-client at `/client.mjs`. */
export async function servePage(): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    if (request.url === '/client.mjs') {
      response.setHeader('content-type', 'text/javascript').end(readFileSync(clientFile));
    } else {
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>test</title>');
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, origin: `http://127.0.0.1:${address.port}` };
}
