/** The tutorials' flows with the rabbitmq-client package. */

import { Connection } from 'rabbitmq-client';
import { afterEach, expect, test } from 'vitest';
import { brokerUrl, exchangeName, queueName, scenarios } from '../harness/broker.ts';
import { Collected } from '../harness/collected.ts';

const cleanups: (() => Promise<void>)[] = [];

function connection(): Connection {
  const rabbit = new Connection(brokerUrl());
  cleanups.push(() => rabbit.close());
  return rabbit;
}

/** What a consumer with these settings gets, as text. */
async function subscribe(
  rabbit: Connection,
  settings: Parameters<Connection['createConsumer']>[0],
): Promise<Collected<string>> {
  const texts = new Collected<string>();
  const consumer = rabbit.createConsumer(settings, async (message) => texts.add(String(message.body)));
  cleanups.push(() => consumer.close());
  await new Promise((resolve) => consumer.once('ready', resolve));
  return texts;
}

scenarios('Tutorials with rabbitmq-client', () => {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  test('2 work queue', async () => {
    const rabbit = connection();
    const queue = queueName('task');
    const done = await subscribe(rabbit, {
      queue,
      queueOptions: { durable: true },
      qos: { prefetchCount: 2 },
    });
    const publisher = rabbit.createPublisher({ confirm: true });
    for (let task = 0; task < 10; task++)
      await publisher.send({ routingKey: queue, durable: true }, `${task}`);
    expect([...(await done.first(10))].sort()).toEqual(Array.from({ length: 10 }, (_, task) => `${task}`));
    await publisher.close();
  });

  test('3 publish/subscribe', async () => {
    const rabbit = connection();
    const exchange = exchangeName('logs');
    const settings = {
      queueOptions: { exclusive: true },
      exchanges: [{ exchange, type: 'fanout' }],
      queueBindings: [{ exchange }],
    };
    const subscribers = [await subscribe(rabbit, settings), await subscribe(rabbit, settings)];
    const publisher = rabbit.createPublisher({ confirm: true });
    await publisher.send({ exchange }, 'hello');
    for (const subscriber of subscribers) expect(await subscriber.first(1)).toEqual(['hello']);
    await publisher.close();
  });

  test('4 and 5 routing and topics', async () => {
    const rabbit = connection();
    const [direct, topic] = [exchangeName('direct'), exchangeName('topic')];
    const texts = await subscribe(rabbit, {
      queueOptions: { exclusive: true },
      exchanges: [
        { exchange: direct, type: 'direct' },
        { exchange: topic, type: 'topic' },
      ],
      queueBindings: [
        { exchange: direct, routingKey: 'error' },
        { exchange: topic, routingKey: 'users.*' },
      ],
    });
    const publisher = rabbit.createPublisher({ confirm: true });
    for (const key of ['info', 'error']) await publisher.send({ exchange: direct, routingKey: key }, key);
    for (const key of ['users.visit', 'users.a.b'])
      await publisher.send({ exchange: topic, routingKey: key }, key);
    await publisher.send({ exchange: direct, routingKey: 'error' }, 'last');
    expect(await texts.first(3)).toEqual(['error', 'users.visit', 'last']);
    await publisher.close();
  });

  test('6 RPC', async () => {
    const rabbit = connection();
    const queue = queueName('rpc');
    const server = rabbit.createConsumer({ queue }, async (request, reply) => {
      await reply(`${Number(request.body) ** 2}`);
    });
    cleanups.push(() => server.close());
    const client = rabbit.createRPCClient({ confirm: true });
    const reply = await client.send(queue, '9');
    expect(String(reply.body)).toBe('81');
    await client.close();
  });

  test('7 publisher confirms and a mandatory message', async () => {
    const rabbit = connection();
    const publisher = rabbit.createPublisher({ confirm: true });
    const returned = new Promise<unknown>((resolve) => publisher.on('basic.return', resolve));
    await publisher.send({ routingKey: 'nope', mandatory: true }, 'back');
    expect(await returned).toMatchObject({ replyCode: 312, body: 'back' });
    await publisher.close();
  });

  test('a failed consumer rejects its message to the dead-letter exchange', async () => {
    const rabbit = connection();
    const [queue, graveyard] = [queueName('flaky'), queueName('graveyard')];
    const dead = await subscribe(rabbit, { queue: graveyard });
    const flaky = rabbit.createConsumer(
      {
        queue,
        requeue: false,
        queueOptions: { arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': graveyard } },
      },
      async () => {
        throw new Error('cannot do it');
      },
    );
    flaky.on('error', () => {});
    cleanups.push(() => flaky.close());
    await new Promise((resolve) => flaky.once('ready', resolve));
    const publisher = rabbit.createPublisher({ confirm: true });
    await publisher.send(queue, 'job');
    expect(await dead.first(1)).toEqual(['job']);
    await publisher.close();
  });
});
