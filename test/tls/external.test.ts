import { once } from 'node:events';
import { connect } from 'node:tls';
import amqplib from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CertificateLogin } from '../../src/access/certificate-name.ts';
import { type BrokerOptions, type RunningBroker, startBroker } from '../../src/index.ts';
import { silentLogger } from '../../src/logger.ts';
import { protocolHeader } from '../../src/protocol/frame-reader.ts';
import { type Authority, CertificateDirectory, type Issued } from './authority.ts';

const directory = new CertificateDirectory();
let authority: Authority;
let server: Issued;
let broker: RunningBroker | undefined;
const lines: string[] = [];
const logger = { ...silentLogger, error: (_fields: object, message: string) => void lines.push(message) };

beforeAll(() => {
  authority = directory.authority('authority');
  server = authority.issue('server', { subject: '/CN=localhost', names: 'DNS:localhost,IP:127.0.0.1' });
});

afterEach(async () => {
  await broker?.close();
  lines.length = 0;
});

afterAll(() => directory.remove());

/** A broker that knows `user`, who cannot log in with a password. */
async function start(user: string, certificateLogin: CertificateLogin, options: BrokerOptions = {}) {
  const { certFile, keyFile } = server;
  broker = await startBroker({
    port: 0,
    tls: { port: 0, certFile, keyFile, caFile: authority.certFile, verify: 'verify_peer' },
    authMechanisms: ['PLAIN', 'EXTERNAL'],
    certificateLogin,
    refusalDelayMs: 50,
    logger,
    ...options,
  });
  await broker.administration.users.put({ name: user, passwordHash: '', tags: [] });
  await broker.administration.permissions.put({ vhost: '/', user, configure: '.*', write: '.*', read: '.*' });
  if (broker.tlsPort === undefined) throw new Error('no port for TLS');
  return broker.tlsPort;
}

const external = { credentials: amqplib.credentials.external(), ca: [] as Buffer[] };

/** The names that the log shows when nobody is called so. */
async function login(port: number, certificate?: Issued): Promise<void> {
  const options = { ...external, ca: [authority.cert], ...certificate };
  const connection = await amqplib.connect(`amqps://localhost:${port}`, options);
  await connection.close();
}

describe('EXTERNAL', () => {
  const subject = '/C=SE/O=Acme, Inc/OU=Skåne ~/emailAddress=a@b.c/CN=ann/CN= lead';
  const names = 'DNS:a.example,DNS:b.example,email:ann@example.org,URI:urn:ann,IP:192.0.2.1';
  let ann: Issued;

  beforeAll(() => {
    ann = authority.issue('ann', { subject, names });
  });

  it.each<[string, CertificateLogin]>([
    ['CN=\\ lead,CN=ann,EMAILADDRESS=a@b.c,OU=Sk\\C3\\A5ne \\7E,O=Acme\\, Inc,C=SE', {}],
    ['ann, lead', { from: 'common_name' }],
    ['a.example', { from: 'subject_alternative_name' }],
    ['b.example', { from: 'subject_alternative_name', alternativeNameIndex: 1 }],
    ['ann@example.org', { from: 'subject_alternative_name', alternativeNameType: 'email' }],
    ['urn:ann', { from: 'subject_alternative_name', alternativeNameType: 'uri' }],
  ])('logs in %s', async (user, certificateLogin) => {
    await login(await start(user, certificateLogin), ann);
    expect(lines).toEqual([]);
  });

  it('needs a certificate, with a name, of somebody who is known', async () => {
    const port = await start('somebody else', { from: 'subject_alternative_name' });
    await expect(login(port)).rejects.toThrow('ACCESS_REFUSED');
    await expect(login(port, authority.issue('nameless', { subject: '/O=x' }))).rejects.toThrow(
      'ACCESS_REFUSED',
    );
    await expect(login(port, ann)).rejects.toThrow('ACCESS_REFUSED');
    expect(lines.map((line) => line.replace(/.*EXTERNAL login refused: /, ''))).toEqual([
      'connection peer presented no TLS (x.509) certificate',
      'no name found',
      "user 'a.example' - invalid credentials",
    ]);
  });

  it('is offered over TLS, if it is wanted', async () => {
    const port = await start('ann', {});
    const plain = broker?.port;
    if (plain === undefined) throw new Error('no broker');
    const socket = connect({ port, host: '127.0.0.1', ca: [authority.cert] });
    socket.write(protocolHeader);
    const [start1] = await once(socket, 'data');
    expect(String(start1)).toContain('EXTERNAL PLAIN');
    socket.destroy();
    await expect(amqplib.connect(`amqp://localhost:${plain}`, external)).rejects.toThrow('EXTERNAL');
  });
});
