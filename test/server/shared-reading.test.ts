import amqp from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { writeProperties } from '../../src/protocol/basic-properties.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { MethodId } from '../../src/protocol/methods.ts';
import { tableFrom } from '../../src/protocol/plain-value.ts';
import { frame, methodFrame, RawClient } from './raw-client.ts';

let broker: RunningBroker;
let clients: RawClient[] = [];

beforeAll(async () => {
  broker = await startBroker({ port: 0 });
});

afterAll(async () => {
  for (const client of clients) client.socket.destroy();
  clients = [];
  await broker.close();
});

async function open(): Promise<RawClient> {
  const client = await RawClient.open(broker.port);
  clients.push(client);
  await client.openChannel(1);
  await client.openChannel(2);
  return client;
}

/** Everything sent before has been dealt with. */
async function settle(client: RawClient): Promise<void> {
  client.send(2, { id: MethodId.BasicQos, prefetchSize: 0, prefetchCount: 1, global: false });
  await client.expect(MethodId.BasicQosOk, 2);
}

function publish(channel: number, routingKey: string): Buffer {
  return methodFrame(channel, {
    id: MethodId.BasicPublish,
    exchange: '',
    routingKey,
    mandatory: false,
    immediate: false,
  });
}

function header(channel: number, bodySize: number, note: string): Buffer {
  const writer = new ByteWriter();
  writeProperties(writer, { headers: tableFrom({ note }) });
  const start = Buffer.alloc(12);
  start.writeUInt16BE(60, 0);
  start.writeUInt32BE(bodySize, 8);
  return frame(2, channel, Buffer.concat([start, writer.bytes()]));
}

/** So much that nothing that was read before is where it was. */
async function flood(client: RawClient): Promise<void> {
  const message = [
    publish(1, 'nowhere'),
    header(1, 100_000, 'flood'),
    frame(3, 1, Buffer.alloc(100_000, 0xff)),
  ];
  for (let i = 0; i < 10; i++) client.write(Buffer.concat(message));
  await settle(client);
}

describe('what a client has sent so far', () => {
  it('is not touched by what others send', async () => {
    const [client, other] = [await open(), await open()];
    const connection = await amqp.connect(broker.url);
    const channel = await connection.createChannel();
    await channel.assertQueue('slowly');
    const parts = [
      publish(1, 'slowly'),
      header(1, 200_005, 'in parts'),
      frame(3, 1, Buffer.from('hello')),
      frame(3, 1, Buffer.alloc(100_000, 'a')),
      frame(3, 1, Buffer.alloc(100_000, 'b')),
    ];
    for (const part of parts) {
      // A frame is split, too, and the other channel has something to say in between.
      client.write(part.subarray(0, part.length >> 1));
      await flood(other);
      client.write(part.subarray(part.length >> 1));
      await settle(client);
      await flood(other);
    }
    const message = await channel.get('slowly', { noAck: true });
    if (message === false) throw new Error('no message');
    expect(message.fields.routingKey).toBe('slowly');
    expect(message.properties.headers).toEqual({ note: 'in parts' });
    expect(message.content.toString('latin1')).toBe(`hello${'a'.repeat(100_000)}${'b'.repeat(100_000)}`);
    await connection.close();
  });

  it('is not touched while an alarm keeps the rest of it from being read', async () => {
    const [client, other] = [await open(), await open()];
    client.send(1, { id: MethodId.ConfirmSelect, noWait: false });
    await client.expect(MethodId.ConfirmSelectOk, 1);
    const connection = await amqp.connect(broker.url);
    const channel = await connection.createChannel();
    await channel.assertQueue('blocked');
    broker.setMemoryWatermark({ absolute: 1 });
    client.write(
      Buffer.concat([publish(1, 'blocked'), header(1, 5, 'behind it'), frame(3, 1, Buffer.from('hello'))]),
    );
    await settle(other);
    other.write(Buffer.concat(Array<Buffer>(8_000).fill(frame(8, 0, Buffer.alloc(0)))));
    await settle(other);
    expect(await channel.get('blocked')).toBe(false);
    broker.setMemoryWatermark({ relative: 1 });
    await client.expect(MethodId.BasicAck, 1);
    const message = await channel.get('blocked', { noAck: true });
    if (message === false) throw new Error('no message');
    expect(message.properties.headers).toEqual({ note: 'behind it' });
    expect(message.content.toString()).toBe('hello');
    await connection.close();
  });

  it('stays what it is where the broker keeps it: arguments of queues', async () => {
    const [client, other] = [await open(), await open()];
    const declare = {
      id: MethodId.QueueDeclare,
      queue: 'kept',
      passive: false,
      durable: false,
      exclusive: true,
      autoDelete: false,
      noWait: false,
    } as const;
    const args = (letters: string) =>
      tableFrom({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': letters });
    client.send(1, { ...declare, arguments: args('letters') });
    await client.expect(MethodId.QueueDeclareOk, 1);
    await flood(other);
    client.send(1, { ...declare, arguments: args('letters') });
    await client.expect(MethodId.QueueDeclareOk, 1);
    client.send(1, { ...declare, arguments: FieldTable.empty });
    const { replyCode } = await client.expect(MethodId.ChannelClose, 1);
    expect(replyCode).toBe(406);
  });
});
