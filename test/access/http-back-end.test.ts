import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import amqplib from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type AuthenticationOptions,
  type BrokerOptions,
  type RunningBroker,
  startBroker,
} from '../../src/index.ts';
import { type Logger, silentLogger } from '../../src/logger.ts';

/** What a service for access is asked. */
interface Question {
  readonly method: string | undefined;
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
}

interface Verdict {
  readonly status?: number;
  readonly body: string;
}

let server: Server;
let url: string;
let questions: Question[];
let answer: (question: Question) => Verdict | Promise<Verdict>;
let answerTimeoutMs: number;
const brokers: RunningBroker[] = [];
const entries: string[] = [];
const record = (fields: object, message: string) => {
  const error = 'err' in fields && fields.err instanceof Error ? `: ${fields.err.message}` : '';
  entries.push(`${message}${error}`);
};
const logger: Logger = { ...silentLogger, info: record, warn: record, error: record };

/** Joe may do everything but what is forbidden. */
const usual = ({ path, fields }: Question): Verdict => {
  if (path === '/user') return { body: fields['password'] === 'pw' ? 'allow administrator tag2\n' : 'deny' };
  const isForbidden = fields['name'] === 'forbidden' || fields['routing_key'] === 'forbidden';
  return { body: isForbidden ? 'deny' : 'ALLOW' };
};

beforeEach(async () => {
  questions = [];
  entries.length = 0;
  answer = usual;
  answerTimeoutMs = 15_000;
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const fields = Object.fromEntries(new URLSearchParams(request.method === 'GET' ? query : body));
    const question = { method: request.method, path, fields };
    questions.push(question);
    const verdict = await answer(question);
    response.writeHead(verdict.status ?? 200).end(verdict.body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  url = `http://127.0.0.1:${address.port}`;
});

afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.close();
  server.closeAllConnections();
  server.close();
});

async function start(
  authentication: AuthenticationOptions = {},
  options: BrokerOptions = {},
): Promise<RunningBroker> {
  const broker = await startBroker({
    port: 0,
    refusalDelayMs: 20,
    logger,
    authentication: {
      backEnds: ['http'],
      http: {
        method: 'post',
        userPath: `${url}/user`,
        vhostPath: `${url}/vhost`,
        resourcePath: `${url}/resource`,
        topicPath: `${url}/topic`,
        timeoutMs: answerTimeoutMs,
      },
      ...authentication,
    },
    ...options,
  });
  brokers.push(broker);
  return broker;
}

const login = (broker: RunningBroker, password = 'pw') =>
  amqplib.connect(broker.url.replace('amqp://', `amqp://joe:${password}@`));

/** The error that an operation on a channel of its own ends with; `undefined` for none. */
async function failure(
  connection: amqplib.ChannelModel,
  operation: (channel: amqplib.ConfirmChannel) => Promise<unknown>,
): Promise<string | undefined> {
  const channel = await connection.createConfirmChannel();
  let text: string | undefined;
  channel.on('error', (error: Error) => {
    text = error.message;
  });
  try {
    await operation(channel);
    await channel.close();
  } catch {
    await expect.poll(() => text).toBeDefined();
  }
  return text;
}

describe('the HTTP back end', () => {
  it('asks what RabbitMQ 3.10.8 asks', async () => {
    const connection = await login(await start());
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('q1');
    await channel.bindQueue('q1', 'amq.topic', 'a.b');
    channel.publish('amq.topic', 'x.y', Buffer.from('1'));
    channel.sendToQueue('q1', Buffer.from('2'));
    await channel.waitForConfirms();
    await channel.consume('q1', () => {}, { noAck: true });
    channel.publish('amq.topic', 'x.y', Buffer.from('3'));
    await channel.waitForConfirms();
    await connection.close();
    const joe = { username: 'joe', vhost: '/', tags: 'administrator tag2' };
    const topic = {
      ...joe,
      resource: 'topic',
      name: 'amq.topic',
      'variable_map.username': 'joe',
      'variable_map.vhost': '/',
    };
    expect(questions.every(({ method }) => method === 'POST')).toBe(true);
    expect(questions.map(({ path, fields }) => [path, fields])).toEqual([
      ['/user', { username: 'joe', password: 'pw' }],
      ['/vhost', { ...joe, ip: '127.0.0.1' }],
      ['/resource', { ...joe, resource: 'queue', name: 'q1', permission: 'configure' }],
      ['/resource', { ...joe, resource: 'queue', name: 'q1', permission: 'write' }],
      ['/resource', { ...joe, resource: 'exchange', name: 'amq.topic', permission: 'read' }],
      ['/topic', { ...topic, permission: 'read', routing_key: 'a.b' }],
      ['/resource', { ...joe, resource: 'exchange', name: 'amq.topic', permission: 'write' }],
      ['/topic', { ...topic, permission: 'write', routing_key: 'x.y' }],
      ['/resource', { ...joe, resource: 'exchange', name: 'amq.default', permission: 'write' }],
      ['/resource', { ...joe, resource: 'queue', name: 'q1', permission: 'read' }],
    ]);
  });

  it('refuses what it denies, in the words of RabbitMQ', async () => {
    const broker = await start();
    await expect(login(broker, 'wrong')).rejects.toThrow('ACCESS_REFUSED - Login was refused');
    const connection = await login(broker);
    expect(await failure(connection, (channel) => channel.assertQueue('forbidden'))).toContain(
      "ACCESS_REFUSED - access to queue 'forbidden' in vhost '/' refused for user 'joe'",
    );
    const publish = async (channel: amqplib.ConfirmChannel): Promise<void> => {
      channel.publish('amq.topic', 'forbidden', Buffer.from(''));
      await channel.waitForConfirms();
    };
    expect(await failure(connection, publish)).toContain(
      "ACCESS_REFUSED - access to topic 'forbidden' in exchange 'amq.topic' in vhost '/' refused for user 'joe'",
    );
    await connection.close();
  });

  it('may be asked with GET, as RabbitMQ does by default', async () => {
    const paths = { userPath: `${url}/user`, vhostPath: `${url}/vhost`, resourcePath: `${url}/resource` };
    await (await login(await start({ http: paths }))).close();
    expect(questions.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /user', 'GET /vhost']);
  });

  it.each<[string, Verdict | 'silence']>([
    ['answers with an error', { status: 500, body: 'allow' }],
    ['says something else', { body: 'perhaps' }],
    ['says too much', { body: `allow${' tag'.repeat(100_000)}` }],
    ['does not answer in time', 'silence'],
  ])('lets nobody in when the service %s', async (_name, verdict) => {
    if (verdict === 'silence') answerTimeoutMs = 200;
    answer = () => (verdict === 'silence' ? new Promise(() => {}) : verdict);
    await expect(login(await start(), 's3cret')).rejects.toThrow('ACCESS_REFUSED');
    expect(entries.join('\n')).toContain("user 'joe' could not be authenticated by the back end 'http'");
    expect(entries.join('\n')).not.toContain('s3cret');
  });

  it('lets nobody do anything when the service is gone, and everybody when it is back', async () => {
    const broker = await start();
    const connection = await login(broker);
    answer = () => ({ status: 503, body: '' });
    expect(await failure(connection, (channel) => channel.assertQueue('q2'))).toContain('ACCESS_REFUSED');
    expect(entries.join('\n')).toContain('the HTTP service for access did not answer: ');
    answer = usual;
    expect(await failure(connection, (channel) => channel.assertQueue('q3'))).toBeUndefined();
    await connection.close();
  });

  it('may leave it to another back end what they may do', async () => {
    const broker = await start({
      backEnds: [{ authentication: 'http', authorization: 'internal' }, 'internal'],
    });
    await expect(login(broker)).rejects.toThrow('ACCESS_REFUSED');
    await broker.administration.users.put({ name: 'joe' });
    await broker.administration.permissions.put({
      vhost: '/',
      user: 'joe',
      configure: '^mine',
      write: '',
      read: '',
    });
    const connection = await login(broker);
    expect(await failure(connection, (channel) => channel.assertQueue('mine'))).toBeUndefined();
    expect(await failure(connection, (channel) => channel.assertQueue('yours'))).toContain('ACCESS_REFUSED');
    await connection.close();
    expect(questions.every(({ path }) => path === '/user')).toBe(true);
    await (await amqplib.connect(broker.url)).close();
  });

  it('has to be configured', async () => {
    await expect(startBroker({ port: 0, authentication: { backEnds: ['http'] } })).rejects.toThrow(
      "the authentication back end 'http' is asked for, but not configured",
    );
  });
});

describe('the cache', () => {
  it('asks once for all connections, until it has forgotten', async () => {
    const broker = await start({ backEnds: ['cache'], cache: { ttlMs: 4000 } });
    const connections = await Promise.all([login(broker), login(broker), login(broker)]);
    for (const connection of connections) {
      expect(await failure(connection, (channel) => channel.assertQueue('q1'))).toBeUndefined();
      await connection.close();
    }
    expect(questions.map(({ path }) => path)).toEqual(['/user', '/vhost', '/resource']);
    await expect
      .poll(
        async () => {
          await (await login(broker)).close();
          return questions.length;
        },
        { timeout: 10_000, interval: 200 },
      )
      .toBeGreaterThan(3);
  });

  it('tells passwords apart, and forgets refusals and errors at once', async () => {
    const broker = await start({ backEnds: ['cache'], cache: { ttlMs: 60_000 } });
    for (let i = 0; i < 2; i++) await expect(login(broker, 'wrong')).rejects.toThrow('ACCESS_REFUSED');
    answer = () => ({ status: 500, body: '' });
    await expect(login(broker)).rejects.toThrow('ACCESS_REFUSED');
    answer = usual;
    await (await login(broker)).close();
    await expect(login(broker, 'wrong')).rejects.toThrow('ACCESS_REFUSED');
    expect(questions.filter(({ path }) => path === '/user')).toHaveLength(5);
  });

  it('remembers refusals when it is told to', async () => {
    const broker = await start({ backEnds: ['cache'], cache: { ttlMs: 60_000, refusals: true } });
    for (let i = 0; i < 3; i++) await expect(login(broker, 'wrong')).rejects.toThrow('ACCESS_REFUSED');
    expect(questions).toHaveLength(1);
  });
});
