import { AMQPClient } from '@cloudamqp/amqp-client';
import amqplib from 'amqplib';
import { Connection as RabbitMqClient } from 'rabbitmq-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';

let broker: RunningBroker;
let url: string;

beforeAll(async () => {
  broker = await startBroker({ port: 0 });
  url = broker.url.replace('amqp://', 'amqp://guest:guest@');
});

afterAll(() => broker.close());

describe('exclusive queues', () => {
  it('are gone when the client is told that its connection is closed, however many', async () => {
    const connection = await amqplib.connect(url);
    const channel = await connection.createChannel();
    const names = Array.from({ length: 1500 }, (_, index) => `exclusive-${index}`);
    await Promise.all(names.map((name) => channel.assertQueue(name, { exclusive: true })));
    const vhost = broker.administration.vhosts.get('/');
    expect(vhost?.queueCount).toBe(names.length);
    await connection.close();
    expect(vhost?.queueCount).toBe(0);
  });
});

describe('client libraries', () => {
  it('amqplib publishes with confirms, consumes, and survives a channel error', async () => {
    const connection = await amqplib.connect(`${url}?heartbeat=1`);
    const channel = await connection.createConfirmChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    const received = new Promise<string>((resolve, reject) => {
      channel
        .consume(queue, (message) => {
          if (message === null) return;
          channel.ack(message);
          resolve(message.content.toString());
        })
        .catch(reject);
    });
    channel.sendToQueue(queue, Buffer.from('hello'), { persistent: true });
    await channel.waitForConfirms();
    expect(await received).toBe('hello');
    await channel.close();

    const failing = await connection.createChannel();
    failing.on('error', () => {});
    await expect(failing.checkQueue('missing')).rejects.toThrow(
      "NOT_FOUND - no queue 'missing' in vhost '/'",
    );
    await (await connection.createChannel()).close();
    await connection.close();
  });

  it('amqplib learns why its login was refused', async () => {
    await expect(amqplib.connect(broker.url.replace('amqp://', 'amqp://guest:wrong@'))).rejects.toThrow(
      'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN',
    );
  });

  it('amqp-client sends a message of many frames to itself', async () => {
    const client = await new AMQPClient(`${url}?frameMax=8192`).connect();
    const channel = await client.channel();
    const { name } = await channel.queueDeclare('', { exclusive: true });
    const body = Buffer.alloc(1_000_000, 'x').toString();
    await channel.basicPublish('', name, body);
    const message = await channel.basicGet(name);
    expect(message?.bodyString()).toBe(body);
    await client.close();
  });

  it('rabbitmq-client publishes and gets', async () => {
    const client = new RabbitMqClient(url);
    await client.queueDeclare({ queue: 'from-rabbitmq-client' });
    const publisher = client.createPublisher({ confirm: true });
    await publisher.send('from-rabbitmq-client', { hello: 'world' });
    const message = await client.basicGet({ queue: 'from-rabbitmq-client', noAck: true });
    expect(message?.body).toEqual({ hello: 'world' });
    await publisher.close();
    await client.close();
  });
});
