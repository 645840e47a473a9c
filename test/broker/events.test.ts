import amqplib, { type Channel, type ConsumeMessage } from 'amqplib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';

let broker: RunningBroker;
let channel: Channel;
let seen: ConsumeMessage[];

beforeEach(async () => {
  broker = await startBroker({ port: 0 });
  const connection = await amqplib.connect(broker.url.replace('amqp://', 'amqp://guest:guest@'));
  channel = await connection.createChannel();
  seen = [];
});

afterEach(() => broker.close());

async function listen(exchange: string, pattern = '#'): Promise<void> {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, exchange, pattern);
  await channel.consume(queue, (message) => message !== null && seen.push(message), { noAck: true });
}

/** Their kinds and details, once everything before has been delivered. */
async function events(): Promise<[string, Record<string, unknown>][]> {
  // Deliveries come before this answer.
  await channel.checkExchange('amq.topic');
  return seen.map(({ fields, properties }) => {
    const { timestamp_in_ms: _, ...details } = properties.headers ?? {};
    return [fields.routingKey, details];
  });
}

it('tells what operators change, and who', async () => {
  await listen('amq.rabbitmq.event', 'user.#');
  await listen('amq.rabbitmq.event', 'permission.*');
  await listen('amq.rabbitmq.event', 'vhost.#');
  await listen('amq.rabbitmq.event', '*.policy.*');
  await listen('amq.rabbitmq.event', 'policy.*');
  await listen('amq.rabbitmq.event', 'alarm.*');
  const { users, permissions, vhosts, vhostLimits, policies } = broker.administration;
  const by = { user_who_performed_action: 'rmq-cli' };
  await vhosts.put({ name: 'v' });
  await vhostLimits.set('v', { 'max-queues': 5 });
  await users.put({ name: 'u', password: 'p', tags: ['monitoring'] });
  await users.setPassword('u', 'q');
  await users.setLimits('u', { 'max-channels': 2 });
  const granted = { vhost: 'v', user: 'u', configure: 'a', write: 'b', read: 'c' };
  await permissions.put(granted);
  await permissions.delete('v', 'u');
  await policies.setPolicy({ name: 'p', pattern: '^x', definition: { 'max-length': 5 }, vhost: 'v' });
  await policies.clearPolicy('p', 'v');
  await policies.setOperatorPolicy({ name: 'o', pattern: '', definition: { 'max-length': 5 } });
  await policies.clearOperatorPolicy('o');
  await users.delete('u');
  await vhosts.delete('v');
  broker.setMemoryWatermark({ absolute: 1 });
  broker.setMemoryWatermark({ relative: 0.6 });
  const limits = { ...by, name: 'limits' };
  const policy = (name: string, pattern: string, vhost: string) => ({
    ...by,
    name,
    vhost,
    pattern,
    'apply-to': 'all',
    priority: 0,
    definition: { 'max-length': 5 },
  });
  const alarm = { node: expect.stringContaining('leveret@'), source: 'memory' };
  expect(await events()).toEqual([
    [
      'vhost.created',
      { ...by, name: 'v', tags: '', description: '', tracing: false, default_queue_type: 'undefined' },
    ],
    ['vhost.limits.set', { ...limits, 'max-queues': 5 }],
    ['user.created', { ...by, name: 'u' }],
    ['user.tags.set', { ...by, name: 'u', tags: ['monitoring'] }],
    ['user.password.changed', { ...by, name: 'u' }],
    ['user.limits.set', { ...limits, username: 'u', 'max-channels': 2 }],
    ['permission.created', { ...by, ...granted }],
    ['permission.deleted', { ...by, vhost: 'v', user: 'u' }],
    ['policy.set', policy('p', '^x', 'v')],
    ['policy.cleared', { ...by, name: 'p', vhost: 'v' }],
    ['policy.set', policy('o', '', '/')],
    ['operator.policy.cleared', { ...by, name: 'o', vhost: '/' }],
    ['user.deleted', { ...by, name: 'u' }],
    ['vhost.deleted', { ...by, name: 'v' }],
    ['alarm.set', alarm],
    ['alarm.cleared', alarm],
  ]);
});

it('tells an exchange of type x-event what happens in its own virtual host', async () => {
  await channel.assertExchange('mine', 'x-event');
  await listen('mine', '#.created');
  const { permissions, vhosts } = broker.administration;
  await vhosts.put({ name: 'v' });
  await permissions.put({ vhost: 'v', user: 'guest', configure: '.*', write: '.*', read: '.*' });
  const elsewhere = await amqplib.connect(`${broker.url.replace('amqp://', 'amqp://guest:guest@')}/v`);
  await (await elsewhere.createChannel()).assertQueue('there');
  await channel.assertQueue('here');
  await elsewhere.close();
  const told = (await events()).filter(([type]) => type === 'queue.created');
  expect(told.map(([, { name }]) => name)).toEqual(['here']);
  await channel.deleteExchange('mine');
  await channel.assertQueue('later');
  expect((await events()).filter(([, { name }]) => name === 'later')).toEqual([]);
});
