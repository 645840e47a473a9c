import type { Broker } from '../broker/broker.ts';
import type { CommitWaiter } from '../broker/committer.ts';

export interface ThrottleHost {
  readonly broker: Broker;
  /** The connection is open and not about to close. */
  readonly isRunning: boolean;
  pauseInput(): void;
  resumeInput(): void;
  /** An alarm keeps the broker from reading on: connection.blocked. */
  blocked(reason: string): void;
  unblocked(): void;
}

/**
 * Holds back one connection that publishes while a resource alarm is in effect or the disk is behind, by not
 * reading what it sends. One that does not publish is left alone.
 */
export class Throttle implements CommitWaiter {
  readonly #host: ThrottleHost;
  #hasPublished = false;
  #isBlocked = false;
  #isWaitingForDisk = false;

  constructor(host: ThrottleHost) {
    this.#host = host;
  }

  /** A resource alarm holds the connection back. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** A frame of content arrived. What follows it is not read while an alarm is in effect. */
  contentReceived(): void {
    this.#hasPublished = true;
    if (this.#host.broker.alarms.isInEffect) this.#block();
  }

  #block(): void {
    const host = this.#host;
    const { alarms } = host.broker;
    if (this.#isBlocked || !host.isRunning) return;
    this.#isBlocked = true;
    alarms.whenCleared(this.#unblock);
    host.pauseInput();
    host.blocked(alarms.reason);
  }

  readonly #unblock = (): void => {
    this.#isBlocked = false;
    this.#host.unblocked();
    this.#host.resumeInput();
  };

  /** A chunk is done with: a publisher waits for the disk, should that be behind. */
  chunkEnd(): void {
    const { broker, isRunning } = this.#host;
    if (!this.#hasPublished || this.#isWaitingForDisk || !broker.isDiskBehind || !isRunning) return;
    this.#isWaitingForDisk = true;
    this.#host.pauseInput();
    broker.committer.request(this);
  }

  committed(): void {
    const { broker } = this.#host;
    if (broker.isDiskBehind) return;
    this.#isWaitingForDisk = false;
    broker.committer.forget(this);
    this.#host.resumeInput();
  }

  /** The connection is gone. */
  stop(): void {
    const { broker } = this.#host;
    broker.alarms.forget(this.#unblock);
    broker.committer.forget(this);
  }
}
