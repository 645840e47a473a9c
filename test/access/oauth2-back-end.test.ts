import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import amqplib from 'amqplib';
import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { glob, Scopes } from '../../src/access/oauth2/scopes.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { type Logger, silentLogger } from '../../src/logger.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const secret = createSecretKey(Buffer.alloc(32, 'secret'));
const rsaPem = String(rsa.publicKey.export({ type: 'spki', format: 'pem' }));
const signingKeys = new Map([
  ['rsa', rsaPem],
  ['ec', JSON.stringify(ec.publicKey.export({ format: 'jwk' }))],
  ['secret', JSON.stringify(secret.export({ format: 'jwk' }))],
]);
const everything = 'rabbitmq.configure:*/* rabbitmq.write:*/* rabbitmq.read:*/*';
const lines: string[] = [];
const record = (fields: object, message: string) => void lines.push(`${JSON.stringify(fields)} ${message}`);
const logger: Logger = { ...silentLogger, debug: record, info: record, warn: record, error: record };
let broker: RunningBroker;
let jwks: Server;
let jwksRequests = 0;

interface TokenOptions {
  readonly alg?: string;
  readonly kid?: string | undefined;
  readonly key?: KeyObject;
  readonly expires?: number | string;
}

const base = { aud: 'rabbitmq', client_id: 'producer', sub: 'subject', scope: everything };

function token(claims: Record<string, unknown> = base, options: TokenOptions = {}): Promise<string> {
  const { alg = 'RS256', kid = 'rsa', key = rsa.privateKey, expires = '1h' } = options;
  const header = 'kid' in options && options.kid === undefined ? { alg } : { alg, kid };
  return new SignJWT(claims).setProtectedHeader(header).setExpirationTime(expires).sign(key);
}

const login = (password: string) =>
  amqplib.connect({ hostname: '127.0.0.1', port: broker.port, username: 'any', password, vhost: '/' });

async function isLetIn(password: string): Promise<boolean> {
  try {
    await (await login(password)).close();
    return true;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  jwks = createServer((_request, response) => {
    jwksRequests++;
    response.end(JSON.stringify({ keys: [{ ...ec.publicKey.export({ format: 'jwk' }), kid: 'published' }] }));
  });
  await once(jwks.listen(0, '127.0.0.1'), 'listening');
  const address = jwks.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  broker = await startBroker({
    port: 0,
    managementPort: 0,
    refusalDelayMs: 20,
    loginFailuresPerUser: Number.POSITIVE_INFINITY,
    logger,
    authentication: {
      backEnds: ['oauth2'],
      oauth2: {
        resourceServerId: 'rabbitmq',
        signingKeys,
        defaultKey: 'rsa',
        jwksUrl: `http://127.0.0.1:${address.port}/keys`,
        additionalScopesKey: 'more',
        scopeAliases: new Map([['tenant-admin', ['rabbitmq.tag:administrator', ...everything.split(' ')]]]),
      },
    },
  });
});

afterEach(() => {
  // Whatever was tried: no token, and no part of one.
  expect(lines.join('\n')).not.toMatch(/eyJ/);
});

afterAll(async () => {
  await broker.close();
  jwks.closeAllConnections();
  jwks.close();
});

describe('a token', () => {
  it('may be signed with any kind of key', async () => {
    expect(await isLetIn(await token())).toBe(true);
    expect(await isLetIn(await token(base, { kid: undefined }))).toBe(true);
    expect(await isLetIn(await token(base, { alg: 'ES256', kid: 'ec', key: ec.privateKey }))).toBe(true);
    expect(await isLetIn(await token(base, { alg: 'HS256', kid: 'secret', key: secret }))).toBe(true);
    expect(await isLetIn(await token(base, { alg: 'ES256', kid: 'published', key: ec.privateKey }))).toBe(
      true,
    );
    expect(jwksRequests).toBe(1);
  });

  it('may have scopes that stand for others', async () => {
    const scope = 'email tenant-admin';
    expect(await isLetIn(await token({ ...base, scope }))).toBe(true);
    expect(await isLetIn(await token({ ...base, scope: '', more: 'tenant-admin' }))).toBe(true);
    expect(await isLetIn(await token({ ...base, scope: 'email' }))).toBe(false);
    const response = await fetch(`http://127.0.0.1:${broker.managementPort}/api/whoami`, {
      headers: { authorization: `Bearer ${await token({ ...base, scope })}` },
    });
    expect(await response.json()).toMatchObject({ tags: ['administrator'] });
  });

  it('has to be signed', async () => {
    const good = await token();
    const [header = '', payload = '', signature = ''] = good.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const forged = Buffer.from(JSON.stringify({ ...base, scope: `${everything} x` })).toString('base64url');
    expect(await isLetIn(`${none}.${payload}.`)).toBe(false);
    expect(await isLetIn(`${header}.${forged}.${signature}`)).toBe(false);
    expect(await isLetIn(await token(base, { key: other }))).toBe(false);
    // A public key is no secret: whoever signs with it as if it were one gets nowhere.
    const publicAsSecret = createSecretKey(Buffer.from(rsaPem));
    expect(await isLetIn(await token(base, { alg: 'HS256', key: publicAsSecret }))).toBe(false);
    expect(await isLetIn(await token(base, { kid: 'unknown' }))).toBe(false);
    expect(await isLetIn('garbage')).toBe(false);
    expect(lines.join('\n')).toContain('signature verification failed');
  });

  it.each<[string, Record<string, unknown>, boolean]>([
    ['for one of several audiences', { ...base, aud: ['x', 'rabbitmq'] }, true],
    ['for one of several audiences in one text', { ...base, aud: 'x rabbitmq' }, true],
    ['for another audience', { ...base, aud: 'x' }, false],
    ['without an audience', { ...base, aud: undefined }, false],
    ['without scopes', { ...base, scope: undefined }, false],
    ['for another virtual host', { ...base, scope: 'rabbitmq.read:other/*' }, false],
    ['with the scopes of another service', { ...base, scope: 'other.read:*/*' }, false],
    ['with nothing but tags', { ...base, scope: 'rabbitmq.tag:administrator' }, false],
    ['with scopes in a list', { ...base, scope: ['rabbitmq.read:%2F/*'] }, true],
    [
      'of Keycloak',
      { ...base, scope: '', authorization: { permissions: [{ scopes: ['rabbitmq.read:*/*'] }] } },
      true,
    ],
    ['with scopes elsewhere', { ...base, scope: '', more: { rabbitmq: 'read:*/*' } }, true],
    ['with too many scopes', { ...base, scope: 'rabbitmq.read:*/* '.repeat(1001) }, false],
  ])('%s', async (_name, claims, expected) => {
    expect(await isLetIn(await token(claims))).toBe(expected);
  });

  it('says who it is', async () => {
    const names = async (claims: Record<string, unknown>): Promise<string> => {
      lines.length = 0;
      await (await login(await token(claims))).close();
      return /user '([^']*)' authenticated/.exec(lines.join('\n'))?.[1] ?? '';
    };
    expect(await names(base)).toBe('producer');
    expect(await names({ ...base, client_id: undefined })).toBe('subject');
    expect(await names({ aud: 'rabbitmq', scope: everything })).toBe('any');
  });

  it('opens the HTTP API, if it has a tag for it', async () => {
    const whoami = async (claims: Record<string, unknown>) => {
      const headers = { authorization: `Bearer ${await token(claims)}` };
      const response = await fetch(`http://127.0.0.1:${broker.managementPort}/api/whoami`, { headers });
      return { status: response.status, body: await response.json() };
    };
    const scope = `${everything} rabbitmq.tag:monitoring`;
    expect(await whoami({ ...base, scope })).toEqual({
      status: 200,
      body: { name: 'producer', tags: ['monitoring'] },
    });
    expect(await whoami(base)).toMatchObject({ status: 401, body: { reason: 'Not management user' } });
    expect(await whoami({ ...base, scope, aud: 'x' })).toMatchObject({
      status: 401,
      body: { reason: 'Login failed' },
    });
  });

  it('allows what its scopes say, and topics only if they speak of routing keys', async () => {
    const scope = [
      'rabbitmq.configure:%2F/q*',
      'rabbitmq.write:%2F/q*',
      'rabbitmq.read:*/q*',
      'rabbitmq.write:%2F/amq.topic/a.*',
      'rabbitmq.read:%2f/amq.topic/a.*',
    ];
    const connection = await login(await token({ ...base, scope }));
    const attempt = async (operation: (channel: amqplib.ConfirmChannel) => Promise<unknown>) => {
      const channel = await connection.createConfirmChannel();
      const failed = once(channel, 'error').then(([error]) => String(error.message).slice(63));
      const done = operation(channel).then(() => channel.close());
      return Promise.race([failed, done.then(() => 'ok').catch(() => failed)]);
    };
    const publish = (routingKey: string) => (channel: amqplib.ConfirmChannel) => {
      channel.publish('amq.topic', routingKey, Buffer.from(''));
      return channel.waitForConfirms();
    };
    expect(await attempt((channel) => channel.assertQueue('q1'))).toBe('ok');
    expect(await attempt((channel) => channel.assertQueue('o1'))).toContain("access to queue 'o1'");
    expect(await attempt((channel) => channel.bindQueue('q1', 'amq.topic', 'a.b'))).toBe('ok');
    expect(await attempt((channel) => channel.bindQueue('q1', 'amq.topic', 'b.b'))).toContain("topic 'b.b'");
    expect(await attempt(publish('a.y'))).toBe('ok');
    expect(await attempt(publish('b.y'))).toContain("topic 'b.y'");
    await connection.close();
    const noTopics = await login(await token());
    const channel = await noTopics.createConfirmChannel();
    const failed = once(channel, 'error');
    channel.publish('amq.topic', 'a.b', Buffer.from(''));
    expect(String((await failed)[0])).toContain("access to topic 'a.b' in exchange 'amq.topic'");
    await noTopics.close();
  });
});

describe('the end of a token', () => {
  it('is the end of the connection', async () => {
    expect(await isLetIn(await token(base, { expires: '-1s' }))).toBe(false);
    const connection = await login(await token(base, { expires: Math.ceil(Date.now() / 1000) + 3 }));
    // amqplib takes what an operator does for no error.
    const [reason] = await once(connection, 'close');
    expect(String(reason)).toContain('CONNECTION_FORCED - credential expired');
  });

  it('is put off by connection.update-secret', async () => {
    const soon = Math.ceil(Date.now() / 1000) + 3;
    const connection = await login(await token(base, { expires: soon }));
    await connection.updateSecret(Buffer.from(await token()), 'the old one runs out');
    await delay(soon * 1000 + 100 - Date.now());
    await (await connection.createChannel()).close();
    await connection.close();
  });

  it.each<[string, () => Promise<string>]>([
    ['is none', () => Promise.resolve('garbage')],
    ['is for somebody else', () => token({ ...base, client_id: 'else' })],
    ['is not for this virtual host', () => token({ ...base, scope: 'rabbitmq.read:other/*' })],
  ])('comes at once when the new one %s', async (_name, next) => {
    const connection = await login(await token());
    const failed = once(connection, 'error');
    connection.updateSecret(Buffer.from(await next()), '').catch(() => {});
    expect(String((await failed)[0])).toContain(
      'NOT_ALLOWED - New secret was refused by one of the backends',
    );
  });
});

describe('signing keys', () => {
  it('have to be keys', async () => {
    const oauth2 = { resourceServerId: 'x', signingKeys: new Map([['mine', 'garbage']]) };
    await expect(startBroker({ port: 0, authentication: { backEnds: ['oauth2'], oauth2 } })).rejects.toThrow(
      "the signing key 'mine' is neither a public key in PEM nor a JSON Web Key",
    );
  });
});

describe('scopes', () => {
  it('give tags', () => {
    expect(new Scopes(['tag:administrator', 'tag:x', 'tag:x', 'read:*/*']).tags).toEqual([
      'administrator',
      'x',
    ]);
  });

  it.each([
    ['*', '', true],
    ['*', '/', true],
    ['%2F', '/', true],
    ['a*', 'a', true],
    ['*a', 'ba', true],
    ['*a', 'bab', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['ab*ba', 'aba', false],
    ['a%2Ab', 'a*b', true],
    ['a+b', 'a b', true],
    ['%zz', '%zz', false],
    ['', '', true],
    ['', 'a', false],
  ])('%s matches %s: %s', (pattern, text, expected) => {
    expect(glob(pattern)(text)).toBe(expected);
  });

  it('match in time that grows with the text only', () => {
    expect(glob('*a'.repeat(5_000))('a'.repeat(100_000))).toBe(true);
  });
});
