/**
 * Who may log in, and what they may do, is decided elsewhere: by an HTTP service, with and without a cache in front of
 * it, or by a token. The same service and the same tokens for both brokers, the same outcomes in the same words.
 */

import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import amqplib from 'amqplib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { brokerName, brokerUrl, configureLeveret, openConnection, scenarios } from '../harness/broker.ts';
import { CONTROL_TIMEOUT_MS, controllable, evaluate } from '../harness/control.ts';
import { expectConnectionError } from '../harness/expectations.ts';
import { plainResponse } from '../raw-client.ts';

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicKey = String(keys.publicKey.export({ type: 'spki', format: 'pem' }));

interface Question {
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
}

let questions: Question[] = [];

/** Joe and jim may do everything but what is called `forbidden`; nobody else comes in by their password. */
function verdict({ path, fields }: Question): string {
  const { username = '', password, name, vhost, routing_key: routingKey } = fields;
  if (path === '/user')
    return ['joe', 'jim'].includes(username) && password === 'pw' ? 'allow monitoring' : 'deny';
  return [name, vhost, routingKey].includes('forbidden') ? 'deny' : 'allow';
}

const service = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const question = { path: request.url ?? '', fields: Object.fromEntries(new URLSearchParams(body)) };
  questions.push(question);
  response.end(verdict(question));
});
await once(service.listen(0, '127.0.0.1'), 'listening');
const address = service.address();
if (address === null || typeof address === 'string') throw new Error('the service has no port');
const url = `http://127.0.0.1:${address.port}`;

configureLeveret({
  refusalDelayMs: 20,
  authentication: {
    backEnds: ['internal', 'cache', 'oauth2'],
    cache: { backEnd: 'http', ttlMs: 60_000 },
    http: {
      method: 'post',
      userPath: `${url}/user`,
      vhostPath: `${url}/vhost`,
      resourcePath: `${url}/resource`,
      topicPath: `${url}/topic`,
    },
    oauth2: { resourceServerId: 'rabbitmq', signingKeys: new Map([['key', publicKey]]), defaultKey: 'key' },
  },
});

/** The same in the words of advanced.config. */
async function configureRabbitMQ(): Promise<void> {
  const set = (application: string, key: string, value: string) =>
    `application:set_env(${application}, ${key}, ${value})`;
  const paths = ['user', 'vhost', 'resource', 'topic'].map((what) =>
    set('rabbitmq_auth_backend_http', `${what}_path`, `"${url}/${what}"`),
  );
  const pem = `<<"${publicKey.replaceAll('\n', '\\n')}">>`;
  await evaluate(
    [
      ...paths,
      set('rabbitmq_auth_backend_http', 'http_method', 'post'),
      set('rabbitmq_auth_backend_cache', 'cached_backend', 'rabbit_auth_backend_http'),
      set('rabbitmq_auth_backend_oauth2', 'resource_server_id', '<<"rabbitmq">>'),
      set(
        'rabbitmq_auth_backend_oauth2',
        'key_config',
        `[{default_key, <<"key">>}, {signing_keys, #{<<"key">> => {pem, ${pem}}}}]`,
      ),
      set(
        'rabbit',
        'auth_backends',
        '[rabbit_auth_backend_internal, rabbit_auth_backend_cache, rabbit_auth_backend_oauth2]',
      ),
    ].join(', '),
  );
}

const base64 = (value: string | Buffer) => Buffer.from(value).toString('base64url');
const everything = ['configure', 'write', 'read'].map((permission) => `rabbitmq.${permission}:*/*`);
const claims = { aud: 'rabbitmq', client_id: 'tess', sub: 'subject', scope: everything };

function token(given: Readonly<Record<string, unknown>> = {}, key = keys.privateKey): string {
  const header = { alg: 'RS256', typ: 'JWT', kid: 'key' };
  const payload = { ...claims, exp: Math.floor(Date.now() / 1000) + 600, ...given };
  const content = `${base64(JSON.stringify(header))}.${base64(JSON.stringify(payload))}`;
  return `${content}.${base64(sign('RSA-SHA256', Buffer.from(content), key))}`;
}

function login(username: string, password: string): Promise<amqplib.ChannelModel> {
  const { hostname, port } = new URL(brokerUrl());
  return amqplib.connect({ hostname, port: Number(port), username, password });
}

/** The reply text that a login ends with; `undefined`: it does not. */
async function refusal(username: string, password: string): Promise<string | undefined> {
  try {
    await (await login(username, password)).close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^.*?message "|^[^"]*"/, '') : String(error);
  }
}

type Operation = (channel: amqplib.ConfirmChannel) => Promise<unknown>;

/** The reply text that an operation on a channel of its own ends with; `undefined`: it does not. */
async function failure(connection: amqplib.ChannelModel, operation: Operation): Promise<string | undefined> {
  const channel = await connection.createConfirmChannel();
  const failed = once(channel, 'error').then(([error]) => /"([A-Z_]+ - .*)"/.exec(String(error))?.[1]);
  const done = operation(channel)
    .then(() => channel.close())
    .then(() => undefined);
  return Promise.race([failed, done.catch(() => failed)]);
}

const declare =
  (queue: string): Operation =>
  (channel) =>
    channel.assertQueue(queue, { autoDelete: true });
const publish =
  (exchange: string, routingKey: string): Operation =>
  async (channel) => {
    channel.publish(exchange, routingKey, Buffer.from('x'));
    await channel.waitForConfirms();
  };
const bind =
  (queue: string, routingKey: string): Operation =>
  async (channel) => {
    await channel.assertQueue(queue, { autoDelete: true });
    await channel.bindQueue(queue, 'amq.topic', routingKey);
    await channel.deleteQueue(queue);
  };

describe.runIf(controllable)('decided elsewhere', () => {
  scenarios('logins and permissions', () => {
    beforeAll(async () => {
      if (brokerName === 'rabbitmq') await configureRabbitMQ();
    }, CONTROL_TIMEOUT_MS);

    afterAll(async () => {
      service.closeAllConnections();
      service.close();
      if (brokerName !== 'rabbitmq') return;
      await evaluate('application:set_env(rabbit, auth_backends, [rabbit_auth_backend_internal])');
    }, CONTROL_TIMEOUT_MS);

    beforeEach(() => {
      questions = [];
    });

    describe('by an HTTP service behind the cache', () => {
      it('is asked about names and passwords', async () => {
        expect(await refusal('joe', 'pw')).toBeUndefined();
        expect(await refusal('joe', 'wrong')).toContain(
          'ACCESS_REFUSED - Login was refused using authentication',
        );
        expect(await refusal('ann', 'pw')).toContain(
          'ACCESS_REFUSED - Login was refused using authentication',
        );
        expect(questions[0]).toEqual({ path: '/user', fields: { username: 'joe', password: 'pw' } });
      });

      it('is asked about virtual hosts', async () => {
        const response = plainResponse('jim', 'pw');
        await expectConnectionError(openConnection({ response, virtualHost: 'nowhere' }), {
          method: 'connection.open',
          code: 530,
          text: 'NOT_ALLOWED - vhost nowhere not found',
        });
        expect(await refusal('jim', 'pw')).toBeUndefined();
        const asked = questions.find(({ path }) => path === '/vhost');
        expect(asked?.fields).toMatchObject({
          username: 'jim',
          vhost: '/',
          ip: '127.0.0.1',
          tags: 'monitoring',
        });
      });

      it('is asked about queues, exchanges and routing keys, once each', async () => {
        const connection = await login('joe', 'pw');
        expect(await failure(connection, bind('joes', 'a.b'))).toBeUndefined();
        expect(await failure(connection, publish('amq.topic', 'a.c'))).toBeUndefined();
        expect(await failure(connection, publish('amq.topic', 'a.c'))).toBeUndefined();
        await connection.close();
        const asked = questions.map(({ path, fields: { resource, name, permission, routing_key: key } }) =>
          [path, resource, name, permission, key].filter((part) => part !== undefined).join(' '),
        );
        expect(asked.filter((what) => /^\/(resource|topic)/.test(what))).toEqual([
          '/resource queue joes configure',
          '/resource queue joes write',
          '/resource exchange amq.topic read',
          '/topic topic amq.topic read a.b',
          '/resource exchange amq.topic write',
          '/topic topic amq.topic write a.c',
        ]);
      });

      it('refuses in the words of the broker', async () => {
        const connection = await login('joe', 'pw');
        expect(await failure(connection, declare('forbidden'))).toBe(
          "ACCESS_REFUSED - access to queue 'forbidden' in vhost '/' refused for user 'joe'",
        );
        expect(await failure(connection, publish('amq.topic', 'forbidden'))).toBe(
          "ACCESS_REFUSED - access to topic 'forbidden' in exchange 'amq.topic' in vhost '/' refused for user 'joe'",
        );
        expect(await failure(connection, bind('joes', 'forbidden'))).toBe(
          "ACCESS_REFUSED - access to topic 'forbidden' in exchange 'amq.topic' in vhost '/' refused for user 'joe'",
        );
        await connection.close();
      });
    });

    describe('by a token', () => {
      it('lets in who has a good one', async () => {
        expect(await refusal('', token())).toBeUndefined();
        expect(await refusal('anybody', token({ scope: everything.join(' ') }))).toBeUndefined();
        expect(await refusal('', token({ aud: ['other', 'rabbitmq'] }))).toBeUndefined();
      });

      it('refuses what is forged, expired, or for somebody else', async () => {
        const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
        const refused = expect.stringContaining('ACCESS_REFUSED - Login was refused using authentication');
        expect(await refusal('', token({}, other))).toEqual(refused);
        expect(await refusal('', token({ exp: Math.floor(Date.now() / 1000) - 5 }))).toEqual(refused);
        expect(await refusal('', token({ aud: 'other' }))).toEqual(refused);
        expect(await refusal('', token({ scope: undefined }))).toEqual(refused);
        expect(await refusal('', 'no.token.this')).toEqual(refused);
      });

      it('opens the virtual hosts of its scopes', async () => {
        const scope = ['rabbitmq.read:elsewhere/*'];
        const response = plainResponse('', token({ scope }));
        await expectConnectionError(openConnection({ response }), {
          method: 'connection.open',
          code: 530,
          text: "NOT_ALLOWED - access to vhost '/' refused for user 'tess'",
        });
      });

      it('allows what its scopes say', async () => {
        const scope = [
          'rabbitmq.configure:%2F/own-*',
          'rabbitmq.write:*/own-*',
          'rabbitmq.read:%2F/amq.topic/a.*',
          'rabbitmq.write:%2F/amq.topic/a.*',
        ];
        const connection = await login('', token({ scope }));
        expect(await failure(connection, declare('own-queue'))).toBeUndefined();
        expect(await failure(connection, declare('others'))).toBe(
          "ACCESS_REFUSED - access to queue 'others' in vhost '/' refused for user 'tess'",
        );
        expect(await failure(connection, bind('own-queue', 'a.b'))).toBeUndefined();
        expect(await failure(connection, publish('amq.topic', 'a.b'))).toBeUndefined();
        expect(await failure(connection, publish('amq.topic', 'b.a'))).toBe(
          "ACCESS_REFUSED - access to topic 'b.a' in exchange 'amq.topic' in vhost '/' refused for user 'tess'",
        );
        expect(await failure(connection, publish('amq.fanout', ''))).toBe(
          "ACCESS_REFUSED - access to exchange 'amq.fanout' in vhost '/' refused for user 'tess'",
        );
        await connection.close();
      });

      // RabbitMQ 3.10.8 refuses every operation from then on; later ones end the connection.
      it('is good for nothing when it has run out', async () => {
        const expiry = Math.ceil(Date.now() / 1000) + 1;
        const connection = await login('', token({ exp: expiry }));
        const closed = once(connection, 'close').then(([reason]) => String(reason));
        await delay(expiry * 1000 + 100 - Date.now());
        if (brokerName === 'leveret')
          expect(await closed).toContain('CONNECTION_FORCED - credential expired');
        else {
          expect(await failure(connection, declare('late'))).toContain('ACCESS_REFUSED - access to queue');
          await connection.close();
        }
      });
    });
  });
});
