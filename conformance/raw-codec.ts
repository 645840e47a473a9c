/**
 * The wire format of AMQP 0-9-1 as the scenarios need it, written from the specification and shared with no
 * broker: an error in a broker's codec cannot hide behind the same error here.
 */

/** Class id, method id and arguments (`name:type`, in order) of every method. */
export const METHODS = {
  'connection.start': [
    10,
    10,
    'version-major:octet version-minor:octet server-properties:table mechanisms:longstr locales:longstr',
  ],
  'connection.start-ok': [
    10,
    11,
    'client-properties:table mechanism:shortstr response:longstr locale:shortstr',
  ],
  'connection.secure': [10, 20, 'challenge:longstr'],
  'connection.secure-ok': [10, 21, 'response:longstr'],
  'connection.tune': [10, 30, 'channel-max:short frame-max:long heartbeat:short'],
  'connection.tune-ok': [10, 31, 'channel-max:short frame-max:long heartbeat:short'],
  'connection.open': [10, 40, 'virtual-host:shortstr reserved-1:shortstr reserved-2:bit'],
  'connection.open-ok': [10, 41, 'reserved-1:shortstr'],
  'connection.close': [10, 50, 'reply-code:short reply-text:shortstr class-id:short method-id:short'],
  'connection.close-ok': [10, 51, ''],
  'connection.blocked': [10, 60, 'reason:shortstr'],
  'connection.unblocked': [10, 61, ''],
  'connection.update-secret': [10, 70, 'new-secret:longstr reason:shortstr'],
  'connection.update-secret-ok': [10, 71, ''],
  'channel.open': [20, 10, 'reserved-1:shortstr'],
  'channel.open-ok': [20, 11, 'reserved-1:longstr'],
  'channel.flow': [20, 20, 'active:bit'],
  'channel.flow-ok': [20, 21, 'active:bit'],
  'channel.close': [20, 40, 'reply-code:short reply-text:shortstr class-id:short method-id:short'],
  'channel.close-ok': [20, 41, ''],
  'access.request': [30, 10, 'realm:shortstr exclusive:bit passive:bit active:bit write:bit read:bit'],
  'access.request-ok': [30, 11, 'ticket:short'],
  'exchange.declare': [
    40,
    10,
    'reserved-1:short exchange:shortstr type:shortstr passive:bit durable:bit auto-delete:bit internal:bit no-wait:bit arguments:table',
  ],
  'exchange.declare-ok': [40, 11, ''],
  'exchange.delete': [40, 20, 'reserved-1:short exchange:shortstr if-unused:bit no-wait:bit'],
  'exchange.delete-ok': [40, 21, ''],
  'exchange.bind': [
    40,
    30,
    'reserved-1:short destination:shortstr source:shortstr routing-key:shortstr no-wait:bit arguments:table',
  ],
  'exchange.bind-ok': [40, 31, ''],
  'exchange.unbind': [
    40,
    40,
    'reserved-1:short destination:shortstr source:shortstr routing-key:shortstr no-wait:bit arguments:table',
  ],
  'exchange.unbind-ok': [40, 51, ''],
  'queue.declare': [
    50,
    10,
    'reserved-1:short queue:shortstr passive:bit durable:bit exclusive:bit auto-delete:bit no-wait:bit arguments:table',
  ],
  'queue.declare-ok': [50, 11, 'queue:shortstr message-count:long consumer-count:long'],
  'queue.bind': [
    50,
    20,
    'reserved-1:short queue:shortstr exchange:shortstr routing-key:shortstr no-wait:bit arguments:table',
  ],
  'queue.bind-ok': [50, 21, ''],
  'queue.purge': [50, 30, 'reserved-1:short queue:shortstr no-wait:bit'],
  'queue.purge-ok': [50, 31, 'message-count:long'],
  'queue.delete': [50, 40, 'reserved-1:short queue:shortstr if-unused:bit if-empty:bit no-wait:bit'],
  'queue.delete-ok': [50, 41, 'message-count:long'],
  'queue.unbind': [
    50,
    50,
    'reserved-1:short queue:shortstr exchange:shortstr routing-key:shortstr arguments:table',
  ],
  'queue.unbind-ok': [50, 51, ''],
  'basic.qos': [60, 10, 'prefetch-size:long prefetch-count:short global:bit'],
  'basic.qos-ok': [60, 11, ''],
  'basic.consume': [
    60,
    20,
    'reserved-1:short queue:shortstr consumer-tag:shortstr no-local:bit no-ack:bit exclusive:bit no-wait:bit arguments:table',
  ],
  'basic.consume-ok': [60, 21, 'consumer-tag:shortstr'],
  'basic.cancel': [60, 30, 'consumer-tag:shortstr no-wait:bit'],
  'basic.cancel-ok': [60, 31, 'consumer-tag:shortstr'],
  'basic.publish': [
    60,
    40,
    'reserved-1:short exchange:shortstr routing-key:shortstr mandatory:bit immediate:bit',
  ],
  'basic.return': [60, 50, 'reply-code:short reply-text:shortstr exchange:shortstr routing-key:shortstr'],
  'basic.deliver': [
    60,
    60,
    'consumer-tag:shortstr delivery-tag:longlong redelivered:bit exchange:shortstr routing-key:shortstr',
  ],
  'basic.get': [60, 70, 'reserved-1:short queue:shortstr no-ack:bit'],
  'basic.get-ok': [
    60,
    71,
    'delivery-tag:longlong redelivered:bit exchange:shortstr routing-key:shortstr message-count:long',
  ],
  'basic.get-empty': [60, 72, 'reserved-1:shortstr'],
  'basic.ack': [60, 80, 'delivery-tag:longlong multiple:bit'],
  'basic.reject': [60, 90, 'delivery-tag:longlong requeue:bit'],
  'basic.recover-async': [60, 100, 'requeue:bit'],
  'basic.recover': [60, 110, 'requeue:bit'],
  'basic.recover-ok': [60, 111, ''],
  'basic.nack': [60, 120, 'delivery-tag:longlong multiple:bit requeue:bit'],
  'confirm.select': [85, 10, 'no-wait:bit'],
  'confirm.select-ok': [85, 11, ''],
  'tx.select': [90, 10, ''],
  'tx.select-ok': [90, 11, ''],
  'tx.commit': [90, 20, ''],
  'tx.commit-ok': [90, 21, ''],
  'tx.rollback': [90, 30, ''],
  'tx.rollback-ok': [90, 31, ''],
} as const satisfies Record<string, readonly [classId: number, methodId: number, fields: string]>;

export type MethodName = keyof typeof METHODS;

/** The 14 properties of basic content with their types, highest flag bit first. */
const PROPERTIES = (
  'content-type:shortstr content-encoding:shortstr headers:table delivery-mode:octet priority:octet ' +
  'correlation-id:shortstr reply-to:shortstr expiration:shortstr message-id:shortstr timestamp:longlong ' +
  'type:shortstr user-id:shortstr app-id:shortstr cluster-id:shortstr'
)
  .split(' ')
  .map(parseField);

/** A field table value with the type octet it has on the wire. */
export class Typed {
  readonly tag: string;
  readonly value: unknown;
  constructor(tag: string, value: unknown) {
    this.tag = tag;
    this.value = value;
  }
}

/** A field table as scenarios write it; see {@link encodeTable} for the tags chosen. */
export type Table = { readonly [key: string]: unknown };
export type FieldValue = string | number | boolean | Buffer | Table;
export type Fields = { readonly [field: string]: FieldValue };

interface Field {
  readonly name: string;
  readonly type: string;
}

function parseField(text: string): Field {
  const [name = '', type = ''] = text.split(':');
  return { name, type };
}

const fieldsOf = new Map<string, readonly Field[]>();
const nameOf = new Map<number, MethodName>();
for (const [name, [classId, methodId, fields]] of Object.entries(METHODS)) {
  fieldsOf.set(name, fields === '' ? [] : fields.split(' ').map(parseField));
  if (isMethodName(name)) nameOf.set(classId * 65536 + methodId, name);
}

function isMethodName(name: string): name is MethodName {
  return name in METHODS;
}

/** The method's name, or undefined for ids the specification does not have (0/0 in a close among them). */
export function methodName(classId: number, methodId: number): MethodName | undefined {
  return nameOf.get(classId * 65536 + methodId);
}

export function uint8(value: number): Buffer {
  return Buffer.of(value & 0xff);
}

export function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

export function shortstr(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length > 255) throw new RangeError(`short string of ${bytes.length} bytes`);
  return Buffer.concat([uint8(bytes.length), bytes]);
}

export function longstr(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/**
 * Encodes a table with its length in front. Tags: string S, boolean t, integer I (l beyond 32 bits), bigint l,
 * other number d, null V, Buffer x, array A, object F; {@link Typed} chooses any tag.
 */
export function encodeTable(table: Table): Buffer {
  const entries = Object.entries(table).map(([key, value]) =>
    Buffer.concat([shortstr(key), encodeValue(value)]),
  );
  return longstr(Buffer.concat(entries));
}

function encodeValue(value: unknown): Buffer {
  const typed = value instanceof Typed ? value : new Typed(defaultTag(value), value);
  return Buffer.concat([Buffer.from(typed.tag, 'latin1'), encodePayload(typed)]);
}

function defaultTag(value: unknown): string {
  if (typeof value === 'string') return 'S';
  if (typeof value === 'boolean') return 't';
  if (typeof value === 'bigint') return 'l';
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) return 'd';
    return value === (value | 0) ? 'I' : 'l';
  }
  if (value === null) return 'V';
  if (Buffer.isBuffer(value)) return 'x';
  return Array.isArray(value) ? 'A' : 'F';
}

function encodePayload({ tag, value }: Typed): Buffer {
  if (tag === 'S' || tag === 'x') {
    if (typeof value === 'string' || Buffer.isBuffer(value)) return longstr(value);
  } else if (tag === 't') {
    return uint8(value === true ? 1 : 0);
  } else if (tag === 'V') {
    return Buffer.alloc(0);
  } else if (tag === 'A') {
    if (Array.isArray(value)) return longstr(Buffer.concat(value.map(encodeValue)));
  } else if (tag === 'F') {
    if (isTable(value)) return encodeTable(value);
  } else if (typeof value === 'number' || typeof value === 'bigint') {
    return encodeNumber(tag, value);
  }
  throw new TypeError(`cannot encode ${String(value)} as field table type ${tag}`);
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

function encodeNumber(tag: string, value: number | bigint): Buffer {
  const number = Number(value);
  const bytes = Buffer.alloc(8);
  switch (tag) {
    case 'b':
      return bytes.subarray(0, bytes.writeInt8(number));
    case 'B':
      return bytes.subarray(0, bytes.writeUInt8(number));
    case 's':
      return bytes.subarray(0, bytes.writeInt16BE(number));
    case 'u':
      return bytes.subarray(0, bytes.writeUInt16BE(number));
    case 'I':
      return bytes.subarray(0, bytes.writeInt32BE(number));
    case 'i':
      return bytes.subarray(0, bytes.writeUInt32BE(number));
    case 'f':
      return bytes.subarray(0, bytes.writeFloatBE(number));
    case 'd':
      return bytes.subarray(0, bytes.writeDoubleBE(number));
    case 'D': // scale 0
      return bytes.subarray(0, bytes.writeUInt32BE(number, 1));
    case 'l':
    case 'L':
    case 'T':
      return int64(BigInt(value));
    default:
      throw new TypeError(`unknown field table type ${tag}`);
  }
}

export function encodeMethod(name: MethodName, fields: Fields = {}): Buffer {
  const [classId, methodId] = METHODS[name];
  const declared = fieldsOf.get(name) ?? [];
  for (const key of Object.keys(fields)) {
    if (!declared.some((field) => field.name === key)) throw new TypeError(`${name} has no field ${key}`);
  }
  const parts = [uint16(classId), uint16(methodId)];
  let bits = 0;
  let bitCount = 0;
  for (const { name: key, type } of declared) {
    if (type === 'bit') {
      if (fields[key] === true) bits |= 1 << bitCount;
      bitCount++;
      continue;
    }
    if (bitCount > 0) parts.push(uint8(bits));
    bits = 0;
    bitCount = 0;
    parts.push(encodeField(type, fields[key]));
  }
  if (bitCount > 0) parts.push(uint8(bits));
  return Buffer.concat(parts);
}

function encodeField(type: string, value: FieldValue | undefined): Buffer {
  if (type === 'table') return encodeTable(isTable(value) ? value : {});
  if (type === 'shortstr' || type === 'longstr') {
    const text = typeof value === 'string' || Buffer.isBuffer(value) ? value : '';
    return type === 'shortstr' ? shortstr(text) : longstr(text);
  }
  const number = typeof value === 'number' ? value : 0;
  if (type === 'octet') return uint8(number);
  if (type === 'short') return uint16(number);
  if (type === 'long') return uint32(number);
  return int64(BigInt(number));
}

/** Payload of a content header frame of class basic. */
export function encodeContentHeader(bodySize: number, properties: Fields = {}): Buffer {
  let flags = 0;
  const parts: Buffer[] = [];
  PROPERTIES.forEach(({ name, type }, index) => {
    const value = properties[name];
    if (value === undefined) return;
    flags |= 1 << (15 - index);
    parts.push(encodeField(type, value));
  });
  return Buffer.concat([uint16(60), uint16(0), int64(BigInt(bodySize)), uint16(flags), ...parts]);
}

/** Reads values one after the other; running over the end throws. */
class Reader {
  private readonly bytes: Buffer;
  private offset: number;
  private bits = 0;
  private bitIndex = 8;

  constructor(bytes: Buffer, offset: number) {
    this.bytes = bytes;
    this.offset = offset;
  }

  get atEnd(): boolean {
    return this.offset >= this.bytes.length;
  }

  take(length: number): Buffer {
    const start = this.offset;
    this.offset += length;
    if (this.offset > this.bytes.length) throw new RangeError('value runs over the end of its frame');
    return this.bytes.subarray(start, this.offset);
  }

  bit(): boolean {
    if (this.bitIndex === 8) {
      this.bits = this.take(1).readUInt8();
      this.bitIndex = 0;
    }
    return (this.bits & (1 << this.bitIndex++)) !== 0;
  }

  field(type: string): FieldValue {
    if (type === 'bit') return this.bit();
    this.bitIndex = 8;
    switch (type) {
      case 'octet':
        return this.take(1).readUInt8();
      case 'short':
        return this.take(2).readUInt16BE();
      case 'long':
        return this.take(4).readUInt32BE();
      case 'longlong':
        return Number(this.take(8).readBigInt64BE());
      case 'shortstr':
        return this.take(this.take(1).readUInt8()).toString();
      case 'longstr':
        return this.take(this.take(4).readUInt32BE()).toString();
      default:
        return this.table();
    }
  }

  table(): Table {
    const inner = new Reader(this.take(this.take(4).readUInt32BE()), 0);
    const table: Record<string, unknown> = {};
    while (!inner.atEnd) {
      const key = inner.take(inner.take(1).readUInt8()).toString();
      table[key] = inner.value();
    }
    return table;
  }

  value(): Typed {
    const tag = this.take(1).toString('latin1');
    return new Typed(tag, this.payload(tag));
  }

  private payload(tag: string): unknown {
    switch (tag) {
      case 't':
        return this.take(1).readUInt8() !== 0;
      case 'b':
        return this.take(1).readInt8();
      case 'B':
        return this.take(1).readUInt8();
      case 's':
        return this.take(2).readInt16BE();
      case 'u':
        return this.take(2).readUInt16BE();
      case 'I':
        return this.take(4).readInt32BE();
      case 'i':
        return this.take(4).readUInt32BE();
      case 'l':
      case 'L':
      case 'T':
        return Number(this.take(8).readBigInt64BE());
      case 'f':
        return this.take(4).readFloatBE();
      case 'd':
        return this.take(8).readDoubleBE();
      case 'D':
        return this.take(5).readUInt32BE(1);
      case 'S':
        return this.take(this.take(4).readUInt32BE()).toString();
      case 'x':
        return Buffer.from(this.take(this.take(4).readUInt32BE()));
      case 'V':
        return null;
      case 'F':
        return this.table();
      case 'A': {
        const inner = new Reader(this.take(this.take(4).readUInt32BE()), 0);
        const values: Typed[] = [];
        while (!inner.atEnd) values.push(inner.value());
        return values;
      }
      default:
        throw new TypeError(`unknown field table type ${tag}`);
    }
  }
}

/** Strips the type tags of a decoded table, array or value. */
export function plain(value: unknown): unknown {
  if (value instanceof Typed) return plain(value.value);
  if (Array.isArray(value)) return value.map(plain);
  if (!isTable(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
}

/** Table values stay {@link Typed}. */
export function decodeMethod(payload: Buffer): { readonly name: MethodName; readonly fields: Fields } {
  const name = methodName(payload.readUInt16BE(0), payload.readUInt16BE(2));
  if (name === undefined) throw new TypeError(`unknown method in ${payload.toString('hex')}`);
  const reader = new Reader(payload, 4);
  const fields: Record<string, FieldValue> = {};
  for (const { name: key, type } of fieldsOf.get(name) ?? []) fields[key] = reader.field(type);
  return { name, fields };
}

/** Table values stay {@link Typed}. */
export function decodeContentHeader(payload: Buffer): {
  readonly bodySize: number;
  readonly properties: Fields;
} {
  const bodySize = Number(payload.readBigUInt64BE(4));
  const flags = payload.readUInt16BE(12);
  const reader = new Reader(payload, 14);
  const properties: Record<string, FieldValue> = {};
  PROPERTIES.forEach(({ name, type }, index) => {
    if (flags & (1 << (15 - index))) properties[name] = reader.field(type);
  });
  return { bodySize, properties };
}

export const FRAME_METHOD = 1;
export const FRAME_HEADER = 2;
export const FRAME_BODY = 3;
export const FRAME_HEARTBEAT = 8;
export const FRAME_END = 0xce;

export function encodeFrame(type: number, channel: number, payload: Buffer, end = FRAME_END): Buffer {
  return Buffer.concat([uint8(type), uint16(channel), uint32(payload.length), payload, uint8(end)]);
}
