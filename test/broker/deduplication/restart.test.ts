import { rm } from 'node:fs/promises';
import amqplib, { type ConfirmChannel } from 'amqplib';
import { afterEach, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../../src/index.ts';
import { newDirectory } from '../../storage/support.ts';

let broker: RunningBroker | undefined;
let dataDir: string | undefined;

afterEach(async () => {
  await broker?.close();
  if (dataDir !== undefined) await rm(dataDir, { recursive: true });
  dataDir = undefined;
});

async function restarted(): Promise<ConfirmChannel> {
  await broker?.close();
  dataDir ??= newDirectory();
  broker = await startBroker({ port: 0, dataDir });
  const connection = await amqplib.connect(broker.url.replace('amqp://', 'amqp://guest:guest@'));
  return connection.createConfirmChannel();
}

async function publish(
  channel: ConfirmChannel,
  exchange: string,
  routingKey: string,
  ids: readonly string[],
  persistent = true,
): Promise<void> {
  for (const id of ids) {
    const headers = { 'x-deduplication-header': id };
    channel.publish(exchange, routingKey, Buffer.from(id), { persistent, headers });
  }
  await channel.waitForConfirms();
}

async function contents(channel: ConfirmChannel, queue: string): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (message === false) return all;
    all.push(message.content.toString());
  }
}

it('an exchange knows its ids after a restart: as many as fit, and none of transient messages', async () => {
  let channel = await restarted();
  await channel.assertExchange('x', 'x-message-deduplication', { arguments: { 'x-cache-size': 3 } });
  await channel.assertQueue('q');
  await channel.bindQueue('q', 'x', '');
  await publish(channel, 'x', '', ['gone', 'a', 'b']);
  await publish(channel, 'x', '', ['transient'], false);
  channel = await restarted();
  expect(await contents(channel, 'q')).toEqual(['gone', 'a', 'b']);
  await publish(channel, 'x', '', ['gone', 'a', 'b', 'transient', 'a', 'gone']);
  expect(await contents(channel, 'q')).toEqual(['gone', 'transient', 'a']);
});

it('with x-cache-persistence memory it knows none', async () => {
  let channel = await restarted();
  const args = { 'x-message-deduplication': true, 'x-cache-persistence': 'memory' };
  await channel.assertExchange('x', 'fanout', { arguments: args });
  await channel.assertQueue('q');
  await channel.bindQueue('q', 'x', '');
  await publish(channel, 'x', '', ['a', 'a']);
  channel = await restarted();
  await publish(channel, 'x', '', ['a', 'a']);
  expect(await contents(channel, 'q')).toEqual(['a', 'a']);
});

it('queues know the ids they had: those of the window, and those of messages that are there', async () => {
  let channel = await restarted();
  const window = { 'x-message-deduplication': true, 'x-cache-size': 100 };
  await channel.assertQueue('window', { arguments: window });
  await channel.assertQueue('present', { arguments: { 'x-message-deduplication': true } });
  for (const queue of ['window', 'present']) {
    await publish(channel, '', queue, ['a', 'b', 'c']);
    const message = await channel.get(queue, { noAck: true });
    expect(message).toMatchObject({ content: Buffer.from('a') });
  }
  channel = await restarted();
  for (const queue of ['window', 'present']) await publish(channel, '', queue, ['a', 'b', 'c', 'd']);
  expect(await contents(channel, 'window')).toEqual(['b', 'c', 'd']);
  expect(await contents(channel, 'present')).toEqual(['b', 'c', 'a', 'd']);
});

it('a queue that has it from a policy knows what was there before, once the broker has been restarted', async () => {
  let channel = await restarted();
  await channel.assertQueue('q');
  await publish(channel, '', 'q', ['a']);
  await broker?.setPolicy({ name: 'once', pattern: '', definition: { 'x-message-deduplication': true } });
  await publish(channel, '', 'q', ['a', 'a', 'b']);
  channel = await restarted();
  await publish(channel, '', 'q', ['a', 'b', 'c']);
  expect(await contents(channel, 'q')).toEqual(['a', 'a', 'b', 'c']);
});

it('a transaction enqueues an id once, and a rollback forgets it', async () => {
  const setUp = await restarted();
  const args = { 'x-cache-size': 100 };
  await setUp.assertExchange('x', 'x-message-deduplication', { arguments: args });
  await setUp.assertQueue('q');
  await setUp.bindQueue('q', 'x', '');
  const { AMQPClient } = await import('@cloudamqp/amqp-client');
  const client = new AMQPClient(`${broker?.url}`.replace('amqp://', 'amqp://guest:guest@'));
  await (await client).connect();
  const tx = await client.channel();
  await tx.txSelect();
  const send = (id: string) =>
    tx.basicPublish('x', '', id, { deliveryMode: 2, headers: { 'x-deduplication-header': id } });
  await send('a');
  await tx.txRollback();
  for (const id of ['a', 'a', 'b']) await send(id);
  await tx.txCommit();
  expect(await contents(setUp, 'q')).toEqual(['a', 'b']);
  await client.close();
});

it('an exchange that is deleted takes its ids along', async () => {
  let channel = await restarted();
  const declare = async () => {
    await channel.assertExchange('x', 'x-message-deduplication', { arguments: { 'x-cache-size': 100 } });
    await channel.assertQueue('q');
    await channel.bindQueue('q', 'x', '');
  };
  await declare();
  await publish(channel, 'x', '', ['a']);
  await channel.deleteExchange('x');
  channel = await restarted();
  await declare();
  await publish(channel, 'x', '', ['a', 'a']);
  expect(await contents(channel, 'q')).toEqual(['a', 'a']);
});
