import { afterEach, describe, expect, it } from 'vitest';
import type { ManagementServer } from '../../src/management/server.ts';
import { brokerView, startTestManagement } from './broker-view.ts';

let server: ManagementServer | undefined;

afterEach(() => server?.close());

async function get(
  path: string,
  options: { login?: string; method?: string; view?: ReturnType<typeof brokerView> } = {},
) {
  await server?.close();
  server = await startTestManagement(options.view ?? brokerView());
  const { login = 'guest:guest', method = 'GET' } = options;
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: login === '' ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` },
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

describe('access', () => {
  it('asks who is there', async () => {
    const { status, text, headers } = await get('/api/overview', { login: '' });
    expect({ status, text }).toEqual({ status: 401, text: '' });
    expect(headers.get('www-authenticate')).toMatch(/^Basic realm=/);
  });

  it('refuses a wrong password and a user without a tag', async () => {
    expect(await get('/api/overview', { login: 'guest:wrong' })).toMatchObject({
      status: 401,
      body: { error: 'not_authorized', reason: 'Login failed' },
    });
    expect(await get('/api/overview', { login: 'app:app' })).toMatchObject({
      status: 401,
      body: { error: 'not_authorised', reason: 'Not management user' },
    });
  });

  it.each(['/api/nope', '/nope', '/api/queues/nope', '/api/aliveness-test/nope'])(
    'finds no %s',
    async (path) => {
      expect(await get(path)).toMatchObject({
        status: 404,
        body: { error: 'Object Not Found', reason: 'Not Found' },
      });
    },
  );

  it('refuses other methods before it asks who is there', async () => {
    const { status, headers } = await get('/api/overview', { method: 'DELETE', login: '' });
    expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: 'HEAD, GET, OPTIONS' });
  });
});

describe('overview and queues', () => {
  it("counts under RabbitMQ's names", async () => {
    expect((await get('/api/overview')).body).toMatchObject({
      product_name: 'Leveret',
      node: 'leveret@test',
      queue_totals: { messages: 5, messages_ready: 3, messages_unacknowledged: 2 },
      object_totals: { channels: 2, connections: 1, consumers: 1, exchanges: 7, queues: 3 },
      listeners: [{ node: 'leveret@test', protocol: 'amqp', ip_address: '::', port: 5672 }],
    });
  });

  it('lists queues by virtual host and name', async () => {
    const { body } = await get('/api/queues?columns=vhost,name');
    expect(body).toEqual([
      { vhost: '/', name: 'a b' },
      { vhost: '/', name: 'orders' },
      { vhost: 'other', name: 'zeta' },
    ]);
  });

  it('lists the queues of one virtual host in full', async () => {
    const { body } = await get('/api/queues/%2F');
    expect(body).toHaveLength(2);
    expect(body[1]).toEqual({
      name: 'orders',
      vhost: '/',
      type: 'classic',
      durable: true,
      auto_delete: false,
      exclusive: false,
      arguments: { 'x-max-length': 5, 'x-dead-letter-exchange': 'dead' },
      node: 'leveret@test',
      state: 'running',
      policy: null,
      operator_policy: null,
      effective_policy_definition: {},
      consumers: 1,
      messages: 5,
      messages_ready: 3,
      messages_unacknowledged: 2,
    });
  });
});

describe('health', () => {
  it.each([
    '/api/health/checks/alarms',
    '/api/health/checks/local-alarms',
    '/api/health/checks/virtual-hosts',
    '/api/health/checks/store',
    '/api/health/checks/ready-to-serve-clients',
    '/api/aliveness-test/%2F',
  ])('is fine: %s', async (path) => {
    expect(await get(path)).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('tells probes without a login', async () => {
    expect(await get('/health', { login: '' })).toMatchObject({ status: 200, body: { status: 'ok' } });
    const view = brokerView({ ready: false });
    expect(await get('/health', { login: '', view })).toMatchObject({ status: 503 });
  });

  it('names alarms and virtual hosts that are down', async () => {
    const view = brokerView({ alarms: ['disk'], virtualHostsDown: ['other'] });
    expect(await get('/api/health/checks/alarms', { view })).toMatchObject({
      status: 503,
      body: {
        status: 'failed',
        reason: 'There are alarms in effect in the cluster',
        alarms: [{ node: 'leveret@test', resource: 'disk' }],
      },
    });
    expect(await get('/api/health/checks/virtual-hosts', { view })).toMatchObject({
      status: 503,
      body: { status: 'failed', reason: 'Some virtual hosts are down', 'virtual-hosts': ['other'] },
    });
  });
});
