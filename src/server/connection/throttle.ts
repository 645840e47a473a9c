import type { Alarms } from '../../broker/alarms.ts';
import type { Broker } from '../../broker/broker.ts';
import type { CommitWaiter } from '../../broker/committer.ts';
import type { HeldPublisher } from '../../broker/queues/queue-flow.ts';
import type { TouchedQueue } from '../../broker/turn.ts';

/** The connection that is held back. */
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
 * Holds back one connection that publishes while a resource alarm is in effect, the disk is behind, or it sends
 * faster than consumers acknowledge, by not reading what it sends. One that does not publish is left alone.
 */
export class Throttle implements CommitWaiter, HeldPublisher {
  readonly #host: ThrottleHost;
  readonly #alarms: Alarms;
  #hasPublished = false;
  /** In the chunk that is being handed out. */
  #publishesNow = false;
  #isBlocked = false;
  #isWaitingForDisk = false;
  #isYielding = false;
  /** The queue that holds this connection. */
  #heldBy: TouchedQueue | undefined;

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
    this.#publishesNow = true;
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

  /**
   * A chunk is done with: a publisher waits for the disk, should that be behind. One that sends more than is read
   * at a time waits for `outrun`, a queue whose consumers cannot keep up.
   */
  chunkEnd(outrun: TouchedQueue | undefined): void {
    const { broker, isRunning } = this.#host;
    if (!this.#hasPublished || !isRunning) return;
    if (outrun !== undefined && this.#publishesNow) this.#waitForConsumers(outrun);
    this.#publishesNow = false;
    if (!this.#isWaitingForDisk && broker.isDiskBehind) this.#waitForDisk();
  }

  #waitForConsumers(queue: TouchedQueue): void {
    if (this.#heldBy !== undefined || this.#isYielding) return;
    this.#host.pauseInput();
    if (queue.hold(this)) {
      this.#heldBy = queue;
    } else {
      // All other sockets are read once at least, acknowledgements among them.
      this.#isYielding = true;
      setImmediate(() => {
        this.#isYielding = false;
        this.#host.resumeInput();
      });
    }
  }

  flowResumed(): void {
    this.#heldBy = undefined;
    this.#host.resumeInput();
  }

  #waitForDisk(): void {
    const { broker } = this.#host;
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
    this.#heldBy?.forget(this);
  }
}
