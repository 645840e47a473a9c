import { AmqpError, ReplyCode } from './errors.ts';
import type { FieldTable } from './field-table.ts';
import { decodeTable } from './field-table-codec.ts';
import { octetList } from './octets.ts';
import { decodeText, decodeUtf8 } from './text.ts';

/**
 * Reads the big-endian values of one method's arguments or one property list.
 *
 * Whatever does not fit into buffer[start,end), or is left over at {@link finish}, is 501 FRAME_ERROR
 * `cannot decode <<…>>`, as in RabbitMQ.
 */
export class ByteReader {
  readonly #buffer: Buffer;
  readonly #start: number;
  readonly #end: number;
  readonly #method: number;
  #at: number;

  /** `method` (class id << 16 | method id) is named in errors. */
  constructor(buffer: Buffer, start: number, end: number, method = 0) {
    this.#buffer = buffer;
    this.#start = start;
    this.#at = start;
    this.#end = end;
    this.#method = method;
  }

  uint8(): number {
    return this.#buffer[this.#advance(1)] ?? 0;
  }

  uint16(): number {
    return this.#buffer.readUInt16BE(this.#advance(2));
  }

  uint32(): number {
    return this.#buffer.readUInt32BE(this.#advance(4));
  }

  /** Above 2^53 the result is rounded: no delivery tag or body size of that size exists. */
  uint64(): number {
    const at = this.#advance(8);
    return this.#buffer.readUInt32BE(at) * 0x1_0000_0000 + this.#buffer.readUInt32BE(at + 4);
  }

  bigUint64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#advance(8));
  }

  /** Throws 501 `Malformed UTF-8 in shortstr`, without naming the method: nor does RabbitMQ. */
  shortString(): string {
    const length = this.uint8();
    const at = this.#advance(length);
    const text = decodeUtf8(this.#buffer, at, at + length);
    if (text === undefined) throw new AmqpError(ReplyCode.FrameError, 'Malformed UTF-8 in shortstr');
    return text;
  }

  /** A short string that may hold any bytes; see text.ts. */
  rawShortString(): string {
    const length = this.uint8();
    const at = this.#advance(length);
    return decodeText(this.#buffer, at, at + length);
  }

  /** A copy of the bytes. */
  longString(): Buffer {
    const length = this.uint32();
    const at = this.#advance(length);
    return Buffer.from(this.#buffer.subarray(at, at + length));
  }

  table(): FieldTable {
    const length = this.uint32();
    const at = this.#advance(length);
    try {
      return decodeTable(this.#buffer, at, at + length);
    } catch (error) {
      throw error instanceof AmqpError ? error.during(this.#method) : error;
    }
  }

  /** Everything must have been read. */
  finish(): void {
    if (this.#at !== this.#end) throw this.#undecodable();
  }

  /** Steps over `bytes` and returns where they begin. */
  #advance(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#end - at) throw this.#undecodable();
    this.#at = at + bytes;
    return at;
  }

  #undecodable(): AmqpError {
    return undecodable(this.#buffer, this.#start, this.#end).during(this.#method);
  }
}

/** 501 for bytes that are not what their place demands. */
export function undecodable(buffer: Buffer, start: number, end: number): AmqpError {
  return new AmqpError(ReplyCode.FrameError, `cannot decode ${octetList(buffer, start, end)}`);
}
