import amqplib from 'amqplib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { HttpClient } from './http-client.ts';

let broker: RunningBroker;
let http: HttpClient;

beforeAll(async () => {
  broker = await startBroker({ port: 0, managementPort: 0 });
  http = new HttpClient(broker.managementPort);
});

afterAll(() => broker.close());

it('shows how many ids are remembered and how many duplicates there were', async () => {
  const connection = await amqplib.connect(broker.url.replace('amqp://', 'amqp://guest:guest@'));
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange('once', 'x-message-deduplication', { arguments: { 'x-cache-size': 10 } });
  await channel.assertQueue('unique', { arguments: { 'x-message-deduplication': true } });
  for (const id of ['a', 'b', 'a', 'a']) {
    const headers = { 'x-deduplication-header': id };
    channel.publish('once', '', Buffer.from(id), { headers });
    channel.sendToQueue('unique', Buffer.from(id), { headers });
  }
  await channel.waitForConfirms();
  const cache = { entries: 2, duplicates: 2 };
  expect((await http.get('/api/exchanges/%2F/once')).body).toMatchObject({ cache_info: cache });
  expect((await http.get('/api/queues/%2F/unique')).body).toMatchObject({
    message_deduplication_cache_info: cache,
  });
  await connection.close();
});

it('lists every type of exchange with what RabbitMQ says of it', async () => {
  const { body } = await http.get('/api/overview');
  const types = new Map<string, string>();
  for (const { name, description } of body.exchange_types) types.set(name, description);
  expect(types.get('topic')).toBe('AMQP topic exchange, as per the AMQP specification');
  expect(types.get('x-consistent-hash')).toBe('Consistent Hashing Exchange');
  expect([...types.keys()]).toEqual(
    expect.arrayContaining([
      'x-delayed-message',
      'x-local-random',
      'x-message-deduplication',
      'x-modulus-hash',
      'x-random',
      'x-recent-history',
    ]),
  );
});
