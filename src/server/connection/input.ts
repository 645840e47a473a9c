import { type FrameHandler, FrameReader } from '../../protocol/frame-reader.ts';
import { isProtocolHeader, protocolHeaderBytes } from '../handshake/protocol-header.ts';
import { moreComes, outputsWaiting } from '../output/output.ts';
import type { ChunkSize, Reader } from '../sockets/read-buffer.ts';
import type { ByteStream, Transport } from '../sockets/transport.ts';

/** Frame size that is accepted before it has been negotiated; client properties may need that much. */
const initialFrameMaxBytes = 8192;

/** From here on it pays to read more at once. */
const largeBodyBytes = 16 * 1024;

/**
 * libuv reads a socket up to 32 times in a row while chunks come full, which are 16 MiB of the largest chunks, and
 * nobody else has a turn meanwhile. So much is enough, where it is not for many connections.
 */
const turnBytesMax = 4 * 1024 * 1024;

/** The same for what is all of one body: each page of its memory is new, so that it takes several times as long. */
const bodyTurnBytesMax = 1024 * 1024;

/** The same as time: small messages, or headers of thousands of fields, take much longer than so many bytes should. */
const turnMsMax = 8;

/** After so many bytes what has come in need not wait for the end of the turn. */
const floodBytes = 512 * 1024;

/** A flood that goes out to more connections than this is read in larger chunks, so that each has more to write at once. */
const manyOutputs = 256;

/** Who is told of everything that is not a frame. */
export interface InputHost {
  /** The client asked for AMQP 0-9-1; frames follow. */
  protocolAccepted(): void;
  /** It asked for something else, in these first eight octets. Nothing more is handed out. */
  protocolRefused(header: Buffer): void;
  /** Something arrived that is no frame, or a handler threw. */
  failed(error: unknown): void;
  /** Much has been read in this turn, and there is more. */
  flooded(): void;
}

/**
 * What comes in from one client: the protocol header, then frames. It can be paused, and then nothing is
 * read from the socket either: the client waits, rather than a backlog growing here.
 */
export class Input implements Reader {
  readonly #socket: ByteStream;
  readonly #host: InputHost;
  readonly #reader: FrameReader;
  #state: 'header' | 'frames' | 'ended' = 'header';
  /** The protocol header, as far as it has arrived, if it comes in pieces. */
  #header: Buffer | undefined;
  #pauses = 0;
  #hasMore = false;
  /** Bytes that came in full chunks since others had a turn. */
  #turnBytes = 0;
  /** When the first of them came, and {@link FrameReader.contentHeaders} before it. */
  #turnBeganAt = 0;
  #headersBefore = 0;
  /** The socket is not read in this turn any more. */
  #isResting = false;
  /** The socket is not read until {@link resume}. */
  #isStopped = false;
  /** Chunks that have come. */
  reads = 0;

  /** Frames go to `handler`. */
  constructor(transport: Transport, handler: FrameHandler, host: InputHost) {
    this.#socket = transport.stream;
    this.#host = host;
    this.#reader = new FrameReader(handler);
    this.#reader.frameMax = initialFrameMaxBytes;
    transport.read(this);
  }

  set frameMax(bytes: number) {
    this.#reader.frameMax = bytes;
  }

  get isPaused(): boolean {
    return this.#pauses > 0;
  }

  /** The last chunk was as large as chunks get: the client has sent more than that. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** The boundaries between frames are lost: no further one will be found. */
  get isBroken(): boolean {
    return this.#reader.broken;
  }

  get wanted(): ChunkSize {
    if (this.isPaused) return 'usual';
    if (this.#reader.bodyBytesAwaited > largeBodyBytes) return 'largest';
    return this.#hasMore && this.#isSpread ? 'large' : 'usual';
  }

  /** What comes in goes out to many. */
  get #isSpread(): boolean {
    return outputsWaiting() > manyOutputs;
  }

  received(chunk: Buffer, isFull: boolean): void {
    const wasPaused = this.isPaused;
    this.#hasMore = isFull;
    this.reads++;
    if (isFull && this.#turnBytes === 0) {
      this.#turnBeganAt = performance.now();
      this.#headersBefore = this.#reader.contentHeaders;
    }
    if (this.#state === 'frames') this.#push(chunk);
    else if (this.#state === 'header') this.#receivedHeader(chunk);
    if (isFull) moreComes();
    const bytesBefore = this.#turnBytes;
    this.#turnBytes = isFull ? bytesBefore + chunk.length : 0;
    if (isFull && Math.floor(bytesBefore / floodBytes) < Math.floor(this.#turnBytes / floodBytes))
      this.#host.flooded();
    if (wasPaused && this.isPaused) {
      this.#isStopped = true;
      this.#socket.pause();
    } else if (isFull && !this.#isResting && !this.#isSpread && this.#hasHadItsTurn) {
      this.#isResting = true;
      this.#socket.pause();
      setImmediate(this.#restOver);
    }
  }

  get #hasHadItsTurn(): boolean {
    const isOneBody = this.#reader.contentHeaders === this.#headersBefore;
    if (this.#turnBytes >= (isOneBody ? bodyTurnBytesMax : turnBytesMax)) return true;
    return performance.now() - this.#turnBeganAt >= turnMsMax;
  }

  readonly #restOver = (): void => {
    this.#isResting = false;
    this.#turnBytes = 0;
    if (!this.#isStopped) this.#socket.resume();
  };

  #receivedHeader(chunk: Buffer): void {
    const bytes = this.#header === undefined ? chunk : Buffer.concat([this.#header, chunk]);
    if (bytes.length < protocolHeaderBytes) {
      this.#header = Buffer.from(bytes);
      return;
    }
    this.#header = undefined;
    const header = bytes.subarray(0, protocolHeaderBytes);
    if (isProtocolHeader(header)) {
      this.#state = 'frames';
      this.#host.protocolAccepted();
      this.#push(bytes.subarray(protocolHeaderBytes));
    } else {
      this.#state = 'ended';
      this.#host.protocolRefused(header);
    }
  }

  #push(chunk: Buffer): void {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The frame at fault is done with; what follows is handed out, if it can be. */
  #failed(cause: unknown): void {
    let error = cause;
    for (;;) {
      this.#host.failed(error);
      if (this.isBroken || this.isPaused || this.#state === 'ended') return;
      try {
        this.#reader.resume();
        return;
      } catch (next) {
        error = next;
      }
    }
  }

  /**
   * Stops after the current frame. The next chunk that comes all the same is kept, and only that stops the socket: so
   * a short pause costs nothing, and a client that goes away is noticed. Several may pause at a time; all of them have
   * to {@link resume}.
   */
  pause(): void {
    if (this.#pauses++ > 0) return;
    this.#reader.pause();
  }

  /** Without a pause, or after {@link resumeForAll}, it does nothing. */
  resume(): void {
    if (this.#pauses === 0 || --this.#pauses > 0) return;
    this.#continue();
  }

  /** Resumes whoever paused: the connection closes, and only the answer to that matters now. */
  resumeForAll(): void {
    if (this.#pauses === 0) return;
    this.#pauses = 0;
    this.#continue();
  }

  #continue(): void {
    this.#isStopped = false;
    if (!this.#isResting && this.#socket.isPaused()) this.#socket.resume();
    if (this.#state === 'ended') return;
    try {
      this.#reader.resume();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Whatever still comes is read, so that the end of the socket is noticed, and dropped. */
  end(): void {
    this.#state = 'ended';
    this.#reader.pause();
    this.resumeForAll();
  }
}
