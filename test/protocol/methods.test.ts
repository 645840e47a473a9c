import fc from 'fast-check';
import { expect, test } from 'vitest';
import { classes, type Domain } from '../../spec/amqp.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { AmqpError } from '../../src/protocol/errors.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { writeTable } from '../../src/protocol/field-table-codec.ts';
import { decodeMethod, encodeMethod, type Method, MethodId, methodName } from '../../src/protocol/methods.ts';
import { tableFrom } from '../../src/protocol/plain-value.ts';
import { bytes as anyBytes, fieldTable, shortString } from './arbitraries.ts';

function encoded(method: Method): Buffer {
  const writer = new ByteWriter(1);
  encodeMethod(writer, method);
  return writer.bytes();
}

function decoded(bytes: Buffer): Method {
  return decodeMethod(bytes.readUInt32BE(0), bytes, 4, bytes.length);
}

/** Payloads of method frames, written out by hand from the specification. */
const samples: [Method, string][] = [
  [
    { id: MethodId.ConnectionTune, channelMax: 2047, frameMax: 131072, heartbeat: 60 },
    '000a001e07ff00020000003c',
  ],
  [{ id: MethodId.ConnectionOpen, virtualHost: '/' }, '000a0028012f0000'],
  [{ id: MethodId.ConnectionOpenOk }, '000a002900'],
  [
    { id: MethodId.ConnectionClose, replyCode: 320, replyText: 'bye', classId: 60, methodId: 40 },
    '000a0032014003627965003c0028',
  ],
  [{ id: MethodId.ConnectionBlocked, reason: 'low on disk' }, '000a003c0b6c6f77206f6e206469736b'],
  [{ id: MethodId.ConnectionUnblocked }, '000a003d'],
  [
    { id: MethodId.ConnectionUpdateSecret, newSecret: Buffer.from('s'), reason: 'r' },
    '000a004600000001730172',
  ],
  [{ id: MethodId.ChannelOpen }, '0014000a00'],
  [{ id: MethodId.ChannelOpenOk }, '0014000b00000000'],
  [{ id: MethodId.AccessRequestOk, ticket: 1 }, '001e000b0001'],
  [
    {
      id: MethodId.ExchangeDeclare,
      exchange: 'x',
      type: 'topic',
      passive: false,
      durable: true,
      autoDelete: false,
      internal: true,
      noWait: true,
      arguments: FieldTable.empty,
    },
    '0028000a0000017805746f7069631a00000000',
  ],
  [{ id: MethodId.ExchangeUnbindOk }, '00280033'],
  [
    {
      id: MethodId.QueueDeclare,
      queue: 'q',
      passive: false,
      durable: true,
      exclusive: false,
      autoDelete: true,
      noWait: false,
      arguments: tableFrom({ a: true }),
    },
    '0032000a000001710a0000000401617401',
  ],
  [
    { id: MethodId.QueueDeclareOk, queue: 'q', messageCount: 1, consumerCount: 2 },
    '0032000b01710000000100000002',
  ],
  [
    { id: MethodId.BasicPublish, exchange: '', routingKey: 'k', mandatory: false, immediate: true },
    '003c0028000000016b02',
  ],
  [
    {
      id: MethodId.BasicDeliver,
      consumerTag: 'c',
      deliveryTag: 0x1_0000_0002,
      redelivered: true,
      exchange: 'x',
      routingKey: 'ü',
    },
    '003c003c0163000000010000000201017802c3bc',
  ],
  [{ id: MethodId.BasicGetEmpty }, '003c004800'],
  [{ id: MethodId.BasicAck, deliveryTag: 7, multiple: true }, '003c0050000000000000000701'],
  [{ id: MethodId.BasicNack, deliveryTag: 7, multiple: false, requeue: true }, '003c0078000000000000000702'],
  [{ id: MethodId.ConfirmSelect, noWait: true }, '0055000a01'],
  [{ id: MethodId.TxRollbackOk }, '005a001f'],
];

test.each(samples)('bytes of %o', (method, hex) => {
  expect(encoded(method).toString('hex')).toBe(hex);
  expect(decoded(Buffer.from(hex, 'hex'))).toEqual(method);
});

/** Class and method ids as RabbitMQ uses them. */
const ids: Record<string, [number, number[]]> = {
  connection: [10, [10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 60, 61, 70, 71]],
  channel: [20, [10, 11, 20, 21, 40, 41]],
  access: [30, [10, 11]],
  exchange: [40, [10, 11, 20, 21, 30, 31, 40, 51]],
  queue: [50, [10, 11, 20, 21, 30, 31, 40, 41, 50, 51]],
  basic: [60, [10, 11, 20, 21, 30, 31, 40, 50, 60, 70, 71, 72, 80, 90, 100, 110, 111, 120]],
  confirm: [85, [10, 11]],
  tx: [90, [10, 11, 20, 21, 30, 31]],
};

test('the specification has the classes and methods of RabbitMQ, and the code has those', () => {
  const specified = classes.map(({ name, id, methods }) => [name, [id, methods.map((method) => method.id)]]);
  expect(Object.fromEntries(specified)).toEqual(ids);
  const all = classes.flatMap(({ name, id, methods }) =>
    methods.map((method) => [(id << 16) | method.id, `${name}.${method.name}`] as const),
  );
  expect(Object.values(MethodId).sort()).toEqual(all.map(([id]) => id).sort());
  for (const [id, name] of all) expect(methodName(id)).toBe(name);
  expect(methodName(0x003c0029)).toBe('60.41');
});

/** Random argument bytes that are right for a method, put together without the code under test but for tables. */
const argumentBytes: Record<Exclude<Domain, 'bit'>, fc.Arbitrary<Buffer>> = {
  octet: fixed(1),
  short: fixed(2),
  long: fixed(4),
  // Delivery tags are exact up to 2^53.
  longlong: fixed(6).map((low) => Buffer.concat([Buffer.alloc(2), low])),
  timestamp: fixed(8),
  shortstr: shortString.map((text) => prefixed(1, Buffer.from(text))),
  'raw-shortstr': fc.uint8Array({ maxLength: 255 }).map((bytes) => prefixed(1, Buffer.from(bytes))),
  longstr: anyBytes.map((bytes) => prefixed(4, bytes)),
  table: fieldTable.map((fields) => {
    const writer = new ByteWriter();
    writeTable(writer, fields);
    return writer.bytes();
  }),
};

function fixed(length: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
}

function prefixed(lengthBytes: 1 | 4, bytes: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(bytes.length, 0, lengthBytes);
  return Buffer.concat([length, bytes]);
}

/** Payload of a method frame; reserved arguments are zero, so that it must come out again as it is. */
function payloadOf(id: number, domains: Readonly<Record<string, Domain>>): fc.Arbitrary<Buffer> {
  const parts: fc.Arbitrary<Buffer>[] = [];
  let bits = 0;
  let live = 0;
  for (const [name, domain] of [...Object.entries(domains), ['end', 'octet'] as const]) {
    const reserved = name.startsWith('reserved-');
    if (domain === 'bit') {
      live |= (reserved ? 0 : 1) << bits;
      bits++;
      continue;
    }
    const mask = live;
    if (bits > 0) parts.push(fixed(1).map(([octet = 0]) => Buffer.of(octet & mask)));
    bits = 0;
    live = 0;
    if (name === 'end') break;
    if (reserved)
      parts.push(fc.constant(Buffer.alloc(domain === 'short' ? 2 : domain === 'longstr' ? 4 : 1)));
    else parts.push(argumentBytes[domain]);
  }
  const head = Buffer.alloc(4);
  head.writeUInt32BE(id);
  return fc.tuple(...parts).map((pieces) => Buffer.concat([head, ...pieces]));
}

const payload: fc.Arbitrary<Buffer> = fc.oneof(
  ...classes.flatMap((owner) =>
    owner.methods.map((method) => payloadOf((owner.id << 16) | method.id, method.arguments ?? {})),
  ),
);

test('any method with any arguments survives decoding and encoding, byte for byte', () => {
  fc.assert(
    fc.property(payload, (bytes) => {
      const method = decoded(bytes);
      expect(method.id).toBe(bytes.readUInt32BE(0));
      expect(encoded(method)).toEqual(bytes);
    }),
    { numRuns: 1000 },
  );
});

function closing(action: () => void): AmqpError {
  try {
    action();
  } catch (error) {
    if (error instanceof AmqpError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('a method that does not exist is 503, with class and method', () => {
  expect(closing(() => decodeMethod(0x003c0029, Buffer.alloc(0), 0, 0))).toMatchObject({
    replyText: 'COMMAND_INVALID - unimplemented method',
    classId: 60,
    methodId: 41,
  });
});

test('arguments cut off or followed by something are 501, with class and method', () => {
  const short = Buffer.of(0, 0, 0);
  expect(closing(() => decodeMethod(MethodId.BasicQos, short, 0, 3))).toMatchObject({
    code: 501,
    replyText: 'FRAME_ERROR - cannot decode <<0,0,0>>',
    classId: 60,
    methodId: 10,
  });
  expect(closing(() => decodeMethod(MethodId.TxSelect, short, 0, 1)).replyText).toBe(
    'FRAME_ERROR - cannot decode <<0>>',
  );
  const long = closing(() => decodeMethod(MethodId.TxSelect, Buffer.alloc(100_000), 0, 100_000));
  expect(long.replyText).toHaveLength(255);
  expect(long.replyText).toMatch(/^FRAME_ERROR - cannot decode <<0,0,0,.*\.\.\.$/);
});

test('a name that is not UTF-8 is 501', () => {
  const name = Buffer.of(2, 0xc3, 0x28);
  expect(closing(() => decodeMethod(MethodId.BasicConsumeOk, name, 0, 3))).toMatchObject({
    replyText: 'FRAME_ERROR - Malformed UTF-8 in shortstr',
    classId: 0,
    methodId: 0,
  });
});

test('a short string over 255 bytes is the caller’s mistake', () => {
  const consumerTag = 'ü'.repeat(128);
  expect(() => encoded({ id: MethodId.BasicConsumeOk, consumerTag })).toThrow(RangeError);
});

test('mutated arguments are decoded or refused with one error that names the method', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
  fc.assert(
    fc.property(payload, changes, fc.nat({ max: 3 }), (bytes, octets, cut) => {
      for (const [at, octet] of octets) bytes[4 + (at % Math.max(1, bytes.length - 4))] = octet;
      const end = Math.max(4, bytes.length - cut);
      const id = bytes.readUInt32BE(0);
      try {
        expect(decodeMethod(id, bytes, 4, end).id).toBe(id);
      } catch (error) {
        if (!(error instanceof AmqpError)) throw error;
        const malformedText = error.replyText === 'FRAME_ERROR - Malformed UTF-8 in shortstr';
        expect((error.classId << 16) | error.methodId).toBe(malformedText ? 0 : id);
        expect(error.code).toBe(501);
      }
    }),
    { numRuns: 2000 },
  );
});
