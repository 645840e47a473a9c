import type { Clock, Timer } from '../../broker/clock.ts';
import type { Output } from './output.ts';

/**
 * A client that asks for more than it reads (basic.get in a row, say) is not listened to while this much
 * waits for its socket. Deliveries to consumers stop long before, see Output.isCongested.
 */
export const unreadBytesMax = 16 * 1024 * 1024;

/** One that is not listened to, and takes none of it in this time, is dropped. */
const checkMs = 30_000;

/** The connection whose client may not read. */
export interface UnreadLimitHost {
  readonly isRunning: boolean;
  pauseInput(): void;
  resumeInput(): void;
  /** The client reads nothing at all any more. */
  stalled(unreadBytes: number): void;
}

/** Bounds what waits in memory for a client that does not read. */
export class UnreadLimit {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #host: UnreadLimitHost;
  #timer: Timer | undefined;

  constructor(output: Output, clock: Clock, host: UnreadLimitHost) {
    this.#output = output;
    this.#clock = clock;
    this.#host = host;
  }

  /** Stops listening to a client that does not read what it asks for, until it is {@link drained}. */
  check(): void {
    const output = this.#output;
    // Asking whether it is congested makes the output report when the socket has caught up.
    if (output.unreadBytes <= unreadBytesMax || !output.isCongested || !this.#host.isRunning) return;
    if (this.#timer !== undefined) return;
    this.#host.pauseInput();
    this.#watch();
  }

  #watch(): void {
    const unreadBytes = this.#output.unreadBytes;
    this.#timer = this.#clock.setTimer(checkMs, () => {
      if (this.#output.unreadBytes < unreadBytes) this.#watch();
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
