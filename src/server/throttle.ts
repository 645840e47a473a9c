import type { Alarms } from '../broker/alarms.ts';
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
  readonly #alarms: Alarms;
  #hasPublished = false;
  #isBlocked = false;
  #isWaitingForDisk = false;

  constructor(host: ThrottleHost) {
    this.#host = host;
    this.#alarms = host.broker.alarms;
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** A frame of content arrived. What follows it is not read while an alarm is in effect. */
  contentReceived(): void {
    this.#hasPublished = true;
    if (this.#alarms.isInEffect) this.#block();
  }

  #block(): void {
    const host = this.#host;
    if (this.#isBlocked || !host.isRunning) return;
    this.#isBlocked = true;
    this.#alarms.whenCleared(this.#unblock);
    host.pauseInput();
    host.blocked(this.#alarms.reason);
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
    this.#alarms.forget(this.#unblock);
    this.#host.broker.committer.forget(this);
  }
}
