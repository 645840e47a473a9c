import type { Output } from '../output/output.ts';
import type { ByteStream } from '../sockets/transport.ts';
import type { Input } from './input.ts';

/** What has gone through a connection, for listings. */
export class Traffic {
  readonly #socket: ByteStream;
  readonly #input: Input;
  readonly #output: Output;

  constructor(socket: ByteStream, input: Input, output: Output) {
    this.#socket = socket;
    this.#input = input;
    this.#output = output;
  }

  get bytesReceived(): number {
    return this.#socket.bytesRead;
  }

  get bytesSent(): number {
    return this.#socket.bytesWritten;
  }

  /** Chunks that have come. */
  get reads(): number {
    return this.#input.reads;
  }

  /** Writes to the socket. */
  get writes(): number {
    return this.#output.writes;
  }

  /** Bytes that wait for the client to read them. */
  get unsentBytes(): number {
    return this.#output.unreadBytes;
  }
}
