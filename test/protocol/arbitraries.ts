/** Random field values, tables and properties for the tests of this room. */

import fc from 'fast-check';
import type { BasicProperties } from '../../src/protocol/basic-properties.ts';
import { FieldTable, type FieldValue } from '../../src/protocol/field-table.ts';

/** Any string that fits into 255 bytes, and is well-formed. */
export const shortString: fc.Arbitrary<string> = fc
  .string({ unit: 'binary', maxLength: 60 })
  .filter((text) => Buffer.byteLength(text) <= 255);

export const bytes: fc.Arbitrary<Buffer> = fc
  .uint8Array({ maxLength: 40 })
  .map((array) => Buffer.from(array));

const unsigned64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const signed64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

const scalar: fc.Arbitrary<FieldValue> = fc.oneof(
  fc.record({ tag: fc.constant('t' as const), value: fc.boolean() }),
  fc.record({ tag: fc.constant('b' as const), value: fc.integer({ min: -128, max: 127 }) }),
  fc.record({ tag: fc.constant('B' as const), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ tag: fc.constant('s' as const), value: fc.integer({ min: -32768, max: 32767 }) }),
  fc.record({ tag: fc.constant('u' as const), value: fc.integer({ min: 0, max: 65535 }) }),
  fc.record({ tag: fc.constant('I' as const), value: fc.integer() }),
  fc.record({ tag: fc.constant('i' as const), value: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
  fc.record({ tag: fc.constant('l' as const), value: signed64 }),
  fc.record({ tag: fc.constant('T' as const), value: unsigned64 }),
  fc.record({ tag: fc.constant('f' as const), value: fc.float() }),
  fc.record({ tag: fc.constant('d' as const), value: fc.double() }),
  fc.record({
    tag: fc.constant('D' as const),
    scale: fc.integer({ min: 0, max: 255 }),
    value: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  }),
  fc.record({ tag: fc.constantFrom('S' as const, 'x' as const), value: bytes }),
  fc.record({ tag: fc.constant('V' as const) }),
);

const { fieldValue, fieldTable } = fc.letrec<{ fieldValue: FieldValue; fieldTable: FieldTable }>((tie) => ({
  fieldValue: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.record({ tag: fc.constant('A' as const), value: fc.array(tie('fieldValue'), { maxLength: 4 }) }),
    fc.record({ tag: fc.constant('F' as const), value: tie('fieldTable') }),
  ),
  fieldTable: fc
    .array(fc.tuple(shortString, tie('fieldValue')), { maxLength: 5 })
    .map((entries) => new FieldTable(entries)),
}));

export { fieldTable, fieldValue };

const octet = fc.integer({ min: 0, max: 255 });

export const properties: fc.Arbitrary<BasicProperties> = fc.record(
  {
    contentType: shortString,
    contentEncoding: shortString,
    headers: fieldTable,
    deliveryMode: octet,
    priority: octet,
    correlationId: shortString,
    replyTo: shortString,
    expiration: shortString,
    messageId: shortString,
    timestamp: unsigned64,
    type: shortString,
    userId: shortString,
    appId: shortString,
    clusterId: shortString,
  },
  { requiredKeys: [] },
);
