import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { silentLogger } from '../../src/logger.ts';
import { protocolHeader } from '../../src/protocol/frame-reader.ts';
import { MethodId } from '../../src/protocol/methods.ts';
import { ProxyHeaderError, readProxyHeader } from '../../src/server/sockets/proxy-protocol.ts';
import { CertificateDirectory, type Issued } from '../tls/authority.ts';
import { RawClient } from './raw-client.ts';

const directory = new CertificateDirectory();
const lines: string[] = [];
const record = (_fields: object, message: string) => void lines.push(message);
let server: Issued;
let broker: RunningBroker;

beforeAll(async () => {
  server = directory.authority('authority').issue('server', { subject: '/CN=localhost' });
  broker = await startBroker({
    port: 0,
    tls: { port: 0, certFile: server.certFile, keyFile: server.keyFile },
    proxyProtocol: true,
    refusalDelayMs: 50,
    logger: { ...silentLogger, info: record, warn: record, error: record },
  });
});

afterAll(async () => {
  await broker.close();
  directory.remove();
});

const text = (line: string) => Buffer.from(`${line}\r\n`);

/** Version 2; `command` 1 is PROXY, `family` 1 is TCP over IPv4, 2 over IPv6. */
function binary(command: number, family: number, payload: Buffer): Buffer {
  const prefix = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
  prefix.writeUInt8(0x20 | command, 12);
  prefix.writeUInt8((family << 4) | 1, 13);
  prefix.writeUInt16BE(payload.length, 14);
  return Buffer.concat([prefix, payload]);
}

const ipv4Payload = Buffer.from('c0000201c6336407dc0e1628', 'hex');
const ipv6Payload = Buffer.from(
  '20010db8000000000000000000000001000000000000000000000000000000011234162f',
  'hex',
);

describe('a PROXY header', () => {
  const ipv4 = { peerHost: '192.0.2.1', peerPort: 56_334, host: '198.51.100.7', port: 5672 };
  const ipv6 = { peerHost: '2001:db8::1', peerPort: 0x1234, host: '::1', port: 0x162f };

  it.each([
    ['version 1', text('PROXY TCP4 192.0.2.1 198.51.100.7 56334 5672'), ipv4],
    ['version 1, IPv6', text(`PROXY TCP6 2001:db8::1 ::1 ${0x1234} ${0x162f}`), ipv6],
    ['version 1, unknown', text('PROXY UNKNOWN'), undefined],
    ['version 1, unknown with addresses', text('PROXY UNKNOWN ffff::1 ffff::2 1 2'), undefined],
    ['version 2', binary(1, 1, ipv4Payload), ipv4],
    ['version 2, IPv6', binary(1, 2, ipv6Payload), ipv6],
    ['version 2 with extensions', binary(1, 1, Buffer.concat([ipv4Payload, Buffer.alloc(300)])), ipv4],
    ['version 2, local', binary(0, 0, Buffer.alloc(0)), undefined],
    ['version 2, a socket of Unix', binary(1, 3, Buffer.alloc(216)), undefined],
  ])('of %s is read, in whatever pieces it comes', (_name, bytes, ends) => {
    const followed = Buffer.concat([bytes, protocolHeader]);
    for (let length = 0; length < followed.length; length++) {
      const expected = length < bytes.length ? undefined : { length: bytes.length, ends };
      expect(readProxyHeader(followed.subarray(0, length))).toEqual(expected);
    }
  });

  it.each([
    ['AMQP', protocolHeader],
    ['another protocol', text('PROXY UDP4 192.0.2.1 198.51.100.7 56334 5672')],
    ['no address', text('PROXY TCP4 192.0.2.256 198.51.100.7 56334 5672')],
    ['an address of another family', text('PROXY TCP6 192.0.2.1 198.51.100.7 56334 5672')],
    ['no port', text('PROXY TCP4 192.0.2.1 198.51.100.7 65536 5672')],
    ['too few fields', text('PROXY TCP4 192.0.2.1 198.51.100.7 56334')],
    ['no line end', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(100)}`)],
    ['version 3', Buffer.concat([binary(1, 1, ipv4Payload).fill(0x31, 12, 13)])],
    ['another command', binary(2, 1, ipv4Payload)],
    ['too few bytes', binary(1, 2, ipv4Payload)],
    ['too many bytes', binary(1, 1, Buffer.alloc(5000)).subarray(0, 16)],
  ])('with %s is none', (_name, bytes) => {
    expect(() => readProxyHeader(bytes)).toThrow(ProxyHeaderError);
  });

  it('is never read from garbage, nor waited for beyond 4 KiB', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4096, maxLength: 5000 }), (bytes) => {
        expect(() => readProxyHeader(Buffer.from(bytes))).toThrow(ProxyHeaderError);
      }),
    );
  });
});

describe('behind a proxy', () => {
  const login = { response: Buffer.from('\0guest\0guest') };

  it('the client is whom the proxy says: in the log, and for users of this machine only', async () => {
    const client = await RawClient.connect(broker.port);
    client.write(text('PROXY TCP4 192.0.2.1 198.51.100.7 56334 5672'));
    await client.login(login);
    await client.expectEnd();
    expect(lines.join('\n')).toContain(
      "192.0.2.1:56334 -> 198.51.100.7:5672: PLAIN login refused: user 'guest' can only connect via localhost",
    );
  });

  it('what comes with the header, or long after it, is read', async () => {
    for (const pause of [false, true]) {
      const client = await RawClient.connect(broker.port);
      const header = text('PROXY TCP4 127.0.0.1 127.0.0.1 4242 5672');
      if (pause) client.write(header);
      else client.write(Buffer.concat([header, protocolHeader]));
      if (pause) await new Promise((resolve) => setImmediate(resolve));
      if (pause) client.write(protocolHeader);
      await client.expect(MethodId.ConnectionStart);
      client.socket.destroy();
    }
  });

  it('a proxy that speaks for itself is who it is', async () => {
    const client = await RawClient.connect(broker.port);
    client.write(binary(0, 0, Buffer.alloc(0)));
    await client.tune(login);
    client.send(0, { id: MethodId.ConnectionOpen, virtualHost: '/' });
    await client.expect(MethodId.ConnectionOpenOk);
    expect(lines.join('\n')).toContain(`accepting AMQP connection 127.0.0.1:${client.localPort} -> `);
    client.socket.destroy();
  });

  it('TLS comes after the header', async () => {
    const raw = connect({ port: broker.tlsPort ?? 0, host: '127.0.0.1' });
    raw.write(text('PROXY TCP4 192.0.2.9 198.51.100.7 999 5671'));
    const socket = connectTls({ socket: raw, rejectUnauthorized: false });
    socket.write(protocolHeader);
    const [start] = await once(socket, 'data');
    expect(String(start)).toContain('PLAIN');
    socket.destroy();
    await expect.poll(() => lines.join('\n')).toContain('192.0.2.9:999 -> 198.51.100.7:5671');
  });

  it('those without a header are closed, with a line in the log', async () => {
    const client = await RawClient.connect(broker.port);
    client.write(protocolHeader);
    await client.expectEnd();
    const address = `127.0.0.1:${client.localPort} -> 127.0.0.1:${broker.port}`;
    await expect
      .poll(() => lines.join('\n'))
      .toContain(
        `closing AMQP connection ${address} during handshake: bad PROXY protocol header: it does not begin as one`,
      );
  });

  it('a header that does not come in time is not waited for', async () => {
    const other = await startBroker({ port: 0, proxyProtocol: true, handshakeTimeoutMs: 100 });
    const client = await RawClient.connect(other.port);
    client.write(Buffer.from('PROXY TCP4 192'));
    await client.expectEnd();
    await other.close();
  });
});
