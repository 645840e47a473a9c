import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import amqp, { type ChannelModel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Message } from '../../src/broker/message.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { protocolHeader } from '../../src/protocol/frame-reader.ts';
import { MethodId } from '../../src/protocol/methods.ts';
import { writeContentHeaderStart } from '../../src/protocol/properties.ts';
import { Input } from '../../src/server/connection/input.ts';
import { LargeBody } from '../../src/server/output/large-body.ts';
import { Output } from '../../src/server/output/output.ts';
import { ContentAssembler } from '../../src/server/publishing/content.ts';
import type { ByteStream } from '../../src/server/sockets/transport.ts';
import { TestBroker } from '../broker/support.ts';
import { frame, methodFrame } from './raw-client.ts';

const mebibyte = 2 ** 20;

/** No two of its pieces are alike. */
function patterned(bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) body.writeUInt32LE(at, at);
  return body;
}

function stream(): ByteStream {
  return Object.assign(new PassThrough({ highWaterMark: 1000 * mebibyte }), {
    bytesRead: 0,
    bytesWritten: 0,
  });
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('a large message', () => {
  let broker: RunningBroker;
  let connections: ChannelModel[];

  beforeAll(async () => {
    broker = await startBroker({ port: 0 });
    const url = `amqp://localhost:${broker.port}`;
    connections = [await amqp.connect(url), await amqp.connect(`${url}?frameMax=4096`)];
  });

  afterAll(async () => {
    for (const connection of connections) await connection.close();
    await broker.close();
  });

  it('arrives as it was sent, in every queue and size of frame', async () => {
    const [connection, other] = connections;
    if (connection === undefined || other === undefined) throw new Error('not connected');
    const publisher = await connection.createChannel();
    await publisher.assertExchange('large', 'fanout');
    const queues = ['large-1', 'large-2'];
    for (const queue of queues) {
      await publisher.assertQueue(queue);
      await publisher.bindQueue(queue, 'large', '');
    }
    const bodies = [patterned(9 * mebibyte + 3), patterned(mebibyte + 1), Buffer.from('small')];
    for (const body of bodies)
      publisher.publish('large', '', body, { persistent: true, headers: { n: body.length } });
    const taken: Buffer[] = [];
    const consumer = await other.createChannel();
    const all = new Promise<void>((resolve) => {
      void consumer.consume('large-1', (message) => {
        if (message === null) return;
        expect(message.properties.headers).toEqual({ n: message.content.length });
        if (taken.push(message.content) === bodies.length) resolve();
      });
    });
    await all;
    for (let n = 0; n < bodies.length; n++) {
      const message = await publisher.get('large-2', { noAck: true });
      if (message === false) throw new Error('nothing there');
      taken.push(message.content);
    }
    expect(taken.map((body, i) => bodies[i % bodies.length]?.equals(body))).toEqual(taken.map(() => true));
  });

  it('may be asked for on two channels at once, with other answers in between', async () => {
    const [connection] = connections;
    if (connection === undefined) throw new Error('not connected');
    const [channel, other] = [await connection.createConfirmChannel(), await connection.createChannel()];
    const body = patterned(5 * mebibyte);
    await channel.assertQueue('between');
    channel.sendToQueue('between', body);
    channel.sendToQueue('between', body);
    await channel.waitForConfirms();
    const got = [channel.get('between'), other.assertQueue('meanwhile'), other.get('between')] as const;
    const [first, declared, second] = await Promise.all(got);
    expect(declared.queue).toBe('meanwhile');
    expect([first, second].map((message) => message !== false && message.content.equals(body))).toEqual([
      true,
      true,
    ]);
  });
});

describe('a large message that is on disk only', () => {
  const large = patterned(3 * mebibyte + 5);
  let dataDir: string;
  let broker: RunningBroker;
  let connection: ChannelModel;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'leveret-large-'));
    broker = await startBroker({ port: 0, dataDir });
    connection = await amqp.connect(`amqp://localhost:${broker.port}`);
    const channel = await connection.createConfirmChannel();
    for (const queue of ['got', 'consumed']) {
      await channel.assertQueue(queue);
      for (const body of [large, large, Buffer.from('small')])
        channel.sendToQueue(queue, body, { persistent: true });
    }
    await channel.waitForConfirms();
    await connection.close();
    await broker.close();
    broker = await startBroker({ port: 0, dataDir });
    connection = await amqp.connect(`amqp://localhost:${broker.port}`);
  });

  afterAll(async () => {
    await connection.close();
    await broker.close();
    await rm(dataDir, { recursive: true });
  });

  it('is got, given back and got again', async () => {
    const channel = await connection.createChannel();
    for (const again of [false, true]) {
      const message = await channel.get('got');
      if (message === false) throw new Error('nothing there');
      expect([message.content.equals(large), message.fields.messageCount]).toEqual([true, 2]);
      if (again) expect(message.fields.redelivered).toBe(true);
      channel.nack(message, false, !again);
    }
    const left = [await channel.get('got'), await channel.get('got'), await channel.get('got')];
    expect(left.map((message) => message !== false && message.content.length)).toEqual([
      large.length,
      5,
      false,
    ]);
    await channel.close();
  });

  it('is delivered in its turn', async () => {
    const channel = await connection.createChannel();
    const seen: Buffer[] = [];
    await new Promise<void>((resolve) => {
      void channel.consume(
        'consumed',
        (message) => {
          if (message !== null && seen.push(message.content) === 3) resolve();
        },
        { noAck: true },
      );
    });
    expect(seen.map((body) => (body.equals(large) ? 'large' : body.toString()))).toEqual([
      'large',
      'large',
      'small',
    ]);
    await channel.close();
  });
});

/** A body frame of so many bytes in all. */
function bodyFrame(bytes: number): Buffer {
  return frame(3, 1, Buffer.alloc(bytes - 8));
}

describe('a turn of the event loop', () => {
  it('is not spent on all of a large body that goes out, and what is said after it comes behind', async () => {
    const socket = stream();
    let drained = 0;
    const output = new Output(socket, () => drained++);
    const body = patterned(8 * mebibyte);
    const message = Message.of('', 'q', Buffer.alloc(2), body);
    output.message(1, 131_072, message);
    output.raw(Buffer.from('behind'));
    output.flush();
    expect(output.isCongested).toBe(true);
    expect(socket.readableLength).toBeLessThan(2 * mebibyte);
    let turns = 0;
    while (output.unreadBytes > 0) {
      const before = socket.readableLength;
      await nextTurn();
      expect(socket.readableLength - before).toBeLessThan(2 * mebibyte);
      turns++;
    }
    expect(turns).toBeGreaterThanOrEqual(6);
    expect(drained).toBe(1);
    await nextTurn();
    const sent: Buffer = socket.read();
    expect(sent.subarray(-6).toString()).toBe('behind');
    expect(sent.length).toBeGreaterThan(body.length);
  });

  it.each([
    ['messages after 4 MiB of them', 8, Buffer.concat([frame(2, 1, Buffer.alloc(14)), bodyFrame(8192 - 22)])],
    ['one large body after 1 MiB of it', 2, bodyFrame(8192)],
  ])('is over for %s', async (_what, chunks, frames) => {
    const socket = stream();
    const ends = { peerHost: '127.0.0.1', peerPort: 1, host: '127.0.0.1', port: 2 };
    const handler = { method() {}, header() {}, body() {}, heartbeat() {}, chunkEnd() {} };
    const failed = (error: unknown) => {
      throw error;
    };
    const host = { protocolAccepted() {}, protocolRefused() {}, flooded() {}, failed };
    const input = new Input({ stream: socket, ends, tls: undefined, read() {}, reset() {} }, handler, host);
    socket.resume();
    input.received(protocolHeader, false);
    const chunk = Buffer.alloc(512 * 1024, frames);
    const pausedAfter = Array.from({ length: chunks }, () => {
      input.received(chunk, true);
      return socket.isPaused();
    });
    expect(pausedAfter).toEqual([...Array(chunks - 1).fill(false), true]);
    await nextTurn();
    expect(socket.isPaused()).toBe(false);
  });

  it('is not spent on copying a large body into its queue', () => {
    const content = new ContentAssembler(100 * mebibyte);
    const body = patterned(6 * mebibyte);
    const flags = { mandatory: false, immediate: false };
    const publish = methodFrame(1, { id: MethodId.BasicPublish, exchange: '', routingKey: 'q', ...flags });
    content.publish(publish, 11, publish.length - 1);
    const header = new ByteWriter();
    writeContentHeaderStart(header, body.length);
    const bytes = Buffer.concat([header.bytes(), Buffer.alloc(2)]);
    content.header(bytes, 0, bytes.length);
    for (let at = 0; at < body.length; at += 100_000) {
      const piece = Buffer.from(body.subarray(at, at + 100_000));
      content.body(piece, 0, piece.length);
    }
    const { frames } = content.message;
    const [first, second] = [1, 2].map(() => new TestBroker().createLog('classic', false));
    for (const log of [first, second]) log?.append(content.message, 1, 0);
    content.letGo();
    for (const log of [first, second]) expect(log?.seek()).toBe(true);
    const [taken, copied] = [first, second].map((log) => log?.segment?.message(0));
    expect(taken?.frames.buffer === frames.buffer).toBe(true);
    expect(copied?.frames.buffer === frames.buffer).toBe(false);
    expect([taken, copied].map((message) => message?.body.equals(body))).toEqual([true, true]);
    expect(taken?.routingKey).toBe('q');
  });
});

it('a frame of any size is cut into pieces for the socket', () => {
  const bytes = patterned(300_000);
  const body = new LargeBody(258, 0, bytes, 10, bytes.length);
  const out = Buffer.alloc(65_536);
  const pieces: Buffer[] = [];
  while (body.bytesLeft > 0) pieces.push(Buffer.from(out.subarray(0, body.fill(out))));
  expect(Buffer.concat(pieces).equals(frame(3, 258, bytes.subarray(10)))).toBe(true);
});
