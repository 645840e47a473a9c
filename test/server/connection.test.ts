import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { type Method, MethodId } from '../../src/protocol/methods.ts';
import { frame, methodFrame, RawClient } from './raw-client.ts';

let broker: RunningBroker;

beforeAll(async () => {
  broker = await startBroker({ port: 0, refusalDelayMs: 100 });
});

afterAll(() => broker.close());

const connectionClose: Method = {
  id: MethodId.ConnectionClose,
  replyCode: 200,
  replyText: 'bye',
  classId: 0,
  methodId: 0,
};
const channelClose: Method = { ...connectionClose, id: MethodId.ChannelClose };
const channelCloseOk: Method = { id: MethodId.ChannelCloseOk };
const qos: Method = { id: MethodId.BasicQos, prefetchSize: 0, prefetchCount: 1, global: false };
/** What no queue of that name is there for: 404 on the channel. */
const failing: Method = { id: MethodId.QueuePurge, queue: 'missing', noWait: false };

/** The broker closes the connection in answer to these bytes. */
async function closeAfter(bytes: Buffer, prepare?: (client: RawClient) => Promise<void>) {
  const client = await RawClient.open(broker.port);
  await prepare?.(client);
  client.write(bytes);
  const close = await client.expect(MethodId.ConnectionClose);
  client.send(0, { id: MethodId.ConnectionCloseOk });
  const error = await client.expectEnd();
  return { close, error };
}

describe('channels', () => {
  it('open, close, and open again at once', async () => {
    const client = await RawClient.open(broker.port);
    for (let i = 0; i < 3; i++) {
      await client.openChannel(1);
      client.send(1, channelClose);
      await client.expect(MethodId.ChannelCloseOk, 1);
    }
    client.socket.destroy();
  });

  it('cannot be opened twice', async () => {
    const { close } = await closeAfter(methodFrame(1, { id: MethodId.ChannelOpen }), (client) =>
      client.openChannel(1),
    );
    expect(close).toMatchObject({
      replyCode: 504,
      replyText: "CHANNEL_ERROR - second 'channel.open' seen",
      classId: 20,
      methodId: 10,
    });
  });

  it.each([
    ['a method', qos, 60, 10],
    ['channel.close', channelClose, 20, 40],
    ['channel.close-ok', channelCloseOk, 20, 41],
  ])('that were never opened get 504 for %s', async (_name, method, classId, methodId) => {
    const { close } = await closeAfter(methodFrame(3, method));
    expect(close).toMatchObject({
      replyCode: 504,
      replyText: "CHANNEL_ERROR - expected 'channel.open'",
      classId,
      methodId,
    });
  });

  it.each([
    ['unasked channel.close-ok', channelCloseOk, 20, 41],
    ['a method of the broker', { id: MethodId.BasicQosOk } satisfies Method, 60, 11],
  ])('get 503 for %s', async (_name, method, classId, methodId) => {
    const { close } = await closeAfter(methodFrame(1, method), (client) => client.openChannel(1));
    expect(close).toMatchObject({
      replyCode: 503,
      replyText: 'COMMAND_INVALID - unimplemented method',
      classId,
      methodId,
    });
  });

  it('are counted, not numbered, for channel_max', async () => {
    const client = await RawClient.open(broker.port, { channelMax: 2 });
    await client.openChannel(65_535);
    await client.openChannel(1000);
    client.send(1000, channelClose);
    await client.expect(MethodId.ChannelCloseOk, 1000);
    await client.openChannel(7);
    client.send(8, { id: MethodId.ChannelOpen });
    expect(await client.expect(MethodId.ConnectionClose)).toMatchObject({
      replyCode: 530,
      replyText: 'NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)',
      classId: 0,
      methodId: 0,
    });
    client.socket.destroy();
  });

  it('that failed drop everything until close-ok, and then may be opened again', async () => {
    const client = await RawClient.open(broker.port);
    await client.openChannel(1);
    await client.openChannel(2);
    client.send(1, failing);
    expect(await client.expect(MethodId.ChannelClose, 1)).toMatchObject({
      replyCode: 404,
      replyText: "NOT_FOUND - no queue 'missing' in vhost '/'",
      classId: 50,
      methodId: 30,
    });
    client.send(1, qos);
    client.send(1, { id: MethodId.BasicAck, deliveryTag: 99, multiple: false });
    client.send(1, {
      id: MethodId.BasicPublish,
      exchange: '',
      routingKey: 'x',
      mandatory: true,
      immediate: true,
    });
    client.write(frame(2, 1, Buffer.alloc(14)));
    client.write(frame(3, 1, Buffer.from('body')));
    client.send(2, qos);
    await client.expect(MethodId.BasicQosOk, 2);
    client.send(1, channelCloseOk);
    await client.openChannel(1);
    client.socket.destroy();
  });

  it('that failed cannot be opened before close-ok', async () => {
    const client = await RawClient.open(broker.port);
    await client.openChannel(1);
    client.send(1, failing);
    client.send(1, { id: MethodId.ChannelOpen });
    await client.expect(MethodId.ChannelClose, 1);
    expect(await client.expect(MethodId.ConnectionClose)).toMatchObject({
      replyCode: 504,
      replyText: "CHANNEL_ERROR - second 'channel.open' seen",
    });
    client.socket.destroy();
  });

  it('may be closed by both sides at once', async () => {
    const client = await RawClient.open(broker.port);
    await client.openChannel(1);
    client.write(Buffer.concat([methodFrame(1, failing), methodFrame(1, channelClose)]));
    await client.expect(MethodId.ChannelClose, 1);
    await client.expect(MethodId.ChannelCloseOk, 1);
    client.send(1, channelCloseOk);
    await client.openChannel(1);
    client.socket.destroy();
  });
});

describe('channel 0', () => {
  it.each([
    ['a second connection.open', { id: MethodId.ConnectionOpen, virtualHost: '/' } satisfies Method, 10, 40],
    ['connection.close-ok', { id: MethodId.ConnectionCloseOk } satisfies Method, 10, 51],
    ['a method of channels', qos, 60, 10],
  ])('gets 504 for %s', async (_name, method, classId, methodId) => {
    const { close } = await closeAfter(methodFrame(0, method));
    expect(close).toMatchObject({
      replyCode: 504,
      replyText: 'CHANNEL_ERROR - unexpected method in connection state running',
      classId,
      methodId,
    });
  });

  it('answers connection.update-secret', async () => {
    const client = await RawClient.open(broker.port);
    client.send(0, { id: MethodId.ConnectionUpdateSecret, newSecret: Buffer.from('x'), reason: 'expired' });
    await client.expect(MethodId.ConnectionUpdateSecretOk);
    client.socket.destroy();
  });

  it('answers connection.close, also after its own', async () => {
    const client = await RawClient.open(broker.port);
    client.write(Buffer.concat([methodFrame(3, qos), methodFrame(0, connectionClose), methodFrame(3, qos)]));
    await client.expect(MethodId.ConnectionClose);
    await client.expect(MethodId.ConnectionCloseOk);
    client.send(0, { id: MethodId.ConnectionCloseOk });
    expect(await client.expectEnd()).toBeUndefined();
  });

  it('answers connection.close, and what came before it, also when the client has said its last', async () => {
    const client = await RawClient.open(broker.port);
    await client.openChannel(1);
    client.send(1, qos);
    client.socket.end(methodFrame(0, connectionClose));
    await client.expect(MethodId.BasicQosOk, 1);
    await client.expect(MethodId.ConnectionCloseOk);
    expect(await client.expectEnd()).toBeUndefined();
  });

  it('hears nothing more once the broker closes', async () => {
    const client = await RawClient.open(broker.port);
    client.write(Buffer.concat([methodFrame(3, qos), methodFrame(1, { id: MethodId.ChannelOpen })]));
    await client.expect(MethodId.ConnectionClose);
    client.send(2, { id: MethodId.ChannelOpen });
    client.write(frame(8, 0, Buffer.alloc(0)));
    client.send(0, { id: MethodId.ConnectionCloseOk });
    expect(await client.expectEnd()).toBeUndefined();
  });
});

describe('framing errors', () => {
  it.each([
    [
      'a wrong end',
      frame(1, 0, Buffer.from([0, 20, 0, 20, 1]), 0),
      501,
      'FRAME_ERROR - type 1, all octets = <<0,20,0,20,1>>: {invalid_frame_end_marker,0}',
    ],
    [
      'a frame that is too large',
      frame(3, 1, Buffer.alloc(131_073)),
      501,
      'FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,131073,131064}',
    ],
  ])('%s: 501, and a reset without waiting for an answer', async (_name, bytes, replyCode, replyText) => {
    const client = await RawClient.open(broker.port);
    client.write(bytes);
    expect(await client.expect(MethodId.ConnectionClose)).toMatchObject({
      replyCode,
      replyText,
      classId: 0,
      methodId: 0,
    });
    expect(await client.expectEnd()).toBe('ECONNRESET');
  });

  it.each([
    ['an unknown type', frame(7, 1, Buffer.from('x')), 501, 'unknown_frame'],
    [
      'a heartbeat with content',
      frame(8, 0, Buffer.from('x')),
      501,
      'type 8, all octets = <<"x">>: unknown_frame',
    ],
    [
      'a heartbeat on a channel',
      frame(8, 1, Buffer.alloc(0)),
      505,
      'UNEXPECTED_FRAME - type 8, all octets = <<>>',
    ],
    [
      'content on no channel',
      frame(3, 9, Buffer.from('x')),
      505,
      'expected method frame, got non method frame',
    ],
  ])('%s: %i', async (_name, bytes, replyCode, text) => {
    const { close, error } = await closeAfter(Buffer.concat([bytes, bytes]));
    expect(close.replyCode).toBe(replyCode);
    expect(close.replyText).toContain(text);
    expect(error).toBeUndefined();
  });
});

describe('heartbeats', () => {
  it('come when the broker has nothing else to say, and silence ends the connection without a word', async () => {
    const client = await RawClient.open(broker.port, { heartbeat: 1 });
    const startedAt = Date.now();
    let heartbeats = 0;
    for (let arrival = await client.next(); arrival.kind !== 'end'; arrival = await client.next()) {
      expect(arrival.kind).toBe('heartbeat');
      heartbeats++;
    }
    expect(heartbeats).toBeGreaterThanOrEqual(2);
    expect(Date.now() - startedAt).toBeGreaterThan(2900);
  });
});

describe('shutdown', () => {
  it('says why, and waits for the answer', async () => {
    const closing = await startBroker({ port: 0 });
    const client = await RawClient.open(closing.port);
    const unfinished = await RawClient.connect(closing.port);
    await unfinished.tune();
    const closed = closing.close();
    expect(await client.expect(MethodId.ConnectionClose)).toMatchObject({
      replyCode: 320,
      replyText: "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
      classId: 0,
      methodId: 0,
    });
    client.send(0, { id: MethodId.ConnectionCloseOk });
    await client.expectEnd();
    await unfinished.expectEnd();
    await closed;
    await expect(RawClient.connect(closing.port)).rejects.toThrow('ECONNREFUSED');
  });
});
