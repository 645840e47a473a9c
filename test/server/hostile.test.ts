import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeProperties } from '../../src/protocol/basic-properties.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { protocolHeader } from '../../src/protocol/frame-reader.ts';
import { type Method, MethodId, type QueueDeclare } from '../../src/protocol/methods.ts';
import { tableFrom } from '../../src/protocol/plain-value.ts';
import { writeContentHeaderStart } from '../../src/protocol/properties.ts';
import { ServerProcess } from '../crash/server-process.ts';
import { collectGarbage, withCollector } from '../soak/garbage.ts';
import { randomNumbers } from '../storage/crash/random.ts';
import { newDirectory, removeDirectories } from '../storage/support.ts';
import { Bystander } from './bystander.ts';
import { frame, methodFrame, RawClient } from './raw-client.ts';

const mebibyte = 2 ** 20;
const maxMessageBytes = 128 * mebibyte;

/** Above what the broker takes without clients. Backlogs may have 64 MiB, one message 128 MiB and its copies. */
const memoryBytesMax = 400 * mebibyte;

/**
 * Generous: this machine has other things to do, and a bystander's persistent message waits for the flush of the commit
 * under way, which may carry 128 MiB. That no turn of the event loop is that long: see large-message.test.ts.
 */
const quietRoundTripMsMax = 2_500;

/** On a busy machine round trips are slow without anybody's doing; so many times the slowest of those is allowed. */
const busyFactor = 20;

let server: ServerProcess;
let port: number;
let idleBytes: number;
let roundTripMsMax: number;
let bystander: Bystander;
let url: string;
const clients: RawClient[] = [];

beforeAll(async () => {
  const flags = ['--handshake-timeout', '1000'];
  ({ server, url } = await ServerProcess.start({ dataDir: newDirectory(), flags, env: withCollector }));
  port = Number(new URL(url).port);
  const alone = await Bystander.start(url);
  await alone.more(50);
  await alone.stop();
  roundTripMsMax = Math.max(quietRoundTripMsMax, busyFactor * alone.slowestMs);
  idleBytes = server.anonymousBytes;
});

afterAll(async () => {
  await server.kill();
  removeDirectories();
});

beforeEach(async () => {
  bystander = await Bystander.start(url);
});

afterEach(async ({ task }) => {
  await bystander.more(20);
  await bystander.stop();
  const grownMiB = Math.round((server.anonymousBytes - idleBytes) / mebibyte);
  const slowestMs = Math.round(bystander.slowestMs);
  await collectGarbage(server);
  const keptMiB = Math.round((server.anonymousBytes - idleBytes) / mebibyte);
  process.stderr.write(
    `${task.name}: ${bystander.rounds} round trips, at most ${slowestMs} ms; +${grownMiB} MiB, +${keptMiB} MiB kept\n`,
  );
  for (const client of clients.splice(0)) client.socket.destroy();
  expect(bystander.slowestMs).toBeLessThan(roundTripMsMax);
  expect(grownMiB * mebibyte).toBeLessThan(memoryBytesMax);
  expect(server.complaints).toEqual([]);
});

async function open(...channels: readonly number[]): Promise<RawClient> {
  const client = await RawClient.open(port);
  clients.push(client);
  for (const channel of channels) await client.openChannel(channel);
  return client;
}

function publication(queue: string, bodySize: number, expiration?: string, channel = 1): Buffer {
  const method: Method = {
    id: MethodId.BasicPublish,
    exchange: '',
    routingKey: queue,
    mandatory: false,
    immediate: false,
  };
  const writer = new ByteWriter();
  writeContentHeaderStart(writer, bodySize);
  writeProperties(writer, expiration === undefined ? {} : { expiration });
  const parts = [methodFrame(channel, method), frame(2, channel, Buffer.from(writer.bytes()))];
  const pieceMax = 131_072 - 8;
  for (let left = bodySize; left > 0; left -= pieceMax) {
    parts.push(frame(3, channel, Buffer.alloc(Math.min(left, pieceMax), 'x')));
  }
  return Buffer.concat(parts);
}

function times(count: number, bytes: Buffer): Buffer {
  return Buffer.alloc(count * bytes.length, bytes);
}

interface QueueSettings {
  readonly exclusive?: boolean;
  readonly arguments?: FieldTable;
}

function declaration(queue: string, { exclusive = false, arguments: all }: QueueSettings = {}): QueueDeclare {
  return {
    id: MethodId.QueueDeclare,
    queue,
    passive: false,
    durable: false,
    exclusive,
    autoDelete: false,
    noWait: false,
    arguments: all ?? FieldTable.empty,
  };
}

function consumption(queue: string, noAck: boolean): Method {
  return {
    id: MethodId.BasicConsume,
    queue,
    consumerTag: 'hostile',
    noLocal: false,
    noAck,
    exclusive: false,
    noWait: false,
    arguments: FieldTable.empty,
  };
}

/** Declares a queue and fills it; every message has been confirmed. */
async function fill(
  queue: string,
  count: number,
  bodySize: number,
  settings?: QueueSettings,
  expiration?: string,
): Promise<void> {
  const client = await open(1);
  client.send(1, declaration(queue, settings));
  await client.expect(MethodId.QueueDeclareOk, 1);
  client.send(1, { id: MethodId.ConfirmSelect, noWait: false });
  await client.expect(MethodId.ConfirmSelectOk, 1);
  client.write(times(count, publication(queue, bodySize, expiration)));
  for (let confirmed = 0; confirmed < count; ) {
    confirmed = (await client.expect(MethodId.BasicAck, 1)).deliveryTag;
  }
}

async function purge(client: RawClient, queue: string): Promise<number> {
  client.send(1, { id: MethodId.QueuePurge, queue, noWait: false });
  return (await client.expect(MethodId.QueuePurgeOk, 1)).messageCount;
}

async function messageCount(client: RawClient, queue: string): Promise<number> {
  client.send(1, { ...declaration(queue), passive: true });
  return (await client.expect(MethodId.QueueDeclareOk, 1)).messageCount;
}

describe('everybody else goes on while a client', () => {
  it.each([
    ['a consumer', consumption('unread', false)],
    ['a no-ack consumer', consumption('unread', true)],
    ['gets', { id: MethodId.BasicGet, queue: 'unread', noAck: true } as const],
  ])('reads nothing (%s)', async (what, method) => {
    await fill('unread', 5_000, 10_000);
    const client = await open(1);
    client.socket.pause();
    client.write(times(what === 'gets' ? 5_000 : 1, methodFrame(1, method)));
    await bystander.more(100);
    expect(await purge(await open(1), 'unread')).toBeGreaterThan(1_000);
  });

  it('takes one message after the other, from a queue that is flooded', async () => {
    await fill('slow', 1, 1_000);
    const slow = await open(1);
    slow.send(1, { id: MethodId.BasicQos, prefetchSize: 0, prefetchCount: 1, global: false });
    await slow.expect(MethodId.BasicQosOk, 1);
    slow.send(1, consumption('slow', false));
    await slow.expect(MethodId.BasicConsumeOk, 1);
    const flooding = await open(1);
    flooding.write(times(20_000, publication('slow', 1_000)));
    for (let round = 0; round < 20; round++) {
      const { deliveryTag } = await slow.expect(MethodId.BasicDeliver, 1);
      await bystander.more(1);
      slow.send(1, { id: MethodId.BasicAck, deliveryTag, multiple: false });
    }
    await purge(await open(1), 'slow');
  });

  it('does not read its confirms', async () => {
    const client = await open(1);
    client.send(1, declaration('unconfirmed'));
    await client.expect(MethodId.QueueDeclareOk, 1);
    client.send(1, { id: MethodId.ConfirmSelect, noWait: true });
    client.socket.pause();
    const written = once(client.socket, 'drain');
    client.write(times(200_000, publication('unconfirmed', 20)));
    await written;
    await bystander.more(20);
    await purge(await open(1), 'unconfirmed');
  });

  it('publishes a message as large as may be, gets it, and publishes one that is larger', async () => {
    const client = await open(1);
    await collectGarbage(server);
    const bytesBefore = server.anonymousBytes;
    client.send(1, declaration('huge'));
    await client.expect(MethodId.QueueDeclareOk, 1);
    client.send(1, { id: MethodId.ConfirmSelect, noWait: false });
    await client.expect(MethodId.ConfirmSelectOk, 1);
    client.write(publication('huge', maxMessageBytes));
    await client.expect(MethodId.BasicAck, 1);
    client.send(1, { id: MethodId.BasicGet, queue: 'huge', noAck: true });
    await client.expect(MethodId.BasicGetOk, 1);
    // The answer comes behind the whole body.
    expect(await purge(client, 'huge')).toBe(0);
    expect(client.socket.bytesRead).toBeGreaterThan(maxMessageBytes);
    // The channel has published and stays open: it holds nothing of that.
    await expect
      .poll(
        async () => {
          await collectGarbage(server);
          return server.anonymousBytes - bytesBefore;
        },
        { timeout: 10_000 },
      )
      .toBeLessThan(maxMessageBytes / 2);
    client.write(publication('huge', maxMessageBytes + 1));
    expect((await client.expect(MethodId.ChannelClose, 1)).replyText).toContain(
      'is larger than configured max size',
    );
  });

  it('opens 2,000 channels and publishes on each', async () => {
    const client = await open(1);
    client.send(1, declaration('channels'));
    await client.expect(MethodId.QueueDeclareOk, 1);
    for (let channel = 2; channel <= 2_000; channel++) client.send(channel, { id: MethodId.ChannelOpen });
    for (let channel = 2; channel <= 2_000; channel++) await client.expect(MethodId.ChannelOpenOk, channel);
    for (let channel = 1; channel <= 2_000; channel++) {
      client.send(channel, { id: MethodId.ConfirmSelect, noWait: true });
      client.write(publication('channels', 20, undefined, channel));
    }
    for (let channel = 1; channel <= 2_000; channel++) await client.expect(MethodId.BasicAck, channel);
    expect(await purge(client, 'channels')).toBe(2_000);
  });

  it('declares 10,000 queues and goes', async () => {
    const client = await open(1);
    const names = Array.from({ length: 10_000 }, (_, i) => `many-${i}`);
    for (const name of names) client.send(1, declaration(name, { exclusive: true }));
    for (const _ of names) await client.expect(MethodId.QueueDeclareOk, 1);
    client.send(0, { id: MethodId.ConnectionClose, replyCode: 200, replyText: '', classId: 0, methodId: 0 });
    await client.expect(MethodId.ConnectionCloseOk);
    const other = await open(1);
    other.send(1, { ...declaration('many-9999'), passive: true });
    expect((await other.expect(MethodId.ChannelClose, 1)).replyCode).toBe(404);
  });

  it('closes a channel with 100,000 unacknowledged messages', async () => {
    const count = 100_000;
    await fill('unacked', count, 100);
    const client = await open(1);
    client.send(1, consumption('unacked', false));
    await client.expect(MethodId.BasicConsumeOk, 1);
    for (let i = 0; i < count; i++) await client.expect(MethodId.BasicDeliver, 1);
    client.send(1, { id: MethodId.ChannelClose, replyCode: 200, replyText: '', classId: 0, methodId: 0 });
    await client.expect(MethodId.ChannelCloseOk, 1);
    await client.openChannel(1);
    expect(await purge(client, 'unacked')).toBe(count);
  });

  it.each(['dropped', 'dead-lettered'])('has 100,000 messages expire at once, which are %s', async (fate) => {
    const count = 100_000;
    const client = await open(1);
    client.send(1, declaration('dead'));
    await client.expect(MethodId.QueueDeclareOk, 1);
    const deadLetters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
    const all = fate === 'dropped' ? FieldTable.empty : tableFrom(deadLetters);
    // The first one stays at the head until all are there.
    await fill(fate, 1, 20, { arguments: all });
    const filler = await open(1);
    filler.send(1, { id: MethodId.ConfirmSelect, noWait: false });
    await filler.expect(MethodId.ConfirmSelectOk, 1);
    filler.write(times(count, publication(fate, 20, '1')));
    for (let confirmed = 0; confirmed < count; ) {
      confirmed = (await filler.expect(MethodId.BasicAck, 1)).deliveryTag;
    }
    client.send(1, { id: MethodId.BasicGet, queue: fate, noAck: true });
    await client.expect(MethodId.BasicGetOk, 1);
    client.send(1, { id: MethodId.BasicGet, queue: fate, noAck: true });
    await client.expect(MethodId.BasicGetEmpty, 1);
    while ((await messageCount(client, fate)) > 0) await bystander.more(1);
    expect(await purge(client, 'dead')).toBe(fate === 'dropped' ? 0 : count);
  });

  it('opens sockets and says nothing, or half of what it should', async () => {
    const beginnings = [Buffer.alloc(0), protocolHeader.subarray(0, 4), protocolHeader];
    const ends = Array.from({ length: 150 }, async (_, i) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(beginnings[i % beginnings.length] ?? '');
      socket.resume();
      await once(socket, 'close');
    });
    await Promise.all(ends);
  });

  it('sends garbage', async () => {
    const random = randomNumbers(1);
    const garbage = () => Buffer.from(Array.from({ length: 2_000 }, () => Math.floor(random() * 256)));
    const ends = Array.from({ length: 60 }, async (_, i) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      socket.end(Buffer.concat([i % 2 === 0 ? protocolHeader : Buffer.alloc(0), garbage()]));
      await once(socket, 'close');
    });
    const opened = Array.from({ length: 60 }, async (_, i) => {
      const client = await RawClient.open(port);
      client.socket.resume();
      const closed = once(client.socket, 'close');
      client.send(1, { id: MethodId.ChannelOpen });
      client.write(i % 2 === 0 ? frame(1, 1, garbage()) : garbage());
      client.socket.end();
      await closed;
    });
    await Promise.all([...ends, ...opened]);
  });
});
