import { rm } from 'node:fs/promises';
import amqplib, { type ConfirmChannel } from 'amqplib';
import { afterEach, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { newDirectory } from '../storage/support.ts';

let broker: RunningBroker | undefined;
const dataDir = newDirectory();

afterEach(async () => {
  await broker?.close();
  await rm(dataDir, { recursive: true });
});

async function restarted(): Promise<ConfirmChannel> {
  await broker?.close();
  broker = await startBroker({ port: 0, dataDir });
  const connection = await amqplib.connect(broker.url.replace('amqp://', 'amqp://guest:guest@'));
  return connection.createConfirmChannel();
}

it('the history of a durable exchange is there after a restart, but for transient messages', async () => {
  let channel = await restarted();
  await channel.assertExchange('x', 'x-recent-history', { arguments: { 'x-recent-history-length': 3 } });
  for (const body of ['1', '2', 'transient', '3']) {
    channel.publish('x', '', Buffer.from(body), { persistent: body !== 'transient' });
  }
  await channel.waitForConfirms();
  channel = await restarted();
  channel.publish('x', '', Buffer.from('4'), { persistent: true });
  await channel.waitForConfirms();
  await channel.assertQueue('q');
  await channel.bindQueue('q', 'x', '');
  const bodies: string[] = [];
  for (;;) {
    const message = await channel.get('q', { noAck: true });
    if (message === false) break;
    bodies.push(message.content.toString());
  }
  expect(bodies).toEqual(['2', '3', '4']);
});
