import type { Clock, Timer } from '../broker/clock.ts';
import type { ByteStream } from './transport.ts';

/**
 * A client that asks for more than it reads (basic.get in a row, say) is not listened to while this much
 * waits for its socket. Deliveries to consumers stop long before, see Output.isCongested.
 */
export const unreadBytesMax = 16 * 1024 * 1024;

/** One that is not listened to, and takes none of it in this time, is dropped. */
const checkMs = 30_000;

export interface UnreadLimitHost {
  pauseInput(): void;
  resumeInput(): void;
  /** The client reads nothing at all any more. */
  stalled(unreadBytes: number): void;
}

/** Bounds what waits in memory for a client that does not read. */
export class UnreadLimit {
  readonly #socket: ByteStream;
  readonly #clock: Clock;
  readonly #host: UnreadLimitHost;
  #timer: Timer | undefined;

  constructor(socket: ByteStream, clock: Clock, host: UnreadLimitHost) {
    this.#socket = socket;
    this.#clock = clock;
    this.#host = host;
  }

  get isExceeded(): boolean {
    return this.#socket.writableLength > unreadBytesMax;
  }

  /** Stops listening to the client until {@link drained}. */
  pause(): void {
    if (this.#timer !== undefined) return;
    this.#host.pauseInput();
    this.#watch();
  }

  #watch(): void {
    const unreadBytes = this.#socket.writableLength;
    this.#timer = this.#clock.setTimer(checkMs, () => {
      if (this.#socket.writableLength < unreadBytes) this.#watch();
      else this.#host.stalled(unreadBytes);
    });
  }

  /** The socket has caught up. */
  drained(): void {
    if (this.#timer === undefined) return;
    this.stop();
    this.#host.resumeInput();
  }

  /** The connection is gone. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
