import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { silentLogger } from '../../src/logger.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { protocolHeader } from '../../src/protocol/frame-reader.ts';
import { MethodId } from '../../src/protocol/methods.ts';
import { type Authority, CertificateDirectory } from '../tls/authority.ts';
import { methodFrame } from './raw-client.ts';

const directory = new CertificateDirectory();
const lines: string[] = [];
const record = (_fields: object, message: string) => void lines.push(message);
let authority: Authority;
let broker: RunningBroker;

beforeAll(async () => {
  authority = directory.authority('authority');
  const server = authority.issue('server', { subject: '/CN=localhost', names: 'DNS:localhost' });
  broker = await startBroker({
    port: 0,
    managementPort: 0,
    managementTls: {
      port: 0,
      certFile: server.certFile,
      keyFile: server.keyFile,
      caFile: authority.certFile,
      verify: 'verify_peer',
    },
    authMechanisms: ['PLAIN', 'EXTERNAL'],
    certificateLogin: { from: 'common_name' },
    webSocketOrigins: ['https://app.example.org'],
    refusalDelayMs: 50,
    logger: { ...silentLogger, info: record, warn: record, error: record },
  });
  await broker.administration.users.put({ name: 'ann' });
  await broker.administration.permissions.put({
    vhost: '/',
    user: 'ann',
    configure: '',
    write: '',
    read: '',
  });
});

afterAll(async () => {
  await broker.close();
  directory.remove();
});

const at = (path: string) => `ws://localhost:${broker.managementPort}${path}`;

/** An open WebSocket to which the broker has answered the protocol header. */
async function greeted(webSocket: WebSocket): Promise<WebSocket> {
  await once(webSocket, 'open');
  webSocket.send(protocolHeader);
  const [start] = await once(webSocket, 'message');
  expect(String(start)).toContain('PLAIN');
  return webSocket;
}

async function statusOf(path: string, options: { origin?: string } = {}): Promise<number> {
  const webSocket = new WebSocket(at(path), options);
  webSocket.on('error', () => {});
  const answer = once(webSocket, 'unexpected-response').then(([, response]) => Number(response.statusCode));
  const opened = once(webSocket, 'open').then(() => 101);
  const status = await Promise.race([answer, opened]);
  webSocket.terminate();
  return status;
}

const startOk = (mechanism: string, response: string) =>
  methodFrame(0, {
    id: MethodId.ConnectionStartOk,
    clientProperties: FieldTable.empty,
    mechanism,
    response: Buffer.from(response),
    locale: 'en_US',
  });

describe('AMQP over WebSocket', () => {
  it.each(['/ws/amqp', '/', '/ws', '/ws/', '/ws/amqp?v=1', '/?x'])('is spoken at %s', async (path) => {
    (await greeted(new WebSocket(at(path)))).terminate();
  });

  it('is not spoken elsewhere', async () => {
    expect(await statusOf('/api/overview')).toBe(404);
    expect(await statusOf('/wsx')).toBe(404);
  });

  it('agrees on the subprotocol amqp, and on none', async () => {
    const named = await greeted(new WebSocket(at('/ws/amqp'), ['mqtt', 'amqp']));
    expect(named.protocol).toBe('amqp');
    named.terminate();
  });

  it('is for pages of the same server, of allowed origins, and for programs', async () => {
    expect(await statusOf('/ws/amqp', { origin: `http://localhost:${broker.managementPort}` })).toBe(101);
    expect(await statusOf('/ws/amqp', { origin: 'https://app.example.org' })).toBe(101);
    expect(await statusOf('/ws/amqp', { origin: 'https://evil.example.org' })).toBe(403);
    expect(await statusOf('/ws/amqp', { origin: 'http://localhost:1' })).toBe(403);
    expect(await statusOf('/ws/amqp', { origin: 'null' })).toBe(403);
  });

  it('takes frames in whatever pieces they come, and closes in good order', async () => {
    const webSocket = await greeted(new WebSocket(at('/ws/amqp')));
    for (const byte of startOk('PLAIN', '\0guest\0guest')) webSocket.send(Buffer.of(byte));
    await once(webSocket, 'message');
    webSocket.send(
      methodFrame(0, {
        id: MethodId.ConnectionClose,
        replyCode: 200,
        replyText: '',
        classId: 0,
        methodId: 0,
      }),
    );
    const [code] = await once(webSocket, 'close');
    expect(code).toBe(1005);
  });

  it('takes no text and no message above 1 MiB', async () => {
    const text = await greeted(new WebSocket(at('/ws/amqp')));
    text.send('AMQP');
    expect((await once(text, 'close'))[0]).toBe(1003);
    const large = await greeted(new WebSocket(at('/ws/amqp')));
    large.on('error', () => {});
    large.send(Buffer.alloc(1024 * 1024 + 1));
    expect((await once(large, 'close'))[0]).toBe(1009);
  });

  it('knows the client: its address, and over TLS its certificate', async () => {
    const { cert, key } = authority.issue('ann', { subject: '/CN=ann' });
    const webSocket = new WebSocket(`wss://localhost:${broker.managementTlsPort}/ws/amqp`, {
      ca: authority.cert,
      cert,
      key,
    });
    await greeted(webSocket);
    webSocket.send(startOk('EXTERNAL', ''));
    await once(webSocket, 'message');
    webSocket.send(
      Buffer.concat([
        methodFrame(0, { id: MethodId.ConnectionTuneOk, channelMax: 10, frameMax: 4096, heartbeat: 0 }),
        methodFrame(0, { id: MethodId.ConnectionOpen, virtualHost: '/' }),
      ]),
    );
    await once(webSocket, 'message');
    expect(lines.join('\n')).toMatch(
      /accepting AMQP connection (127\.0\.0\.1|::1):\d+ -> .*: user 'ann' authenticated and granted access to vhost '\/'/,
    );
    webSocket.terminate();
  });

  it('ends when the broker does', async () => {
    const other = await startBroker({ port: 0, managementPort: 0 });
    const webSocket = await greeted(new WebSocket(`ws://localhost:${other.managementPort}/ws/amqp`));
    const closed = once(webSocket, 'close');
    await other.close();
    await closed;
  });

  it('can be switched off', async () => {
    const other = await startBroker({ port: 0, managementPort: 0, webSocket: false });
    const webSocket = new WebSocket(`ws://localhost:${other.managementPort}/ws/amqp`);
    await expect(once(webSocket, 'open')).rejects.toThrow('Unexpected server response: 404');
    await other.close();
  });
});
