import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { plainResponse, RawConnection } from '../../conformance/raw-client.ts';
import { AdministrationError } from '../../src/administration/administration-error.ts';
import { type BrokerOptions, type RunningBroker, startBroker } from '../../src/index.ts';

let dataDir: string;
let broker: RunningBroker;
const open: RawConnection[] = [];

async function start(options: BrokerOptions = {}): Promise<void> {
  broker = await startBroker({ port: 0, refusalDelayMs: 10, dataDir, ...options });
}

async function restart(): Promise<void> {
  await broker.close();
  await start();
}

async function connect(user: string, password: string, vhost = '/'): Promise<RawConnection> {
  const connection = await RawConnection.open(`amqp://127.0.0.1:${broker.port}`, {
    response: plainResponse(user, password),
    capabilities: { authentication_failure_close: true },
    virtualHost: vhost,
  });
  open.push(connection);
  return connection;
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'leveret-administration-'));
  await start();
});

afterEach(async () => {
  for (const connection of open.splice(0)) connection.destroy();
  await broker.close();
  await rm(dataDir, { recursive: true });
});

const everything = { configure: '.*', write: '.*', read: '.*' };

describe('users', () => {
  it('can log in with their passwords, over restarts too', async () => {
    const { administration } = broker;
    expect(await administration.users.put({ name: 'ann', password: 'first', tags: ['monitoring'] })).toBe(
      true,
    );
    await administration.permissions.put({ vhost: '/', user: 'ann', ...everything });
    await connect('ann', 'first');
    await restart();
    expect(broker.administration.users.get('ann')).toMatchObject({ name: 'ann', tags: ['monitoring'] });
    await connect('ann', 'first');
    await broker.administration.users.setPassword('ann', 'second');
    await expect(connect('ann', 'first')).rejects.toThrow('ACCESS_REFUSED');
    await connect('ann', 'second');
  });

  // What rabbit_password:hash made of it in RabbitMQ 3.10.8.
  it.each([
    ['sha256', '5MKFHiufkFlxHY1ttyuL8mjoKxwwV88LAraFSGGnym77VL1E'],
    [
      'sha512',
      'XFXGcoTqGV9PlPkhVWncLtV+l7qEx/XZlA7btbhhLnAnZ8YHc3BSaK4i5FbBtIu6YnJjGFIR45jfEb7SphwjITyBsm4=',
    ],
    ['md5', 'mU4KJAgp/ZOPkMAbx7tDL33Mm3Y='],
  ])('bring the %s hashes that RabbitMQ made of their passwords', async (algorithm, passwordHash) => {
    const { users, permissions } = broker.administration;
    const hashingAlgorithm = `rabbit_password_hashing_${algorithm}`;
    await users.put({ name: 'old', passwordHash, hashingAlgorithm });
    await permissions.put({ vhost: '/', user: 'old', ...everything });
    await connect('old', 'hare & hounds ü');
    await expect(connect('old', 'hare & hounds u')).rejects.toThrow('ACCESS_REFUSED');
  });

  it('without a password cannot log in with one', async () => {
    const { users } = broker.administration;
    await users.put({ name: 'blank', password: '' });
    await users.put({ name: 'certified' });
    await expect(connect('blank', '')).rejects.toThrow('ACCESS_REFUSED');
    await expect(connect('certified', '')).rejects.toThrow('ACCESS_REFUSED');
    await users.put({ name: 'certified', password: 'x' });
    await users.clearPassword('certified');
    await expect(connect('certified', 'x')).rejects.toThrow('ACCESS_REFUSED');
  });

  it('are gone with their permissions and connections, and stay so', async () => {
    const { administration } = broker;
    const connection = await connect('guest', 'guest');
    await administration.topicPermissions.put({
      vhost: '/',
      user: 'guest',
      exchange: 'amq.topic',
      write: '',
      read: '',
    });
    expect(await administration.users.delete('guest')).toBe(true);
    expect(await administration.users.delete('guest')).toBe(false);
    const { code, text } = await connection.closedByServer();
    expect([code, text]).toEqual([320, "CONNECTION_FORCED - user 'guest' is deleted"]);
    await restart();
    const { users, permissions, topicPermissions } = broker.administration;
    expect([users.list(), permissions.list(), topicPermissions.list()]).toEqual([[], [], []]);
    await expect(connect('guest', 'guest')).rejects.toThrow('ACCESS_REFUSED');
  });

  it('are checked', async () => {
    const { users } = broker.administration;
    await expect(users.put({ name: '' })).rejects.toThrow('cannot be empty');
    await expect(users.put({ name: 'x'.repeat(256) })).rejects.toThrow('at most 255 bytes');
    await expect(users.put({ name: 'u', passwordHash: '%' })).rejects.toThrow('not valid base64');
    await expect(users.put({ name: 'u', password: 'p', passwordHash: '' })).rejects.toThrow('not both');
    await expect(users.setTags('nobody', [])).rejects.toThrow('User "nobody" does not exist');
    await expect(users.setLimits('guest', { 'max-queues': 1 })).rejects.toThrow("unknown limit 'max-queues'");
    await expect(users.setLimits('guest', { 'max-channels': '1' })).rejects.toThrow('should be an integer');
    await expect(users.setPassword('nobody', 'p')).rejects.toBeInstanceOf(AdministrationError);
  });
});

describe('the first start', () => {
  it('knows one user, who may be another than guest', async () => {
    await broker.close();
    await rm(dataDir, { recursive: true });
    await start({ defaultUser: 'root', defaultPassword: 'hush', defaultVirtualHost: 'prod' });
    expect(broker.administration.users.list().map(({ name }) => name)).toEqual(['root']);
    expect(broker.administration.vhosts.list().map(({ name }) => name)).toEqual(['prod']);
    await connect('root', 'hush', 'prod');
    await broker.close();
    // Later starts change nothing.
    await start({ defaultUser: 'other', defaultVirtualHost: 'other' });
    expect(broker.administration.users.list().map(({ name }) => name)).toEqual(['root']);
    expect(broker.administration.vhosts.list().map(({ name }) => name)).toEqual(['prod']);
  });
});

describe('seeded users', () => {
  it('get their permissions in each new virtual host they are meant for, and keep what they have', async () => {
    await broker.close();
    await rm(dataDir, { recursive: true });
    await start({
      seededUsers: [
        { name: 'qa', vhostPattern: '^qa-', password: 'secret', tags: ['monitoring'], write: '^own-' },
        { name: 'everywhere', password: 'hush' },
      ],
    });
    const { users, vhosts, permissions } = broker.administration;
    expect(users.list().map(({ name }) => name)).toEqual(['everywhere', 'guest']);
    await connect('everywhere', 'hush');
    await vhosts.put({ name: 'qa-1' });
    expect(permissions.get('qa-1', 'qa')).toMatchObject({ configure: '.*', write: '^own-', read: '.*' });
    expect(users.get('qa')?.tags).toEqual(['monitoring']);
    await users.setPassword('qa', 'changed');
    await vhosts.put({ name: 'qa-2' });
    await vhosts.put({ name: 'prod' });
    await connect('qa', 'changed', 'qa-2');
    expect(permissions.list({ user: 'qa' }).map(({ vhost }) => vhost)).toEqual(['qa-1', 'qa-2']);
    expect(permissions.get('prod', 'everywhere')).toBeDefined();
    // What is there is left alone.
    await permissions.delete('qa-1', 'qa');
    await vhosts.put({ name: 'qa-1', description: 'changed' });
    expect(permissions.get('qa-1', 'qa')).toBeUndefined();
  });
});

describe('logins', () => {
  it('are refused for a while after too many wrong ones, but not where they were right before', async () => {
    await broker.close();
    await start({ loginFailuresPerUser: 2 });
    await broker.administration.users.put({ name: 'ann', password: 'secret' });
    await broker.administration.permissions.put({ vhost: '/', user: 'ann', ...everything });
    await connect('guest', 'guest');
    for (const wrong of ['a', 'b']) {
      await expect(connect('ann', wrong)).rejects.toThrow('ACCESS_REFUSED');
    }
    await expect(connect('ann', 'secret')).rejects.toThrow('ACCESS_REFUSED');
    await connect('guest', 'guest');
  });
});

describe('virtual hosts', () => {
  it('are kept with what is said of them', async () => {
    const { vhosts } = broker.administration;
    const said = { description: 'for tests', tags: ['a', 'b'], defaultQueueType: 'quorum' };
    expect(await vhosts.put({ name: 'new', ...said })).toBe(true);
    expect(await vhosts.put({ name: 'new', description: 'changed' })).toBe(false);
    await restart();
    expect(broker.administration.vhosts.list().map(({ name }) => name)).toEqual(['/', 'new']);
    const vhost = broker.administration.vhosts.get('new');
    expect(vhost?.metadata).toEqual({ ...said, description: 'changed' });
  });

  it('have a default type of queues', async () => {
    const { vhosts, permissions } = broker.administration;
    await vhosts.put({ name: 'quorate', defaultQueueType: 'quorum' });
    await permissions.put({ vhost: 'quorate', user: 'guest', ...everything });
    const channel = await (await connect('guest', 'guest', 'quorate')).channel();
    await channel.call('queue.declare', { queue: 'q', durable: true });
    await channel.call('queue.declare', { queue: 'q', durable: true });
    await channel.call('queue.declare', { queue: 't', exclusive: true });
    const types = [...(vhosts.get('quorate')?.queues() ?? [])].map(({ name, type }) => [name, type]);
    expect(types).toEqual([
      ['q', 'quorum'],
      ['t', 'classic'],
    ]);
    await expect(vhosts.put({ name: 'x', defaultQueueType: 'odd' })).rejects.toThrow("queue type 'odd'");
  });

  it('go with everything in them, and stay gone', async () => {
    const { administration } = broker;
    const { vhosts, permissions, vhostLimits, policies } = administration;
    await vhosts.put({ name: 'doomed' });
    await permissions.put({ vhost: 'doomed', user: 'guest', ...everything });
    await vhostLimits.set('doomed', { 'max-queues': 9 });
    await policies.setPolicy({ vhost: 'doomed', name: 'p', pattern: '', definition: { 'max-length': 5 } });
    const connection = await connect('guest', 'guest', 'doomed');
    const channel = await connection.channel();
    await channel.call('exchange.declare', { exchange: 'x', type: 'fanout', durable: true });
    await channel.call('queue.declare', { queue: 'q', durable: true });
    await channel.call('queue.bind', { queue: 'q', exchange: 'x' });
    channel.publish({ exchange: 'x', body: 'gone', properties: { 'delivery-mode': 2 } });
    await channel.call('queue.declare', { queue: 'q', durable: true, passive: true });
    expect(await vhosts.delete('doomed')).toBe(true);
    const { code, text } = await connection.closedByServer();
    expect([code, text]).toEqual([320, "CONNECTION_FORCED - vhost 'doomed' is deleted"]);
    await expect(connect('guest', 'guest', 'doomed')).rejects.toThrow('vhost doomed not found');

    await restart();
    expect(broker.administration.vhosts.get('doomed')).toBeUndefined();
    expect(broker.administration.permissions.list({ vhost: 'doomed' })).toEqual([]);
    await broker.administration.vhosts.put({ name: 'doomed' });
    const again = broker.administration.vhosts.get('doomed');
    expect([...(again?.queues() ?? [])]).toEqual([]);
    expect(again?.findExchange('x')).toBeUndefined();
    expect(again?.policies.list('policy')).toEqual([]);
    expect(again?.limits).toEqual({});
  });

  it('are not mixed up with those of the same name that come after them', async () => {
    const { vhosts, permissions } = broker.administration;
    const queues = Array.from({ length: 600 }, (_, i) => `q${i}`);
    async function fill(): Promise<void> {
      await vhosts.put({ name: 'often' });
      await permissions.put({ vhost: 'often', user: 'guest', ...everything });
      const connection = await connect('guest', 'guest', 'often');
      const channel = await connection.channel();
      for (const queue of queues) {
        channel.send('queue.declare', { queue, durable: true, 'no-wait': true });
      }
      await channel.call('queue.declare', { queue: 'q0', durable: true });
    }
    await fill();
    // Its queues go bit by bit; the next one waits for the last of them.
    const deleted = vhosts.delete('often');
    await fill();
    await deleted;
    await restart();
    const again = broker.administration.vhosts.get('often');
    expect([...(again?.queues() ?? [])].map(({ name }) => name).sort()).toEqual(queues.sort());
  });

  it('that were being deleted when the broker ended are deleted by the next start', async () => {
    const { vhosts, permissions } = broker.administration;
    await vhosts.put({ name: 'half' });
    await permissions.put({ vhost: 'half', user: 'guest', ...everything });
    const channel = await (await connect('guest', 'guest', 'half')).channel();
    for (let i = 0; i < 600; i++) {
      channel.send('queue.declare', { queue: `q${i}`, durable: true, 'no-wait': true });
    }
    await channel.call('queue.declare', { queue: 'q0', durable: true });
    void vhosts.delete('half');
    await restart();
    expect(broker.administration.vhosts.get('half')).toBeUndefined();
    await broker.administration.vhosts.put({ name: 'half' });
    await restart();
    expect([...(broker.administration.vhosts.get('half')?.queues() ?? [])]).toEqual([]);
  });

  it('even the default one', async () => {
    await broker.administration.vhosts.delete('/');
    await restart();
    expect(broker.administration.vhosts.list()).toEqual([]);
    await expect(connect('guest', 'guest')).rejects.toThrow('vhost / not found');
  });
});

describe('permissions', () => {
  it('hold over restarts', async () => {
    const { permissions, topicPermissions } = broker.administration;
    const row = { vhost: '/', user: 'guest', configure: '^mine', write: '', read: 'x' };
    const topic = { vhost: '/', user: 'guest', exchange: 'amq.topic', write: '^{username}\\.', read: '.*' };
    expect(await permissions.put(row)).toBe(false);
    expect(await topicPermissions.put(topic)).toBe(true);
    await restart();
    expect(broker.administration.permissions.list()).toMatchObject([row]);
    expect(broker.administration.topicPermissions.list()).toMatchObject([topic]);
    expect(await broker.administration.permissions.delete('/', 'guest')).toBe(true);
    expect(await broker.administration.topicPermissions.delete('/', 'guest')).toBe(true);
    await restart();
    expect(broker.administration.permissions.list()).toEqual([]);
    expect(broker.administration.topicPermissions.list()).toEqual([]);
  });

  it('are for users and virtual hosts that exist, and regular expressions', async () => {
    const { permissions } = broker.administration;
    await expect(permissions.put({ vhost: 'v', user: 'guest', ...everything })).rejects.toThrow(
      "Virtual host 'v' does not exist",
    );
    await expect(permissions.put({ vhost: '/', user: 'u', ...everything })).rejects.toThrow(
      'User "u" does not exist',
    );
    await expect(permissions.put({ vhost: '/', user: 'guest', ...everything, write: '[' })).rejects.toThrow(
      'write should be regular expression but is invalid',
    );
  });
});

describe('parameters', () => {
  it('are checked by those they are for, and kept', async () => {
    const { parameters, vhostLimits } = broker.administration;
    const limits = { vhost: '/', component: 'vhost-limits', name: 'limits' };
    await expect(parameters.put({ ...limits, component: 'odd', value: {} })).rejects.toThrow(
      'Validation failed\n\ncomponent odd not found\n',
    );
    await expect(parameters.put({ ...limits, value: { 'max-odd': 1 } })).rejects.toThrow(
      'Unrecognised terms [{<<"max-odd">>,1}] in limits',
    );
    expect(await parameters.put({ ...limits, value: { 'max-queues': 7 } })).toBe(true);
    await parameters.putGlobal({ name: 'cluster_name', value: 'mine' });
    await restart();
    expect(broker.administration.vhostLimits.get('/')).toEqual({ 'max-queues': 7 });
    expect(broker.administration.parameters.getGlobal('cluster_name')?.value).toBe('mine');
    expect(await broker.administration.parameters.deleteGlobal('cluster_name')).toBe(true);
    expect(vhostLimits).not.toBe(broker.administration.vhostLimits);
    await broker.administration.vhostLimits.update('/', { 'max-connections': 3 });
    await broker.administration.vhostLimits.clear('/', 'max-queues');
    expect(broker.administration.vhostLimits.get('/')).toEqual({ 'max-connections': 3 });
    await broker.administration.vhostLimits.clear('/');
    expect(broker.administration.parameters.list()).toEqual([]);
  });
});
