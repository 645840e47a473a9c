import { once } from 'node:events';
import { type RequestOptions, request } from 'node:https';
import amqplib from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker, type TlsOptions } from '../../src/index.ts';
import { type Authority, CertificateDirectory, type Issued } from './authority.ts';

const directory = new CertificateDirectory();
let authority: Authority;
let server: Issued;
let client: Issued;
let broker: RunningBroker | undefined;

beforeAll(() => {
  authority = directory.authority('authority');
  server = authority.issue('server', { subject: '/CN=localhost', names: 'DNS:localhost' });
  client = authority.issue('client', { subject: '/C=SE/O=Acme, Inc/CN=ann' });
});

afterEach(() => broker?.close());
afterAll(() => directory.remove());

async function start(tls: Partial<TlsOptions> = {}): Promise<RunningBroker> {
  const { certFile, keyFile } = server;
  const both = { port: 0, certFile, keyFile, caFile: authority.certFile, ...tls };
  broker = await startBroker({ port: 'none', tls: both, managementTls: both });
  return broker;
}

async function get(path: string, options: RequestOptions = {}): Promise<{ status: number; body: unknown }> {
  const { cert, key } = options;
  const asked = request({
    host: 'localhost',
    port: broker?.managementTlsPort,
    path,
    auth: 'guest:guest',
    ca: authority.cert,
    agent: false,
    ...(cert !== undefined && { cert, key }),
  }).end();
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: Number(response.statusCode), body: JSON.parse(text) };
}

describe('the HTTP API over TLS', () => {
  it('answers, and names its port', async () => {
    const { managementPort, managementTlsPort } = await start();
    expect(managementPort).toBeUndefined();
    const { status, body } = await get('/api/overview');
    expect(status).toBe(200);
    expect(JSON.stringify(body)).toContain(`"port":${managementTlsPort}`);
  });

  it('takes the certificates of clients as AMQP does', async () => {
    const stranger = directory.authority('elsewhere').issue('stranger', { subject: '/CN=ann' });
    await start({ verify: 'verify_peer' });
    expect((await get('/api/whoami')).status).toBe(200);
    expect((await get('/api/whoami', client)).status).toBe(200);
    await expect(get('/api/whoami', stranger)).rejects.toThrow();
    await broker?.close();
    await start({ verify: 'verify_peer', failIfNoPeerCert: true });
    await expect(get('/api/whoami')).rejects.toThrow();
    expect((await get('/api/whoami', client)).status).toBe(200);
  });

  it('says which certificates are about to run out', async () => {
    const { port, managementTlsPort } = await start();
    const within = (time: string) => get(`/api/health/checks/certificate-expiration/${time}`);
    expect(await within('1/weeks')).toEqual({ status: 200, body: { status: 'ok' } });
    const { status, body } = await within('2/months');
    expect(status).toBe(503);
    expect(body).toMatchObject({
      reason: 'Certificates expiring',
      expired: [
        { protocol: 'amqp/ssl', port, certfile_expires_on: expect.stringMatching(/^20.*Z$/) },
        { protocol: 'https', port: managementTlsPort },
      ],
    });
  });

  it('shows the TLS of connections in the words of RabbitMQ 3.10.8', async () => {
    const { port } = await start({ verify: 'verify_peer' });
    const url = `amqps://guest:guest@localhost:${port}`;
    const fields = async (options: object): Promise<unknown> => {
      const connection = await amqplib.connect(url, { ca: [authority.cert], ...client, ...options });
      const { body } = await get('/api/connections');
      await connection.close();
      return Array.isArray(body) ? body[0] : body;
    };
    const peer = {
      ssl: true,
      peer_cert_subject: 'CN=ann,O=Acme\\, Inc,C=SE',
      peer_cert_issuer: 'CN=authority',
      peer_cert_validity: expect.stringMatching(/^2025-01-01T00:00:00Z - 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    };
    expect(await fields({})).toMatchObject({
      ...peer,
      ssl_protocol: 'tlsv1.3',
      ssl_key_exchange: 'any',
      ssl_cipher: 'aes_256_gcm',
      ssl_hash: 'aead',
    });
    expect(await fields({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-SHA384' })).toMatchObject({
      ...peer,
      ssl_protocol: 'tlsv1.2',
      ssl_key_exchange: 'ecdhe_ecdsa',
      ssl_cipher: 'aes_256_cbc',
      ssl_hash: 'sha384',
    });
  });
});
