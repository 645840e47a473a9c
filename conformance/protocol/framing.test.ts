import { expect, test } from 'vitest';
import { openChannel, openConnection, queueName, scenarios } from '../harness/broker.ts';
import {
  type ExpectedClose,
  expectConnectionError,
  expectOn,
  getText,
  queueCounts,
} from '../harness/expectations.ts';
import type { RawChannel } from '../raw-client.ts';
import {
  encodeContentHeader,
  encodeFrame,
  encodeMethod,
  FRAME_BODY,
  FRAME_HEADER,
  FRAME_METHOD,
  longstr,
  METHODS,
  uint16,
  uint32,
} from '../raw-codec.ts';

const channelOpen = encodeMethod('channel.open');
const publish = encodeMethod('basic.publish', { 'routing-key': 'nowhere' });

/** A content header payload with class, weight and size of choice and no properties. */
function header(classId: number, weight: number, size: number): Buffer {
  return Buffer.concat([uint16(classId), uint16(weight), uint32(0), uint32(size), uint16(0)]);
}

async function expectCloseAfter(frames: readonly [number, Buffer][], expected: ExpectedClose): Promise<void> {
  const channel = await openChannel();
  for (const [type, payload] of frames) channel.connection.write(encodeFrame(type, channel.id, payload));
  await expectConnectionError(channel.connection.closedByServer(), expected);
}

scenarios(
  '1.7 framing errors',
  () => {
    test('a bad frame-end octet is fatal: 501, and the socket goes without close-ok', async () => {
      const connection = await openConnection({ answerClose: false });
      connection.write(encodeFrame(FRAME_METHOD, 1, channelOpen, 0));
      await expectConnectionError(connection.closedByServer(), {
        code: 501,
        text: 'FRAME_ERROR - type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,0}',
        method: '0/0',
      });
      expect((await connection.ended).afterMs).toBeLessThan(8_000);
    });

    test('a frame larger than frame_max is refused', async () => {
      const channel = await openChannel({ frameMax: 4096 });
      channel.connection.write(
        Buffer.concat([Buffer.of(FRAME_METHOD), uint16(1), uint32(4097), Buffer.alloc(4097)]),
      );
      await expectConnectionError(channel.connection.closedByServer(), {
        code: 501,
        text: 'FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,4097,4088}',
        method: '0/0',
      });
    });

    test('eight bytes over the payload limit are forgiven (trap 16)', async () => {
      const channel = await openChannel({ frameMax: 4096 });
      const queue = queueName();
      await channel.call('queue.declare', { queue });
      const body = Buffer.alloc(4096, 'x');
      const frames: [number, Buffer][] = [
        [FRAME_METHOD, encodeMethod('basic.publish', { 'routing-key': queue })],
        [FRAME_HEADER, encodeContentHeader(body.length)],
        [FRAME_BODY, body],
      ];
      for (const [type, payload] of frames) channel.connection.write(encodeFrame(type, 1, payload));
      expect(await getText(channel, queue)).toBe(body.toString());
    });

    test('an unknown frame type', async () => {
      await expectCloseAfter([[5, Buffer.from('ab')]], {
        code: 501,
        text: 'FRAME_ERROR - type 5, all octets = <<"ab">>: unknown_frame',
        method: '0/0',
      });
    });

    test.each([
      ['a content header', FRAME_HEADER, encodeContentHeader(0)],
      ['a content body', FRAME_BODY, Buffer.from('x')],
    ])('%s without a method', async (_, type, payload) => {
      await expectCloseAfter([[type, payload]], {
        code: 505,
        text: 'UNEXPECTED_FRAME - expected method frame, got non method frame instead',
        method: '0/0',
      });
    });

    test.each<[string, number, Buffer, string]>([
      [
        'a method',
        FRAME_METHOD,
        channelOpen,
        'expected content header for class 60, got non content header frame instead',
      ],
      [
        'a body',
        FRAME_BODY,
        Buffer.from('x'),
        'expected content header for class 60, got non content header frame instead',
      ],
      [
        'a header of another class',
        FRAME_HEADER,
        header(10, 0, 0),
        'expected content header for class 60, got one for class 10 instead',
      ],
      [
        'a header with a weight',
        FRAME_HEADER,
        header(60, 1, 0),
        'expected content header for class 60, got non content header frame instead',
      ],
    ])('%s where the content header belongs', async (_, type, payload, text) => {
      await expectCloseAfter(
        [
          [FRAME_METHOD, publish],
          [type, payload],
        ],
        { code: 505, text: `UNEXPECTED_FRAME - ${text}`, method: 'basic.publish' },
      );
    });

    test('a method where the body belongs', async () => {
      await expectCloseAfter(
        [
          [FRAME_METHOD, publish],
          [FRAME_HEADER, header(60, 0, 10)],
          [FRAME_METHOD, channelOpen],
        ],
        {
          code: 505,
          text: 'UNEXPECTED_FRAME - expected content body, got non content body frame instead',
          method: 'basic.publish',
        },
      );
    });

    test('a body longer than announced: 3.10 takes it, 4.x and Leveret refuse', async () => {
      const channel = await openChannel();
      const frames: [number, Buffer][] = [
        [FRAME_METHOD, publish],
        [FRAME_HEADER, header(60, 0, 2)],
        [FRAME_BODY, Buffer.from('long')],
      ];
      for (const [type, payload] of frames) channel.connection.write(encodeFrame(type, channel.id, payload));
      if (expectOn({ rabbitmq: true, leveret: false })) {
        await channel.connection.channel();
      } else {
        expect((await channel.connection.closedByServer()).code).toBe(501);
      }
    });

    test('a body announced as larger than 512 MiB: 3.10 waits for it, 4.x and Leveret refuse', async () => {
      const channel = await openChannel();
      channel.connection.write(encodeFrame(FRAME_METHOD, channel.id, publish));
      channel.connection.write(encodeFrame(FRAME_HEADER, channel.id, header(60, 0, 0x2000_0001)));
      if (expectOn({ rabbitmq: true, leveret: false })) {
        await channel.connection.channel();
      } else {
        expect((await channel.connection.closedByServer()).code).toBe(501);
      }
    });

    test('arguments that end too early', async () => {
      await expectCloseAfter(
        [[FRAME_METHOD, encodeMethod('queue.declare', { queue: 'abc' }).subarray(0, 8)]],
        {
          code: 501,
          text: 'FRAME_ERROR - cannot decode <<0,0,3,97>>',
          method: 'queue.declare',
        },
      );
    });

    test.each([
      ['a method id that does not exist', Buffer.concat([uint16(60), uint16(999)])],
      ['a class id that does not exist', Buffer.concat([uint16(999), uint16(10)])],
      [
        'a table with an unknown type octet',
        Buffer.concat([
          uint16(METHODS['queue.declare'][0]),
          uint16(METHODS['queue.declare'][1]),
          Buffer.from([0, 0, 1, 0x71, 0]),
          longstr(Buffer.from('\x01kZ', 'latin1')),
        ]),
      ],
    ])('%s ends the connection', async (_, payload) => {
      const channel = await openChannel();
      channel.connection.write(encodeFrame(FRAME_METHOD, channel.id, payload));
      // RabbitMQ 3.10 crashes and resets; Leveret answers with a close that names the method.
      if (expectOn({ rabbitmq: false, leveret: true })) {
        expect([501, 502, 503, 540]).toContain((await channel.connection.closedByServer()).code);
      }
      await channel.connection.ended;
    });

    test.each(['queue.declare-ok', 'basic.get-empty', 'channel.close-ok'] as const)(
      '%s from the client is not implemented',
      async (name) => {
        const channel = await openChannel();
        channel.send(name);
        await expectConnectionError(channel.connection.closedByServer(), {
          code: 503,
          text: 'COMMAND_INVALID - unimplemented method',
          method: name,
        });
      },
    );
  },
  { concurrent: true },
);

scenarios('1.7 content', () => {
  async function withQueue(frameMax: number): Promise<[RawChannel, string]> {
    const channel = await openChannel({ frameMax });
    const queue = queueName();
    await channel.call('queue.declare', { queue });
    return [channel, queue];
  }

  test('an empty body has no body frame', async () => {
    const [channel, queue] = await withQueue(4096);
    channel.publish({ routingKey: queue });
    const message = await channel.call('basic.get', { queue, 'no-ack': true });
    expect(message.name).toBe('basic.get-ok');
    expect(message.bodyFrames).toEqual([]);
  });

  test("a body is cut for the receiver's frame_max, whatever the sender's was", async () => {
    const [sender, queue] = await withQueue(131072);
    const receiver = await openChannel({ frameMax: 4096 });
    sender.publish({ routingKey: queue, body: Buffer.alloc(10_000, 'x') });
    await queueCounts(sender, queue);
    const message = await receiver.call('basic.get', { queue, 'no-ack': true });
    expect(message.bodyFrames).toEqual([4088, 4088, 1824]);
  });

  test('a body may come in frames of any size', async () => {
    const [channel, queue] = await withQueue(131072);
    const write = (type: number, payload: Buffer): void =>
      channel.connection.write(encodeFrame(type, channel.id, payload));
    write(FRAME_METHOD, encodeMethod('basic.publish', { 'routing-key': queue }));
    write(FRAME_HEADER, encodeContentHeader(6));
    for (const part of ['a', 'bc', 'def']) write(FRAME_BODY, Buffer.from(part));
    expect(await getText(channel, queue)).toBe('abcdef');
  });

  test('frames of several channels may be interleaved', async () => {
    const [one, queue] = await withQueue(131072);
    const two = await one.connection.channel();
    const write = (channel: RawChannel, type: number, payload: Buffer): void =>
      channel.connection.write(encodeFrame(type, channel.id, payload));
    const toQueue = encodeMethod('basic.publish', { 'routing-key': queue });
    write(one, FRAME_METHOD, toQueue);
    write(two, FRAME_METHOD, toQueue);
    write(one, FRAME_HEADER, encodeContentHeader(3));
    write(two, FRAME_HEADER, encodeContentHeader(3));
    write(two, FRAME_BODY, Buffer.from('two'));
    await queueCounts(two, queue);
    write(one, FRAME_BODY, Buffer.from('one'));
    expect([await getText(two, queue), await getText(one, queue)]).toEqual(['two', 'one']);
  });

  test('all 14 properties and every header type come out byte for byte as they went in', async () => {
    const [channel, queue] = await withQueue(131072);
    const table = [
      ['t', '01'],
      ['b', 'ff'],
      ['B', 'ff'],
      ['s', 'fffe'],
      ['u', 'fffe'],
      ['I', 'fffffffe'],
      ['i', 'fffffffe'],
      ['l', 'fffffffffffffffe'],
      ['f', '3fc00000'],
      ['d', '3ff8000000000000'],
      ['D', '0200000064'],
      ['T', '000000005f5e1000'],
      ['S', '0000000168'],
      ['x', '00000002ff00'],
      ['V', ''],
      ['F', '00000004016b7401'],
      ['A', '0000000474017400'],
    ].map(([tag = '', hex = '']) =>
      Buffer.concat([Buffer.of(1), Buffer.from(tag), Buffer.from(tag), Buffer.from(hex, 'hex')]),
    );
    // F: one boolean entry; A: two booleans. The first key is there twice: duplicates are kept.
    const headers = longstr(Buffer.concat([...table, ...table.slice(0, 1)]));
    const shorts = (...texts: string[]): Buffer =>
      Buffer.concat(texts.map((text) => Buffer.concat([Buffer.of(text.length), Buffer.from(text)])));
    const properties = Buffer.concat([
      uint16(0xfffc),
      shorts('text/plain', 'utf-8'),
      headers,
      Buffer.of(1, 4),
      shorts('correlation', 'reply', '60000', 'id'),
      Buffer.from('000000005f5e1000', 'hex'),
      shorts('type', 'guest', 'app', 'cluster'),
    ]);
    const payload = Buffer.concat([uint16(60), uint16(0), uint32(0), uint32(0), properties]);
    channel.connection.write(
      Buffer.concat([
        encodeFrame(FRAME_METHOD, channel.id, encodeMethod('basic.publish', { 'routing-key': queue })),
        encodeFrame(FRAME_HEADER, channel.id, payload),
      ]),
    );
    const message = await channel.call('basic.get', { queue, 'no-ack': true });
    expect(message.headerPayload.toString('hex')).toBe(payload.toString('hex'));
  });
});
