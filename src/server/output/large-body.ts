import { copyBytes } from '../../protocol/bytes.ts';
import { FrameType, frameEnd, frameOverhead } from '../../protocol/frame-reader.ts';
import { startFrame } from './frame-start.ts';

/**
 * Larger bodies go out piece by piece, one in a turn of the event loop: 128 MiB at once would hold everybody else up
 * for a fifth of a second. No buffer that is used again holds a body as large as this, neither a segment's nor one for
 * what arrives in pieces, so that it stays where it is until it has been written.
 */
export const largeBodyBytes = 1024 * 1024;

/** The body of a large message on its way out, cut into frames. */
export class LargeBody {
  readonly #channel: number;
  readonly #payloadMax: number;
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;
  /** Of the frame that has begun. */
  #payloadLeft = 0;

  /** The body is `bytes[start, end)`; `frameMax` is that of the connection, 0: any size. */
  constructor(channel: number, frameMax: number, bytes: Buffer, start: number, end: number) {
    this.#channel = channel;
    this.#payloadMax = frameMax === 0 ? end - start : frameMax - frameOverhead;
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** What has not been written, in bytes of the body. */
  get bytesLeft(): number {
    return this.#end - this.#at;
  }

  /** Writes as much as there is room for; returns the offset behind it. A frame may be cut anywhere but at its ends. */
  fill(out: Buffer): number {
    let at = 0;
    while (this.bytesLeft > 0 && out.length - at > frameOverhead) {
      if (this.#payloadLeft === 0) {
        this.#payloadLeft = Math.min(this.#payloadMax, this.bytesLeft);
        at = startFrame(out, at, FrameType.Body, this.#channel, this.#payloadLeft);
      }
      const bytes = Math.min(this.#payloadLeft, out.length - at - 1);
      at = copyBytes(this.#bytes, this.#at, this.#at + bytes, out, at);
      this.#at += bytes;
      this.#payloadLeft -= bytes;
      if (this.#payloadLeft === 0) out[at++] = frameEnd;
    }
    return at;
  }
}
