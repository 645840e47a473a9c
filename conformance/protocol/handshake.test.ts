import { expect, test } from 'vitest';
import { connectTcp, openConnection, scenarios } from '../harness/broker.ts';
import { expectConnectionError } from '../harness/expectations.ts';
import { amqplainResponse, plainResponse } from '../raw-client.ts';
import { plain } from '../raw-codec.ts';

/** Sends the first bytes of a would-be client; what comes back before the server hangs up. */
async function answerTo(bytes: Buffer): Promise<string | undefined> {
  const connection = await connectTcp();
  connection.write(bytes);
  await connection.ended;
  return connection.protocolHeader?.toString('hex');
}

const AMQP_0_9_1 = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1').toString('hex');

scenarios(
  '1.2 protocol header',
  () => {
    test.each([
      ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
      ['a TLS client hello', Buffer.from('16030100c6010000c20303', 'hex')],
      ['0-10', Buffer.from('AMQP\x01\x01\x00\x0a', 'latin1')],
      ['1.0', Buffer.from('AMQP\x00\x01\x00\x00', 'latin1')],
      ['1.0 with SASL', Buffer.from('AMQP\x03\x01\x00\x00', 'latin1')],
      ['an unknown revision', Buffer.from('AMQP\x00\x00\x09\x02', 'latin1')],
      ['garbage', Buffer.from('HELOHELO')],
    ])('%s is answered with AMQP 0 0 9 1 and the connection closed', async (_, bytes) => {
      expect(await answerTo(bytes)).toBe(AMQP_0_9_1);
    });

    test('AMQP 1 1 0 9 (0-9) is served as 0-9-1', async () => {
      const connection = await connectTcp();
      connection.write(Buffer.from('AMQP\x01\x01\x00\x09', 'latin1'));
      const start = await connection.next('connection.start');
      expect(start.fields).toMatchObject({ 'version-major': 0, 'version-minor': 9 });
    });

    test('who says nothing is dropped after 10 s without a word', async () => {
      const connection = await connectTcp();
      const { afterMs } = await connection.ended;
      expect(connection.bytesRead).toBe(0);
      expect(afterMs).toBeGreaterThan(9_000);
      expect(afterMs).toBeLessThan(14_000);
    });

    test('a header that arrives byte by byte is understood', async () => {
      const connection = await connectTcp();
      for (const byte of Buffer.from('AMQP\x00\x00\x09\x01', 'latin1')) {
        connection.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await connection.next('connection.start')).name).toBe('connection.start');
    });
  },
  { concurrent: true },
);

scenarios(
  '1.3 connection.start',
  () => {
    test('announces version 0-9, en_US, PLAIN and AMQPLAIN', async () => {
      const connection = await connectTcp();
      const start = await connection.login();
      expect(start.fields).toMatchObject({ 'version-major': 0, 'version-minor': 9, locales: 'en_US' });
      expect(start.string('mechanisms').split(' ').sort()).toEqual(
        expect.arrayContaining(['AMQPLAIN', 'PLAIN']),
      );
    });

    test('server properties name RabbitMQ, a dotted version and all capabilities', async () => {
      const connection = await connectTcp();
      const start = await connection.login();
      expect(plain(start.fields['server-properties'])).toMatchObject({
        product: 'RabbitMQ',
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        platform: expect.any(String),
        information: expect.any(String),
        copyright: expect.any(String),
        cluster_name: expect.any(String),
        capabilities: {
          publisher_confirms: true,
          exchange_exchange_bindings: true,
          'basic.nack': true,
          consumer_cancel_notify: true,
          'connection.blocked': true,
          consumer_priorities: true,
          authentication_failure_close: true,
          per_consumer_qos: true,
          direct_reply_to: true,
        },
      });
    });
  },
  { concurrent: true },
);

scenarios(
  '1.4 SASL',
  () => {
    const refused = (mechanism: string) =>
      ({
        code: 403,
        text: `ACCESS_REFUSED - Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`,
        method: '0/0',
      }) as const;
    const closes = { capabilities: { authentication_failure_close: true } };

    test('PLAIN logs in', async () => {
      const connection = await openConnection({
        mechanism: 'PLAIN',
        response: plainResponse('guest', 'guest'),
      });
      await connection.close();
    });

    test('client properties of 3000 bytes fit the first frame', async () => {
      const connection = await openConnection({ clientProperties: { comment: 'x'.repeat(3_000) } });
      await connection.close();
    });

    test('AMQPLAIN logs in', async () => {
      const connection = await openConnection({
        mechanism: 'AMQPLAIN',
        response: amqplainResponse('guest', 'guest'),
      });
      await connection.close();
    });

    test.each([
      ['PLAIN', 'password', plainResponse('guest', 'wrong')],
      ['PLAIN', 'user', plainResponse('nobody', 'guest')],
      ['AMQPLAIN', 'password', amqplainResponse('guest', 'wrong')],
    ])('%s with a wrong %s: 403 at once if the client can take it', async (mechanism, _, response) => {
      const connection = await connectTcp();
      await connection.login({ ...closes, mechanism, response });
      const start = performance.now();
      await expectConnectionError(connection.closedByServer(), refused(mechanism));
      expect(performance.now() - start).toBeLessThan(1_500);
    });

    test('the socket is dropped after the 403 though nobody answers it', async () => {
      const connection = await connectTcp();
      await connection.login({ ...closes, answerClose: false, response: plainResponse('guest', 'wrong') });
      await connection.closedByServer();
      expect((await connection.ended).afterMs).toBeLessThan(6_000);
    });

    test.each([
      ['wrong credentials', 'PLAIN', plainResponse('guest', 'wrong')],
      ['an unknown mechanism', 'CRAM-MD5', 'x'],
      ['a PLAIN response without its NULs', 'PLAIN', 'guest'],
      ['an AMQPLAIN response without PASSWORD', 'AMQPLAIN', amqplainResponse('guest', '').subarray(0, 16)],
    ])(
      '%s, client without authentication_failure_close: silence, then the socket goes after ~3 s (trap 12)',
      async (_, mechanism, response) => {
        const connection = await connectTcp();
        await connection.login({ mechanism, response });
        const { bytesRead } = connection;
        const { afterMs } = await connection.ended;
        expect(connection.bytesRead).toBe(bytesRead);
        expect(afterMs).toBeGreaterThan(2_000);
        expect(afterMs).toBeLessThan(6_000);
      },
    );
  },
  { concurrent: true },
);
