import type { Server } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { launchBrowser, noBrowser, servePage } from './page.ts';

/** What the page runs: text, since it is not TypeScript of ours but a page's script. */
const errand = `async ({ url, size }) => {
  const { AMQPWebSocketClient } = await import('/client.mjs');
  const client = new AMQPWebSocketClient({ url, frameMax: 131072 });
  const connection = await client.connect();
  const channel = await connection.channel();
  await channel.confirmSelect();
  const { name } = await channel.queueDeclare('', { exclusive: true });
  const received = new Promise((resolve) => {
    channel.basicConsume(name, { noAck: false }, async (message) => {
      await message.ack();
      resolve({ size: message.body.length, header: message.properties.headers.from });
    });
  });
  const body = new Uint8Array(size).fill(7);
  const confirmed = await channel.basicPublish('', name, body, { headers: { from: 'a page' } });
  const message = await received;
  const left = await channel.queueDelete(name);
  await connection.close();
  return { confirmed, message, left: left.messageCount };
}`;

describe.skipIf(noBrowser !== undefined)(`@cloudamqp/amqp-client in a browser ${noBrowser ?? ''}`, () => {
  let page: Page;
  let browser: Browser;
  let site: { server: Server; origin: string };
  let broker: RunningBroker;

  beforeAll(async () => {
    site = await servePage();
    broker = await startBroker({ port: 0, managementPort: 0, webSocketOrigins: [site.origin] });
    browser = await launchBrowser();
    page = await browser.newPage();
    await page.goto(site.origin);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    site?.server.close();
    await broker?.close();
  });

  it.each([10, 500_000])('publishes %d bytes with confirms and consumes them', async (size) => {
    const url = `ws://127.0.0.1:${broker.managementPort}/ws/amqp`;
    const done = await page.evaluate(`(${errand})(${JSON.stringify({ url, size })})`);
    expect(done).toEqual({ confirmed: 1, message: { size, header: 'a page' }, left: 0 });
  });

  it('is kept away from a broker that does not allow its origin', async () => {
    const other = await startBroker({ port: 0, managementPort: 0 });
    const url = `ws://127.0.0.1:${other.managementPort}/ws/amqp`;
    const failed = page.evaluate(
      `(${errand})(${JSON.stringify({ url, size: 1 })}).then(() => 'let in', () => 'refused')`,
    );
    expect(await failed).toBe('refused');
    await other.close();
  });
});
