import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AmqpConnectionManager, type ChannelWrapper, connect } from 'amqp-connection-manager';
import type { ConfirmChannel } from 'amqplib';
import { describe, expect, test } from 'vitest';
import { startBroker } from '../../src/index.ts';
import { brokerName, brokerUrl, queueName, scenarios } from '../harness/broker.ts';
import { Collected } from '../harness/collected.ts';
import { Doorway } from '../harness/doorway.ts';

interface Application {
  readonly manager: AmqpConnectionManager;
  readonly publisher: ChannelWrapper;
  readonly received: Collected<string>;
}

/** An application that keeps publishing and consuming whatever happens to its connection. */
async function application(url: string, queue: string): Promise<Application> {
  const manager = connect([url], { reconnectTimeInSeconds: 0.05, heartbeatIntervalInSeconds: 1 });
  const setup = (channel: ConfirmChannel): Promise<unknown> => channel.assertQueue(queue, { durable: true });
  const publisher = manager.createChannel({ setup });
  const consumer = manager.createChannel({ setup });
  const received = new Collected<string>();
  await consumer.consume(
    queue,
    (message) => {
      received.add(message.content.toString());
      consumer.ack(message);
    },
    { prefetch: 1 },
  );
  await publisher.waitForConnect();
  await consumer.waitForConnect();
  return { manager, publisher, received };
}

function publish({ publisher }: Application, queue: string, body: string): Promise<boolean> {
  return publisher.sendToQueue(queue, Buffer.from(body), { persistent: true });
}

/** Messages sent before, during and after an outage arrive; those that were confirmed exactly once. */
async function survives(
  url: string,
  outage: () => Promise<void>,
  recovery: () => Promise<void>,
): Promise<void> {
  const queue = queueName('manager');
  const app = await application(url, queue);
  try {
    expect(await publish(app, queue, 'before')).toBe(true);
    expect(await app.received.first(1)).toEqual(['before']);
    const disconnected = once(app.manager, 'disconnect');
    await outage();
    await disconnected;
    const during = publish(app, queue, 'during');
    await recovery();
    expect(await during).toBe(true);
    expect(await publish(app, queue, 'after')).toBe(true);
    // The acknowledgement of `before` may have been lost with its connection.
    const texts = new Set(await app.received.first(3));
    if (texts.size < 3) texts.add((await app.received.first(4))[3] ?? '');
    expect([...texts]).toEqual(['before', 'during', 'after']);
  } finally {
    await app.manager.close();
  }
}

scenarios('amqp-connection-manager', () => {
  test('publishes and consumes on after its connections were cut', async () => {
    const doorway = await Doorway.to(brokerUrl());
    await survives(
      doorway.url,
      () => doorway.shut(),
      () => doorway.open(),
    );
    await doorway.shut();
  });
});

describe.skipIf(brokerName === 'rabbitmq')('amqp-connection-manager and a broker on disk', () => {
  test('publishes and consumes on after the broker was restarted', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'conformance-restart-'));
    let broker = await startBroker({ port: 0, dataDir });
    const { port, url } = broker;
    const restart = async (): Promise<void> => {
      broker = await startBroker({ port, dataDir });
    };
    try {
      await survives(url, () => broker.close(), restart);
    } finally {
      await broker.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
