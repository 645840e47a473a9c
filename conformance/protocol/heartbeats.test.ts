import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openConnection, scenarios } from '../harness/broker.ts';
import { expectConnectionError } from '../harness/expectations.ts';
import { encodeFrame, FRAME_HEARTBEAT } from '../raw-codec.ts';

const EMPTY = Buffer.alloc(0);

scenarios(
  '1.6 heartbeats',
  () => {
    test('the server beats every half interval while it has nothing to say', async () => {
      const connection = await openConnection({ heartbeat: 2 });
      const beating = setInterval(() => connection.write(encodeFrame(FRAME_HEARTBEAT, 0, EMPTY)), 500);
      await delay(3_700);
      clearInterval(beating);
      expect(connection.heartbeats.length).toBeGreaterThanOrEqual(3);
      expect(connection.heartbeats.length).toBeLessThanOrEqual(5);
      await connection.close();
    });

    test('a silent client is dropped after 2 to 3 intervals without connection.close (trap 13)', async () => {
      const connection = await openConnection({ heartbeat: 1 });
      const { afterMs } = await connection.ended;
      expect(afterMs).toBeGreaterThan(1_500);
      expect(afterMs).toBeLessThan(4_000);
      expect(connection.arrived(0).map(({ name }) => name)).not.toContain('connection.close');
    });

    test('any bytes from the client count as life', async () => {
      const connection = await openConnection({ heartbeat: 1 });
      const channel = await connection.channel();
      for (let turn = 0; turn < 12; turn++) {
        await delay(350);
        await channel.call('channel.flow', { active: true });
      }
      await connection.close();
    });

    test('heartbeat 0 switches both directions off', async () => {
      const connection = await openConnection({ heartbeat: 0 });
      await delay(4_000);
      expect(connection.heartbeats).toEqual([]);
      await connection.close();
    });

    test("the client may ask for an interval above the server's", async () => {
      const connection = await openConnection({ heartbeat: 600 });
      await connection.close();
    });

    test('a heartbeat on another channel is an unexpected frame', async () => {
      const connection = await openConnection();
      await connection.channel();
      connection.write(encodeFrame(FRAME_HEARTBEAT, 1, EMPTY));
      await expectConnectionError(connection.closedByServer(), {
        code: 505,
        text: 'UNEXPECTED_FRAME - type 8, all octets = <<>>',
        method: '0/0',
      });
    });

    test('a heartbeat with a payload is a frame error', async () => {
      const connection = await openConnection();
      connection.write(encodeFrame(FRAME_HEARTBEAT, 0, Buffer.from('x')));
      await expectConnectionError(connection.closedByServer(), {
        code: 501,
        text: 'FRAME_ERROR - type 8, all octets = <<"x">>: unknown_frame',
        method: '0/0',
      });
    });
  },
  { concurrent: true },
);
