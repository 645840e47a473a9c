import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Logger, type RunningBroker, startBroker } from '../../src/index.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { writeTable } from '../../src/protocol/field-table-codec.ts';
import { textOf } from '../../src/protocol/field-value.ts';
import { protocolHeader } from '../../src/protocol/frame-reader.ts';
import { MethodId } from '../../src/protocol/methods.ts';
import { tableFrom } from '../../src/protocol/plain-value.ts';
import { capable, methodFrame, RawClient } from './raw-client.ts';

const refusalDelayMs = 100;
const lines: string[] = [];
const record = (level: string) => (_fields: object, message: string) =>
  void lines.push(`${level} ${message}`);
const logger: Logger = {
  debug: record('debug'),
  info: record('info'),
  warn: record('warn'),
  error: record('error'),
};

let broker: RunningBroker;

beforeAll(async () => {
  broker = await startBroker({ port: 0, refusalDelayMs, logger });
});

afterAll(() => broker.close());

/** What was logged about a client's connection, above debug. */
function linesAbout(client: RawClient): string[] {
  const address = `:${client.localPort} -> `;
  return lines.filter((line) => line.includes(address) && !line.startsWith('debug'));
}

/** Everything that comes until the socket ends. */
async function answerTo(bytes: Buffer): Promise<Buffer> {
  const client = await RawClient.connect(broker.port);
  client.socket.removeAllListeners('data');
  const chunks: Buffer[] = [];
  client.socket.on('data', (chunk) => chunks.push(chunk));
  client.write(bytes);
  await client.expectEnd();
  return Buffer.concat(chunks);
}

describe('protocol header', () => {
  it.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['TLS', Buffer.from('16030100a5010000a10303', 'hex')],
    ['AMQP 1.0', Buffer.from('AMQP\x00\x01\x00\x00', 'latin1')],
    ['AMQP 0-8', Buffer.from('AMQP\x01\x01\x08\x00', 'latin1')],
    ['garbage', Buffer.from('\r\n\r\n\r\n\r\n')],
  ])('of %s is answered with ours, and the end', async (_name, bytes) => {
    expect(await answerTo(bytes)).toEqual(protocolHeader);
  });

  it('may come in pieces, with version 0-9, and with more behind it', async () => {
    const inPieces = await RawClient.connect(broker.port);
    for (const byte of protocolHeader) inPieces.write(Buffer.of(byte));
    await inPieces.expect(MethodId.ConnectionStart);
    inPieces.socket.destroy();

    const older = await RawClient.connect(broker.port);
    older.write(Buffer.from('AMQP\x01\x01\x00\x09', 'latin1'));
    await older.expect(MethodId.ConnectionStart);
    older.socket.destroy();
  });

  it('that never comes is a health check, not worth a line', async () => {
    const client = await RawClient.connect(broker.port);
    client.socket.end();
    await client.expectEnd();
    await expect.poll(() => lines.some((line) => line.includes(`:${client.localPort} -> `))).toBe(true);
    expect(linesAbout(client)).toEqual([]);
  });
});

describe('connection.start', () => {
  it('looks like RabbitMQ to clients', async () => {
    const client = await RawClient.connect(broker.port);
    client.write(protocolHeader);
    const start = await client.expect(MethodId.ConnectionStart);
    expect([start.versionMajor, start.versionMinor]).toEqual([0, 9]);
    expect(start.mechanisms.toString()).toBe('AMQPLAIN PLAIN');
    expect(start.locales.toString()).toBe('en_US');
    const properties = start.serverProperties;
    expect(textOf(properties.get('product'))).toBe('RabbitMQ');
    expect(textOf(properties.get('version'))).toBe('3.10.8');
    expect(textOf(properties.get('platform'))).toContain('Leveret');
    expect(properties.toJSON()['capabilities']).toMatchObject({
      publisher_confirms: true,
      'basic.nack': true,
      authentication_failure_close: true,
    });
    client.socket.destroy();
  });
});

describe('login', () => {
  const wrong = Buffer.from('\0guest\0wrong');

  it('works with PLAIN and AMQPLAIN', async () => {
    const writer = new ByteWriter();
    writeTable(writer, tableFrom({ LOGIN: 'guest', PASSWORD: 'guest' }));
    const amqplain = { mechanism: 'AMQPLAIN', response: writer.bytes().subarray(4) };
    for (const login of [{}, amqplain]) {
      const client = await RawClient.open(broker.port, login);
      client.socket.destroy();
    }
  });

  it('refused is told at once to a client that can handle it, and reset later', async () => {
    const client = await RawClient.connect(broker.port);
    const startedAt = Date.now();
    await client.login({ response: wrong, properties: capable('authentication_failure_close') });
    expect(await client.expect(MethodId.ConnectionClose)).toMatchObject({
      replyCode: 403,
      replyText:
        'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.',
      classId: 0,
      methodId: 0,
    });
    expect(await client.expectEnd()).toBe('ECONNRESET');
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(refusalDelayMs - 5);
  });

  it('refused is over when the client has understood', async () => {
    const client = await RawClient.connect(broker.port);
    await client.login({ response: wrong, properties: capable('authentication_failure_close') });
    await client.expect(MethodId.ConnectionClose);
    client.send(0, { id: MethodId.ConnectionCloseOk });
    expect(await client.expectEnd()).toBeUndefined();
  });

  it('refused is silence and a reset for others', async () => {
    const client = await RawClient.connect(broker.port);
    await client.login({ response: wrong });
    expect(await client.expectEnd()).toBe('ECONNRESET');
    expect(linesAbout(client).join('\n')).toContain(
      "PLAIN login refused: user 'guest' - invalid credentials",
    );
    expect(lines.join('\n')).not.toContain('wrong');
  });

  it.each([
    ['an unknown mechanism', { mechanism: 'GSSAPI' }],
    ['a malformed response', { response: Buffer.from('guest') }],
  ])('with %s is silence and a reset', async (_name, login) => {
    const client = await RawClient.connect(broker.port);
    await client.login(login);
    expect(await client.expectEnd()).toBe('ECONNRESET');
  });

  it('out of order is silence and a reset', async () => {
    const client = await RawClient.connect(broker.port);
    client.write(protocolHeader);
    await client.expect(MethodId.ConnectionStart);
    client.send(0, { id: MethodId.ConnectionOpen, virtualHost: '/' });
    expect(await client.expectEnd()).toBe('ECONNRESET');
  });
});

describe('tuning', () => {
  it.each([
    [{ frameMax: 4095 }, 'negotiated frame_max = 4095 is lower than the minimum allowed value (4096)'],
    [{ frameMax: 0 }, 'negotiated frame_max = 0 is higher than the maximum allowed value (131072)'],
    [
      { frameMax: 131_073 },
      'negotiated frame_max = 131073 is higher than the maximum allowed value (131072)',
    ],
    [{ channelMax: 3000 }, 'negotiated channel_max = 3000 is higher than the maximum allowed value (2047)'],
    [
      { channelMax: 0 },
      'negotiated channel_max = 0 (no limit) is higher than the maximum allowed value (2047)',
    ],
  ])('%j is not allowed', async (tuning, explanation) => {
    const client = await RawClient.connect(broker.port);
    await client.tune(tuning);
    expect(await client.expect(MethodId.ConnectionClose)).toMatchObject({
      replyCode: 530,
      replyText: `NOT_ALLOWED - ${explanation}`,
      classId: 10,
      methodId: 31,
    });
    client.send(0, { id: MethodId.ConnectionCloseOk });
    await client.expectEnd();
  });

  it('goes down to the smallest values', async () => {
    const client = await RawClient.open(broker.port, { frameMax: 4096, channelMax: 1, heartbeat: 1 });
    client.socket.destroy();
  });
});

describe('connection.open', () => {
  it('of a virtual host that is not there is refused', async () => {
    const client = await RawClient.connect(broker.port);
    await client.tune();
    client.send(0, { id: MethodId.ConnectionOpen, virtualHost: 'nope' });
    expect(await client.expect(MethodId.ConnectionClose)).toMatchObject({
      replyCode: 530,
      replyText: 'NOT_ALLOWED - vhost nope not found',
      classId: 10,
      methodId: 40,
    });
    client.send(0, { id: MethodId.ConnectionCloseOk });
    await client.expectEnd();
  });

  it('is for channel 0', async () => {
    const client = await RawClient.connect(broker.port);
    await client.tune();
    client.send(1, { id: MethodId.ConnectionOpen, virtualHost: '/' });
    expect(await client.expect(MethodId.ConnectionClose)).toMatchObject({
      replyCode: 505,
      replyText: 'UNEXPECTED_FRAME - type 1, all octets = <<0,10,0,40,1,47,0,0>>',
      classId: 0,
      methodId: 0,
    });
    client.socket.destroy();
  });

  it('may be sent together with all before it', async () => {
    const client = await RawClient.connect(broker.port);
    await client.login({ properties: capable() });
    await client.expect(MethodId.ConnectionTune);
    client.write(
      Buffer.concat([
        methodFrame(0, { id: MethodId.ConnectionTuneOk, channelMax: 10, frameMax: 4096, heartbeat: 0 }),
        methodFrame(0, { id: MethodId.ConnectionOpen, virtualHost: '/' }),
        methodFrame(1, { id: MethodId.ChannelOpen }),
      ]),
    );
    await client.expect(MethodId.ConnectionOpenOk);
    await client.expect(MethodId.ChannelOpenOk, 1);
    client.socket.destroy();
  });

  it('leaves one line in the log, and its end another', async () => {
    const client = await RawClient.open(broker.port, { properties: capable() });
    client.send(0, { id: MethodId.ConnectionClose, replyCode: 200, replyText: '', classId: 0, methodId: 0 });
    await client.expect(MethodId.ConnectionCloseOk);
    client.socket.end();
    await client.expectEnd();
    await expect.poll(() => linesAbout(client).length).toBe(2);
    const address = `127.0.0.1:${client.localPort} -> 127.0.0.1:${broker.port}`;
    expect(linesAbout(client)).toEqual([
      `info accepting AMQP connection ${address} (raw test client): user 'guest' authenticated and granted access to vhost '/'`,
      `info closing AMQP connection ${address} (raw test client, vhost: '/', user: 'guest', duration: '0s')`,
    ]);
  });

  it('does not let clients write lines of their own into the log', async () => {
    const properties = tableFrom({ connection_name: `a\nb${'c'.repeat(1000)}` });
    const client = await RawClient.open(broker.port, { properties });
    expect(linesAbout(client)[0]).toContain(`(a?b${'c'.repeat(125)}): user 'guest'`);
    client.socket.destroy();
  });

  it('leaves a warning when the client just goes', async () => {
    const client = await RawClient.open(broker.port);
    client.socket.destroy();
    await expect
      .poll(() => linesAbout(client).at(-1))
      .toMatch(/^warn closing AMQP connection .*: client unexpectedly closed TCP connection$/);
  });
});

describe('handshake timeout', () => {
  it('drops those who take too long', async () => {
    const impatient = await startBroker({ port: 0, handshakeTimeoutMs: 50 });
    const silent = await RawClient.connect(impatient.port);
    const halfway = await RawClient.connect(impatient.port);
    await halfway.tune();
    const done = await RawClient.open(impatient.port);
    await silent.expectEnd();
    await halfway.expectEnd();
    await done.openChannel(1);
    done.socket.destroy();
    await impatient.close();
  });
});
