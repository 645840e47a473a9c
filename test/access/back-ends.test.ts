import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { plainResponse, RawConnection } from '../../conformance/raw-client.ts';
import { AccessControl } from '../../src/access/access-control.ts';
import { AuthenticationFailure } from '../../src/access/authentication-failure.ts';
import type { Account, BackEnd, ChainLink, Login } from '../../src/access/back-end.ts';
import { Broker } from '../../src/broker/broker.ts';
import { systemClock } from '../../src/broker/clock.ts';
import { MemoryStore } from '../../src/broker/store.ts';
import { silentLogger } from '../../src/logger.ts';
import { Listener } from '../../src/server/listener.ts';
import { defaultServerSettings } from '../../src/server/settings.ts';

const capabilities = { authentication_failure_close: true, consumer_cancel_notify: true };
const closers: (() => Promise<void>)[] = [];

/** A listener that lets the users of this chain in. */
async function listen(chain: (internal: BackEnd) => readonly ChainLink[]): Promise<number> {
  const broker = Broker.open(new MemoryStore(), systemClock, {
    storeFailed() {},
    storeFull() {},
    messagesMissing() {},
    queueUnreadable() {},
  });
  const access = new AccessControl({ chain });
  access.addDefaultUser();
  const settings = { ...defaultServerSettings, refusalDelayMs: 10 };
  const listener = new Listener({ broker, access, settings, log: silentLogger });
  closers.push(
    () => broker.close(),
    () => listener.close(),
  );
  return (await listener.listen('127.0.0.1', 0)).port;
}

function open(port: number, user: string, password = 'secret'): Promise<RawConnection> {
  const response = plainResponse(user, password);
  return RawConnection.open(`amqp://127.0.0.1:${port}`, { response, capabilities });
}

/** Answers every question after a turn of the event loop, as one does that asks over a network. */
class DistantBackEnd implements BackEnd {
  readonly name = 'distant';
  readonly asked: string[] = [];
  refuses: (question: string) => boolean = () => false;
  expiresAt: number | undefined;

  async login({ username, password }: Login): Promise<Account> {
    if (password !== 'secret') throw new AuthenticationFailure(`no ${username} here`);
    return this.authorize(username);
  }

  async authorize(username: string): Promise<Account> {
    const answer = (question: string) => this.#answer(question);
    return {
      name: username,
      tags: [],
      version: 0,
      ...(this.expiresAt !== undefined && { expiresAt: this.expiresAt }),
      vhostAccess: (vhost) => answer(`vhost ${vhost}`),
      resourceAccess: (_vhost, kind, name, permission) => answer(`${permission} ${kind} ${name}`),
      checksTopics: () => true,
      topicAccess: (_vhost, exchange, permission, key) => answer(`${permission} ${key} of ${exchange}`),
      renew: async (secret) => {
        if (secret !== 'fresh') throw new AuthenticationFailure('stale');
        return this.authorize(username);
      },
    };
  }

  async #answer(question: string): Promise<boolean> {
    this.asked.push(question);
    await new Promise((resolve) => setImmediate(resolve));
    if (question.includes('unreachable')) throw new Error('ECONNREFUSED');
    return !this.refuses(question);
  }
}

const alone = (backEnd: BackEnd) => (): readonly ChainLink[] => [
  { authentication: backEnd, authorization: backEnd },
];

afterEach(async () => {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
});

describe('a back end that takes its time', () => {
  it('is waited for, and what comes meanwhile keeps its order', async () => {
    const backEnd = new DistantBackEnd();
    const connection = await open(await listen(alone(backEnd)), 'ann');
    const channel = await connection.channel();
    await channel.call('queue.declare', { queue: 'q' });
    await channel.call('exchange.declare', { exchange: 't', type: 'topic' });
    await channel.call('queue.bind', { queue: 'q', exchange: 't', 'routing-key': '#' });
    await channel.call('confirm.select');
    for (let i = 0; i < 20; i++) channel.publish({ exchange: 't', routingKey: `k${i % 3}`, body: `${i}` });
    await channel.call('basic.consume', { queue: 'q', 'no-ack': true });
    const bodies: string[] = [];
    while (bodies.length < 20) bodies.push((await channel.next('basic.deliver')).body.toString());
    expect(bodies).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    expect(backEnd.asked).toEqual([
      'vhost /',
      'configure queue q',
      'configure exchange t',
      'write queue q',
      'read exchange t',
      'read # of t',
      'write exchange t',
      'write k0 of t',
      'write k1 of t',
      'write k2 of t',
      'read queue q',
    ]);
  });

  it('refuses with the same words as any other', async () => {
    const backEnd = new DistantBackEnd();
    backEnd.refuses = (question) => question === 'write exchange amq.fanout' || question.includes('no of');
    const connection = await open(await listen(alone(backEnd)), 'ann');
    const refusal = async (publication: { exchange: string; routingKey?: string }) => {
      const channel = await connection.channel();
      channel.publish(publication);
      return (await channel.closedByServer()).text;
    };
    const where = "in vhost '/' refused for user 'ann'";
    expect(await refusal({ exchange: 'amq.fanout' })).toBe(
      `ACCESS_REFUSED - access to exchange 'amq.fanout' ${where}`,
    );
    expect(await refusal({ exchange: 'amq.topic', routingKey: 'no' })).toBe(
      `ACCESS_REFUSED - access to topic 'no' in exchange 'amq.topic' ${where}`,
    );
    expect(await refusal({ exchange: 'unreachable' })).toBe(
      `ACCESS_REFUSED - access to exchange 'unreachable' ${where}`,
    );
  });

  it('may refuse the virtual host', async () => {
    const backEnd = new DistantBackEnd();
    backEnd.refuses = (question) => question === 'vhost /';
    const port = await listen(alone(backEnd));
    await expect(open(port, 'ann')).rejects.toThrow(
      "NOT_ALLOWED - access to vhost '/' refused for user 'ann'",
    );
  });
});

describe('a chain of back ends', () => {
  const everybody: BackEnd = {
    name: 'everybody',
    login: ({ username }) => new DistantBackEnd().authorize(username),
    authorize: (username) => new DistantBackEnd().authorize(username),
  };
  const broken: BackEnd = {
    name: 'broken',
    login: () => Promise.reject(new Error('ECONNREFUSED')),
    authorize: () => Promise.reject(new Error('ECONNREFUSED')),
  };

  it('is asked in its order until one lets somebody in', async () => {
    const distant = new DistantBackEnd();
    const port = await listen((internal) => [
      { authentication: internal, authorization: internal },
      { authentication: broken, authorization: broken },
      { authentication: distant, authorization: distant },
    ]);
    await open(port, 'guest', 'guest');
    expect(distant.asked).toEqual([]);
    await open(port, 'ann');
    expect(distant.asked).toEqual(['vhost /']);
    await expect(open(port, 'ann', 'wrong')).rejects.toMatchObject({ code: 403 });
  });

  it('may have one say who it is, and another what they may do', async () => {
    const port = await listen((internal) => [{ authentication: everybody, authorization: internal }]);
    await open(port, 'guest', 'any');
    await expect(open(port, 'ann')).rejects.toMatchObject({ code: 403 });
  });
});

describe('a login that runs out', () => {
  it('ends the connection', async () => {
    const backEnd = new DistantBackEnd();
    backEnd.expiresAt = Date.now() + 300;
    const connection = await open(await listen(alone(backEnd)), 'ann');
    const { code, text } = await connection.closedByServer();
    expect([code, text]).toEqual([320, 'CONNECTION_FORCED - credential expired']);
  });

  it('is renewed by connection.update-secret', async () => {
    const backEnd = new DistantBackEnd();
    backEnd.expiresAt = Date.now() + 1000;
    const connection = await open(await listen(alone(backEnd)), 'ann');
    const channel = await connection.channel();
    for (const queue of ['kept', 'lost']) {
      await channel.call('queue.declare', { queue });
      await channel.call('basic.consume', { queue, 'consumer-tag': queue });
    }
    channel.publish({ exchange: 'amq.fanout' });
    await channel.call('queue.declare', { queue: 'kept', passive: true });

    backEnd.expiresAt = undefined;
    backEnd.refuses = (question) => question === 'read queue lost' || question.startsWith('write');
    await connection.call(0, 'connection.update-secret', { 'new-secret': 'fresh', reason: 'it was time' });
    expect((await channel.next('basic.cancel')).fields['consumer-tag']).toBe('lost');
    channel.publish({ exchange: 'amq.fanout' });
    expect((await channel.closedByServer()).text).toContain("access to exchange 'amq.fanout'");
    await delay(1100);
    await connection.channel();
  });

  it('ends with a wrong new secret', async () => {
    const connection = await open(await listen(alone(new DistantBackEnd())), 'ann');
    await expect(
      connection.call(0, 'connection.update-secret', { 'new-secret': 'old', reason: '' }),
    ).rejects.toMatchObject({
      code: 530,
      text: 'NOT_ALLOWED - New secret was refused by one of the backends',
    });
  });
});
