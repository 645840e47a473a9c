/** Field tables as bytes: written, read, and looked into without being read. */

import type { ByteWriter } from './byte-writer.ts';
import { AmqpError, ReplyCode } from './errors.ts';
import { type FieldEntry, FieldTable, type FieldValue } from './field-table.ts';
import { decodeText } from './text.ts';

/** Tables and arrays within each other. Nobody needs ten; the limit keeps hostile bytes off the stack. */
export const nestingMax = 64;

/** Appends the table with its four octets of length. */
export function writeTable(writer: ByteWriter, fields: FieldTable): void {
  const start = writer.length;
  writer.uint32(0);
  for (const [key, value] of fields.entries) {
    writer.shortString(key);
    writeValue(writer, value);
  }
  writer.patchUint32(start, writer.length - start - 4);
}

/** Appends type tag and value. */
export function writeValue(writer: ByteWriter, value: FieldValue): void {
  const tag = value.tag === 'L' ? 'l' : value.tag;
  writer.uint8(tag.charCodeAt(0));
  switch (value.tag) {
    case 't':
      writer.uint8(value.value ? 1 : 0);
      break;
    case 'b':
    case 'B':
      writer.uint8(value.value);
      break;
    case 's':
    case 'u':
      writer.uint16(value.value);
      break;
    case 'I':
    case 'i':
      writer.uint32(value.value);
      break;
    case 'l':
    case 'L':
    case 'T':
      writer.bigUint64(value.value);
      break;
    case 'f':
      writer.float32(value.value);
      break;
    case 'd':
      writer.float64(value.value);
      break;
    case 'D':
      writer.uint8(value.scale);
      writer.uint32(value.value);
      break;
    case 'S':
    case 'x':
      writer.longString(value.value);
      break;
    case 'F':
      writeTable(writer, value.value);
      break;
    case 'A': {
      const start = writer.length;
      writer.uint32(0);
      for (const element of value.value) writeValue(writer, element);
      writer.patchUint32(start, writer.length - start - 4);
      break;
    }
    case 'V':
      break;
  }
}

/**
 * The entries in buffer[start,end), which is a table without its four octets of length (as AMQPLAIN sends
 * it). Throws AmqpError 501 if they are malformed.
 */
export function decodeTable(buffer: Buffer, start: number, end: number): FieldTable {
  return start === end ? FieldTable.empty : new TableDecoder(buffer, start).table(end, 1);
}

/** The value whose type tag is at `at`, within buffer[at,end). Throws AmqpError 501 if it is malformed. */
export function decodeValue(buffer: Buffer, at: number, end: number): FieldValue {
  return new TableDecoder(buffer, at).value(end, 1);
}

/**
 * Where the value of `key` begins (its type tag), in a table that is not decoded: buffer[start,end) without
 * the four octets of length. -1 if it is not there. Throws AmqpError 501 if what comes before is malformed.
 */
export function findHeader(buffer: Buffer, start: number, end: number, key: Buffer): number {
  let at = start;
  while (at < end) {
    const length = buffer[at] ?? 0;
    const valueAt = at + 1 + length;
    if (valueAt >= end) throw malformed('ends within an entry');
    if (length === key.length && startsWith(buffer, at + 1, key)) return valueAt;
    at = skipValue(buffer, valueAt, end);
  }
  return -1;
}

/** Keys are short: a call into native code would cost several times as much. */
function startsWith(buffer: Buffer, at: number, key: Buffer): boolean {
  for (let i = 0; i < key.length; i++) if (buffer[at + i] !== key[i]) return false;
  return true;
}

/** The offset after the value whose type tag is at `at`. Throws AmqpError 501 if it does not fit. */
export function skipValue(buffer: Buffer, at: number, end: number): number {
  const bytes = fixedBytes(buffer[at] ?? 0);
  const start = at + 1 + bytes;
  if (bytes >= 0) return within(start, end);
  if (at + 5 > end) throw malformed('ends within a value');
  return within(at + 5 + buffer.readUInt32BE(at + 1), end);
}

function within(at: number, end: number): number {
  if (at > end) throw malformed('ends within a value');
  return at;
}

/** Bytes a value of this type takes after its tag; -1 if its length is written there. */
function fixedBytes(tag: number): number {
  switch (tag) {
    case 0x56: // V
      return 0;
    case 0x74: // t
    case 0x62: // b
    case 0x42: // B
      return 1;
    case 0x73: // s
    case 0x75: // u
      return 2;
    case 0x49: // I
    case 0x69: // i
    case 0x66: // f
      return 4;
    case 0x44: // D
      return 5;
    case 0x6c: // l
    case 0x4c: // L
    case 0x64: // d
    case 0x54: // T
      return 8;
    case 0x53: // S
    case 0x78: // x
    case 0x46: // F
    case 0x41: // A
      return -1;
    default:
      throw malformed(`unknown type ${tag}`);
  }
}

function malformed(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.FrameError, `malformed field table: ${explanation}`);
}

/** Walks a table. `end` bounds every step: that of the innermost table or array. */
class TableDecoder {
  readonly #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, start: number) {
    this.#buffer = buffer;
    this.#at = start;
  }

  table(end: number, depth: number): FieldTable {
    const entries: FieldEntry[] = [];
    while (this.#at < end) {
      const length = this.#buffer[this.#at] ?? 0;
      const keyAt = this.#advance(1 + length, end) + 1;
      entries.push([decodeText(this.#buffer, keyAt, keyAt + length), this.value(end, depth)]);
    }
    return new FieldTable(entries);
  }

  value(end: number, depth: number): FieldValue {
    const buffer = this.#buffer;
    const tag = String.fromCharCode(buffer[this.#advance(1, end)] ?? 0);
    switch (tag) {
      case 't':
        return { tag, value: buffer[this.#advance(1, end)] !== 0 };
      case 'b':
        return { tag, value: buffer.readInt8(this.#advance(1, end)) };
      case 'B':
        return { tag, value: buffer.readUInt8(this.#advance(1, end)) };
      case 's':
        return { tag, value: buffer.readInt16BE(this.#advance(2, end)) };
      case 'u':
        return { tag, value: buffer.readUInt16BE(this.#advance(2, end)) };
      case 'I':
        return { tag, value: buffer.readInt32BE(this.#advance(4, end)) };
      case 'i':
        return { tag, value: buffer.readUInt32BE(this.#advance(4, end)) };
      case 'l':
      case 'L':
        return { tag, value: buffer.readBigInt64BE(this.#advance(8, end)) };
      case 'f':
        return { tag, value: buffer.readFloatBE(this.#advance(4, end)) };
      case 'd':
        return { tag, value: buffer.readDoubleBE(this.#advance(8, end)) };
      case 'T':
        return { tag, value: buffer.readBigUInt64BE(this.#advance(8, end)) };
      case 'D': {
        const at = this.#advance(5, end);
        return { tag, scale: buffer.readUInt8(at), value: buffer.readUInt32BE(at + 1) };
      }
      case 'S':
      case 'x': {
        const last = this.#length(end);
        return { tag, value: Buffer.from(buffer.subarray(this.#advance(last - this.#at, last), last)) };
      }
      case 'F':
        return { tag, value: this.table(this.#nested(end, depth), depth + 1) };
      case 'A':
        return { tag, value: this.#array(this.#nested(end, depth), depth + 1) };
      case 'V':
        return { tag };
      default:
        throw malformed(`unknown type ${tag.charCodeAt(0)}`);
    }
  }

  #array(end: number, depth: number): FieldValue[] {
    const values: FieldValue[] = [];
    while (this.#at < end) values.push(this.value(end, depth));
    return values;
  }

  /** Reads four octets of length and returns where that many bytes end. */
  #length(end: number): number {
    const length = this.#buffer.readUInt32BE(this.#advance(4, end));
    return within(this.#at + length, end);
  }

  #nested(end: number, depth: number): number {
    if (depth >= nestingMax) throw malformed(`nested deeper than ${nestingMax}`);
    return this.#length(end);
  }

  /** Steps over `bytes` and returns where they begin. */
  #advance(bytes: number, end: number): number {
    const at = this.#at;
    this.#at = within(at + bytes, end);
    return at;
  }
}
