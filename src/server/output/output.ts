import { RecordFlag, RecordOffset, recordHeaderBytes } from '../../broker/log/record.ts';
import type { Segment } from '../../broker/log/segment.ts';
import { Message } from '../../broker/message.ts';
import { withoutBlindCopies } from '../../broker/routing/copy-headers.ts';
import { ByteWriter } from '../../protocol/byte-writer.ts';
import { copyBytes, putUint32, uint16At, uint32At } from '../../protocol/bytes.ts';
import { FrameType, frameEnd, frameOverhead, framePrefixBytes } from '../../protocol/frame-reader.ts';
import { encodeBasicAck, encodeBasicNack, encodeMethod, type Method } from '../../protocol/methods.ts';
import { propertiesOffset } from '../../protocol/properties.ts';
import type { ByteStream } from '../sockets/transport.ts';
import { startFrame } from './frame-start.ts';
import { LargeBody, largeBodyBytes } from './large-body.ts';
import { bufferBytes, largeBufferBytes, recycle, smallBufferBytes, takeBuffer } from './output-buffers.ts';
import { WaitingOutput } from './waiting-output.ts';

/** Above this many bytes that the socket has not taken, the connection's consumers get nothing more. */
const congestedBytes = 1024 * 1024;

/** Less than this waits for more of a flood, and is copied rather than kept in its buffer while the socket is full. */
const smallWriteBytes = 64 * 1024;

/** From so many connections on, what a flood brings for each of them is little. */
const spreadOutputs = 4;

/** Turns that little output waits for more of a flood. */
const waitedTurnsMax = 3;

/** Outputs that will be written at the end of this turn. */
let waitingCount = 0;

/** Full chunks that have come in. */
let fullChunks = 0;

/** So many connections are written to at the end of this turn of the event loop. */
export function outputsWaiting(): number {
  return waitingCount;
}

/** A chunk was full that has been dealt with: there is more to come. */
export function moreComes(): void {
  fullChunks++;
}

const methodWriter = new ByteWriter(1024);

/** Something with more to say just before the output is written: confirms that were collected. */
export interface BeforeFlush {
  beforeFlush(): void;
}

/**
 * What goes out to one connection. Frames are laid end to end in a buffer that is written once a turn of
 * the event loop, whatever number of channels and queues contributed to it; while a flood comes in that goes out to
 * several connections, once in a few turns. Only a large body takes several turns, and what is said meanwhile waits for
 * it.
 */
export class Output {
  readonly #socket: ByteStream;
  /** Behind a large body. */
  readonly #waiting: WaitingOutput;
  #buffer: Buffer | undefined;
  #at = 0;
  #isScheduled = false;
  /** Turns since it was scheduled, and {@link fullChunks} in the last of them. */
  #waitedTurns = 0;
  #fullChunksSeen = 0;
  #isFlushingSoon = false;
  #isClosed = false;
  /** The last write was more than a small buffer holds. */
  #isBusy = false;
  #beforeFlush: BeforeFlush[] = [];
  readonly #onDrain: () => void;
  #wasCongested = false;
  /** Writes to the socket. */
  writes = 0;

  /** `onDrain` is called when the socket has caught up after {@link isCongested} was true. */
  constructor(socket: ByteStream, onDrain: () => void) {
    this.#socket = socket;
    this.#onDrain = onDrain;
    this.#waiting = new WaitingOutput(socket, () => {
      this.writes++;
      this.#drained();
    });
    socket.on('drain', () => this.#drained());
  }

  /** The client does not read as fast as we write: feed it nothing more until it has caught up. */
  get isCongested(): boolean {
    if (this.unreadBytes <= congestedBytes) return false;
    this.#wasCongested = true;
    return true;
  }

  /** What was written and the socket has not taken. */
  get unreadBytes(): number {
    const { writableLength } = this.#socket;
    return this.#waiting.isEmpty ? writableLength : writableLength + this.#waiting.byteLength;
  }

  method(channel: number, method: Method): void {
    methodWriter.clear();
    encodeMethod(methodWriter, method);
    this.#methodFrame(channel, methodWriter.buffer, methodWriter.length);
  }

  /** A method as `encodeMethod` writes it. */
  encodedMethod(channel: number, method: Buffer): void {
    this.#methodFrame(channel, method, method.length);
  }

  ack(channel: number, deliveryTag: number, multiple: boolean): void {
    methodWriter.clear();
    encodeBasicAck(methodWriter, deliveryTag, multiple);
    this.#methodFrame(channel, methodWriter.buffer, methodWriter.length);
  }

  nack(channel: number, deliveryTag: number, multiple: boolean): void {
    methodWriter.clear();
    encodeBasicNack(methodWriter, deliveryTag, multiple, false);
    this.#methodFrame(channel, methodWriter.buffer, methodWriter.length);
  }

  #methodFrame(channel: number, method: Buffer, length: number): void {
    const out = this.#reserve(length + frameOverhead);
    let at = startFrame(out, this.#at, FrameType.Method, channel, length);
    at = copyBytes(method, 0, length, out, at);
    out[at++] = frameEnd;
    this.#at = at;
  }

  /** Bytes that are not frames (the protocol header). */
  raw(bytes: Buffer): void {
    const out = this.#reserve(bytes.length);
    this.#at = copyBytes(bytes, 0, bytes.length, out, this.#at);
  }

  /**
   * A basic.deliver with its content, straight from the record. `prefix` is the method frame up to and
   * including the consumer tag, made by {@link deliverPrefix}; its size is filled in here.
   */
  deliver(
    prefix: Buffer,
    channel: number,
    deliveryTag: number,
    redelivered: boolean,
    segment: Segment,
    index: number,
    frameMax: number,
  ): void {
    const { buffer, offsets } = segment.expectSlab();
    const record = offsets[index] ?? 0;
    const end = offsets[index + 1] ?? 0;
    const start = record + recordHeaderBytes;
    const addressSize = uint16At(buffer, record + RecordOffset.AddressSize);
    const bodySize = uint32At(buffer, record + RecordOffset.BodySize);
    const hasBlindCopies = ((buffer[record + RecordOffset.Flags] ?? 0) & RecordFlag.BlindCopies) !== 0;
    const isCut = bodySize > largeBodyBytes || (frameMax !== 0 && bodySize > frameMax - frameOverhead);
    const isChanged = hasBlindCopies || isCut;
    const out = this.#reserve(prefix.length + 9 + (isChanged ? addressSize : end - start));
    let at = copyBytes(prefix, 0, prefix.length, out, this.#at);
    const methodSize = prefix.length - framePrefixBytes + 9 + addressSize - 1;
    out[this.#at + 5] = methodSize >>> 8;
    out[this.#at + 6] = methodSize;
    at = putUint32(out, at, Math.floor(deliveryTag / 2 ** 32));
    at = putUint32(out, at, deliveryTag >>> 0);
    out[at++] = redelivered ? 1 : 0;
    if (isChanged) {
      this.#at = copyBytes(buffer, start, start + addressSize, out, at);
      if (hasBlindCopies) this.message(channel, frameMax, Message.fromRecord(buffer, record, end));
      else this.content(channel, frameMax, buffer, start + addressSize, end, bodySize);
      return;
    }
    const header = at + addressSize;
    at = copyBytes(buffer, start, end, out, at);
    out[header + 1] = channel >>> 8;
    out[header + 2] = channel;
    if (bodySize > 0) {
      const body = at - bodySize - frameOverhead;
      out[body + 1] = channel >>> 8;
      out[body + 2] = channel;
    }
    this.#at = at;
  }

  /** Content header frame and body of a message, without what is for the broker only. */
  message(channel: number, frameMax: number, message: Message): void {
    const { frames, framesStart, framesEnd, bodySize } = withoutBlindCopies(message);
    this.content(channel, frameMax, frames, framesStart, framesEnd, bodySize);
  }

  /** Content header frame and body of `buffer[start, end)`, the body cut to the connection's frame size. */
  content(
    channel: number,
    frameMax: number,
    buffer: Buffer,
    start: number,
    end: number,
    bodySize: number,
  ): void {
    const bodyFrameSize = bodySize === 0 ? 0 : bodySize + frameOverhead;
    const headerEnd = end - bodyFrameSize;
    const out = this.#reserve(headerEnd - start);
    copyBytes(buffer, start, headerEnd, out, this.#at);
    out[this.#at + 1] = channel >>> 8;
    out[this.#at + 2] = channel;
    this.#at += headerEnd - start;
    this.#body(channel, frameMax, buffer, end - 1, bodySize);
  }

  /** A basic.deliver of a message that comes again, with other properties than those it is queued with. */
  deliverAgain(
    prefix: Buffer,
    channel: number,
    deliveryTag: number,
    message: Message,
    properties: Buffer,
    frameMax: number,
  ): void {
    const { address, addressStart, addressEnd } = message;
    const methodSize = prefix.length - framePrefixBytes + 9 + addressEnd - addressStart;
    const out = this.#reserve(methodSize + frameOverhead);
    let at = copyBytes(prefix, 0, prefix.length, out, this.#at);
    out[this.#at + 5] = methodSize >>> 8;
    out[this.#at + 6] = methodSize;
    at = putUint32(out, at, Math.floor(deliveryTag / 2 ** 32));
    at = putUint32(out, at, deliveryTag >>> 0);
    out[at++] = 1;
    at = copyBytes(address, addressStart, addressEnd, out, at);
    out[at++] = frameEnd;
    this.#at = at;
    this.contentWith(channel, frameMax, message, properties);
  }

  /** Content header frame and body of a message, with other properties than its own. */
  contentWith(channel: number, frameMax: number, message: Message, properties: Buffer): void {
    const { frames, framesStart, framesEnd, bodySize } = message;
    const headerSize = propertiesOffset + properties.length;
    const out = this.#reserve(headerSize + frameOverhead);
    let at = startFrame(out, this.#at, FrameType.Header, channel, headerSize);
    const header = framesStart + framePrefixBytes;
    at = copyBytes(frames, header, header + propertiesOffset, out, at);
    at = copyBytes(properties, 0, properties.length, out, at);
    out[at++] = frameEnd;
    this.#at = at;
    this.#body(channel, frameMax, frames, framesEnd - 1, bodySize);
  }

  /** The `bodySize` bytes of `buffer` before `bodyEnd`, in frames of the connection's size. */
  #body(channel: number, frameMax: number, buffer: Buffer, bodyEnd: number, bodySize: number): void {
    if (bodySize > largeBodyBytes) {
      this.#write();
      this.#waiting.addBody(new LargeBody(channel, frameMax, buffer, bodyEnd - bodySize, bodyEnd));
      return;
    }
    const pieceMax = frameMax === 0 ? bodySize : frameMax - frameOverhead;
    for (let from = bodyEnd - bodySize; from < bodyEnd; from += pieceMax) {
      const to = Math.min(bodyEnd, from + pieceMax);
      const piece = this.#reserve(to - from + frameOverhead);
      let at = startFrame(piece, this.#at, FrameType.Body, channel, to - from);
      at = copyBytes(buffer, from, to, piece, at);
      piece[at++] = frameEnd;
      this.#at = at;
    }
  }

  /** Calls `source` once, just before the next write. */
  callBeforeFlush(source: BeforeFlush): void {
    this.#beforeFlush.push(source);
    this.#schedule();
  }

  /** Writes what there is now rather than at the end of the turn. */
  flush(): void {
    if (this.#isScheduled) {
      this.#isScheduled = false;
      waitingCount--;
    }
    if (this.#beforeFlush.length > 0) {
      const sources = this.#beforeFlush;
      this.#beforeFlush = [];
      for (const source of sources) source.beforeFlush();
    }
    this.#write();
  }

  /** Writes as soon as the code that runs now is done. */
  flushSoon(): void {
    if (this.#isFlushingSoon) return;
    this.#isFlushingSoon = true;
    queueMicrotask(() => {
      this.#isFlushingSoon = false;
      this.flush();
    });
  }

  /** Nothing is written any more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
    if (this.#buffer !== undefined) recycle(this.#buffer);
    this.#buffer = undefined;
    this.#at = 0;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    waitingCount++;
    this.#waitedTurns = 0;
    this.#fullChunksSeen = fullChunks;
    setImmediate(this.#turnEnded);
  }

  readonly #turnEnded = (): void => {
    if (!this.#isScheduled) return;
    if (this.#paysToWait) {
      this.#waitedTurns++;
      this.#fullChunksSeen = fullChunks;
      setImmediate(this.#turnEnded);
    } else {
      this.flush();
    }
  };

  /** A flood goes on that is spread over several connections: the next turn is likely to add to what there is. */
  get #paysToWait(): boolean {
    return (
      this.#fullChunksSeen !== fullChunks &&
      waitingCount >= spreadOutputs &&
      this.#waitedTurns < waitedTurnsMax &&
      this.#at < smallWriteBytes &&
      this.#beforeFlush.length === 0
    );
  }

  /** The buffer to write to at `#at`, with room for `bytes`. */
  #reserve(bytes: number): Buffer {
    const buffer = this.#buffer;
    if (buffer !== undefined && this.#at + bytes <= buffer.length) return buffer;
    if (buffer?.length === smallBufferBytes && this.#at + bytes <= bufferBytes) return this.#outgrow(buffer);
    this.#write();
    const fresh = takeBuffer(this.#isBusy ? roomyBytes(bytes) : bytes);
    this.#buffer = fresh;
    this.#schedule();
    return fresh;
  }

  /** Goes on in a large buffer, so that it is one write all the same. */
  #outgrow(small: Buffer): Buffer {
    const large = takeBuffer(bufferBytes);
    copyBytes(small, 0, this.#at, large, 0);
    recycle(small);
    this.#buffer = large;
    return large;
  }

  #write(): void {
    const buffer = this.#buffer;
    const length = this.#at;
    this.#buffer = undefined;
    this.#at = 0;
    if (buffer === undefined) return;
    this.#isBusy = length > smallBufferBytes;
    if (length === 0 || this.#isClosed || !this.#socket.writable) {
      recycle(buffer);
      return;
    }
    this.writes++;
    const written = buffer.subarray(0, length);
    if (!this.#waiting.isEmpty) {
      this.#waiting.addBytes(Buffer.from(written));
      recycle(buffer);
      return;
    }
    // Behind a full socket a small write would pin a whole buffer for as long as the client does not read.
    if (length < smallWriteBytes && this.#socket.writableLength > 0) {
      this.#socket.write(Buffer.from(written));
      recycle(buffer);
    } else {
      this.#socket.write(written, () => recycle(buffer));
    }
  }

  #drained(): void {
    if (!this.#wasCongested || this.unreadBytes > congestedBytes) return;
    this.#wasCongested = false;
    this.#onDrain();
  }
}

/** More than these `bytes` are to be expected. */
function roomyBytes(bytes: number): number {
  return Math.max(bytes, bytes > smallBufferBytes ? largeBufferBytes : bufferBytes);
}

const basicDeliver = 0x003c003c;

/** The part of basic.deliver's frame that is the same for every message to a consumer. */
export function deliverPrefix(channel: number, consumerTag: string): Buffer {
  const tag = Buffer.from(consumerTag);
  const prefix = Buffer.alloc(framePrefixBytes + 4 + 1 + tag.length);
  startFrame(prefix, 0, FrameType.Method, channel, 0);
  prefix.writeUInt32BE(basicDeliver, framePrefixBytes);
  prefix.writeUInt8(tag.length, framePrefixBytes + 4);
  tag.copy(prefix, framePrefixBytes + 5);
  return prefix;
}
