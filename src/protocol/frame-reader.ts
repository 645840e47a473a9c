import { uint32At } from './bytes.ts';
import { AmqpError, ReplyCode } from './errors.ts';
import { payloadSnippet } from './octets.ts';

/** The first eight octets of every AMQP 0-9-1 connection. */
export const protocolHeader: Buffer = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1');

/** First octet of a frame (specification, section 4.2.3). */
export const FrameType = { Method: 1, Header: 2, Body: 3, Heartbeat: 8 } as const;

/** Last octet of a frame. */
export const frameEnd = 0xce;

/** Octets of a frame around its payload: type, channel, size; end octet. */
export const frameOverhead = 8;

/** Octets before the payload: type, channel and size. */
export const framePrefixBytes = 7;

/** Class id and method id at the start of a method frame's payload. */
export const methodIdBytes = 4;

/** Class id, weight, body size: a content header has no less. */
const headerBytesMin = 12;

/** RabbitMQ forgives a payload that is this much too large: clients disagree on whether frame_max includes the frame's own octets. */
const frameSizeSlack = 8;

/** Applies where no frame_max was agreed on (0). A table or property list beyond it is no honest one. */
const unlimitedPayloadMax = 128 * 1024 * 1024;

/** What is held back while paused. A socket that is paused too delivers at most a chunk or two more. */
const heldBytesMax = 16 * 1024 * 1024;

/** First size of the buffer for a frame that is split between chunks: a peer gets memory for bytes, not for promises. */
const assemblyBytesMin = 4096;

/** Where frames go. Buffers are good until the call returns: whoever keeps anything copies it. */
export interface FrameHandler {
  /** Arguments of method `id` (class id << 16 | method id) are buffer[start,end). */
  method(channel: number, id: number, buffer: Buffer, start: number, end: number): void;
  /** Content header payload, from the class id on: at least 12 octets. */
  header(channel: number, buffer: Buffer, start: number, end: number): void;
  /** Body bytes as they arrive; one body frame may come in several pieces (split at chunk boundaries). */
  body(channel: number, buffer: Buffer, start: number, end: number): void;
  /** A sign of life, and nothing else. */
  heartbeat(): void;
  /** At the end of every push and resume: nothing more can be handed out for now. */
  chunkEnd(): void;
}

/**
 * Cuts a byte stream, in whatever chunks it arrives, into frames.
 *
 * Throws AmqpError for what is not a frame, and lets errors of the handler pass. Either way the frame at
 * fault is done with and the bytes after it are kept: `resume()` goes on with the next frame, and only then
 * calls chunkEnd. Only where the stream is beyond repair, after a wrong end octet or an oversized frame, is the
 * reader `broken`: it ignores everything from then on.
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  #broken = false;
  #frameMax = 0;
  #payloadMax = unlimitedPayloadMax;
  #paused = false;
  #walking = false;
  /** What came while paused, and what an error left. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Up to here the chunk being walked is done with. */
  #done = 0;
  /** Content headers that were handed out. */
  contentHeaders = 0;

  // The frame that the last chunk ended in.
  readonly #prefix = Buffer.allocUnsafe(framePrefixBytes);
  #prefixBytes = 0;
  /** Payload and end octet of a frame that is not a body frame. */
  #assembly: Buffer | undefined;
  #assembledBytes = 0;
  #insideBody = false;
  #bodyChannel = 0;
  #bodyBytesLeft = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** The boundaries between frames are lost; nothing more will be handed out. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Bytes that are still to come of the body frame that the last chunk ended in. */
  get bodyBytesAwaited(): number {
    return this.#insideBody ? this.#bodyBytesLeft : 0;
  }

  /** Largest frame accepted, overhead included; 0 for no limit (but 128 MiB). */
  get frameMax(): number {
    return this.#frameMax;
  }

  set frameMax(bytes: number) {
    this.#frameMax = bytes;
    this.#payloadMax = bytes === 0 ? unlimitedPayloadMax : bytes - frameOverhead + frameSizeSlack;
  }

  /**
   * Hands out the frames that are complete with this chunk; what is to be handed out later is copied, so that the
   * chunk may be written to again when this returns.
   */
  push(chunk: Buffer): void {
    if (this.#broken) return;
    if (this.#held.length === 0 && !this.#paused && !this.#walking) {
      this.#walk(chunk, false);
      this.#handler.chunkEnd();
      return;
    }
    this.#hold(chunk);
    this.#handOutHeld();
  }

  /** Stops after the frame that is being handed out. Pause the socket as well. */
  pause(): void {
    this.#paused = true;
  }

  /** Goes on where {@link pause} or an error stopped. May be called from inside a handler. */
  resume(): void {
    this.#paused = false;
    this.#handOutHeld();
  }

  #handOutHeld(): void {
    if (this.#paused || this.#walking || this.#broken) return;
    while (!this.#paused) {
      const chunk = this.#held.shift();
      if (chunk === undefined) break;
      this.#heldBytes -= chunk.length;
      this.#walk(chunk, true);
    }
    this.#handler.chunkEnd();
  }

  #hold(chunk: Buffer): void {
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > heldBytesMax) {
      this.#break();
      throw new AmqpError(ReplyCode.ResourceError, `more than ${heldBytesMax} bytes received while paused`);
    }
    this.#held.push(Buffer.from(chunk));
  }

  #break(): void {
    this.#broken = true;
    this.#held = [];
    this.#heldBytes = 0;
    this.#assembly = undefined;
  }

  /** @param isOurs nobody else writes to the chunk */
  #walk(chunk: Buffer, isOurs: boolean): void {
    this.#walking = true;
    this.#done = 0;
    try {
      this.#frames(chunk);
    } finally {
      this.#walking = false;
      if (this.#done < chunk.length && !this.#broken) {
        const rest = chunk.subarray(this.#done);
        this.#held.unshift(isOurs ? rest : Buffer.from(rest));
        this.#heldBytes += chunk.length - this.#done;
      }
    }
  }

  /** The hot loop. `#done` is brought up to date before every call of the handler, which may throw. */
  #frames(chunk: Buffer): void {
    const handler = this.#handler;
    const end = chunk.length;
    let at = 0;
    if (this.#insideBody || this.#prefixBytes > 0) {
      this.#splitFrame(chunk);
      at = this.#done;
    }
    while (end - at >= frameOverhead && !this.#paused) {
      const type = chunk[at] ?? 0;
      const channel = ((chunk[at + 1] ?? 0) << 8) | (chunk[at + 2] ?? 0);
      const size = uint32At(chunk, at + 3);
      const start = at + framePrefixBytes;
      const last = start + size;
      if (size > this.#payloadMax) throw this.#tooLarge(type, size);
      if (last >= end) break;
      if (chunk[last] !== frameEnd) throw this.#wrongEnd(type, chunk, start, last);
      at = last + 1;
      this.#done = at;
      if (type === FrameType.Body && channel !== 0) handler.body(channel, chunk, start, last);
      else if (type === FrameType.Method && size >= methodIdBytes)
        handler.method(channel, uint32At(chunk, start), chunk, start + methodIdBytes, last);
      else this.#handOut(type, channel, chunk, start, last);
    }
    if (at < end && !this.#paused) this.#splitFrame(chunk);
  }

  /** Any frame; the hot loop comes here for all but the most frequent ones. */
  #handOut(type: number, channel: number, buffer: Buffer, start: number, end: number): void {
    const size = end - start;
    if (type === FrameType.Method && size >= methodIdBytes) {
      this.#handler.method(channel, uint32At(buffer, start), buffer, start + methodIdBytes, end);
    } else if (type === FrameType.Header && size >= headerBytesMin && channel !== 0) {
      this.contentHeaders++;
      this.#handler.header(channel, buffer, start, end);
    } else if (type === FrameType.Body && channel !== 0) {
      this.#handler.body(channel, buffer, start, end);
    } else if (type === FrameType.Heartbeat && size === 0 && channel === 0) {
      this.#handler.heartbeat();
    } else {
      throw unexpected(type, buffer, start, end);
    }
  }

  /** Begins or goes on with a frame that does not lie whole in `chunk`, from `#done` on. */
  #splitFrame(chunk: Buffer): void {
    if (!this.#insideBody && !this.#takePrefix(chunk)) return;
    if (this.#insideBody) this.#takeBody(chunk);
    else this.#assemble(chunk);
  }

  /** Whether type, channel and size are known by now. */
  #takePrefix(chunk: Buffer): boolean {
    const taken = Math.min(framePrefixBytes - this.#prefixBytes, chunk.length - this.#done);
    if (taken === 0) return this.#prefixBytes === framePrefixBytes;
    chunk.copy(this.#prefix, this.#prefixBytes, this.#done, this.#done + taken);
    this.#done += taken;
    this.#prefixBytes += taken;
    if (this.#prefixBytes < framePrefixBytes) return false;

    const type = this.#prefix.readUInt8(0);
    const channel = this.#prefix.readUInt16BE(1);
    const size = this.#prefix.readUInt32BE(3);
    if (size > this.#payloadMax) throw this.#tooLarge(type, size);
    // An empty body frame has no piece to hand on, so it is assembled like the others.
    if (type === FrameType.Body && channel !== 0 && size > 0) {
      this.#prefixBytes = 0;
      this.#insideBody = true;
      this.#bodyChannel = channel;
      this.#bodyBytesLeft = size;
    }
    return true;
  }

  #takeBody(chunk: Buffer): void {
    const start = this.#done;
    const end = Math.min(start + this.#bodyBytesLeft, chunk.length);
    this.#bodyBytesLeft -= end - start;
    this.#done = end;
    if (this.#bodyBytesLeft === 0 && end < chunk.length) {
      if (chunk[end] !== frameEnd) throw this.#wrongEnd(FrameType.Body, chunk, start, end);
      this.#insideBody = false;
      this.#done = end + 1;
    }
    if (end > start) this.#handler.body(this.#bodyChannel, chunk, start, end);
  }

  #assemble(chunk: Buffer): void {
    const size = this.#prefix.readUInt32BE(3);
    const taken = Math.min(size + 1 - this.#assembledBytes, chunk.length - this.#done);
    const assembly = this.#assemblyFor(this.#assembledBytes + taken, size + 1);
    chunk.copy(assembly, this.#assembledBytes, this.#done, this.#done + taken);
    this.#done += taken;
    this.#assembledBytes += taken;
    if (this.#assembledBytes <= size) return;

    const type = this.#prefix.readUInt8(0);
    this.#prefixBytes = 0;
    this.#assembly = undefined;
    this.#assembledBytes = 0;
    if (assembly[size] !== frameEnd) throw this.#wrongEnd(type, assembly, 0, size);
    this.#handOut(type, this.#prefix.readUInt16BE(1), assembly, 0, size);
  }

  /** A buffer with room for `bytes`, of at most `whole`, holding what was assembled so far. Its own for each frame: handlers may keep it. */
  #assemblyFor(bytes: number, whole: number): Buffer {
    const old = this.#assembly;
    if (old !== undefined && bytes <= old.length) return old;
    const doubled = old === undefined ? assemblyBytesMin : old.length * 2;
    const assembly = Buffer.allocUnsafe(Math.min(whole, Math.max(bytes, doubled)));
    old?.copy(assembly, 0, 0, this.#assembledBytes);
    this.#assembly = assembly;
    return assembly;
  }

  #tooLarge(type: number, size: number): AmqpError {
    this.#break();
    const allowed = this.#frameMax === 0 ? unlimitedPayloadMax : this.#frameMax - frameOverhead;
    const reason = `{frame_too_large,${size},${allowed}}`;
    return new AmqpError(ReplyCode.FrameError, `type ${type}, all octets = <<>>: ${reason}`);
  }

  /** A body frame that came in pieces shows the octets of its last one. */
  #wrongEnd(type: number, buffer: Buffer, start: number, end: number): AmqpError {
    this.#break();
    const reason = `{invalid_frame_end_marker,${buffer[end] ?? 0}}`;
    return new AmqpError(
      ReplyCode.FrameError,
      `type ${type}, ${payloadSnippet(buffer, start, end)}: ${reason}`,
    );
  }
}

/** A frame that is whole and yet makes no sense. */
function unexpected(type: number, buffer: Buffer, start: number, end: number): AmqpError {
  const frame = `type ${type}, ${payloadSnippet(buffer, start, end)}`;
  const misplaced =
    type === FrameType.Body ||
    (type === FrameType.Header && end - start >= headerBytesMin) ||
    (type === FrameType.Heartbeat && start === end);
  if (misplaced) return new AmqpError(ReplyCode.UnexpectedFrame, frame);
  return new AmqpError(ReplyCode.FrameError, `${frame}: unknown_frame`);
}
