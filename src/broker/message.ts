import { ByteWriter } from '../protocol/byte-writer.ts';
import { uint16At, uint32At } from '../protocol/bytes.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import { decodeTable } from '../protocol/field-table-codec.ts';
import { frameEnd, framePrefixBytes } from '../protocol/frame-reader.ts';
import {
  PropertyScan,
  persistentDeliveryMode,
  propertiesOffset,
  scanProperties,
} from '../protocol/properties.ts';
import { decodeText } from '../protocol/text.ts';
import { RecordFlag, RecordOffset, recordHeaderBytes } from './log/record.ts';

const nothing = Buffer.alloc(0);

/**
 * A message on its way into queues: views of the bytes it arrived in, which are valid only until the call
 * it is passed to returns. One object serves a channel for all its messages.
 */
export class Message {
  exchange = '';
  routingKey = '';

  /** Exchange and routing key as two encoded short strings. */
  address: Buffer = nothing;
  addressStart = 0;
  addressEnd = 0;

  /**
   * The content header frame and, unless the body is empty, one body frame, end to end. The channel
   * numbers in them mean nothing.
   */
  frames: Buffer = nothing;
  framesStart = 0;
  framesEnd = 0;
  bodySize = 0;

  /**
   * {@link frames} is memory that nobody else uses, with the frames at its end and room for the rest of a record in
   * front of them: it may become the record.
   */
  isOwn = false;

  /**
   * Nothing else has to become durable with the same commit: a log may have the record written before its commit. Then
   * it adds a promise here, with which the record has become part of the next commit. Undefined: it may not.
   */
  ahead: Promise<void>[] | undefined;

  persistent = false;
  priority = 0;
  /** Milliseconds from the expiration property, once checked; -1: none. */
  expirationMs = -1;
  /** There is a BCC header, which nobody outside the broker is to see. */
  hasBlindCopies = false;
  /** Where the properties lie in {@link frames}. */
  readonly scan = new PropertyScan();

  #headerSize = 0;
  #headers: FieldTable | undefined;

  /** @throws AmqpError 501 when the property list cannot be read */
  setFrames(buffer: Buffer, start: number, end: number, headerSize: number, bodySize: number): void {
    this.frames = buffer;
    this.framesStart = start;
    this.framesEnd = end;
    this.bodySize = bodySize;
    this.isOwn = false;
    this.expirationMs = -1;
    this.hasBlindCopies = false;
    this.#headerSize = headerSize;
    this.#headers = undefined;
    scanProperties(buffer, this.propertiesStart, this.propertiesEnd, this.scan);
    this.persistent = this.scan.deliveryMode === persistentDeliveryMode;
    this.priority = this.scan.priority;
  }

  setAddress(buffer: Buffer, start: number, end: number, exchange: string, routingKey: string): void {
    this.address = buffer;
    this.addressStart = start;
    this.addressEnd = end;
    this.exchange = exchange;
    this.routingKey = routingKey;
  }

  /** Forgets the bytes: a channel that publishes nothing more must not hold on to them, which may be 128 MiB. */
  letGo(): void {
    this.address = nothing;
    this.frames = nothing;
    this.isOwn = false;
    this.ahead = undefined;
    this.#headers = undefined;
  }

  /** The memory for a record of so many bytes in which the frames lie in place already; undefined: there is none. */
  takeRecord(recordBytes: number): Buffer | undefined {
    const { frames, framesEnd } = this;
    if (!this.isOwn || framesEnd !== recordBytes || frames.length !== recordBytes) return undefined;
    this.isOwn = false;
    return frames;
  }

  /** Where the property list (flags and values) starts and ends in {@link frames}. */
  get propertiesStart(): number {
    return this.framesStart + framePrefixBytes + propertiesOffset;
  }

  get propertiesEnd(): number {
    return this.framesStart + framePrefixBytes + this.#headerSize;
  }

  /** The headers table, decoded on first use. */
  get headers(): FieldTable | undefined {
    if (this.#headers === undefined && this.scan.headersEnd !== 0) {
      this.#headers = decodeTable(this.frames, this.scan.headersStart, this.scan.headersEnd);
    }
    return this.#headers;
  }

  /** The body: a view, not a copy. */
  get body(): Buffer {
    if (this.bodySize === 0) return nothing;
    const end = this.framesEnd - 1;
    return this.frames.subarray(end - this.bodySize, end);
  }

  /** A message of the broker's own making; `properties` is an encoded property list (flags and values). */
  static of(exchange: string, routingKey: string, properties: Buffer, body: Buffer): Message {
    const message = new Message();
    message.#encodeAddress(exchange, routingKey);
    const headerSize = propertiesOffset + properties.length;
    const frames = Buffer.allocUnsafe(contentBytes(headerSize, body.length));
    const at = writeContentHeaderFrame(frames, 0, properties, body.length);
    if (body.length > 0) body.copy(frames, startBodyFrame(frames, at, body.length));
    if (body.length > 0) frames[frames.length - 1] = frameEnd;
    message.setFrames(frames, 0, frames.length, headerSize, body.length);
    return message;
  }

  /** The same message in memory of its own: in what this one has, or in new memory. */
  copy(): Message {
    const copy = new Message();
    const address = Buffer.from(this.address.subarray(this.addressStart, this.addressEnd));
    copy.setAddress(address, 0, address.length, this.exchange, this.routingKey);
    if (this.isOwn) {
      copy.setFrames(this.frames, this.framesStart, this.framesEnd, this.#headerSize, this.bodySize);
      copy.isOwn = true;
      this.isOwn = false;
    } else {
      const frames = Buffer.from(this.frames.subarray(this.framesStart, this.framesEnd));
      copy.setFrames(frames, 0, frames.length, this.#headerSize, this.bodySize);
    }
    copy.expirationMs = this.expirationMs;
    copy.hasBlindCopies = this.hasBlindCopies;
    return copy;
  }

  /** The message goes on with another property list (flags and values), in memory of its own. */
  replaceProperties(properties: Buffer): void {
    const { expirationMs, hasBlindCopies } = this;
    const { frames, framesEnd, bodySize } = Message.of(this.exchange, this.routingKey, properties, this.body);
    this.setFrames(frames, 0, framesEnd, propertiesOffset + properties.length, bodySize);
    this.expirationMs = expirationMs;
    this.hasBlindCopies = hasBlindCopies;
  }

  #encodeAddress(exchange: string, routingKey: string): void {
    const writer = new ByteWriter();
    writer.shortString(exchange);
    writer.shortString(routingKey);
    const bytes = writer.bytes();
    this.setAddress(bytes, 0, bytes.length, exchange, routingKey);
  }

  /** A view of a queued record. Valid while its segment stays in memory. */
  static fromRecord(buffer: Buffer, start: number, end: number): Message {
    const message = new Message();
    const address = start + recordHeaderBytes;
    const exchangeEnd = address + 1 + (buffer[address] ?? 0);
    const routingKeyEnd = exchangeEnd + 1 + (buffer[exchangeEnd] ?? 0);
    message.setAddress(
      buffer,
      address,
      routingKeyEnd,
      decodeText(buffer, address + 1, exchangeEnd),
      decodeText(buffer, exchangeEnd + 1, routingKeyEnd),
    );
    const frames = address + uint16At(buffer, start + RecordOffset.AddressSize);
    const bodySize = uint32At(buffer, start + RecordOffset.BodySize);
    message.setFrames(buffer, frames, end, uint32At(buffer, frames + 3), bodySize);
    message.hasBlindCopies = ((buffer[start + RecordOffset.Flags] ?? 0) & RecordFlag.BlindCopies) !== 0;
    return message;
  }
}

/** Bytes of a content header frame and the body frame behind it. */
export function contentBytes(headerSize: number, bodySize: number): number {
  const overhead = framePrefixBytes + 1;
  return overhead + headerSize + (bodySize > 0 ? overhead + bodySize : 0);
}

function writeContentHeaderFrame(into: Buffer, start: number, properties: Buffer, bodySize: number): number {
  const size = propertiesOffset + properties.length;
  let at = into.writeUInt8(2, start);
  at = into.writeUInt16BE(0, at);
  at = into.writeUInt32BE(size, at);
  at = into.writeUInt32BE(60 << 16, at);
  at = into.writeBigUInt64BE(BigInt(bodySize), at);
  at += properties.copy(into, at);
  return into.writeUInt8(frameEnd, at);
}

/** Writes the seven octets before a body; returns the offset of the body. */
export function startBodyFrame(into: Buffer, start: number, bodySize: number): number {
  let at = into.writeUInt8(3, start);
  at = into.writeUInt16BE(0, at);
  return into.writeUInt32BE(bodySize, at);
}
