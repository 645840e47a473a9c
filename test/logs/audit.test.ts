import { afterEach, beforeEach, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { Logs } from '../../src/logs/logs.ts';
import { LogOutput } from '../../src/logs/output.ts';

let broker: RunningBroker;
let lines: string[];
let logs: Logs;

beforeEach(async () => {
  lines = [];
  const output = await LogOutput.to(
    { write: (text) => lines.push(text) },
    { level: 'info', formatter: 'json' },
  );
  logs = new Logs({ console: output }, { audit: 'info' });
  broker = await startBroker({ port: 0, managementPort: 0, logger: logs, logLevels: logs });
});
afterEach(() => broker.close());

async function send(method: string, path: string, body?: object, login = 'guest:guest'): Promise<Response> {
  return fetch(`http://127.0.0.1:${broker.managementPort}/api${path}`, {
    method,
    headers: { authorization: `Basic ${btoa(login)}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

const audited = () => lines.map((line) => JSON.parse(line)).filter(({ category }) => category === 'audit');

it('has a line for what is done through the HTTP API: who, from where, what, and with which result', async () => {
  await send('PUT', '/users/bob', { password: 'geheim', tags: 'management' });
  await send('PUT', '/permissions/%2F/bob', { configure: '', write: '^a', read: '.*' });
  await send('DELETE', '/queues/%2F/nothing');
  await send('PUT', '/vhosts/more', {}, 'bob:geheim');
  await send('PUT', '/vhosts/more', {}, 'bob:wrong');
  await send('GET', '/overview');
  const common = { from: '127.0.0.1', category: 'audit' };
  expect(audited()).toMatchObject([
    {
      ...common,
      user: 'guest',
      request: 'PUT /api/users/bob',
      status: 201,
      result: 'done',
      changes: ['user.created name=bob', 'user.tags.set tags=management name=bob'],
      msg: 'guest from 127.0.0.1: PUT /api/users/bob: done (201)',
    },
    {
      ...common,
      user: 'guest',
      request: 'PUT /api/permissions/%2F/bob',
      changes: ['permission.created read=.* write=^a configure= vhost=/ user=bob'],
    },
    { ...common, user: 'guest', request: 'DELETE /api/queues/%2F/nothing', status: 404, result: 'refused' },
    { ...common, user: 'bob', request: 'PUT /api/vhosts/more', status: 401, result: 'refused' },
    { ...common, request: 'PUT /api/vhosts/more', status: 401, result: 'refused' },
  ]);
  expect(lines.join('')).not.toContain('geheim');
});

it('has a line for what a program changes in its own broker', async () => {
  await broker.administration.users.put({ name: 'eve', password: 'geheim' });
  broker.setTracing('/', true);
  expect(audited()).toMatchObject([
    { from: 'this process', changes: ['user.created name=eve'], result: 'done' },
    { from: 'this process', changes: ["tracing of vhost '/' on"] },
  ]);
  expect(lines.join('')).not.toContain('geheim');
});

it('changes levels by HTTP', async () => {
  expect((await send('PUT', '/log-levels', { level: 'error', category: 'connection' })).status).toBe(204);
  expect(await (await send('GET', '/log-levels')).json()).toEqual({
    outputs: { console: 'info' },
    categories: { audit: 'info', connection: 'error' },
  });
  expect((await send('PUT', '/log-levels', { level: 'loud' })).status).toBe(400);
  expect((await send('PUT', '/log-levels', { level: 'debug' })).status).toBe(204);
  expect(logs.levels).toEqual({ outputs: { console: 'debug' }, categories: { audit: 'info' } });
});
