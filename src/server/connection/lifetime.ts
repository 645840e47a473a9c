import type { Clock, Timer } from '../../broker/clock.ts';
import type { Output } from '../output/output.ts';
import type { ServerSettings } from '../settings.ts';
import type { Transport } from '../sockets/transport.ts';
import type { Input } from './input.ts';

/** A client has its heartbeat interval to answer connection.close, but no longer than this. */
const closeTimeoutSecondsMax = 30;

/** After the last byte has been written the client has this long to close its side. */
const lingerMs = 3_000;

/**
 * - `handshake`: up to connection.open
 * - `running`
 * - `closing`: connection.close was sent; all but its answer (and a simultaneous close) is ignored
 * - `ended`: nothing is heard any more, the socket is about to go
 */
type Phase = 'handshake' | 'running' | 'closing' | 'ended';

/** What a connection lives on. */
export interface LifetimeParts {
  readonly transport: Transport;
  readonly input: Input;
  readonly output: Output;
  readonly clock: Clock;
  readonly settings: ServerSettings;
}

/** From accepting a socket to its end: which phase a connection is in, how long that may last, and why it ended. */
export class Lifetime {
  readonly #parts: LifetimeParts;
  #phase: Phase = 'handshake';
  /** For the handshake, then for the answer to connection.close, then for the end of the socket. */
  #deadline: Timer | undefined;
  /** Why the connection ends, when it is not by the client's connection.close. */
  reason: string | undefined;

  constructor(parts: LifetimeParts) {
    this.#parts = parts;
    this.#setDeadline(parts.settings.handshakeTimeoutMs, () => this.drop('handshake timeout'));
  }

  get phase(): Phase {
    return this.#phase;
  }

  get isRunning(): boolean {
    return this.#phase === 'running';
  }

  get isClosed(): boolean {
    return this.#phase === 'closing' || this.#phase === 'ended';
  }

  /** The handshake is over. */
  opened(): void {
    this.#deadline?.cancel();
    this.#phase = 'running';
  }

  /**
   * The last word has been said, and the client closes the socket. Were it closed here, a client might see the end of
   * the socket before it has acted on connection.close-ok, and report a connection lost that it closed itself.
   *
   * @param heartbeat as agreed on, in seconds; 0: none
   */
  awaitClient(heartbeat: number): void {
    const { input, settings } = this.#parts;
    const seconds = heartbeat > 0 ? Math.min(heartbeat, closeTimeoutSecondsMax) : closeTimeoutSecondsMax;
    // After broken framing no answer could be read.
    this.#awaitFor(input.isBroken ? settings.refusalDelayMs : seconds * 1000);
  }

  /** The client has been told that it may not come in; it has a little while to read that. */
  awaitRefused(reason: string): void {
    this.reason = reason;
    this.#awaitFor(this.#parts.settings.refusalDelayMs);
  }

  #awaitFor(timeoutMs: number): void {
    this.#phase = 'closing';
    this.#resetAfter(timeoutMs);
    this.#parts.input.resumeForAll();
  }

  /** Guessing costs time, and whoever has not logged in is told nothing: silence, then a reset. */
  disconnectLater(reason: string): void {
    this.reason = reason;
    this.#phase = 'ended';
    this.#resetAfter(this.#parts.settings.refusalDelayMs);
    this.#parts.input.end();
  }

  /** Nothing more is heard, and what was written goes out. */
  endSocket(): void {
    const { input, output, transport } = this.#parts;
    this.#phase = 'ended';
    input.end();
    output.flush();
    transport.stream.end();
    this.#setDeadline(lingerMs, () => transport.stream.destroy());
  }

  /** The client has closed its side. If all has been said, ours needs no shutting down before it is closed. */
  clientEnded(): void {
    if (!this.isClosed) return;
    const { output, transport } = this.#parts;
    output.flush();
    if (output.unreadBytes === 0) transport.stream.destroy();
  }

  /** The socket goes at once; what was the reason before remains it. */
  drop(reason: string): void {
    this.reason ??= reason;
    this.#parts.transport.stream.destroy();
  }

  /** The socket is gone. */
  socketClosed(): void {
    this.#deadline?.cancel();
    if (!this.isClosed) this.reason ??= 'client unexpectedly closed TCP connection';
    this.#phase = 'ended';
  }

  #resetAfter(delayMs: number): void {
    this.#setDeadline(delayMs, () => this.#parts.transport.reset());
  }

  #setDeadline(delayMs: number, run: () => void): void {
    this.#deadline?.cancel();
    this.#deadline = this.#parts.clock.setTimer(delayMs, run);
  }
}
