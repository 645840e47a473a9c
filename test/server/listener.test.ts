import { afterEach, describe, expect, it } from 'vitest';
import { AccessControl } from '../../src/access/access-control.ts';
import { hashFast } from '../../src/access/passwords/password-hash.ts';
import { UserPermission } from '../../src/access/permissions.ts';
import { Broker } from '../../src/broker/broker.ts';
import { systemClock } from '../../src/broker/clock.ts';
import { MemoryStore } from '../../src/broker/store.ts';
import { silentLogger } from '../../src/logger.ts';
import { MethodId } from '../../src/protocol/methods.ts';
import { Listener } from '../../src/server/listener.ts';
import { defaultServerSettings, type ServerSettings } from '../../src/server/settings.ts';
import { RawClient } from './raw-client.ts';

const listeners: Listener[] = [];

async function listen(settings: Partial<ServerSettings> = {}) {
  const broker = Broker.open(new MemoryStore(), systemClock, {
    storeFailed() {},
    storeFull() {},
    messagesMissing() {},
    queueUnreadable() {},
  });
  const access = new AccessControl();
  access.addDefaultUser();
  const listener = new Listener({
    broker,
    access,
    settings: { ...defaultServerSettings, ...settings },
    log: silentLogger,
  });
  listeners.push(listener);
  const { port } = await listener.listen('127.0.0.1', 0);
  return { listener, access, broker, port };
}

async function refusedOpen(port: number, response: Buffer, virtualHost: string): Promise<string> {
  const client = await RawClient.connect(port);
  await client.tune({ response });
  client.send(0, { id: MethodId.ConnectionOpen, virtualHost });
  const close = await client.expect(MethodId.ConnectionClose);
  expect(close).toMatchObject({ replyCode: 530, classId: 10, methodId: 40 });
  client.send(0, { id: MethodId.ConnectionCloseOk });
  await client.expectEnd();
  return close.replyText;
}

afterEach(async () => {
  for (const listener of listeners.splice(0)) {
    await listener.close();
    await listener.broker.close();
  }
});

describe('a listener', () => {
  it('lets users into virtual hosts they have permissions for', async () => {
    const { access, broker, port } = await listen();
    access.users.put({ name: 'ann', password: hashFast('secret'), tags: [], limits: {} });
    access.permissions.put(
      new UserPermission({ vhost: 'hers', user: 'ann', configure: '', write: '', read: '' }),
    );
    broker.createVirtualHost('hers');
    const response = Buffer.from('\0ann\0secret');
    expect(await refusedOpen(port, response, '/')).toBe(
      "NOT_ALLOWED - access to vhost '/' refused for user 'ann'",
    );
    const client = await RawClient.open(port, { response, vhost: 'hers' });
    client.socket.destroy();
  });

  it('refuses connections beyond its limit, in words', async () => {
    const { port } = await listen({ connectionMax: 1 });
    const first = await RawClient.open(port);
    expect(await refusedOpen(port, Buffer.from('\0guest\0guest'), '/')).toBe(
      'NOT_ALLOWED - connection refused: node connection limit (1) is reached',
    );
    await first.openChannel(1);
    first.socket.destroy();
  });

  it('keeps account of connections and channels', async () => {
    const { listener, port } = await listen();
    const client = await RawClient.open(port);
    await client.openChannel(1);
    await client.openChannel(2);
    expect([listener.connectionCount, listener.channelCount]).toEqual([1, 2]);
    client.socket.destroy();
    await expect.poll(() => listener.connectionCount).toBe(0);
    expect(listener.channelCount).toBe(0);
  });

  it('drops those who do not answer when it closes', async () => {
    const { listener, port } = await listen({ shutdownGraceMs: 50 });
    const stubborn = await RawClient.open(port);
    await listener.close();
    await stubborn.expect(MethodId.ConnectionClose);
    await stubborn.expectEnd();
  });

  it('drops everybody without a word when the broker can no longer be trusted', async () => {
    const { listener, port } = await listen();
    const client = await RawClient.open(port);
    listener.abort();
    await client.expectEnd();
    expect(listener.addresses).toEqual([]);
    await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED');
  });
});
