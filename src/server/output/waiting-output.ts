import type { ByteStream } from '../sockets/transport.ts';
import { LargeBody } from './large-body.ts';
import { largeBufferBytes, recycle, takeBuffer } from './output-buffers.ts';

/**
 * What a connection has to write once a large body has gone out: the rest of that, one piece in a turn of the event
 * loop, and whatever was said after it.
 */
export class WaitingOutput {
  readonly #socket: ByteStream;
  readonly #written: () => void;
  readonly #items: (LargeBody | Buffer)[] = [];
  /** Of the buffers among {@link #items}. */
  #bufferedBytes = 0;
  #isWriting = false;

  /** `written` is called whenever the socket has taken a piece. */
  constructor(socket: ByteStream, written: () => void) {
    this.#socket = socket;
    this.#written = written;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** What the socket has not been given. */
  get byteLength(): number {
    let bytes = this.#bufferedBytes;
    for (const item of this.#items) if (item instanceof LargeBody) bytes += item.bytesLeft;
    return bytes;
  }

  /** Goes out behind all else. */
  addBody(body: LargeBody): void {
    this.#items.push(body);
    if (!this.#isWriting) this.#goOn();
  }

  /** The same; the bytes are not changed any more. */
  addBytes(bytes: Buffer): void {
    this.#items.push(bytes);
    this.#bufferedBytes += bytes.length;
  }

  /** Nothing is written any more. */
  clear(): void {
    this.#items.length = 0;
    this.#bufferedBytes = 0;
  }

  readonly #goOn = (): void => {
    this.#isWriting = false;
    if (!this.#socket.writable) this.clear();
    for (let item = this.#items[0]; item !== undefined; item = this.#items[0]) {
      if (item instanceof LargeBody) {
        this.#writePiece(item);
        return;
      }
      this.#items.shift();
      this.#bufferedBytes -= item.length;
      this.#socket.write(item);
    }
  };

  #writePiece(body: LargeBody): void {
    const buffer = takeBuffer(largeBufferBytes);
    const end = body.fill(buffer);
    if (body.bytesLeft === 0) this.#items.shift();
    this.#isWriting = true;
    this.#socket.write(buffer.subarray(0, end), () => {
      recycle(buffer);
      this.#written();
      // Not at once: a socket that takes all it is given would leave others no turn.
      setImmediate(this.#goOn);
    });
  }
}
