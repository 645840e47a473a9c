import { afterEach, expect, test, vi } from 'vitest';
import { openChannel, queueName, scenarios } from '../harness/broker.ts';
import { CONTROL_TIMEOUT_MS, controllable, setTracing } from '../harness/control.ts';
import { barrier } from '../harness/expectations.ts';
import { boundQueue, consume, declareExchange, declareQueue } from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';

vi.setConfig({ testTimeout: CONTROL_TIMEOUT_MS });

const TRACE = 'amq.rabbitmq.trace';

/** A channel that consumes every copy. */
async function tracingChannel(): Promise<RawChannel> {
  const tracer = await openChannel();
  const queue = queueName('trace');
  await tracer.call('queue.declare', { queue, exclusive: true });
  await tracer.call('queue.bind', { queue, exchange: TRACE, 'routing-key': '#' });
  await consume(tracer, queue, { 'no-ack': true });
  await setTracing(true);
  return tracer;
}

scenarios('1.20b firehose', () => {
  afterEach(() => setTracing(false));

  const traced = test.skipIf(!controllable);

  traced('publishes and deliveries are copied with everything that is known about them', async () => {
    const tracer = await tracingChannel();
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'topic');
    const queue = await boundQueue(channel, exchange, 'a.#');
    const properties = {
      'content-type': 'text/plain',
      priority: 3,
      headers: { x: 1, CC: ['c'], BCC: ['b'] },
    };
    channel.publish({ exchange, routingKey: 'a.b', properties, body: 'hello' });
    const published = await tracer.next('basic.deliver');
    expect(published.fields).toMatchObject({ exchange: TRACE, 'routing-key': `publish.${exchange}` });
    const { headers } = published;
    const common = {
      exchange_name: exchange,
      routing_keys: ['a.b', 'c', 'b'],
      properties: { headers: { x: 1, CC: ['c'] }, priority: 3, content_type: 'text/plain' },
      node: expect.stringContaining('@'),
      vhost: '/',
      connection: expect.stringContaining(' -> '),
      channel: channel.id,
      user: 'guest',
    };
    expect([headers, published.text]).toEqual([{ ...common, routed_queues: [queue] }, 'hello']);
    expect(Object.keys(published.properties)).toEqual(['headers']);
    await channel.call('basic.get', { queue });
    channel.send('basic.nack', { 'delivery-tag': 1, requeue: true });
    await consume(channel, queue, { 'no-ack': true });
    for (const redelivered of [0, 1]) {
      const delivered = await tracer.next('basic.deliver');
      expect(delivered.fields['routing-key']).toBe(`deliver.${queue}`);
      expect([delivered.headers, delivered.text]).toEqual([{ ...common, redelivered }, 'hello']);
    }
  });

  traced('a message that goes nowhere is copied too, one without properties has an empty table', async () => {
    const tracer = await tracingChannel();
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'fanout');
    channel.publish({ exchange, routingKey: 'k' });
    const { headers } = await tracer.next('basic.deliver');
    expect(headers).toMatchObject({ routing_keys: ['k'], properties: {}, routed_queues: [] });
  });

  traced('nothing is copied when it is off', async () => {
    const tracer = await tracingChannel();
    await setTracing(false);
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    channel.publish({ routingKey: queue, body: 'x' });
    await channel.call('basic.get', { queue, 'no-ack': true });
    await barrier(tracer);
    expect(tracer.arrived).toEqual([]);
  });
});
