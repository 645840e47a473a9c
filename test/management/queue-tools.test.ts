import { afterAll, beforeAll, expect, it, vi } from 'vitest';
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

async function fill(queue: string, count: number, properties: object = {}): Promise<void> {
  for (let index = 0; index < count; index++) {
    const message = {
      routing_key: queue,
      properties,
      payload: `message ${index}`,
      payload_encoding: 'string',
    };
    await http.post('/api/exchanges/%2F/amq.default/publish', message);
  }
}

async function payloads(queue: string): Promise<readonly string[]> {
  const { body } = await http.get(`/api/queues/%2F/${queue}/peek`);
  return body.items.map(({ payload }: { payload: string }) => payload);
}

it('shows messages page by page, filtered, and leaves them alone', async () => {
  await http.put('/api/queues/%2F/peeked');
  await fill('peeked', 3, { headers: { colour: 'red' } });
  const first = (await http.get('/api/queues/%2F/peeked/peek?limit=2')).body;
  expect(first.items).toMatchObject([
    {
      payload: 'message 0',
      routing_key: 'peeked',
      redelivered: false,
      properties: { headers: { colour: 'red' } },
    },
    { payload: 'message 1' },
  ]);
  const second = (await http.get(`/api/queues/%2F/peeked/peek?from=${first.next}`)).body;
  expect(second).toMatchObject({ items: [{ payload: 'message 2' }] });
  expect(second).not.toHaveProperty('next');
  expect((await http.get('/api/queues/%2F/peeked/peek?payload=e%201')).body.items).toHaveLength(1);
  expect((await http.get('/api/queues/%2F/peeked/peek?header=colour%3Dblue')).body.items).toHaveLength(0);
  expect(
    (await http.get('/api/queues/%2F/peeked/peek?header=colour%3Dred&routing_key=^p')).body.items,
  ).toHaveLength(3);
  const get = { count: 1, ackmode: 'ack_requeue_true', encoding: 'auto' };
  expect((await http.post('/api/queues/%2F/peeked/get', get)).body).toMatchObject([{ redelivered: false }]);
  expect((await http.get('/api/queues/%2F/peeked/peek?from=x')).status).toBe(400);
  expect((await http.get('/api/queues/%2F/peeked/peek?routing_key=(')).status).toBe(400);
  expect((await http.get('/api/queues/%2F/nowhere/peek')).status).toBe(404);
});

it('moves what is chosen, after telling what it would', async () => {
  await http.put('/api/queues/%2F/from');
  await http.put('/api/queues/%2F/to');
  await fill('from', 4);
  const request = { to_queue: 'to', payload: 'message 2' };
  const told = { moved: 1, passed_over: 3, unroutable: 0, refused: false };
  expect((await http.post('/api/queues/%2F/from/move', { ...request, dry_run: true })).body).toEqual(told);
  expect(await payloads('to')).toEqual([]);
  expect((await http.post('/api/queues/%2F/from/move', request)).body).toEqual(told);
  expect(await payloads('to')).toEqual(['message 2']);
  expect(await payloads('from')).toEqual(['message 0', 'message 1', 'message 3']);
  expect(await http.post('/api/queues/%2F/from/move', {})).toMatchObject({ status: 400 });
  expect(await http.post('/api/queues/%2F/from/move', { to_queue: 'from' })).toMatchObject({ status: 400 });
  expect(await http.post('/api/queues/%2F/from/move', { to_queue: 'nowhere' })).toMatchObject({
    status: 400,
  });
});

it('brings dead letters back to where they died', async () => {
  const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
  await http.put('/api/queues/%2F/work', { arguments: dead });
  await http.put('/api/queues/%2F/dead');
  await fill('work', 2);
  const reject = { count: 2, ackmode: 'reject_requeue_false', encoding: 'auto' };
  await http.post('/api/queues/%2F/work/get', reject);
  expect(await payloads('dead')).toHaveLength(2);
  expect((await http.post('/api/queues/%2F/dead/replay')).body).toMatchObject({ moved: 2 });
  expect(await payloads('dead')).toEqual([]);
  const { body } = await http.get('/api/queues/%2F/work/peek');
  expect(body.items).toMatchObject([{ payload: 'message 0', properties: [] }, { payload: 'message 1' }]);
});

it("changes a queue's arguments in place", async () => {
  await http.put('/api/queues/%2F/changed');
  await fill('changed', 3);
  const changed = await http.put('/api/queues/%2F/changed/arguments', { arguments: { 'x-max-length': 2 } });
  expect(changed).toMatchObject({ status: 204 });
  expect(await payloads('changed')).toEqual(['message 1', 'message 2']);
  expect((await http.get('/api/queues/%2F/changed')).body.arguments).toEqual({ 'x-max-length': 2 });
  const wrong = await http.put('/api/queues/%2F/changed/arguments', { arguments: { 'x-max-length': 'x' } });
  expect(wrong).toMatchObject({ status: 400, body: { reason: expect.stringContaining('x-max-length') } });
});

it('tells how far a move has got, to its end', async () => {
  await http.put('/api/queues/%2F/told');
  await http.put('/api/queues/%2F/told-to');
  await fill('told', 3);
  const body = { to_queue: 'told-to', limit: 2, progress: true };
  const move = await Lines.open(http, 'POST', '/api/queues/%2F/told/move', body);
  expect(move.contentType).toBe('application/x-ndjson');
  expect(await move.next()).toMatchObject({ done: false, total: 3, examined: 0, moved: 0 });
  expect((await move.rest()).at(-1)).toEqual({
    done: true,
    total: 3,
    examined: 2,
    moved: 2,
    passed_over: 0,
    unroutable: 0,
    refused: false,
  });
  const rehearsal = { to_queue: 'told-to', dry_run: true, progress: true };
  const rehearsed = await Lines.open(http, 'POST', '/api/queues/%2F/told/move', rehearsal);
  expect((await rehearsed.rest()).at(-1)).toMatchObject({ done: true, total: 1, examined: 1, moved: 1 });
  const nowhere = await http.post('/api/queues/%2F/told/move', { to_queue: 'none', progress: true });
  expect(nowhere).toMatchObject({
    status: 400,
    body: { error: 'target_not_found', reason: "no queue 'none' in vhost '/'" },
  });
});

it('ends a move when whoever asked for it goes away', async () => {
  await http.put('/api/queues/%2F/left');
  await http.put('/api/queues/%2F/left-to');
  await fill('left', 4);
  // One message now, the next one after a second.
  const body = { to_queue: 'left-to', rate: 1, progress: true };
  const move = await Lines.open(http, 'POST', '/api/queues/%2F/left/move', body);
  await vi.waitFor(async () => expect(await payloads('left-to')).toEqual(['message 0']), 10_000);
  move.close();
  await vi.waitFor(async () => {
    expect(await payloads('left')).toEqual(['message 1', 'message 2', 'message 3']);
    expect((await http.get('/api/queues/%2F/left')).body.messages_unacknowledged).toBe(0);
  }, 10_000);
  expect(await payloads('left-to')).toEqual(['message 0']);
});
