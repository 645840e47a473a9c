import { expect, test } from 'vitest';
import { brokerUrl, openChannel, openConnection, scenarios } from '../harness/broker.ts';
import { bindQueue, consume, declareExchange, declareQueue } from '../harness/model.ts';
import { type Command, type RawChannel, RawConnection } from '../raw-client.ts';

/** Events since it was made, those that the scenarios of other files cause included. */
class EventQueue {
  readonly #channel: RawChannel;
  readonly #seen: Command[] = [];

  private constructor(channel: RawChannel) {
    this.#channel = channel;
  }

  static async bind(pattern: string, exchange = 'amq.rabbitmq.event'): Promise<EventQueue> {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { exclusive: true });
    await bindQueue(channel, exchange, queue, pattern);
    await consume(channel, queue, { 'no-ack': true });
    return new EventQueue(channel);
  }

  /** The first event of this kind with these details; all of its details but the time. */
  async find(type: string, details: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.#seen.find(
        (event) => event.string('routing-key') === type && matches(event.headers ?? {}, details),
      );
      if (found !== undefined) return checked(found);
      this.#seen.push(await this.#channel.next('basic.deliver'));
    }
  }

  async types(): Promise<string[]> {
    return [...this.#seen, ...this.#channel.arrived]
      .filter(({ name }) => name === 'basic.deliver')
      .map((event) => event.string('routing-key'));
  }
}

function matches(
  headers: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): boolean {
  return Object.entries(wanted).every(
    ([key, value]) => JSON.stringify(headers[key]) === JSON.stringify(value),
  );
}

/** What every event has: no body, delivery mode 2, and the time twice. */
function checked(event: Command): Record<string, unknown> {
  const { timestamp_in_ms: at, ...details } = event.headers ?? {};
  expect([event.text, event.properties['delivery-mode']]).toEqual(['', 2]);
  expect(Math.abs(Number(at) - Date.now())).toBeLessThan(60_000);
  expect(Number(event.properties['timestamp'])).toBe(Math.floor(Number(at) / 1000));
  return details;
}

const user = { user_who_performed_action: 'guest' };
const pid = /^<.+\.\d+\.\d+>$/;

scenarios('RabbitMQ page "Event Exchange"', () => {
  test('exchanges, queues and bindings', async () => {
    const events = await EventQueue.bind('#');
    const channel = await openChannel();
    const source = await declareExchange(channel, 'topic', {
      durable: true,
      arguments: { 'alternate-exchange': 'amq.fanout' },
    });
    const queue = await declareQueue(channel, { durable: true, arguments: { 'x-max-length': 5 } });
    await bindQueue(channel, source, queue, 'a.b', { z: 1 });
    await channel.call('exchange.bind', { source, destination: 'amq.topic', 'routing-key': 'k' });
    await channel.call('queue.unbind', {
      queue,
      exchange: source,
      'routing-key': 'a.b',
      arguments: { z: 1 },
    });
    await channel.call('queue.delete', { queue });
    await channel.call('exchange.delete', { exchange: source });

    const named = (name: string) => ({ ...user, name, vhost: '/' });
    expect(await events.find('exchange.created', { name: source })).toEqual({
      ...named(source),
      policy: '',
      arguments: ['{<<"alternate-exchange">>,longstr,<<"amq.fanout">>}'],
      internal: false,
      auto_delete: false,
      durable: true,
      type: 'topic',
    });
    expect(await events.find('queue.created', { name: queue })).toEqual({
      ...named(queue),
      exclusive: false,
      owner_pid: '',
      arguments: ['{<<"x-max-length">>,signedint,5}'],
      auto_delete: false,
      durable: true,
    });
    const toQueue = {
      ...user,
      vhost: '/',
      arguments: ['{<<"z">>,signedint,1}'],
      routing_key: 'a.b',
      destination_kind: 'queue',
      destination_name: queue,
      source_kind: 'exchange',
      source_name: source,
    };
    expect(await events.find('binding.created', { source_name: source })).toEqual(toQueue);
    expect(await events.find('binding.deleted', { source_name: source })).toEqual(toQueue);
    const toExchange = { source_name: source, destination_kind: 'exchange' };
    expect(await events.find('binding.created', toExchange)).toMatchObject({
      destination_name: 'amq.topic',
      routing_key: 'k',
      arguments: [],
    });
    expect(await events.find('queue.deleted', { name: queue })).toEqual(named(queue));
    expect(await events.find('exchange.deleted', { name: source })).toEqual(named(source));
    await events.find('binding.deleted', toExchange);
  });

  test('connections, channels and consumers', async () => {
    const events = await EventQueue.bind('#');
    const connection = await openConnection({ clientProperties: { connection_name: 'the events scenario' } });
    const channel = await connection.channel();
    const queue = await declareQueue(channel, { exclusive: true });
    const tag = await consume(channel, queue, { arguments: { 'x-priority': 3 } });
    await channel.call('basic.cancel', { 'consumer-tag': tag });
    await consume(channel, queue, { 'no-ack': true, 'consumer-tag': 'second' });
    await connection.close();

    const created = await events.find('connection.created', { user_provided_name: 'the events scenario' });
    expect(created).toMatchObject({
      ...user,
      user: 'guest',
      vhost: '/',
      auth_mechanism: 'PLAIN',
      protocol: '{0,9,1}',
      peer_host: '{127,0,0,1}',
      host: '{127,0,0,1}',
      ssl: false,
      channel_max: 2047,
      frame_max: 131_072,
      timeout: 0,
      name: expect.stringMatching(/^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/),
      pid: expect.stringMatching(pid),
      client_properties: expect.arrayContaining([
        '{<<"connection_name">>,longstr,<<"the events scenario">>}',
      ]),
    });
    const { name, pid: connectionPid, node } = created;
    expect(await events.find('user.authentication.success', { connection_name: name })).toEqual({
      ssl: false,
      auth_mechanism: 'PLAIN',
      protocol: '{0,9,1}',
      peer_host: '{127,0,0,1}',
      peer_port: expect.any(Number),
      host: '{127,0,0,1}',
      connection_name: name,
      connection_type: 'network',
      name: 'guest',
    });
    const channelCreated = await events.find('channel.created', { connection: connectionPid });
    expect(channelCreated).toEqual({
      ...user,
      user: 'guest',
      vhost: '/',
      number: 1,
      connection: connectionPid,
      name: `${name} (1)`,
      pid: expect.stringMatching(pid),
    });
    expect(await events.find('queue.created', { name: queue })).toMatchObject({
      exclusive: true,
      owner_pid: connectionPid,
    });
    const consumer = { ...user, queue, vhost: '/', channel: channelCreated['pid'] };
    expect(await events.find('consumer.created', { consumer_tag: tag })).toEqual({
      ...consumer,
      arguments: ['{<<"x-priority">>,signedint,3}'],
      prefetch_count: 0,
      ack_required: true,
      exclusive: false,
      consumer_tag: tag,
    });
    expect(await events.find('consumer.deleted', { consumer_tag: tag })).toEqual({
      ...consumer,
      consumer_tag: tag,
    });
    await events.find('consumer.deleted', { consumer_tag: 'second' });
    expect(await events.find('channel.closed', { pid: channelCreated['pid'] })).toEqual({
      ...user,
      pid: channelCreated['pid'],
    });
    expect(await events.find('queue.deleted', { name: queue })).toEqual({
      user_who_performed_action: 'rmq-internal',
      name: queue,
      vhost: '/',
    });
    expect(await events.find('connection.closed', { pid: connectionPid })).toEqual({
      client_properties: created['client_properties'],
      node,
      name,
      pid: connectionPid,
      user_provided_name: 'the events scenario',
    });
  });

  test('a login that is refused', async () => {
    const events = await EventQueue.bind('user.authentication.failure');
    const wrong = brokerUrl().replace('guest:guest', 'guest:wrong');
    await expect(RawConnection.open(wrong)).rejects.toThrow();
    const failure = await events.find('user.authentication.failure', { name: 'guest' });
    expect(failure).toMatchObject({ auth_mechanism: 'PLAIN', connection_type: 'network', ssl: false });
    // RabbitMQ writes a list of characters.
    const { error } = failure;
    const text = Array.isArray(error) ? String.fromCharCode(...error.map(Number)) : error;
    expect(text).toBe("user 'guest' - invalid credentials");
  });

  test('the exchange is internal, a topic exchange, and there only once', async () => {
    const channel = await openChannel();
    await channel.call('exchange.declare', { exchange: 'amq.rabbitmq.event', passive: true });
    channel.publish({ exchange: 'amq.rabbitmq.event', routingKey: 'queue.created' });
    expect((await channel.closedByServer()).text).toBe(
      "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.event' in vhost '/'",
    );
    const events = await EventQueue.bind('queue.*');
    const other = await openChannel();
    const queue = await declareQueue(other);
    await events.find('queue.created', { name: queue });
    expect((await events.types()).filter((type) => !type.startsWith('queue.'))).toEqual([]);
  });
});
