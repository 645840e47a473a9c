import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { HttpClient } from './http-client.ts';

let broker: RunningBroker;
let http: HttpClient;

const everything = { configure: '.*', write: '.*', read: '.*' };
const mine = { configure: '^my-', write: '^my-', read: '^my-' };

beforeAll(async () => {
  broker = await startBroker({ port: 0, managementPort: 0 });
  http = new HttpClient(broker.managementPort);
  const { administration } = broker;
  await administration.vhosts.put({ name: 'other' });
  for (const tag of ['management', 'policymaker', 'monitoring', 'administrator', 'nothing']) {
    // An old hash: quick to check, so that each request of a test costs nothing.
    await administration.users.put({
      name: tag,
      ...(await hashOf(tag)),
      tags: tag === 'nothing' ? [] : [tag],
    });
    if (tag !== 'administrator') await administration.permissions.put({ vhost: '/', user: tag, ...mine });
  }
  await administration.permissions.put({ vhost: 'other', user: 'guest', ...everything });
  await http.put('/api/queues/other/theirs');
});

afterAll(() => broker.close());

/** The user's name is the password. */
async function hashOf(password: string) {
  const { hashFast } = await import('../../src/access/passwords/password-hash.ts');
  const { hash, algorithm } = hashFast(password);
  return { passwordHash: hash, hashingAlgorithm: algorithm };
}

const as = (user: string) => ({ login: `${user}:${user}` });

describe('logging in', () => {
  it('asks who is there', async () => {
    const { status, text, headers } = await http.get('/api/overview', { login: '' });
    expect({ status, text }).toEqual({ status: 401, text: '' });
    expect(headers.get('www-authenticate')).toMatch(/^Basic realm=/);
  });

  it('refuses a wrong password, somebody unknown, and a user without a tag', async () => {
    const failed = { status: 401, body: { error: 'not_authorized', reason: 'Login failed' } };
    expect(await http.get('/api/overview', { login: 'guest:wrong' })).toMatchObject(failed);
    expect(await http.get('/api/overview', { login: 'nobody:nobody' })).toMatchObject(failed);
    expect(await http.get('/api/overview', as('nothing'))).toMatchObject({
      status: 401,
      body: { error: 'not_authorised', reason: 'Not management user' },
    });
  });

  it('refuses other methods before it asks who is there', async () => {
    const { status, headers } = await http.delete('/api/overview', { login: '' });
    expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: 'HEAD, GET, OPTIONS' });
  });

  it('finds nothing where nothing is', async () => {
    const missing = { status: 404, body: { error: 'Object Not Found', reason: 'Not Found' } };
    for (const path of ['/api/nope', '/nope', '/api/queues/nope', '/api/queues/%2F/nope']) {
      expect(await http.get(path), path).toMatchObject(missing);
    }
  });
});

const notAdministrator = 'Not administrator user';
const notMonitor = 'Not monitor user';
const notForMe = 'User not authorised to access object';
const notMyVhost = 'User not authorised to access virtual host';

/** RabbitMQ's table of tags: method, path, and what management, policymaker, monitoring and administrator get. */
const rules: readonly [method: string, path: string, ...answers: (number | string)[]][] = [
  ['GET', '/api/overview', 200, 200, 200, 200],
  ['GET', '/api/nodes', notMonitor, notMonitor, 200, 200],
  ['GET', '/api/connections', 200, 200, 200, 200],
  ['GET', '/api/queues', 200, 200, 200, 200],
  ['GET', '/api/queues/%2F', 200, 200, 200, 200],
  ['GET', '/api/queues/other', notMyVhost, notMyVhost, notMyVhost, 200],
  ['GET', '/api/queues/other/theirs', notMyVhost, notMyVhost, notMyVhost, 200],
  ['GET', '/api/vhosts', 200, 200, 200, 200],
  ['GET', '/api/vhosts/%2F', notAdministrator, notAdministrator, notAdministrator, 200],
  ['GET', '/api/vhosts/%2F/permissions', notAdministrator, notAdministrator, notAdministrator, 200],
  ['PUT', '/api/vhosts/fresh', notAdministrator, notAdministrator, notAdministrator, 201],
  ['GET', '/api/users', notAdministrator, notAdministrator, notAdministrator, 200],
  ['GET', '/api/permissions', notAdministrator, notAdministrator, notAdministrator, 200],
  ['GET', '/api/topic-permissions', notAdministrator, notAdministrator, notAdministrator, 200],
  ['GET', '/api/policies', 200, 200, 200, 200],
  ['PUT', '/api/policies/%2F/p', notForMe, 400, notForMe, 400],
  ['PUT', '/api/operator-policies/%2F/p', notAdministrator, notAdministrator, notAdministrator, 400],
  ['GET', '/api/parameters', notForMe, 200, notForMe, 200],
  ['GET', '/api/global-parameters', notForMe, 200, notForMe, 200],
  ['PUT', '/api/vhost-limits/%2F/max-queues', notAdministrator, notAdministrator, notAdministrator, 400],
  ['GET', '/api/definitions', notAdministrator, notAdministrator, notAdministrator, 200],
  ['POST', '/api/definitions', notAdministrator, notAdministrator, notAdministrator, 204],
  ['PUT', '/api/cluster-name', notAdministrator, notAdministrator, notAdministrator, 400],
  ['GET', '/api/health/checks/alarms', 200, 200, 200, 200],
  ['GET', '/api/feature-flags', notAdministrator, notAdministrator, notAdministrator, 200],
];

describe('tags', () => {
  it.each(rules)('%s %s', async (method, path, ...answers) => {
    for (const [index, user] of ['management', 'policymaker', 'monitoring', 'administrator'].entries()) {
      const answer = answers[index];
      const { status, body } = await http.send(method, path, {
        ...as(user),
        ...(method !== 'GET' && { body: {} }),
      });
      if (typeof answer === 'number') expect({ user, status }).toEqual({ user, status: answer });
      else expect({ user, status, body }).toMatchObject({ user, status: 401, body: { reason: answer } });
    }
  });

  it('lists only what somebody may see', async () => {
    const names = async (user: string) =>
      (await http.get('/api/queues?columns=name', as(user))).body.map(({ name }: { name: string }) => name);
    expect(await names('management')).not.toContain('theirs');
    expect(await names('monitoring')).not.toContain('theirs');
    expect(await names('administrator')).toContain('theirs');
  });
});

describe('permissions', () => {
  it('hold for what is done over HTTP, positively and negatively', async () => {
    const refused = { status: 401, body: { error: 'not_authorised', reason: 'Access refused.' } };
    const user = as('management');
    expect(await http.put('/api/queues/%2F/my-queue', {}, user)).toMatchObject({ status: 201 });
    expect(await http.put('/api/queues/%2F/queue', {}, user)).toMatchObject(refused);
    expect(await http.put('/api/exchanges/%2F/my-exchange', {}, user)).toMatchObject({ status: 201 });
    expect(await http.put('/api/exchanges/%2F/exchange', {}, user)).toMatchObject(refused);
    expect(await http.post('/api/bindings/%2F/e/my-exchange/q/my-queue', {}, user)).toMatchObject({
      status: 201,
    });
    expect(await http.post('/api/bindings/%2F/e/amq.direct/q/my-queue', {}, user)).toMatchObject(refused);
    const message = { routing_key: '', properties: {}, payload: 'x', payload_encoding: 'string' };
    expect(await http.post('/api/exchanges/%2F/my-exchange/publish', message, user)).toMatchObject({
      body: { routed: true },
    });
    expect(await http.post('/api/exchanges/%2F/amq.direct/publish', message, user)).toMatchObject(refused);
    const get = { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' };
    await http.put('/api/queues/%2F/others');
    expect((await http.post('/api/queues/%2F/my-queue/get', get, user)).body).toHaveLength(1);
    expect(await http.post('/api/queues/%2F/others/get', get, user)).toMatchObject(refused);
    expect(await http.delete('/api/queues/%2F/my-queue/contents', user)).toMatchObject({ status: 204 });
    expect(await http.delete('/api/queues/%2F/others/contents', user)).toMatchObject(refused);
    expect(await http.delete('/api/queues/%2F/others', user)).toMatchObject(refused);
    expect(await http.delete('/api/queues/%2F/my-queue', user)).toMatchObject({ status: 204 });
  });

  it('an administrator changes topology only where there are permissions', async () => {
    expect(await http.put('/api/queues/other/x', {}, as('administrator'))).toMatchObject({ status: 401 });
    expect(await http.put('/api/queues/other/x')).toMatchObject({ status: 201 });
  });

  it('topic permissions hold for publishing', async () => {
    await broker.administration.permissions.put({ vhost: '/', user: 'management', ...everything });
    const topic = { vhost: '/', user: 'management', exchange: 'amq.topic', write: '^a', read: '.*' };
    await broker.administration.topicPermissions.put(topic);
    const publish = async (routingKey: string) =>
      http.post(
        '/api/exchanges/%2F/amq.topic/publish',
        { routing_key: routingKey, properties: {}, payload: '', payload_encoding: 'string' },
        as('management'),
      );
    expect(await publish('a.b')).toMatchObject({ status: 200 });
    expect(await publish('b.a')).toMatchObject({ status: 401 });
  });
});
