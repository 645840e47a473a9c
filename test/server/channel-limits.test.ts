import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AccessControl } from '../../src/access/access-control.ts';
import { hashFast } from '../../src/access/passwords/password-hash.ts';
import { UserPermission } from '../../src/access/permissions.ts';
import { Broker } from '../../src/broker/broker.ts';
import { systemClock } from '../../src/broker/clock.ts';
import { MemoryStore } from '../../src/broker/store.ts';
import { silentLogger } from '../../src/logger.ts';
import { writeProperties } from '../../src/protocol/basic-properties.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { type Method, MethodId } from '../../src/protocol/methods.ts';
import { writeContentHeaderStart } from '../../src/protocol/properties.ts';
import { Listener } from '../../src/server/listener.ts';
import { defaultServerSettings } from '../../src/server/settings.ts';
import { messageOf, TestActor } from '../broker/support.ts';
import { frame, methodFrame, RawClient } from './raw-client.ts';

let broker: Broker;
let listener: Listener;
let port: number;

beforeEach(async () => {
  const access = new AccessControl();
  access.addDefaultUser();
  access.users.put({ name: 'proxy', password: hashFast('proxy'), tags: ['impersonator'], limits: {} });
  access.permissions.put(
    new UserPermission({ vhost: '/', user: 'proxy', configure: '.*', write: '.*', read: '.*' }),
  );
  broker = Broker.open(new MemoryStore(), systemClock, {
    storeFailed() {},
    messagesMissing() {},
    queueUnreadable() {},
    storeFull() {},
  });
  const settings = {
    ...defaultServerSettings,
    consumerMax: 1,
    connectionMax: 1,
    maxMessageBytes: 10,
    unackedMax: 3,
    transactionBytesMax: 1200,
  };
  listener = new Listener({ broker, access, settings, log: silentLogger });
  ({ port } = await listener.listen('127.0.0.1', 0));
});

afterEach(async () => {
  await listener.close();
  await broker.close();
});

/** basic.publish to nowhere with a user_id and a body of that size. */
function publication(userId: string, bodySize: number): Buffer {
  const method: Method = {
    id: MethodId.BasicPublish,
    exchange: '',
    routingKey: 'nowhere',
    mandatory: true,
    immediate: false,
  };
  const writer = new ByteWriter();
  writeContentHeaderStart(writer, bodySize);
  writeProperties(writer, { userId });
  const body = frame(3, 1, Buffer.alloc(bodySize));
  return Buffer.concat([methodFrame(1, method), frame(2, 1, Buffer.from(writer.bytes())), body]);
}

async function open(response: string): Promise<RawClient> {
  const client = await RawClient.open(port, { response: Buffer.from(response) });
  await client.openChannel(1);
  return client;
}

describe('limits', () => {
  it('of consumers on a channel', async () => {
    const client = await open('\0guest\0guest');
    const vhost = broker.vhost('/');
    const actor = new TestActor();
    const declaration = { passive: false, durable: false, exclusive: false, autoDelete: false };
    vhost?.declareQueue(actor, { ...declaration, name: 'q', arguments: FieldTable.empty });
    const consume: Method = {
      id: MethodId.BasicConsume,
      queue: 'q',
      consumerTag: '',
      noLocal: false,
      noAck: true,
      exclusive: false,
      noWait: false,
      arguments: FieldTable.empty,
    };
    client.send(1, consume);
    await client.expect(MethodId.BasicConsumeOk, 1);
    client.send(1, consume);
    expect(await client.expect(MethodId.ConnectionClose)).toMatchObject({
      replyCode: 530,
      replyText: 'NOT_ALLOWED - reached maximum (1) of consumers per channel',
    });
    client.socket.destroy();
  });

  it('of deliveries that nobody acknowledges', async () => {
    const client = await open('\0guest\0guest');
    const vhost = broker.vhost('/');
    const declaration = { passive: false, durable: false, exclusive: false, autoDelete: false };
    const queue = vhost?.declareQueue(new TestActor(), {
      ...declaration,
      name: 'q',
      arguments: FieldTable.empty,
    });
    for (let i = 0; i < 10; i++) queue?.publish(messageOf('', 'q'), 0);
    const get: Method = { id: MethodId.BasicGet, queue: 'q', noAck: false };
    client.send(1, get);
    await client.expect(MethodId.BasicGetOk, 1);
    const consume = { queue: 'q', noLocal: false, noAck: false, exclusive: false, noWait: false };
    const method: Method = {
      id: MethodId.BasicConsume,
      consumerTag: 'c',
      ...consume,
      arguments: FieldTable.empty,
    };
    client.send(1, method);
    await client.expect(MethodId.BasicConsumeOk, 1);
    for (let tag = 2; tag <= 3; tag++) {
      expect((await client.expect(MethodId.BasicDeliver, 1)).deliveryTag).toBe(tag);
    }
    // The answer to this is the next thing that comes.
    client.send(1, { id: MethodId.BasicQos, prefetchSize: 0, prefetchCount: 0, global: false });
    await client.expect(MethodId.BasicQosOk, 1);
    client.send(1, { id: MethodId.BasicAck, deliveryTag: 2, multiple: true });
    for (let tag = 4; tag <= 5; tag++) {
      expect((await client.expect(MethodId.BasicDeliver, 1)).deliveryTag).toBe(tag);
    }
    client.send(1, get);
    expect((await client.expect(MethodId.ChannelClose, 1)).replyText).toBe(
      'PRECONDITION_FAILED - channel has 3 unacknowledged messages',
    );
    client.socket.destroy();
  });

  it('of the size of a transaction', async () => {
    const client = await open('\0guest\0guest');
    client.send(1, { id: MethodId.TxSelect });
    await client.expect(MethodId.TxSelectOk, 1);
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 2; j++) client.write(publication('guest', 10));
      client.send(1, { id: MethodId.TxRollback });
      await client.expect(MethodId.TxRollbackOk, 1);
    }
    for (let i = 0; i < 3; i++) client.write(publication('guest', 10));
    expect((await client.expect(MethodId.ChannelClose, 1)).replyText).toBe(
      'PRECONDITION_FAILED - transaction is larger than 1200 bytes',
    );
    client.socket.destroy();
  });

  it('of connections on the node', async () => {
    const first = await open('\0guest\0guest');
    const second = await RawClient.connect(port);
    await second.tune();
    second.send(0, { id: MethodId.ConnectionOpen, virtualHost: '/' });
    expect((await second.expect(MethodId.ConnectionClose)).replyText).toBe(
      'NOT_ALLOWED - connection refused: node connection limit (1) is reached',
    );
    for (const client of [first, second]) client.socket.destroy();
  });

  it('of the size of a message', async () => {
    const client = await open('\0guest\0guest');
    client.write(publication('guest', 11));
    expect((await client.expect(MethodId.ChannelClose, 1)).replyText).toBe(
      'PRECONDITION_FAILED - message size 11 is larger than configured max size 10',
    );
    client.socket.destroy();
  });
});

it('who has the tag impersonator may publish as somebody else', async () => {
  const client = await open('\0proxy\0proxy');
  client.write(publication('guest', 1));
  await client.expect(MethodId.BasicReturn, 1);
  client.socket.destroy();
});
