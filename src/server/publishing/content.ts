import { recordPrefixBytes } from '../../broker/log/record-bytes.ts';
import { contentBytes, Message, startBodyFrame } from '../../broker/message.ts';
import { copyBytes, uint32At } from '../../protocol/bytes.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { FrameType, frameEnd, framePrefixBytes } from '../../protocol/frame-reader.ts';
import { decodeMethod, MethodId } from '../../protocol/methods.ts';
import { basicClassId, decodeContentHeader } from '../../protocol/properties.ts';
import { type Address, AddressCache, isSameBytes } from './address-cache.ts';
import { ScratchPool } from './scratch-pool.ts';

/** RabbitMQ's limit for any body; a header that announces more is not believed. */
const bodyBytesMax = 512 * 1024 * 1024;
/** First size of the buffer for a body that comes in pieces: memory for bytes that came, not for promises. */
const assemblyBytesMin = 1024 * 1024;
/** From here on there is room for all of it: what the kernel gives memory for is only what has been written to. */
const assemblyBytesWhole = 1024 * 1024;
/** reserved-1 before the address in basic.publish, and the octet of bits behind it. */
const reservedBytes = 2;
const mandatoryBit = 1;
const immediateBit = 2;

/** For all channels together: most messages are complete before another one begins. */
const assemblies = new ScratchPool();

/** The same: publishers of one kind send to the same addresses. */
const addresses = new AddressCache();

const nowhere: Address = { bytes: Buffer.alloc(0), exchange: '', routingKey: '' };

const Expecting = { Method: 0, Header: 1, Body: 2 } as const;

/**
 * Puts the three parts of a publish (method, content header, body) together on one channel.
 *
 * A message that lies whole in the chunk it came in is not copied: {@link message} becomes a view of the
 * chunk. Only one that arrives in pieces is collected in a buffer of its own, in the same form. Of a large one that
 * buffer becomes its record ({@link Message.takeRecord}): copying 128 MiB would hold everybody up.
 */
export class ContentAssembler {
  readonly message = new Message();
  mandatory = false;
  immediate = false;
  /** The publish had the same exchange and routing key as the one before. */
  sameAddress = false;
  /** Announced size of the body; `message` has it too unless it was over the limit. */
  bodySize = 0;

  readonly #messageBytesMax: number;
  #expecting: (typeof Expecting)[keyof typeof Expecting] = Expecting.Method;
  #address = nowhere;
  #header: Buffer = nowhere.bytes;
  #headerStart = 0;
  #headerEnd = 0;
  #received = 0;
  #assembly: Buffer | undefined;
  /** What `message` is a view of, if it was put together from pieces. */
  #complete: Buffer | undefined;

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax;
  }

  /** A publish has begun and its content is not complete: no other method may come. */
  get isExpectingContent(): boolean {
    return this.#expecting !== Expecting.Method;
  }

  /** The message was received but is larger than the broker takes. */
  get isTooLarge(): boolean {
    return this.bodySize > this.#messageBytesMax;
  }

  /** What a method frame in the middle of a publish gets. */
  unexpectedMethod(): AmqpError {
    const part = this.#expecting === Expecting.Header ? 'header for class 60' : 'body';
    const what = this.#expecting === Expecting.Header ? 'header' : 'body';
    return unexpectedFrame(`expected content ${part}, got non content ${what} frame instead`);
  }

  /** Arguments of basic.publish in buffer[start,end). */
  publish(buffer: Buffer, start: number, end: number): void {
    const addressStart = start + reservedBytes;
    const addressEnd = end - 1;
    this.sameAddress = isSameBytes(this.#address.bytes, buffer, addressStart, addressEnd);
    if (!this.sameAddress) this.#address = addressOf(buffer, start, end);
    const { bytes, exchange, routingKey } = this.#address;
    this.message.setAddress(bytes, 0, bytes.length, exchange, routingKey);
    const bits = buffer[addressEnd] ?? 0;
    this.mandatory = (bits & mandatoryBit) !== 0;
    this.immediate = (bits & immediateBit) !== 0;
    this.#expecting = Expecting.Header;
  }

  /** Content header payload in buffer[start,end). True when the message is complete (no body). */
  header(buffer: Buffer, start: number, end: number): boolean {
    if (this.#expecting !== Expecting.Header) throw this.#strayContent();
    const { classId, weight, bodySize } = decodeContentHeader(buffer, start, end);
    if (classId !== basicClassId) {
      throw unexpectedFrame(`expected content header for class 60, got one for class ${classId} instead`);
    }
    if (weight !== 0) throw this.unexpectedMethod();
    if (bodySize > bodyBytesMax) {
      const text = `content body size ${bodySize} exceeds maximum allowed size ${bodyBytesMax}`;
      throw new AmqpError(ReplyCode.FrameError, text).during(MethodId.BasicPublish);
    }
    this.bodySize = bodySize;
    this.#header = buffer;
    this.#headerStart = start;
    this.#headerEnd = end;
    // It may stay where it is only if all of the body comes next in the same chunk.
    if (bodySize > 0 && !isFollowedByBody(buffer, start, end, bodySize)) this.#copyHeader();
    this.#received = 0;
    this.#expecting = Expecting.Body;
    if (bodySize > 0) return false;
    if (start >= framePrefixBytes) this.#completed(buffer, start - framePrefixBytes, end + 1);
    else this.#completeAssembly();
    return true;
  }

  /** Input stops behind the header: the rest of its chunk is handed out later, from other memory. */
  keepHeader(): void {
    if (this.#expecting === Expecting.Body) this.#copyHeader();
  }

  #copyHeader(): void {
    this.#header = Buffer.from(this.#header.subarray(this.#headerStart, this.#headerEnd));
    this.#headerEnd -= this.#headerStart;
    this.#headerStart = 0;
  }

  /** Body bytes in buffer[start,end), a whole frame or a piece of one. True when the message is complete. */
  body(buffer: Buffer, start: number, end: number): boolean {
    if (this.#expecting !== Expecting.Body) throw this.#strayContent();
    const size = end - start;
    const isWholeInChunk =
      size === this.bodySize &&
      buffer === this.#header &&
      start === this.#headerEnd + 1 + framePrefixBytes &&
      end < buffer.length &&
      !this.isTooLarge;
    if (isWholeInChunk) {
      this.#completed(buffer, this.#headerStart - framePrefixBytes, end + 1);
      return true;
    }
    if (this.#received + size > this.bodySize) {
      const text = 'content body frame exceeds remaining content size';
      throw new AmqpError(ReplyCode.FrameError, text).during(MethodId.BasicPublish);
    }
    if (!this.isTooLarge) this.#collect(buffer, start, end);
    this.#received += size;
    if (this.#received < this.bodySize) return false;
    if (this.isTooLarge) this.#expecting = Expecting.Method;
    else this.#completeAssembly();
    return true;
  }

  /** The message is dealt with later: it needs memory of its own until then. */
  keep(): void {
    if (this.message.isOwn) return;
    const { frames, framesStart, framesEnd, propertiesEnd, bodySize } = this.message;
    const headerSize = propertiesEnd - framesStart - framePrefixBytes;
    const own = Buffer.from(frames.subarray(framesStart, framesEnd));
    this.message.setFrames(own, 0, own.length, headerSize, bodySize);
  }

  /** The message has been dealt with: its bytes are not needed any more, here at least. */
  letGo(): void {
    this.message.letGo();
    if (this.#complete === undefined) return;
    assemblies.release(this.#complete);
    this.#complete = undefined;
  }

  #completed(frames: Buffer, start: number, end: number): void {
    this.#expecting = Expecting.Method;
    this.message.setFrames(frames, start, end, this.#headerEnd - this.#headerStart, this.bodySize);
    this.#header = nowhere.bytes;
  }

  #collect(buffer: Buffer, start: number, end: number): void {
    const at = this.#bodyOffset + this.#received;
    this.#assemblyFor(at + end - start).set(buffer.subarray(start, end), at);
  }

  #completeAssembly(): void {
    const start = this.#framesOffset;
    const end = start + contentBytes(this.#headerEnd - this.#headerStart, this.bodySize);
    const assembly = this.#assemblyFor(end);
    assembly[end - 1] = frameEnd;
    this.#assembly = undefined;
    this.#complete = assembly;
    this.#completed(assembly, start, end);
    this.message.isOwn = !assemblies.keeps(assembly);
  }

  /** Where the frames begin in the assembly: behind what a record begins with. */
  get #framesOffset(): number {
    return recordPrefixBytes(this.message);
  }

  /** Where the body begins in the assembly: behind the header frame and the start of its own frame. */
  get #bodyOffset(): number {
    return this.#framesOffset + contentBytes(this.#headerEnd - this.#headerStart, 0) + framePrefixBytes;
  }

  /** The assembly with room for `bytes`, its header frame and the start of the body frame in place. */
  #assemblyFor(bytes: number): Buffer {
    const old = this.#assembly;
    if (old !== undefined && bytes <= old.length) return old;
    const headerSize = this.#headerEnd - this.#headerStart;
    const start = this.#framesOffset;
    const whole = start + contentBytes(headerSize, this.bodySize);
    const grown = Math.max(bytes, assemblyBytesMin, (old?.length ?? 0) * 2);
    const assembly = assemblies.take(grown > assemblyBytesWhole ? whole : Math.min(whole, grown));
    if (old === undefined) {
      assembly[start] = FrameType.Header;
      assembly.writeUInt32BE(headerSize, start + 3);
      const headerAt = start + framePrefixBytes;
      const at = copyBytes(this.#header, this.#headerStart, this.#headerEnd, assembly, headerAt);
      assembly[at] = frameEnd;
      if (this.bodySize > 0) startBodyFrame(assembly, at + 1, this.bodySize);
    } else {
      old.copy(assembly, 0, 0, this.#bodyOffset + this.#received);
      assemblies.release(old);
    }
    this.#assembly = assembly;
    return assembly;
  }

  #strayContent(): AmqpError {
    if (this.#expecting !== Expecting.Method) return this.unexpectedMethod();
    return new AmqpError(ReplyCode.UnexpectedFrame, 'expected method frame, got non method frame instead');
  }
}

/** Whether the frame behind the content header in buffer[start,end) is of the same channel and holds the whole body. */
function isFollowedByBody(buffer: Buffer, start: number, end: number, bodySize: number): boolean {
  const next = end + 1;
  return (
    start >= framePrefixBytes &&
    next + framePrefixBytes + bodySize < buffer.length &&
    buffer[next] === FrameType.Body &&
    buffer[next + 1] === buffer[start - framePrefixBytes + 1] &&
    buffer[next + 2] === buffer[start - framePrefixBytes + 2] &&
    uint32At(buffer, next + 3) === bodySize
  );
}

function unexpectedFrame(text: string): AmqpError {
  return new AmqpError(ReplyCode.UnexpectedFrame, text).during(MethodId.BasicPublish);
}

/** Apart from the hot path: a function that makes a closure allocates with every call. */
function addressOf(buffer: Buffer, start: number, end: number): Address {
  return addresses.find(buffer, start + reservedBytes, end - 1, () => decodeAddress(buffer, start, end));
}

/** Of the arguments of basic.publish in buffer[start,end). */
function decodeAddress(buffer: Buffer, start: number, end: number): Address {
  const method = decodeMethod(MethodId.BasicPublish, buffer, start, end);
  if (method.id !== MethodId.BasicPublish) throw new Error('decoded another method');
  const { exchange, routingKey } = method;
  return { bytes: Buffer.from(buffer.subarray(start + reservedBytes, end - 1)), exchange, routingKey };
}
