import { expect, test } from 'vitest';
import { connectTcp, fixturesAvailable, openConnection, scenarios } from '../harness/broker.ts';
import { expectConnectionError, expectOn } from '../harness/expectations.ts';
import { plainResponse } from '../raw-client.ts';

scenarios(
  '1.5 tune',
  () => {
    test('the server proposes channel_max 2047, frame_max 131072, heartbeat 60', async () => {
      const connection = await connectTcp();
      await connection.login();
      const tune = await connection.next('connection.tune');
      expect(tune.fields).toEqual({ 'channel-max': 2047, 'frame-max': 131072, heartbeat: 60 });
    });

    test.each([
      [
        'channel_max 0',
        { channelMax: 0 },
        'negotiated channel_max = 0 (no limit) is higher than the maximum allowed value (2047)',
      ],
      [
        "channel_max above the server's",
        { channelMax: 3000 },
        'negotiated channel_max = 3000 is higher than the maximum allowed value (2047)',
      ],
      [
        'frame_max 0',
        { frameMax: 0 },
        'negotiated frame_max = 0 is higher than the maximum allowed value (131072)',
      ],
      [
        "frame_max above the server's",
        { frameMax: 200000 },
        'negotiated frame_max = 200000 is higher than the maximum allowed value (131072)',
      ],
      [
        'frame_max below 4096',
        { frameMax: 4095 },
        'negotiated frame_max = 4095 is lower than the minimum allowed value (4096)',
      ],
    ])('%s is refused (trap 14)', async (_, choice, text) => {
      const connection = await connectTcp();
      await connection.login();
      await connection.tune(choice);
      // 3.10 drops the connection without a word after 3 s; 4.x, which Leveret follows, says why.
      const outcome = await Promise.race([
        connection.ended.then(({ how }) => how),
        connection.closedByServer().then(
          ({ code, text: reason }) => `${code} ${reason}`,
          () => 'end',
        ),
      ]);
      if (expectOn({ rabbitmq: true, leveret: false })) expect(['end', 'reset']).toContain(outcome);
      else expect(outcome).toBe(`530 NOT_ALLOWED - ${text}`);
    });

    test('smaller values are taken', async () => {
      const connection = await openConnection({ channelMax: 10, frameMax: 4096 });
      await connection.channel();
      await connection.close();
    });

    test('channel_max counts open channels, not channel numbers', async () => {
      const connection = await openConnection({ channelMax: 2 });
      await connection.channel(1);
      const second = await connection.channel(2);
      await second.close();
      await connection.channel(2);
      await expectConnectionError(connection.channel(3), {
        code: 530,
        text: 'NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)',
        method: '0/0',
      });
    });

    test('a channel number above channel_max is fine while few are open', async () => {
      const connection = await openConnection({ channelMax: 2 });
      await connection.channel(100);
      await connection.close();
    });

    test('open may be pipelined behind tune-ok, channel.open behind open', async () => {
      const connection = await connectTcp();
      await connection.login();
      await connection.tune();
      connection.send(0, 'connection.open', { 'virtual-host': '/' });
      connection.send(1, 'channel.open');
      await connection.next('connection.open-ok');
      await connection.next(1, 'channel.open-ok');
    });
  },
  { concurrent: true },
);

scenarios(
  '1.5 connection.open',
  () => {
    test('an unknown virtual host: no quotes in the text (trap 15)', async () => {
      await expectConnectionError(openConnection({ virtualHost: 'nope' }), {
        code: 530,
        text: 'NOT_ALLOWED - vhost nope not found',
        method: 'connection.open',
      });
    });

    test.skipIf(!fixturesAvailable)('a virtual host the user may not enter', async () => {
      const response = plainResponse('limited', 'limited');
      await expectConnectionError(openConnection({ response, virtualHost: 'conformance-private' }), {
        code: 530,
        text: "NOT_ALLOWED - access to vhost 'conformance-private' refused for user 'limited'",
        method: 'connection.open',
      });
    });

    test('a second connection.open is a channel error on channel 0', async () => {
      const connection = await openConnection();
      await expectConnectionError(connection.openVirtualHost(), {
        code: 504,
        text: 'CHANNEL_ERROR - unexpected method in connection state running',
        method: 'connection.open',
      });
    });

    test('update-secret succeeds', async () => {
      const connection = await openConnection();
      await connection.call(0, 'connection.update-secret', { 'new-secret': 'guest', reason: 'refresh' });
      await connection.close();
    });
  },
  { concurrent: true },
);
