import type { Output } from '../output/output.ts';
import type { ByteStream } from '../sockets/transport.ts';
import type { HeartbeatPeer } from './heartbeats.ts';
import type { Input } from './input.ts';
import type { Lifetime } from './lifetime.ts';

/** Shared by all: heartbeats of thousands of connections fall due in the same turn. */
const heartbeatFrame = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]);

/** What a pulse is felt from. */
export interface PulseParts {
  readonly socket: ByteStream;
  readonly input: Input;
  readonly output: Output;
  readonly lifetime: Lifetime;
}

/** One connection's signs of life, for {@link Heartbeats}. */
export class Pulse implements HeartbeatPeer {
  readonly #parts: PulseParts;
  readonly #intervalSeconds: number;

  constructor(parts: PulseParts, intervalSeconds: number) {
    this.#parts = parts;
    this.#intervalSeconds = intervalSeconds;
  }

  get bytesReceived(): number {
    return this.#parts.socket.bytesRead;
  }

  get bytesSent(): number {
    return this.#parts.socket.bytesWritten;
  }

  get isInputPaused(): boolean {
    return this.#parts.input.isPaused;
  }

  sendHeartbeat(): void {
    const { socket, output } = this.#parts;
    // What waits for the socket will do as well.
    if (output.unreadBytes > 0) return;
    output.flush();
    socket.write(heartbeatFrame);
    output.writes++;
  }

  heartbeatsMissed(): void {
    const { socket, lifetime } = this.#parts;
    lifetime.reason = `missed heartbeats from client, timeout: ${this.#intervalSeconds}s`;
    socket.destroy();
  }
}
