import amqplib from 'amqplib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { HttpClient } from './http-client.ts';
import { Lines } from './lines.ts';

let broker: RunningBroker;
let http: HttpClient;

beforeAll(async () => {
  broker = await startBroker({ port: 0, managementPort: 0 });
  http = new HttpClient(broker.managementPort);
});

afterAll(() => broker.close());

async function publish(exchange: string, routingKey: string, payload: string, properties: object = {}) {
  const message = { routing_key: routingKey, properties, payload, payload_encoding: 'string' };
  return (await http.post(`/api/exchanges/%2F/${exchange}/publish`, message)).body;
}

describe('the tail of a queue', () => {
  it('shows what comes, and leaves it to the consumers', async () => {
    await http.put('/api/queues/%2F/followed');
    await publish('amq.default', 'followed', 'before');
    const tail = await Lines.open(http, 'GET', '/api/queues/%2F/followed/tail');
    expect(tail).toMatchObject({ status: 200, contentType: 'application/x-ndjson' });
    await publish('amq.default', 'followed', 'after', { type: 'note', headers: { colour: 'red' } });
    expect(await tail.next()).toMatchObject({
      exchange: '',
      routing_key: 'followed',
      payload: 'after',
      payload_bytes: 5,
      payload_encoding: 'string',
      properties: { type: 'note', headers: { colour: 'red' } },
    });
    tail.close();
    const get = { count: 5, ackmode: 'ack_requeue_false', encoding: 'auto' };
    expect((await http.post('/api/queues/%2F/followed/get', get)).body).toMatchObject([
      { payload: 'before', redelivered: false },
      { payload: 'after', redelivered: false },
    ]);
  });

  it('shows what is wanted, and as much of it as is asked for', async () => {
    await http.put('/api/queues/%2F/sifted');
    const query = 'header=colour%3Dred&truncate=3';
    const tail = await Lines.open(http, 'GET', `/api/queues/%2F/sifted/tail?${query}`);
    await publish('amq.default', 'sifted', 'no');
    await publish('amq.default', 'sifted', 'scarlet', { headers: { colour: 'red' } });
    expect(await tail.next()).toMatchObject({ payload: 'sca', payload_bytes: 7 });
    tail.close();
  });

  it('counts what is too much to be shown', async () => {
    await http.put('/api/queues/%2F/flooded', { arguments: { 'x-max-length': 1 } });
    const tail = await Lines.open(http, 'GET', '/api/queues/%2F/flooded/tail?truncate=0');
    const connection = await amqplib.connect(broker.url);
    const channel = await connection.createChannel();
    const count = 5000;
    for (let index = 0; index < count; index++) channel.sendToQueue('flooded', Buffer.from('x'));
    let [shown, missed] = [0, 0];
    while (shown + missed < count) {
      const line = await tail.next();
      if (line.missed === undefined) shown++;
      else missed += line.missed;
    }
    expect(shown).toBeGreaterThanOrEqual(500);
    expect(missed).toBeGreaterThan(0);
    tail.close();
    await connection.close();
  });

  it('ends with the queue', async () => {
    await http.put('/api/queues/%2F/brief');
    const tail = await Lines.open(http, 'GET', '/api/queues/%2F/brief/tail');
    await http.delete('/api/queues/%2F/brief');
    expect(await tail.rest()).toEqual([{ ended: 'deleted' }]);
  });

  it('works for streams', async () => {
    await http.put('/api/queues/%2F/log', { durable: true, arguments: { 'x-queue-type': 'stream' } });
    const tail = await Lines.open(http, 'GET', '/api/queues/%2F/log/tail');
    await publish('amq.default', 'log', 'entry');
    expect(await tail.next()).toMatchObject({ payload: 'entry' });
    tail.close();
  });

  it('needs permission to read, and a queue', async () => {
    await http.put('/api/users/watcher', { password: 'x', tags: 'management' });
    await http.put('/api/permissions/%2F/watcher', { configure: '', write: '', read: '^other$' });
    const path = '/api/queues/%2F/followed/tail';
    expect((await http.get(path, { login: 'watcher:x' })).status).toBe(401);
    expect((await http.get('/api/queues/%2F/nowhere/tail')).status).toBe(404);
    expect((await http.get(`${path}?routing_key=(`)).status).toBe(400);
    expect((await http.send('HEAD', path)).status).toBe(200);
  });
});

describe('the tail of an exchange', () => {
  it('shows what is routed, and what finds no queue, without being a binding', async () => {
    await http.put('/api/exchanges/%2F/news', { type: 'topic', auto_delete: true });
    const tail = await Lines.open(http, 'GET', '/api/exchanges/%2F/news/tail');
    // With a binding for the tail this would be true.
    expect(await publish('news', 'weather.today', 'rain')).toEqual({ routed: false });
    expect(await tail.next()).toMatchObject({ routing_key: 'weather.today', payload: 'rain' });
    await http.put('/api/queues/%2F/reader');
    await http.post('/api/bindings/%2F/e/news/q/reader', { routing_key: 'sports.#' });
    expect(await publish('news', 'sports.hockey', 'won')).toEqual({ routed: true });
    expect(await tail.next()).toMatchObject({ payload: 'won' });
    tail.close();
    await http.delete('/api/exchanges/%2F/news');
  });

  it('sees the messages of other exchanges that lead there, and no more once it is closed', async () => {
    const first = await Lines.open(http, 'GET', '/api/exchanges/%2F/amq.fanout/tail');
    const second = await Lines.open(http, 'GET', '/api/exchanges/%2F/amq.fanout/tail?routing_key=^b');
    await http.post('/api/bindings/%2F/e/amq.direct/e/amq.fanout', { routing_key: 'b' });
    await publish('amq.direct', 'b', '1');
    expect(await first.next()).toMatchObject({ payload: '1', exchange: 'amq.direct' });
    first.close();
    await publish('amq.fanout', 'a', '2');
    await publish('amq.fanout', 'b', '3');
    expect(await second.next()).toMatchObject({ payload: '1' });
    expect(await second.next()).toMatchObject({ payload: '3' });
    second.close();
  });

  it('of the default exchange sees whatever is sent to queues by name; of the event exchange all events', async () => {
    const direct = await Lines.open(http, 'GET', '/api/exchanges/%2F/amq.default/tail');
    const events = await Lines.open(http, 'GET', '/api/exchanges/%2F/amq.rabbitmq.event/tail');
    await publish('amq.default', 'nowhere', 'lost');
    expect(await direct.next()).toMatchObject({ routing_key: 'nowhere', payload: 'lost' });
    await http.put('/api/queues/%2F/announced');
    expect(await events.next()).toMatchObject({
      routing_key: 'queue.created',
      properties: { headers: { name: 'announced' } },
    });
    direct.close();
    events.close();
  });
});

it('is described as lines', async () => {
  const { paths } = (await http.get('/api/openapi.json')).body;
  const types = ({ responses }: { responses: { 200: { content: object } } }) =>
    Object.keys(responses[200].content);
  expect(types(paths['/api/queues/{vhost}/{name}/tail'].get)).toEqual(['application/x-ndjson']);
  const move = types(paths['/api/queues/{vhost}/{name}/move'].post);
  expect(move).toEqual(['application/json', 'application/x-ndjson']);
});

it('lets only so many watch', async () => {
  await http.put('/api/queues/%2F/popular');
  const path = '/api/queues/%2F/popular/tail';
  const tails: Lines[] = [];
  for (let tail = await Lines.open(http, 'GET', path); tail.status === 200; ) {
    tails.push(tail);
    tail = await Lines.open(http, 'GET', path);
  }
  expect(tails.length).toBeGreaterThan(10);
  for (const tail of tails) tail.close();
  await vi.waitFor(async () => {
    const tail = await Lines.open(http, 'GET', path);
    tail.close();
    expect(tail.status).toBe(200);
  }, 10_000);
});
