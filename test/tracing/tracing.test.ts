import { connect } from 'amqplib';
import { afterEach, expect, it, vi } from 'vitest';
import { type RunningBroker, startBroker, type TracingOptions } from '../../src/index.ts';
import { type ReceivedSpan, startCollector } from './collector.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startTraced(options: Partial<TracingOptions> = {}) {
  const collector = await startCollector();
  closers.push(() => collector.close());
  const tracing = { endpoint: collector.endpoint, delayMs: 5, ...options };
  const broker = await startBroker({ port: 0, metricsPort: 0, tracing });
  closers.push(() => broker.close());
  return { collector, ...(await open(broker)) };
}

async function open(broker: RunningBroker) {
  const connection = await connect(broker.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('orders');
  return { broker, connection, channel };
}

async function taken(collector: { readonly spans: readonly ReceivedSpan[] }, count: number) {
  await vi.waitFor(() => expect(collector.spans.length).toBeGreaterThanOrEqual(count), 3000);
  return collector.spans.toSorted((a, b) =>
    Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)),
  );
}

const attribute = (span: ReceivedSpan | undefined, name: string) =>
  span?.attributes.find(({ key }) => key === name)?.value;

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentSpanId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${parentSpanId}-01`;

it('follows a message that carries a traceparent, and leaves that as it is', async () => {
  const { collector, connection, channel } = await startTraced({ samplingRatio: 0 });
  channel.publish('amq.direct', 'nowhere', Buffer.from('not followed'));
  channel.sendToQueue('orders', Buffer.from('hare'), { headers: { traceparent, other: 1 } });
  await channel.waitForConfirms();
  const message = await channel.get('orders');
  if (message === false) throw new Error('no message');
  expect(message.properties.headers).toEqual({ traceparent, other: 1 });
  channel.nack(message, false, true);
  await new Promise<void>((done) => {
    void channel.consume('orders', (again) => {
      if (again !== null) channel.ack(again);
      done();
    });
  });
  const spans = await taken(collector, 3);
  expect(spans).toMatchObject([
    { traceId, parentSpanId, name: 'publish amq.default', status: {} },
    { traceId, parentSpanId, name: 'deliver orders', status: { code: 2 } },
    { traceId, parentSpanId, name: 'deliver orders', status: {} },
  ]);
  expect(spans.map((span) => attribute(span, 'leveret.settlement')?.['stringValue'])).toEqual([
    undefined,
    'requeue',
    'acknowledge',
  ]);
  expect(attribute(spans[0], 'messaging.rabbitmq.destination.routing_key')).toEqual({
    stringValue: 'orders',
  });
  expect(attribute(spans[0], 'messaging.message.body.size')).toEqual({ intValue: '4' });
  for (const { startTimeUnixNano, endTimeUnixNano } of spans)
    expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
  expect([...collector.paths]).toEqual(['POST /v1/traces application/json']);
  await connection.close();
});

it('gives a share of the other messages a traceparent of its own', async () => {
  const { collector, connection, channel } = await startTraced({ samplingRatio: 1 });
  const unsampled = traceparent.replace(/01$/, '00');
  channel.sendToQueue('orders', Buffer.from('a'), { headers: { traceparent: unsampled } });
  channel.sendToQueue('orders', Buffer.from('b'), { contentType: 'text/plain', persistent: true });
  await channel.waitForConfirms();
  const [first, second] = [await channel.get('orders'), await channel.get('orders', { noAck: true })];
  if (first === false || second === false) throw new Error('no message');
  expect(first.properties.headers).toEqual({ traceparent: unsampled });
  expect(second.properties).toMatchObject({ contentType: 'text/plain', deliveryMode: 2 });
  expect(second.content.toString()).toBe('b');
  const [published, delivered] = await taken(collector, 2);
  expect(second.properties.headers).toEqual({
    traceparent: `00-${published?.traceId}-${published?.spanId}-01`,
  });
  expect(published).not.toHaveProperty('parentSpanId');
  expect(delivered).toMatchObject({ traceId: published?.traceId, parentSpanId: published?.spanId });
  expect(attribute(delivered, 'leveret.settlement')).toEqual({ stringValue: 'automatic' });
  expect(collector.spans).toHaveLength(2);
  await connection.close();
});

it('drops spans, counts them and goes on when the collector is away', async () => {
  const { collector, connection, channel, broker } = await startTraced({ samplingRatio: 1 });
  await collector.close();
  closers.splice(0, 1);
  for (let i = 0; i < 10; i++) channel.sendToQueue('orders', Buffer.from('x'));
  await channel.waitForConfirms();
  await vi.waitFor(async () => {
    const page = await (await fetch(`http://127.0.0.1:${broker.metricsPort}/metrics`)).text();
    expect(page).toMatch(/^leveret_spans_dropped_total 10$/m);
    expect(page).toMatch(/^leveret_spans_exported_total 0$/m);
  }, 3000);
  await connection.close();
});
