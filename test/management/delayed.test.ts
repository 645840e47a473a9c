import amqplib, { type ChannelModel, type ConfirmChannel } from 'amqplib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { HttpClient } from './http-client.ts';

const neverMs = 3_600_000;

let broker: RunningBroker;
let http: HttpClient;
let connection: ChannelModel;
let channel: ConfirmChannel;

beforeAll(async () => {
  broker = await startBroker({ port: 0, managementPort: 0 });
  http = new HttpClient(broker.managementPort);
  connection = await amqplib.connect(broker.url.replace('amqp://', 'amqp://guest:guest@'));
  channel = await connection.createConfirmChannel();
});

afterAll(async () => {
  await connection.close();
  await broker.close();
});

it('counts, lists and cancels the messages of a delayed exchange', async () => {
  await channel.assertExchange('later', 'x-delayed-message', { arguments: { 'x-delayed-type': 'direct' } });
  for (const [i, body] of ['first', 'second', 'third'].entries()) {
    channel.publish('later', 'k', Buffer.from(body), { headers: { 'x-delay': neverMs + 1000 * i } });
  }
  await channel.waitForConfirms();
  expect((await http.get('/api/exchanges/%2F/later')).body).toMatchObject({ messages_delayed: 3 });

  const path = '/api/exchanges/%2F/later/delayed';
  const { body: two } = await http.get(`${path}?limit=2&truncate=3`);
  expect(two).toMatchObject([
    { payload: 'fir', payload_bytes: 5, exchange: 'later', routing_key: 'k' },
    { payload: 'sec', properties: { headers: { 'x-delay': neverMs + 1000 } } },
  ]);
  expect(two[0].due_at).toBeGreaterThan(Date.now() + neverMs / 2);
  const { body: rest } = await http.get(`${path}?after=${two[1].id}`);
  expect(rest).toMatchObject([{ payload: 'third' }]);

  expect((await http.delete(`${path}/${two[0].id}`)).status).toBe(204);
  expect((await http.delete(`${path}/${two[0].id}`)).status).toBe(404);
  expect((await http.delete(`${path}/nonsense`)).status).toBe(404);
  expect((await http.get(path)).body).toMatchObject([{ payload: 'second' }, { payload: 'third' }]);
  expect((await http.get('/api/exchanges/%2F/nowhere/delayed')).status).toBe(404);
  expect((await http.get('/api/exchanges/%2F/amq.direct/delayed')).body).toEqual([]);
  expect((await http.get(`${path}?limit=1001`)).status).toBe(400);
});

it('lists what waits for another attempt, and looking at a queue is none', async () => {
  await channel.assertQueue('work', { arguments: { 'x-retry-delay': neverMs } });
  channel.sendToQueue('work', Buffer.from('x'));
  await channel.waitForConfirms();
  const look = { count: 1, ackmode: 'ack_requeue_true', encoding: 'auto' };
  const { body: seen } = await http.post('/api/queues/%2F/work/get', look);
  expect(seen).toMatchObject([{ payload: 'x' }]);
  expect(await channel.checkQueue('work')).toMatchObject({ messageCount: 1 });

  const message = await channel.get('work');
  if (message !== false) channel.nack(message, false, true);
  const path = '/api/queues/%2F/work/delayed';
  await expect.poll(async () => (await http.get(path)).body, { interval: 10 }).toHaveLength(1);
  const { body } = await http.get(path);
  expect(body).toMatchObject([{ payload: 'x', properties: { headers: { 'x-retry-count': 1 } } }]);
  expect((await http.get('/api/queues/%2F/work')).body).toMatchObject({ messages: 0, messages_delayed: 1 });
  expect((await http.delete(`${path}/${body[0].id}`)).status).toBe(204);
  expect(broker.countDelayed({ queue: 'work' })).toBe(0);
});
