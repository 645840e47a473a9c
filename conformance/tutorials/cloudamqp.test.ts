/** The tutorials' flows with the @cloudamqp/amqp-client package. */

import { type AMQPBaseClient, type AMQPChannel, AMQPClient } from '@cloudamqp/amqp-client';
import { afterEach, expect, test } from 'vitest';
import { brokerUrl, exchangeName, queueName, scenarios } from '../harness/broker.ts';
import { Collected } from '../harness/collected.ts';

const open: AMQPBaseClient[] = [];

async function openChannel(): Promise<AMQPChannel> {
  const client = await new AMQPClient(brokerUrl()).connect();
  open.push(client);
  return client.channel();
}

async function subscribe(channel: AMQPChannel, queue: string): Promise<Collected<string>> {
  const texts = new Collected<string>();
  await channel.basicConsume(queue, { noAck: false }, async (message) => {
    texts.add(message.bodyString() ?? '');
    await message.ack();
  });
  return texts;
}

/** A server-named queue bound with the keys. */
async function boundQueue(channel: AMQPChannel, exchange: string, ...keys: string[]): Promise<string> {
  const { name } = await channel.queueDeclare('', { exclusive: true });
  for (const key of keys) await channel.queueBind(name, exchange, key);
  return name;
}

scenarios('Tutorials with @cloudamqp/amqp-client', () => {
  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.close()));
  });

  test('2 work queue', async () => {
    const channel = await openChannel();
    const queue = queueName('task');
    await channel.queueDeclare(queue, { durable: true });
    const worker = await openChannel();
    await worker.prefetch(1);
    const done = await subscribe(worker, queue);
    for (let task = 0; task < 10; task++)
      await channel.basicPublish('', queue, `${task}`, { deliveryMode: 2 });
    expect(await done.first(10)).toEqual(Array.from({ length: 10 }, (_, task) => `${task}`));
  });

  test('3 publish/subscribe', async () => {
    const channel = await openChannel();
    const exchange = exchangeName('logs');
    await channel.exchangeDeclare(exchange, 'fanout', { durable: false });
    const subscribers = [
      await subscribe(channel, await boundQueue(channel, exchange, '')),
      await subscribe(channel, await boundQueue(channel, exchange, '')),
    ];
    await channel.basicPublish(exchange, '', 'hello');
    for (const subscriber of subscribers) expect(await subscriber.first(1)).toEqual(['hello']);
  });

  test('4 and 5 routing and topics', async () => {
    const channel = await openChannel();
    const [direct, topic] = [exchangeName('direct'), exchangeName('topic')];
    await channel.exchangeDeclare(direct, 'direct');
    await channel.exchangeDeclare(topic, 'topic');
    const errors = await subscribe(channel, await boundQueue(channel, direct, 'error'));
    const kernel = await subscribe(channel, await boundQueue(channel, topic, 'kern.*', '*.critical'));
    for (const key of ['info', 'error']) await channel.basicPublish(direct, key, key);
    for (const key of ['cron.info', 'kern.info', 'cron.critical'])
      await channel.basicPublish(topic, key, key);
    expect(await errors.first(1)).toEqual(['error']);
    expect(await kernel.first(2)).toEqual(['kern.info', 'cron.critical']);
  });

  test('6 RPC over amq.rabbitmq.reply-to', async () => {
    const server = await openChannel();
    const queue = queueName('rpc');
    await server.queueDeclare(queue, { durable: false });
    await server.basicConsume(queue, { noAck: true }, async (request) => {
      const { replyTo, correlationId } = request.properties;
      const answer = `${Number(request.bodyString()) ** 2}`;
      await server.basicPublish(
        '',
        replyTo ?? '',
        answer,
        correlationId === undefined ? {} : { correlationId },
      );
    });
    const client = await openChannel();
    const replies = new Collected<string>();
    await client.basicConsume('amq.rabbitmq.reply-to', { noAck: true }, (reply) =>
      replies.add(`${reply.properties.correlationId}: ${reply.bodyString()}`),
    );
    await client.basicPublish('', queue, '9', { replyTo: 'amq.rabbitmq.reply-to', correlationId: 'a' });
    expect(await replies.first(1)).toEqual(['a: 81']);
  });

  test('7 publisher confirms', async () => {
    const channel = await openChannel();
    const queue = queueName('confirms');
    await channel.queueDeclare(queue, { durable: true });
    await channel.confirmSelect();
    const tags = [];
    for (let i = 0; i < 50; i++) tags.push(channel.basicPublish('', queue, `${i}`, { deliveryMode: 2 }));
    expect(await Promise.all(tags)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect((await channel.queueDelete(queue)).messageCount).toBe(50);
  });

  test('errors reach the application with code and text', async () => {
    const channel = await openChannel();
    await expect(channel.queueDeclare('nope', { passive: true })).rejects.toThrow(
      "NOT_FOUND - no queue 'nope'",
    );
  });
});
