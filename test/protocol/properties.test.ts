import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BasicProperties,
  decodeProperties,
  PropertyFlag,
  writeProperties,
} from '../../src/protocol/basic-properties.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { AmqpError } from '../../src/protocol/errors.ts';
import { decodeTable } from '../../src/protocol/field-table-codec.ts';
import { tableFrom } from '../../src/protocol/plain-value.ts';
import {
  decodeContentHeader,
  PropertyScan,
  propertiesOffset,
  rewriteProperties,
  scanProperties,
  writeContentHeaderStart,
} from '../../src/protocol/properties.ts';
import { fieldTable, properties, shortString } from './arbitraries.ts';

function encoded(list: BasicProperties): Buffer {
  const writer = new ByteWriter(1);
  writeProperties(writer, list);
  return writer.bytes();
}

function scanned(bytes: Buffer, scan = new PropertyScan()): PropertyScan {
  scanProperties(bytes, 0, bytes.length, scan);
  return scan;
}

test('bytes of a content header', () => {
  const writer = new ByteWriter();
  writeContentHeaderStart(writer, 5);
  writeProperties(writer, { contentType: 'a/b', deliveryMode: 2, priority: 7, expiration: '60' });
  const bytes = writer.bytes();
  expect(bytes.toString('hex')).toBe(`003c0000${'0000000000000005'}9900${'03612f62'}0207${'023630'}`);
  expect(decodeContentHeader(bytes, 0, bytes.length)).toEqual({ classId: 60, weight: 0, bodySize: 5 });
  const list = decodeProperties(bytes, propertiesOffset, bytes.length);
  expect(list).toEqual({ contentType: 'a/b', deliveryMode: 2, priority: 7, expiration: '60' });
});

test('flags stand where the specification puts them', () => {
  expect(PropertyFlag).toMatchObject({
    ContentType: 0x8000,
    Headers: 0x2000,
    DeliveryMode: 0x1000,
    Priority: 0x0800,
    ReplyTo: 0x0200,
    Expiration: 0x0100,
    Timestamp: 0x0040,
    UserId: 0x0010,
    ClusterId: 0x0004,
  });
});

test('any properties survive encoding and decoding', () => {
  fc.assert(
    fc.property(properties, (list) => {
      const bytes = encoded(list);
      const again = decodeProperties(bytes, 0, bytes.length);
      expect(again).toEqual(list);
      expect(encoded(again)).toEqual(bytes);
    }),
  );
});

test('undefined flags are ignored, as RabbitMQ does', () => {
  expect(scanned(Buffer.from('100302', 'hex')).deliveryMode).toBe(2);
  expect(decodeProperties(Buffer.from('100302', 'hex'), 0, 3)).toEqual({ deliveryMode: 2 });
});

test('a correlation id of raw bytes comes out as it went in', () => {
  const bytes = Buffer.from('040004ff00c3fe', 'hex');
  expect(encoded(decodeProperties(bytes, 0, bytes.length))).toEqual(bytes);
});

test('a scan finds what decoding finds, and a used one forgets', () => {
  const scan = new PropertyScan();
  fc.assert(
    fc.property(properties, (list) => {
      const bytes = encoded(list);
      scanned(bytes, scan);
      expect(scan.flags).toBe(bytes.readUInt16BE(0));
      expect(scan.deliveryMode).toBe(list.deliveryMode ?? 0);
      expect(scan.priority).toBe(list.priority ?? 0);
      expect(bytes.toString('utf8', scan.expirationStart, scan.expirationEnd)).toBe(list.expiration ?? '');
      expect(bytes.toString('utf8', scan.replyToStart, scan.replyToEnd)).toBe(list.replyTo ?? '');
      expect(bytes.toString('utf8', scan.userIdStart, scan.userIdEnd)).toBe(list.userId ?? '');
      if (list.headers === undefined) expect(scan.headersEnd).toBe(0);
      else expect(decodeTable(bytes, scan.headersStart, scan.headersEnd)).toEqual(list.headers);
    }),
  );
});

test('rewriting changes what it is told to and nothing else', () => {
  const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
  const changes = fc.record(
    { headers: optional(fieldTable), replyTo: optional(shortString), expiration: optional(shortString) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(properties, changes, (list, change) => {
      const bytes = encoded(list);
      const expected = encoded({ ...list, ...change });
      expect(rewriteProperties(bytes, 0, bytes.length, change)).toEqual(expected);
    }),
  );
});

test.each([
  ['no flags', ''],
  ['half of the flags', '10'],
  ['delivery mode missing', '1000'],
  ['something after the last property', '10000201'],
  ['a short string cut off', '800005616263'],
  ['headers without length', '2000000000'],
  ['headers longer than the list', '2000ffffffff'],
])('%s cannot be decoded', (_, hex) => {
  const bytes = Buffer.from(hex, 'hex');
  expect(() => scanned(bytes)).toThrow(`FRAME_ERROR - cannot decode <<${bytes.join(',')}>>`);
  expect(() => decodeProperties(bytes, 0, bytes.length)).toThrow('FRAME_ERROR - cannot decode <<');
});

test('a list is never read beyond its end', () => {
  const bytes = encoded({ headers: tableFrom({ a: 1 }), expiration: '5', appId: 'x' });
  for (let end = 0; end < bytes.length; end++) {
    expect(() => scanProperties(bytes, 0, end, new PropertyScan())).toThrow(AmqpError);
    expect(() => decodeProperties(bytes, 0, end)).toThrow(AmqpError);
  }
});

test('scan and decoding refuse the same random bytes, malformed tables aside', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (random) => {
      const bytes = Buffer.from(random);
      const refusal = refused(() => decodeProperties(bytes, 0, bytes.length));
      if (refusal === undefined || !refusal.message.includes('field table')) {
        expect(refused(() => scanned(bytes))?.message).toBe(refusal?.message);
      }
    }),
    { numRuns: 1000 },
  );
});

function refused(action: () => void): AmqpError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof AmqpError) return error;
    throw error;
  }
}
