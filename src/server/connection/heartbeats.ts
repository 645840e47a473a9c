import type { Clock, Timer } from '../../broker/clock.ts';
import { frameOverhead } from '../../protocol/frame-reader.ts';
import { Roster, type Seat, type Seated } from '../roster.ts';

/** A connection as its heartbeat sees it. */
export interface HeartbeatPeer {
  /** Counters that change whenever bytes arrive and whenever bytes are written. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** The broker itself does not read at the moment, so that silence means nothing. */
  readonly isInputPaused: boolean;
  sendHeartbeat(): void;
  /** Nothing was received for two intervals: the client is gone. Its watch has ended. */
  heartbeatsMissed(): void;
}

/** The watch over one connection. */
export interface HeartbeatWatch {
  stop(): void;
}

/** Half of the shortest interval there is, one second. */
const tickMs = 500;

/** The client is given up after this many checks in a row without a byte from it. */
const missedChecksMax = 2;

/**
 * Heartbeats of all connections (AMQP 0-9-1 section 4.2.7; RabbitMQ page "Heartbeats"), from one timer
 * rather than two per connection.
 *
 * With an interval of H seconds the broker looks every H/2 whether it has written anything since it last
 * looked, and sends a heartbeat if not; and it looks every H whether it has received anything. It counts
 * ticks, not the clock: a process that was stopped for a minute does not find all its clients silent.
 */
export class Heartbeats {
  readonly #clock: Clock;
  readonly #watches = new Roster<Watch>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts watching. `intervalSeconds` is at least 1; without heartbeats (0) there is nothing to watch. */
  watch(peer: HeartbeatPeer, intervalSeconds: number): HeartbeatWatch {
    const watch = new Watch(peer, intervalSeconds);
    this.#watches.add(watch);
    if (this.#timer === undefined) this.#arm();
    return {
      stop: () => {
        this.#watches.delete(watch);
        if (this.#watches.size === 0) this.#disarm();
      },
    };
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(tickMs, () => {
      this.#arm();
      for (const watch of this.#watches) this.#tick(watch);
      if (this.#watches.size === 0) this.#disarm();
    });
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #tick(watch: Watch): void {
    if (watch.clientIsGone()) {
      this.#watches.delete(watch);
      watch.peer.heartbeatsMissed();
    } else if (watch.heartbeatIsDue()) {
      watch.peer.sendHeartbeat();
    }
  }
}

/** The state of one connection's heartbeat. Both questions are asked once per tick. */
class Watch implements Seated<Watch> {
  seat: Seat<Watch> | undefined;
  readonly peer: HeartbeatPeer;
  readonly #sendTicks: number;
  readonly #receiveTicks: number;
  #sendTicksLeft: number;
  #receiveTicksLeft: number;
  #bytesSent: number;
  /** Differs from any count: the first check always passes, as in RabbitMQ. */
  #bytesReceived = -1;
  #missedChecks = 0;

  constructor(peer: HeartbeatPeer, intervalSeconds: number) {
    this.peer = peer;
    this.#receiveTicks = (intervalSeconds * 1000) / tickMs;
    this.#sendTicks = this.#receiveTicks / 2;
    this.#sendTicksLeft = this.#sendTicks;
    this.#receiveTicksLeft = this.#receiveTicks;
    this.#bytesSent = peer.bytesSent;
  }

  clientIsGone(): boolean {
    if (--this.#receiveTicksLeft > 0) return false;
    this.#receiveTicksLeft = this.#receiveTicks;
    const { bytesReceived } = this.peer;
    const silent = bytesReceived === this.#bytesReceived && !this.peer.isInputPaused;
    this.#bytesReceived = bytesReceived;
    this.#missedChecks = silent ? this.#missedChecks + 1 : 0;
    return this.#missedChecks >= missedChecksMax;
  }

  heartbeatIsDue(): boolean {
    if (--this.#sendTicksLeft > 0) return false;
    this.#sendTicksLeft = this.#sendTicks;
    const { bytesSent } = this.peer;
    const isIdle = bytesSent === this.#bytesSent;
    // The heartbeat itself is not something sent: the next one is due as usual.
    this.#bytesSent = isIdle ? bytesSent + frameOverhead : bytesSent;
    return isIdle;
  }
}
