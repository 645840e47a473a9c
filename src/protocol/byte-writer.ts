import { encodeText } from './text.ts';

/** Nothing in AMQP but a message body comes near this; a writer that does is out of control. */
const bytesMax = 256 * 1024 * 1024;

/** A short string's length is one octet. */
export const shortStringBytesMax = 255;

/**
 * A buffer that grows as big-endian values are appended: methods, tables, properties, frames.
 *
 * The bytes written so far are buffer[0,length). A writer is made to be kept: {@link clear} it and write
 * again. Throws RangeError where a value does not fit its wire type; that is a mistake of the caller.
 */
export class ByteWriter {
  buffer: Buffer;
  length = 0;

  constructor(capacity = 512) {
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  /** Makes room for `bytes` more. Callers that write into `buffer` themselves call this first. */
  reserve(bytes: number): void {
    if (this.length + bytes > this.buffer.length) this.#grow(this.length + bytes);
  }

  clear(): void {
    this.length = 0;
  }

  /** A copy of what was written. */
  bytes(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.length));
  }

  uint8(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  uint16(value: number): void {
    this.reserve(2);
    const at = this.length;
    this.buffer[at] = value >>> 8;
    this.buffer[at + 1] = value;
    this.length = at + 2;
  }

  uint32(value: number): void {
    this.reserve(4);
    const at = this.length;
    this.buffer[at] = value >>> 24;
    this.buffer[at + 1] = value >>> 16;
    this.buffer[at + 2] = value >>> 8;
    this.buffer[at + 3] = value;
    this.length = at + 4;
  }

  /** `value` is a non-negative integer up to 2^53 - 1: delivery tags, body sizes. */
  uint64(value: number): void {
    this.uint32(Math.floor(value / 0x1_0000_0000));
    this.uint32(value >>> 0);
  }

  /** Signed and unsigned alike: the lower 64 bits. */
  bigUint64(value: bigint): void {
    this.reserve(8);
    this.buffer.writeBigUInt64BE(BigInt.asUintN(64, value), this.length);
    this.length += 8;
  }

  float32(value: number): void {
    this.reserve(4);
    this.buffer.writeFloatBE(value, this.length);
    this.length += 4;
  }

  float64(value: number): void {
    this.reserve(8);
    this.buffer.writeDoubleBE(value, this.length);
    this.length += 8;
  }

  /** source[start,end) as it is. */
  raw(source: Buffer, start = 0, end = source.length): void {
    this.reserve(end - start);
    source.copy(this.buffer, this.length, start, end);
    this.length += end - start;
  }

  /** One octet of length and the bytes of `text`. Throws RangeError over 255 bytes. */
  shortString(text: string): void {
    const length = text.length;
    if (length > shortStringBytesMax) throw tooLong(text);
    this.reserve(1 + length);
    const { buffer } = this;
    const start = this.length + 1;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) {
        this.#encodedShortString(text);
        return;
      }
      buffer[start + index] = code;
    }
    buffer[start - 1] = length;
    this.length = start + length;
  }

  /** Four octets of length and the bytes. */
  longString(bytes: Buffer): void {
    this.uint32(bytes.length);
    this.raw(bytes);
  }

  /** Overwrites four bytes written earlier, once the length that belongs there is known. */
  patchUint32(at: number, value: number): void {
    this.buffer.writeUInt32BE(value, at);
  }

  #encodedShortString(text: string): void {
    const bytes = encodeText(text);
    if (bytes.length > shortStringBytesMax) throw tooLong(text);
    this.uint8(bytes.length);
    this.raw(bytes);
  }

  #grow(needed: number): void {
    if (needed > bytesMax) throw new RangeError(`more than ${bytesMax} bytes in one writer`);
    const larger = Buffer.allocUnsafe(Math.min(bytesMax, Math.max(needed, this.buffer.length * 2)));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

function tooLong(text: string): RangeError {
  return new RangeError(`longer than ${shortStringBytesMax} bytes: '${text.slice(0, 40)}…'`);
}
