import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { AmqpError } from '../../src/protocol/errors.ts';
import { type FrameHandler, FrameReader, protocolHeader } from '../../src/protocol/frame-reader.ts';
import { encodeBasicAck, encodeBasicPublish } from '../../src/protocol/methods.ts';

/** Notes what the reader hands out; body pieces of one frame become one entry. */
class Recorder implements FrameHandler {
  readonly calls: string[] = [];
  chunkEnds = 0;
  bodyBytes = 0;
  onMethod: () => void = () => {};

  method(channel: number, id: number, buffer: Buffer, start: number, end: number): void {
    this.calls.push(`method ${channel} ${id.toString(16)} ${buffer.toString('hex', start, end)}`);
    this.onMethod();
  }

  header(channel: number, buffer: Buffer, start: number, end: number): void {
    this.calls.push(`header ${channel} ${buffer.toString('hex', start, end)}`);
  }

  body(channel: number, buffer: Buffer, start: number, end: number): void {
    expect(start).toBeLessThanOrEqual(end);
    expect(end).toBeLessThanOrEqual(buffer.length);
    this.bodyBytes += end - start;
    const last = this.calls.at(-1) ?? '';
    const piece = buffer.toString('hex', start, end);
    if (last.startsWith('body')) this.calls[this.calls.length - 1] = last + piece;
    else this.calls.push(`body ${channel} ${piece}`);
  }

  heartbeat(): void {
    this.calls.push('heartbeat');
  }

  chunkEnd(): void {
    this.chunkEnds++;
  }
}

function frame(type: number, channel: number, payload: Buffer, last = 0xce): Buffer {
  const prefix = Buffer.alloc(7);
  prefix.writeUInt8(type, 0);
  prefix.writeUInt16BE(channel, 1);
  prefix.writeUInt32BE(payload.length, 3);
  return Buffer.concat([prefix, payload, Buffer.of(last)]);
}

function payload(encode: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  encode(writer);
  return writer.bytes();
}

const publish = frame(
  1,
  7,
  payload((writer) => encodeBasicPublish(writer, 'x', 'k', false, false)),
);
const ack = frame(
  1,
  0x1234,
  payload((writer) => encodeBasicAck(writer, 1, true)),
);
const header = frame(2, 7, Buffer.from('003c00000000000000000005100002', 'hex'));
const body = frame(3, 7, Buffer.from('hello'));
const heartbeat = frame(8, 0, Buffer.alloc(0));

const session = Buffer.concat([publish, header, body, heartbeat, ack, publish, header, body]);
const sessionCalls = [
  'method 7 3c0028 00000178016b00',
  'header 7 003c00000000000000000005100002',
  'body 7 68656c6c6f',
  'heartbeat',
  'method 4660 3c0050 000000000000000101',
  'method 7 3c0028 00000178016b00',
  'header 7 003c00000000000000000005100002',
  'body 7 68656c6c6f',
];

function reader(frameMax = 4096): { reader: FrameReader; recorder: Recorder } {
  const recorder = new Recorder();
  const created = new FrameReader(recorder);
  created.frameMax = frameMax;
  return { reader: created, recorder };
}

/** The bytes in pieces that end at these places. */
function split(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set([0, ...places.map((place) => place % bytes.length), bytes.length])].sort(
    (left, right) => left - right,
  );
  return cuts.slice(1).map((cut, index) => bytes.subarray(cuts[index], cut));
}

/** Hands over a chunk in memory that is used for something else as soon as that is done. */
function lend(frames: FrameReader, chunk: Buffer): void {
  const lent = Buffer.from(chunk);
  frames.push(lent);
  lent.fill(0xff);
}

test('protocol header', () => {
  expect(protocolHeader.toString('hex')).toBe('414d515000000901');
});

test('frames in one chunk', () => {
  const { reader: frames, recorder } = reader();
  frames.push(session);
  expect(recorder.calls).toEqual(sessionCalls);
  expect(recorder.chunkEnds).toBe(1);
});

test('a byte at a time gives the same calls', () => {
  const { reader: frames, recorder } = reader();
  for (const octet of session) frames.push(Buffer.of(octet));
  expect(recorder.calls).toEqual(sessionCalls);
  expect(recorder.chunkEnds).toBe(session.length);
});

test('any split gives the same calls', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 12 }), (places) => {
      const { reader: frames, recorder } = reader();
      for (const chunk of split(session, places)) lend(frames, chunk);
      expect(recorder.calls).toEqual(sessionCalls);
    }),
    { numRuns: 500 },
  );
});

test('an empty body frame is handed out, wherever it is split', () => {
  const empty = frame(3, 7, Buffer.alloc(0));
  for (let cut = 0; cut < empty.length; cut++) {
    const { reader: frames, recorder } = reader();
    for (const chunk of split(empty, [cut])) lend(frames, chunk);
    expect(recorder.calls).toEqual(['body 7 ']);
  }
});

test('a large method frame is put together from many chunks', () => {
  const { reader: frames, recorder } = reader(131072);
  const large = frame(1, 1, Buffer.concat([Buffer.of(0, 10, 0, 11), Buffer.alloc(100_000, 7)]));
  for (let at = 0; at < large.length; at += 1000) lend(frames, large.subarray(at, at + 1000));
  expect(recorder.calls).toEqual([`method 1 a000b ${'07'.repeat(100_000)}`]);
});

test('pause stops after the current frame and resume goes on, at any split', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 12 }), (places) => {
      const { reader: frames, recorder } = reader();
      recorder.onMethod = () => frames.pause();
      const seen = (): number => recorder.calls.filter((call) => call.startsWith('method')).length;
      for (const chunk of split(session, places)) lend(frames, chunk);
      for (let methods = 1; methods <= 3; methods++) {
        expect(seen()).toBe(methods);
        expect(recorder.calls.at(-1)).toMatch(/^method/);
        frames.resume();
      }
      expect(recorder.calls).toEqual(sessionCalls);
    }),
  );
});

test('pause and resume within one handler call change nothing', () => {
  const { reader: frames, recorder } = reader();
  recorder.onMethod = () => {
    frames.pause();
    frames.resume();
  };
  frames.push(session);
  expect(recorder.calls).toEqual(sessionCalls);
});

test('what arrives while paused is limited', () => {
  const { reader: frames } = reader();
  frames.pause();
  const chunk = Buffer.alloc(1024 * 1024);
  for (let count = 0; count < 16; count++) frames.push(chunk);
  expect(() => frames.push(chunk)).toThrow('RESOURCE_ERROR');
  expect(frames.broken).toBe(true);
});

test('after an error of the handler, resume goes on with the next frame, at any split', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 12 }), (places) => {
      const { reader: frames, recorder } = reader();
      let errors = 0;
      recorder.onMethod = () => {
        throw new Error('refused');
      };
      const attempt = (action: () => void): boolean => {
        try {
          action();
          return true;
        } catch {
          errors++;
          return false;
        }
      };
      for (const chunk of split(session, places)) {
        if (attempt(() => frames.push(chunk))) continue;
        while (!attempt(() => frames.resume()));
      }
      expect(errors).toBe(3);
      expect(recorder.calls).toEqual(sessionCalls);
    }),
  );
});

/** Each with the close reason RabbitMQ gives. */
const refusals: [string, Buffer, string, boolean][] = [
  [
    'a wrong end octet',
    frame(1, 1, Buffer.of(0, 20, 0, 20, 1), 0),
    'FRAME_ERROR - type 1, all octets = <<0,20,0,20,1>>: {invalid_frame_end_marker,0}',
    true,
  ],
  [
    'a payload over the limit',
    frame(1, 1, Buffer.alloc(4097)),
    'FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,4097,4088}',
    true,
  ],
  [
    'an unknown type',
    frame(4, 1, Buffer.of(1)),
    'FRAME_ERROR - type 4, all octets = <<1>>: unknown_frame',
    false,
  ],
  [
    'octets that Erlang prints as text',
    frame(4, 1, Buffer.from('a"b\\c\nd\xe9', 'latin1')),
    'FRAME_ERROR - type 4, all octets = <<"a\\"b\\\\c\\nd\xe9">>: unknown_frame',
    false,
  ],
  [
    'a heartbeat with payload',
    frame(8, 0, Buffer.from('x')),
    'FRAME_ERROR - type 8, all octets = <<"x">>: unknown_frame',
    false,
  ],
  [
    'a heartbeat on a channel',
    frame(8, 1, Buffer.alloc(0)),
    'UNEXPECTED_FRAME - type 8, all octets = <<>>',
    false,
  ],
  [
    'a method without id',
    frame(1, 1, Buffer.of(0, 20, 0)),
    'FRAME_ERROR - type 1, all octets = <<0,20,0>>: unknown_frame',
    false,
  ],
  [
    'a header too short',
    frame(2, 1, Buffer.of(0, 60)),
    'FRAME_ERROR - type 2, all octets = <<0,60>>: unknown_frame',
    false,
  ],
  [
    'content on channel 0',
    frame(3, 0, Buffer.from('twenty octets of it.')),
    'UNEXPECTED_FRAME - type 3, first 16 octets = <<"twenty octets of">>',
    false,
  ],
];

test.each(refusals)('%s', (_, bytes, replyText, fatal) => {
  for (let cut = 0; cut < bytes.length; cut++) {
    const { reader: frames, recorder } = reader();
    const chunks = split(Buffer.concat([bytes, heartbeat]), [cut]);
    const errors: unknown[] = [];
    for (const chunk of chunks) {
      try {
        frames.push(chunk);
      } catch (error) {
        errors.push(error);
      }
    }
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ replyText, classId: 0, methodId: 0 });
    expect(frames.broken).toBe(fatal);
    frames.resume();
    expect(recorder.calls).toEqual(fatal ? [] : ['heartbeat']);
  }
});

test('eight octets over the limit are forgiven', () => {
  const { reader: frames, recorder } = reader();
  frames.push(frame(3, 1, Buffer.alloc(4096)));
  expect(recorder.bodyBytes).toBe(4096);
});

test('a body frame with a wrong end octet after several pieces breaks the stream', () => {
  const { reader: frames } = reader();
  const bytes = frame(3, 1, Buffer.from('abcdef'), 1);
  frames.push(bytes.subarray(0, 9));
  expect(() => frames.push(bytes.subarray(9))).toThrow('{invalid_frame_end_marker,1}');
  expect(frames.broken).toBe(true);
});

test('without frame_max a peer that announces much gets memory only for what it sends', () => {
  const { reader: frames } = reader(0);
  const before = process.memoryUsage().arrayBuffers;
  frames.push(Buffer.from('0100010700000000', 'hex'));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  expect(() => frames.push(Buffer.from('01', 'hex'))).not.toThrow();
  const { reader: other } = reader(0);
  expect(() => other.push(Buffer.from('010001ffffffff00', 'hex'))).toThrow('frame_too_large');
});

test('random and mutated bytes give calls or well-formed errors, and the same at any split', () => {
  const mutated = fc
    .array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 })
    .map((changes) => {
      const bytes = Buffer.from(session);
      for (const [at, octet] of changes) bytes[at % bytes.length] = octet;
      return bytes;
    });
  const random = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(random, mutated), fc.array(fc.nat(), { maxLength: 8 }), (bytes, places) => {
      expect(outcome(split(bytes, places))).toEqual(outcome([bytes]));
    }),
    { numRuns: 2000 },
  );
});

/** Calls up to the first error, which ends the connection, and its code. */
function outcome(chunks: readonly Buffer[]): unknown {
  const { reader: frames, recorder } = reader();
  try {
    for (const chunk of chunks) frames.push(chunk);
    return withoutBodies(recorder.calls);
  } catch (error) {
    if (!(error instanceof AmqpError)) throw error;
    expect(Buffer.byteLength(error.replyText)).toBeLessThanOrEqual(255);
    return [...withoutBodies(recorder.calls), error.code];
  }
}

/** How much of an unfinished or broken body frame has been handed out depends on the split. */
function withoutBodies(calls: readonly string[]): string[] {
  return calls.filter((call) => !call.startsWith('body'));
}
