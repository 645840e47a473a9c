import { afterEach, beforeEach, expect, it } from 'vitest';
import { AccessControl } from '../../src/access/access-control.ts';
import { Broker } from '../../src/broker/broker.ts';
import { type Clock, systemClock } from '../../src/broker/clock.ts';
import { MemoryStore } from '../../src/broker/store.ts';
import { silentLogger } from '../../src/logger.ts';
import { writeProperties } from '../../src/protocol/basic-properties.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { MethodId } from '../../src/protocol/methods.ts';
import { writeContentHeaderStart } from '../../src/protocol/properties.ts';
import { Listener } from '../../src/server/listener.ts';
import { defaultServerSettings } from '../../src/server/settings.ts';
import { frame, methodFrame, RawClient } from './raw-client.ts';

/** Whoever looks at it finds it a second further on. */
class HastyClock implements Clock {
  readonly setTimer = systemClock.setTimer;
  #now = 0;

  now(): number {
    this.#now += 1000;
    return this.#now;
  }
}

let broker: Broker;
let listener: Listener;
let client: RawClient;

beforeEach(async () => {
  const access = new AccessControl();
  access.addDefaultUser();
  broker = Broker.open(new MemoryStore(), new HastyClock(), {
    storeFailed() {},
    messagesMissing() {},
    queueUnreadable() {},
    storeFull() {},
  });
  listener = new Listener({ broker, access, settings: defaultServerSettings, log: silentLogger });
  const { port } = await listener.listen('127.0.0.1', 0);
  client = await RawClient.open(port);
  await client.openChannel(1);
  client.send(1, {
    id: MethodId.QueueDeclare,
    queue: 'q',
    passive: false,
    durable: false,
    exclusive: true,
    autoDelete: false,
    noWait: false,
    arguments: FieldTable.empty,
  });
  await client.expect(MethodId.QueueDeclareOk, 1);
});

afterEach(async () => {
  client.socket.destroy();
  await listener.close();
  await broker.close();
});

/** An empty message for the queue. */
function publication(expiration: string): Buffer {
  const writer = new ByteWriter();
  writeContentHeaderStart(writer, 0);
  writeProperties(writer, { expiration });
  const publish = methodFrame(1, {
    id: MethodId.BasicPublish,
    exchange: '',
    routingKey: 'q',
    mandatory: false,
    immediate: false,
  });
  return Buffer.concat([publish, frame(2, 1, Buffer.from(writer.bytes()))]);
}

async function consume(): Promise<void> {
  client.send(1, {
    id: MethodId.BasicConsume,
    queue: 'q',
    consumerTag: 'c',
    noLocal: false,
    noAck: true,
    exclusive: false,
    noWait: false,
    arguments: FieldTable.empty,
  });
  await client.expect(MethodId.BasicConsumeOk, 1);
}

/** Whatever was asked for before has been answered. */
async function barrier(): Promise<void> {
  client.send(1, { id: MethodId.BasicQos, prefetchSize: 0, prefetchCount: 0, global: false });
  await client.expect(MethodId.BasicQosOk, 1);
}

it('no message of a chunk runs out before a waiting consumer had its turn', async () => {
  await consume();
  for (const expiration of ['0', '1']) {
    client.write(Buffer.concat(Array.from({ length: 20 }, () => publication(expiration))));
    for (let i = 0; i < 20; i++) await client.expect(MethodId.BasicDeliver, 1);
  }
});

it('the time of a chunk ends with it', async () => {
  client.write(publication('1'));
  await barrier();
  await consume();
  client.write(publication('60000000'));
  expect((await client.expect(MethodId.BasicDeliver, 1)).deliveryTag).toBe(1);
  await barrier();
});
