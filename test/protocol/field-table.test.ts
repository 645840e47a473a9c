import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { AmqpError } from '../../src/protocol/errors.ts';
import { FieldTable, type FieldValue } from '../../src/protocol/field-table.ts';
import {
  decodeTable,
  decodeValue,
  findHeader,
  nestingMax,
  writeTable,
} from '../../src/protocol/field-table-codec.ts';
import {
  array,
  bool,
  byteArray,
  decimal,
  equalValues,
  float32,
  float64,
  int8,
  int16,
  int32,
  int64,
  integerOf,
  longString,
  nothing,
  table,
  textOf,
  timestamp,
  typeName,
  uint8,
  uint16,
  uint32,
} from '../../src/protocol/field-value.ts';
import { tableFrom } from '../../src/protocol/plain-value.ts';
import { fieldTable, fieldValue } from './arbitraries.ts';

function encoded(fields: FieldTable): Buffer {
  const writer = new ByteWriter(1);
  writeTable(writer, fields);
  return writer.bytes();
}

function decoded(bytes: Buffer): FieldTable {
  return decodeTable(bytes, 4, bytes.length);
}

/** One of every type, with its bytes in RabbitMQ's dialect. */
const samples: [FieldValue, string, string][] = [
  [bool(true), '7401', 'bool'],
  [int8(-2), '62fe', 'byte'],
  [uint8(254), '42fe', 'unsignedbyte'],
  [int16(-2), '73fffe', 'short'],
  [uint16(65534), '75fffe', 'unsignedshort'],
  [int32(-2), '49fffffffe', 'signedint'],
  [uint32(4294967294), '69fffffffe', 'unsignedint'],
  [int64(-2), '6cfffffffffffffffe', 'long'],
  [float32(0.5), '663f000000', 'float'],
  [float64(0.5), '643fe0000000000000', 'double'],
  [decimal(2, 314), '44020000013a', 'decimal'],
  [timestamp(1), '540000000000000001', 'timestamp'],
  [longString('héllo'), '530000000668c3a96c6c6f', 'longstr'],
  [byteArray(Buffer.of(0, 255)), '780000000200ff', 'binary'],
  [array([bool(false), nothing]), '4100000003740056', 'array'],
  [table(FieldTable.of(['a', nothing])), '4600000003016156', 'table'],
  [nothing, '56', 'void'],
];

test.each(samples)('%o is %s on the wire and called %s', (value, hex, name) => {
  const bytes = encoded(FieldTable.of(['k', value]));
  expect(bytes.subarray(6).toString('hex')).toBe(hex);
  expect(bytes.readUInt32BE(0)).toBe(bytes.length - 4);
  expect(decoded(bytes).get('k')).toEqual(value);
  expect(typeName(value)).toBe(name);
});

test('any table survives encoding and decoding, byte for byte', () => {
  fc.assert(
    fc.property(fieldTable, (fields) => {
      const bytes = encoded(fields);
      expect(decoded(bytes)).toEqual(fields);
      expect(encoded(decoded(bytes))).toEqual(bytes);
    }),
  );
});

test('L is read as a signed 64-bit integer and written as l', () => {
  const bytes = Buffer.from('0000000b016b4cffffffffffffffff', 'hex');
  expect(decoded(bytes).get('k')).toEqual({ tag: 'L', value: -1n });
  expect(encoded(decoded(bytes)).toString('latin1', 6, 7)).toBe('l');
});

test('keys that are not UTF-8 come out as they went in', () => {
  const bytes = Buffer.from('0000000005c3a9ff80f05601c356', 'hex');
  bytes.writeUInt32BE(bytes.length - 4, 0);
  expect(decoded(bytes).entries.map(([key]) => key)[0]).toBe('é\udcff\udc80\udcf0');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 255 }), (key) => {
      const raw = Buffer.concat([Buffer.of(0, 0, 0, 0, key.length), key, Buffer.from('V')]);
      raw.writeUInt32BE(raw.length - 4, 0);
      expect(encoded(decoded(raw))).toEqual(raw);
    }),
  );
});

test('the first of two equal keys counts; with() leaves one, without() none', () => {
  const fields = FieldTable.of(['a', int32(1)], ['b', int32(2)], ['a', int32(3)]);
  expect(fields.get('a')).toEqual(int32(1));
  expect(fields.size).toBe(3);
  expect(fields.with('a', bool(true)).entries).toEqual([
    ['a', bool(true)],
    ['b', int32(2)],
  ]);
  expect(fields.with('c', nothing).entries.at(-1)).toEqual(['c', nothing]);
  expect(fields.without('a').entries).toEqual([['b', int32(2)]]);
  expect(fields.without('z')).toBe(fields);
  expect(fields.has('z')).toBe(false);
});

test('a plain object becomes the types RabbitMQ gives JSON, and comes back', () => {
  const plain = { s: 'x', i: 5, f: 1.5, b: true, n: null, list: [1, 'a'], nested: { k: -1 } };
  const fields = tableFrom(plain);
  expect(fields.entries.map(([, value]) => typeName(value))).toEqual([
    'longstr',
    'long',
    'double',
    'bool',
    'void',
    'array',
    'table',
  ]);
  expect(JSON.parse(JSON.stringify(fields))).toEqual(plain);
  expect(tableFrom({ raw: Buffer.of(255) }).toJSON()).toEqual({ raw: '/w==' });
  expect(JSON.stringify(tableFrom({ __proto__x: 1 }))).toBe('{"__proto__x":1}');
});

test('integers of all widths are equal by value; other types are not integers', () => {
  const fives = [int8(5), uint8(5), int16(5), uint16(5), int32(5), uint32(5), int64(5), timestamp(5)];
  for (const left of fives) for (const right of fives) expect(equalValues(left, right)).toBe(true);
  for (const other of [float64(5), longString('5'), bool(true), nothing]) {
    expect(equalValues(int32(5), other)).toBe(false);
    expect(equalValues(other, int32(5))).toBe(false);
    expect(integerOf(other)).toBeUndefined();
  }
  expect(integerOf(int64(5))).toBe(5n);
  expect(integerOf(uint16(5))).toBe(5);
  expect(integerOf(timestamp(5))).toBeUndefined();
});

test('long string and byte array are equal by bytes; inside a table the types count', () => {
  expect(equalValues(longString('a'), byteArray(Buffer.from('a')))).toBe(true);
  expect(equalValues(float32(0.5), float64(0.5))).toBe(true);
  expect(equalValues(tableOf(int32(1)), tableOf(int32(1)))).toBe(true);
  expect(equalValues(tableOf(int32(1)), tableOf(int64(1)))).toBe(false);
  expect(equalValues(array([int32(1)]), array([int64(1)]))).toBe(false);
  expect(equalValues(array([]), table(FieldTable.empty))).toBe(true);
  expect(textOf(longString('ä'))).toBe('ä');
  expect(textOf(byteArray(Buffer.of(0xff)))).toBeUndefined();
  expect(textOf(bool(true))).toBeUndefined();
});

function tableOf(value: FieldValue): FieldValue {
  return table(FieldTable.of(['k', value]));
}

test('equality is symmetric, and reflexive but for NaN', () => {
  fc.assert(
    fc.property(fieldValue, fieldValue, (left, right) => {
      expect(equalValues(left, right)).toBe(equalValues(right, left));
      fc.pre(!JSON.stringify([left], (_, part) => nanMark(part)).includes('NaN!'));
      expect(equalValues(left, left)).toBe(true);
    }),
  );
});

function nanMark(part: unknown): unknown {
  if (typeof part === 'bigint') return 0;
  return Number.isNaN(part) ? 'NaN!' : part;
}

test('findHeader finds what decoding finds', () => {
  fc.assert(
    fc.property(fieldTable, fc.string({ maxLength: 3 }), fc.nat(), (fields, absent, pick) => {
      const bytes = encoded(fields);
      const keys = [absent, ...fields.entries.map(([key]) => key)];
      const key = keys[pick % keys.length] ?? '';
      const at = findHeader(bytes, 4, bytes.length, Buffer.from(key));
      const value = at < 0 ? undefined : decodeValue(bytes, at, bytes.length);
      expect(value).toEqual(fields.get(key));
    }),
  );
});

test.each([
  ['an entry cut off', '056162'],
  ['a key without a value', '016b'],
  ['a value cut off', '016b4900'],
  ['an unknown type', '016b7a00000000'],
  ['a string longer than the table', '016b53ffffffff61'],
  ['an array longer than the table', '016b41000000ff74'],
  ['an element that crosses the end of its array', '016b41000000017401'],
])('%s is a frame error', (_, hex) => {
  const bytes = Buffer.from(hex, 'hex');
  expect(() => decodeTable(bytes, 0, bytes.length)).toThrow(/^FRAME_ERROR - malformed field table: /);
});

test('nesting is limited', () => {
  const nested = (depth: number): FieldValue => {
    let value: FieldValue = nothing;
    for (let level = 0; level < depth; level++) value = array([value]);
    return value;
  };
  const deep = encoded(FieldTable.of(['k', nested(nestingMax - 1)]));
  expect(decoded(deep).size).toBe(1);
  const tooDeep = encoded(FieldTable.of(['k', nested(nestingMax)]));
  expect(() => decoded(tooDeep)).toThrow('nested deeper than 64');
  const hostile = Buffer.alloc(2 * 1024 * 1024, Buffer.from('A\xff\xff\xff\xff', 'latin1'));
  expect(() => decodeTable(hostile, 0, hostile.length)).toThrow(AmqpError);
});

test('mutated tables are decoded or refused with one frame error', () => {
  fc.assert(
    fc.property(
      fieldTable,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))),
      (fields, changes) => {
        const bytes = encoded(fields);
        for (const [at, octet] of changes) bytes[at % bytes.length] = octet;
        refusedOrDone(() => decodeTable(bytes, 4, bytes.length));
        refusedOrDone(() => findHeader(bytes, 4, bytes.length, Buffer.from('x-death')));
      },
    ),
  );
});

function refusedOrDone(action: () => void): void {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(AmqpError);
  }
}
