/** RabbitMQ's six tutorials (https://www.rabbitmq.com/tutorials) as their amqplib versions have them. */

import { type Channel, type ChannelModel, type ConsumeMessage, connect, type Message } from 'amqplib';
import { afterEach, expect, test } from 'vitest';
import { brokerUrl, exchangeName, queueName, scenarios } from '../harness/broker.ts';
import { Collected } from '../harness/collected.ts';

const open: ChannelModel[] = [];

async function connection(): Promise<ChannelModel> {
  const model = await connect(brokerUrl());
  open.push(model);
  return model;
}

/** Everything a consumer gets, as text. */
async function collect(channel: Channel, queue: string): Promise<Collected<string>> {
  const texts = new Collected<string>();
  await channel.consume(queue, (message) => message && texts.add(message.content.toString()), {
    noAck: true,
  });
  return texts;
}

scenarios('Tutorials with amqplib', () => {
  afterEach(async () => {
    await Promise.all(open.splice(0).map((model) => model.close()));
  });

  test('1 hello world', async () => {
    const channel = await (await connection()).createChannel();
    const queue = queueName('hello');
    await channel.assertQueue(queue, { durable: false });
    channel.sendToQueue(queue, Buffer.from('Hello World!'));
    expect(await (await collect(channel, queue)).first(1)).toEqual(['Hello World!']);
  });

  test('2 work queue: durable, persistent, one task at a time, shared between workers', async () => {
    const channel = await (await connection()).createChannel();
    const queue = queueName('task');
    await channel.assertQueue(queue, { durable: true });
    const done = new Collected<string>();
    for (const name of ['one', 'two']) {
      const worker = await (await connection()).createChannel();
      await worker.prefetch(1);
      await worker.consume(queue, (message: ConsumeMessage | null) => {
        if (!message) return;
        setTimeout(() => {
          worker.ack(message);
          done.add(name);
        }, 5);
      });
    }
    for (let task = 0; task < 10; task++)
      channel.sendToQueue(queue, Buffer.from(`${task}`), { persistent: true });
    expect(new Set(await done.first(10))).toEqual(new Set(['one', 'two']));
  });

  test('2 work queue: a worker that dies loses no task', async () => {
    const channel = await (await connection()).createChannel();
    const queue = queueName('task');
    await channel.assertQueue(queue, { durable: true });
    const dying = await connect(brokerUrl());
    const worker = await dying.createChannel();
    const received = new Promise<void>((resolve) => {
      worker.consume(queue, () => resolve());
    });
    channel.sendToQueue(queue, Buffer.from('precious'), { persistent: true });
    await received;
    await dying.close();
    const message = await channel.get(queue, { noAck: true });
    expect(message && [message.content.toString(), message.fields.redelivered]).toEqual(['precious', true]);
  });

  test('3 publish/subscribe: every subscriber gets a copy', async () => {
    const channel = await (await connection()).createChannel();
    const exchange = exchangeName('logs');
    await channel.assertExchange(exchange, 'fanout', { durable: false });
    const subscribers = [];
    for (let i = 0; i < 2; i++) {
      const { queue } = await channel.assertQueue('', { exclusive: true });
      await channel.bindQueue(queue, exchange, '');
      subscribers.push(await collect(channel, queue));
    }
    channel.publish(exchange, '', Buffer.from('info: hello'));
    for (const subscriber of subscribers) expect(await subscriber.first(1)).toEqual(['info: hello']);
  });

  test('4 routing by severity', async () => {
    const channel = await (await connection()).createChannel();
    const exchange = exchangeName('direct_logs');
    await channel.assertExchange(exchange, 'direct', { durable: false });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    for (const severity of ['warning', 'error']) await channel.bindQueue(queue, exchange, severity);
    const texts = await collect(channel, queue);
    for (const severity of ['info', 'warning', 'debug', 'error']) {
      channel.publish(exchange, severity, Buffer.from(severity));
    }
    expect(await texts.first(2)).toEqual(['warning', 'error']);
  });

  test('5 topics', async () => {
    const channel = await (await connection()).createChannel();
    const exchange = exchangeName('topic_logs');
    await channel.assertExchange(exchange, 'topic', { durable: false });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    for (const pattern of ['kern.*', '*.critical']) await channel.bindQueue(queue, exchange, pattern);
    const texts = await collect(channel, queue);
    for (const key of [
      'kern.info',
      'cron.info',
      'cron.critical',
      'kern.critical',
      'a.b.critical',
      'kern.warn',
    ]) {
      channel.publish(exchange, key, Buffer.from(key));
    }
    expect(await texts.first(4)).toEqual(['kern.info', 'cron.critical', 'kern.critical', 'kern.warn']);
  });

  test.each(['a reply queue', 'amq.rabbitmq.reply-to'])('6 RPC over %s', async (kind) => {
    const server = await (await connection()).createChannel();
    const rpcQueue = queueName('rpc');
    await server.assertQueue(rpcQueue, { durable: false });
    await server.prefetch(1);
    await server.consume(rpcQueue, (request: Message | null) => {
      if (!request) return;
      const answer = `${Number(request.content.toString()) ** 2}`;
      const { replyTo, correlationId } = request.properties;
      server.sendToQueue(String(replyTo), Buffer.from(answer), { correlationId });
      server.ack(request);
    });
    const client = await (await connection()).createChannel();
    const replyTo =
      kind === 'a reply queue' ? (await client.assertQueue('', { exclusive: true })).queue : kind;
    const replies = new Collected<string>();
    await client.consume(
      replyTo,
      (reply) => reply && replies.add(`${reply.properties.correlationId}: ${reply.content.toString()}`),
      { noAck: true },
    );
    for (const number of [3, 7]) {
      client.sendToQueue(rpcQueue, Buffer.from(`${number}`), { correlationId: `call-${number}`, replyTo });
    }
    expect(await replies.first(2)).toEqual(['call-3: 9', 'call-7: 49']);
  });

  test('7 publisher confirms: one by one, in batches, by callback', async () => {
    const channel = await (await connection()).createConfirmChannel();
    const { queue } = await channel.assertQueue(queueName('confirms'), { durable: true });
    channel.sendToQueue(queue, Buffer.from('single'), { persistent: true });
    await channel.waitForConfirms();
    for (let i = 0; i < 100; i++) channel.sendToQueue(queue, Buffer.from(`${i}`), { persistent: true });
    await channel.waitForConfirms();
    await new Promise<void>((resolve, reject) => {
      channel.sendToQueue(queue, Buffer.from('callback'), {}, (error: unknown) =>
        error ? reject(error) : resolve(),
      );
    });
    expect((await channel.checkQueue(queue)).messageCount).toBe(102);
    await channel.deleteQueue(queue);
  });

  test('errors reach the application with code and text', async () => {
    const channel = await (await connection()).createChannel();
    const error = new Promise((resolve) => channel.once('error', resolve));
    await expect(channel.checkQueue('nope')).rejects.toThrow(/404 \(NOT-FOUND\)/);
    expect(await error).toMatchObject({
      code: 404,
      message: expect.stringContaining("no queue 'nope' in vhost '/'"),
    });
  });

  test('a returned message', async () => {
    const channel = await (await connection()).createConfirmChannel();
    const returned = new Promise<Message>((resolve) => channel.once('return', resolve));
    channel.sendToQueue('nope', Buffer.from('back'), { mandatory: true });
    expect((await returned).content.toString()).toBe('back');
    await channel.waitForConfirms();
  });
});
