import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import amqplib from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type BrokerOptions,
  type Logger,
  type RunningBroker,
  startBroker,
  type TlsOptions,
} from '../../src/index.ts';
import { protocolHeader } from '../../src/protocol/frame-reader.ts';
import { type Authority, CertificateDirectory, type Issued } from './authority.ts';

const directory = new CertificateDirectory();
let authority: Authority;
let server: Issued;
const lines: string[] = [];
const record = (level: string) => (_fields: object, message: string) =>
  void lines.push(`${level} ${message}`);
const logger: Logger = {
  debug: record('debug'),
  info: record('info'),
  warn: record('warn'),
  error: record('error'),
};
const brokers: RunningBroker[] = [];

beforeAll(() => {
  authority = directory.authority('authority');
  server = authority.issue('server', { subject: '/CN=localhost', names: 'DNS:localhost,IP:127.0.0.1' });
});

afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.close();
  lines.length = 0;
});

afterAll(() => directory.remove());

async function start(tls: Partial<TlsOptions> = {}, options: BrokerOptions = {}): Promise<number> {
  const { certFile, keyFile } = server;
  const broker = await startBroker({
    port: 'none',
    tls: { port: 0, certFile, keyFile, ...tls },
    logger,
    ...options,
  });
  brokers.push(broker);
  return broker.port;
}

async function publishesAndGets(port: number, options: object): Promise<void> {
  const connection = await amqplib.connect(`amqps://guest:guest@localhost:${port}`, {
    ca: [authority.cert],
    ...options,
  });
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  channel.sendToQueue(queue, Buffer.alloc(300_000, 'x'));
  await channel.waitForConfirms();
  const message = await channel.get(queue, { noAck: true });
  if (message === false) throw new Error('no message');
  expect(message.content.length).toBe(300_000);
  await connection.close();
}

/** Resolves with the broker's connection.start, or rejects with the socket's error or `ended`. */
async function greeting(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca: [authority.cert], ...options });
  socket.write(protocolHeader);
  const ended = once(socket, 'close').then(() => Promise.reject(new Error('ended')));
  await Promise.race([once(socket, 'data'), ended]);
  return socket;
}

async function isGreeted(port: number, options: ConnectionOptions = {}): Promise<boolean> {
  try {
    (await greeting(port, options)).destroy();
    return true;
  } catch {
    return false;
  }
}

function logged(pattern: RegExp): Promise<unknown> {
  return expect.poll(() => lines.find((line) => pattern.test(line)), { timeout: 10_000 }).toBeDefined();
}

describe('AMQP over TLS', () => {
  it('is AMQP', async () => {
    const port = await start();
    await publishesAndGets(port, {});
    expect(lines.join('\n')).toContain(`started TLS listener on 127.0.0.1:${port}`);
  });

  it('goes on beside AMQP over TCP', async () => {
    await start({}, { port: 0 });
    const [broker] = brokers;
    if (broker?.tlsPort === undefined) throw new Error('no port for TLS');
    await publishesAndGets(broker.tlsPort, {});
    const plain = await amqplib.connect(broker.url);
    await plain.close();
  });

  it('resets a connection that is refused', async () => {
    const port = await start({}, { refusalDelayMs: 50 });
    const socket = await greeting(port);
    const closed = once(socket, 'error');
    socket.write('garbage that is no frame at all');
    expect(String((await closed)[0])).toContain('ECONNRESET');
  });

  it('is not spoken by certificates that cannot be used', async () => {
    writeFileSync(directory.file('garbage'), 'garbage');
    const other = authority.issue('other', { subject: '/CN=other' });
    await expect(start({ certFile: directory.file('missing') })).rejects.toThrow('cannot read');
    await expect(start({ certFile: directory.file('garbage') })).rejects.toThrow(
      'there is no certificate in',
    );
    await expect(start({ keyFile: other.keyFile })).rejects.toThrow('key values mismatch');
    await expect(start({ caFile: directory.file('garbage') })).rejects.toThrow('there is no certificate in');
  });

  it('warns of a certificate that has expired', async () => {
    await start(authority.issue('old', { subject: '/CN=localhost', days: -1 }));
    await logged(/^warn the certificate has expired: CN=localhost, valid to/);
  });

  it('is for the versions that are allowed', async () => {
    const port = await start({ versions: ['tlsv1.2'], ciphers: ['ECDHE-ECDSA-AES256-GCM-SHA384'] });
    const socket = await greeting(port);
    expect([socket.getProtocol(), socket.getCipher().name]).toEqual([
      'TLSv1.2',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
    ]);
    socket.destroy();
    expect(await isGreeted(port, { minVersion: 'TLSv1.3' })).toBe(false);
    await logged(
      /^warn closing AMQP connection .* during handshake: the client speaks no version of TLS that is allowed$/,
    );
    expect(await isGreeted(port, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).toBe(false);
    await logged(
      /^warn closing AMQP connection .* during handshake: the client knows no cipher that is allowed$/,
    );
  });

  it('says in the log who came without it', async () => {
    const port = await start();
    const socket = connectTcp({ port, host: '127.0.0.1' });
    socket.write(protocolHeader);
    await once(socket.resume(), 'close');
    await logged(
      /^warn closing AMQP connection 127\.0\.0\.1:\d+ -> .* during handshake: the client does not speak TLS/,
    );
  });

  it('drops those who do not get through the handshake, slowly or not at all', async () => {
    const port = await start({}, { handshakeTimeoutMs: 300 });
    const silent = connectTcp({ port, host: '127.0.0.1' });
    const slow = connectTcp({ port, host: '127.0.0.1' });
    // Whoever is dropped in the middle of a write sees a reset.
    const closed = [silent, slow].map(
      (socket) =>
        new Promise((resolve) =>
          socket
            .on('error', () => {})
            .resume()
            .once('close', resolve),
        ),
    );
    // A record of 16 KiB, which never comes to its end.
    slow.write(Buffer.from('1603014000', 'hex'));
    const dripping = setInterval(() => slow.write(Buffer.of(0)), 50);
    await Promise.all(closed);
    clearInterval(dripping);
    await logged(/^warn closing AMQP connection .* during handshake: handshake timeout$/);
    await logged(/^debug closing AMQP connection .*: handshake timeout$/);
  });

  it('goes when the broker closes, those in the doorway too', async () => {
    const port = await start();
    const socket = connectTcp({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    const ended = once(socket.resume(), 'close');
    await brokers.pop()?.close();
    await ended;
  });
});

describe('certificates of clients', () => {
  let client: Issued;
  let stranger: Issued;

  beforeAll(() => {
    client = authority.issue('client', { subject: '/CN=client' });
    stranger = directory.authority('elsewhere').issue('stranger', { subject: '/CN=client' });
  });

  const asking = () => ({ caFile: authority.certFile, verify: 'verify_peer' }) as const;
  const refused = /^warn closing AMQP connection .* during handshake: the client's certificate is refused: /;

  it('are not asked for without verify_peer', async () => {
    const port = await start({ caFile: authority.certFile, failIfNoPeerCert: true });
    expect(await isGreeted(port)).toBe(true);
    expect(await isGreeted(port, stranger)).toBe(true);
  });

  it('may be no further from the root than depth says', async () => {
    const between = authority.subordinate('between');
    const far = between.issue('far', { subject: '/CN=far' });
    const chain = { cert: Buffer.concat([far.cert, between.cert]), key: far.key };
    const strict = await start({ ...asking(), depth: 0 });
    expect(await isGreeted(strict, client)).toBe(true);
    expect(await isGreeted(strict, chain)).toBe(false);
    await logged(/refused: there are 1 between it and the root \(depth = 0\)/);
    expect(await isGreeted(await start({ ...asking(), depth: 1 }), chain)).toBe(true);
    expect(await isGreeted(await start(asking()), chain)).toBe(true);
  });

  it('may be absent, but not bad', async () => {
    const port = await start(asking());
    expect(await isGreeted(port)).toBe(true);
    expect(await isGreeted(port, client)).toBe(true);
    expect(await isGreeted(port, stranger)).toBe(false);
    await logged(refused);
  });

  it('have to be there with fail_if_no_peer_cert', async () => {
    const port = await start({ ...asking(), failIfNoPeerCert: true });
    await publishesAndGets(port, client);
    await expect(greeting(port)).rejects.toMatchObject({
      code: expect.stringMatching(/CERTIFICATE_REQUIRED/),
    });
    await logged(/^warn closing AMQP connection .* during handshake: the client has no certificate$/);
    expect(await isGreeted(port, stranger)).toBe(false);
    await logged(/refused: UNABLE_TO_VERIFY_LEAF_SIGNATURE$/);
    expect(await isGreeted(port, authority.issue('late', { subject: '/CN=client', days: -1 }))).toBe(false);
    await logged(/refused: CERT_HAS_EXPIRED$/);
  });

  it('can be taken back while the broker runs, from those who resume a session too', async () => {
    const crlFile = authority.revoke();
    const port = await start({ ...asking(), failIfNoPeerCert: true, crlFile });
    const first = connect({ port, host: '127.0.0.1', ca: [authority.cert], ...client });
    const [session]: unknown[] = await once(first, 'session');
    if (!(session instanceof Buffer)) throw new Error('no session');
    first.destroy();
    const resumed = await greeting(port, { ...client, session });
    expect(resumed.isSessionReused()).toBe(true);
    resumed.destroy();
    authority.revoke(client);
    brokers[0]?.reloadCertificates();
    expect(await isGreeted(port, client)).toBe(false);
    expect(await isGreeted(port, { ...client, session })).toBe(false);
    await logged(/refused: CERT_REVOKED$/);
  });
});

describe('certificates of the broker', () => {
  const named = async (port: number, servername: string): Promise<string> => {
    const socket = await greeting(port, { servername, checkServerIdentity: () => undefined });
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  };

  it('are those of the name a client asks for', async () => {
    const wild = authority.issue('wild', { subject: '/CN=wild', names: 'DNS:*.example.org' });
    const exact = authority.issue('exact', { subject: '/CN=exact', names: 'DNS:exact.example.com' });
    const port = await start({ sniCertificates: [wild, exact] });
    expect(await named(port, 'a.example.org')).toBe('wild');
    expect(await named(port, 'exact.example.com')).toBe('exact');
    expect(await named(port, 'localhost')).toBe('localhost');
    expect(await named(port, 'nobody.example')).toBe('localhost');
  });

  it('are replaced when their files are, and connections stay', async () => {
    const own = authority.issue('own', { subject: '/CN=first', names: 'DNS:localhost' });
    const port = await start(own);
    const open = await greeting(port, { servername: 'localhost' });
    const next = authority.issue('next', { subject: '/CN=second', names: 'DNS:localhost' });
    copyFileSync(next.certFile, own.certFile);
    copyFileSync(next.keyFile, own.keyFile);
    await logged(/^info read the certificates again: CN=second, valid to /);
    expect(await named(port, 'localhost')).toBe('second');
    expect(open.destroyed).toBe(false);
    open.destroy();
  });

  it('stay when what replaces them cannot be used', async () => {
    const own = authority.issue('own', { subject: '/CN=first', names: 'DNS:localhost' });
    const port = await start(own);
    copyFileSync(server.keyFile, own.keyFile);
    brokers[0]?.reloadCertificates();
    await logged(/^error keeping the certificates in use: .*own\.pem .*key values mismatch$/);
    expect(await named(port, 'localhost')).toBe('first');
  });
});
