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

const by = { user_who_performed_action: 'guest' };

it.each([
  ['vhost.created', '/api/vhosts/by-http', {}, { name: 'by-http' }],
  [
    'policy.set',
    '/api/policies/%2F/short',
    { pattern: '^s', definition: { 'max-length': 1 } },
    { name: 'short' },
  ],
  [
    'policy.set',
    '/api/operator-policies/%2F/cap',
    { pattern: '^s', definition: { 'max-length': 9 } },
    { name: 'cap' },
  ],
])('tells of %s by %s, and who did it', async (event, path, body, details) => {
  const connection = await amqplib.connect(broker.url.replace('amqp://', 'amqp://guest:guest@'));
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, 'amq.rabbitmq.event', event);
  expect((await http.put(path, body)).status).toBe(201);
  const message = await channel.get(queue, { noAck: true });
  expect(message).toMatchObject({ properties: { headers: { ...details, ...by } } });
  await connection.close();
});
