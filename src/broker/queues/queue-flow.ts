import type { Clock, Timer } from '../clock.ts';

/** Longest time a publisher is held for one queue. */
const patienceMs = 5;

/** For so long after a wait that was in vain nobody is held for that queue: twice as long each time in a row. */
const impatienceMsMin = 5;
const impatienceMsMax = 160;

/** A publisher that a queue holds back. */
export interface HeldPublisher {
  /** It may go on. */
  flowResumed(): void;
}

/**
 * Keeps publishers from running away from consumers that are about as fast. Messages come in by the hundred in
 * one chunk of a publisher's socket, acknowledgements by the few; read in turns, a queue would grow without end
 * while its consumers wait for acknowledgements to be read. So who has filled a queue up waits until it is as
 * short again as before. Where that takes long (consumers do real work) the queue grows, as it should: its
 * publishers are soon held for no more than a thirtieth of the time.
 *
 * RabbitMQ has credit flow for that (its page "Flow Control").
 */
export class QueueFlow {
  readonly #clock: Clock;
  readonly #held = new Set<HeldPublisher>();
  #target = 0;
  #timer: Timer | undefined;
  #impatienceMs = impatienceMsMin;
  #impatientUntil = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Has `publisher` wait until no more than `target` messages are ready; whoever waits already has set the target.
   * False: it is not worthwhile now.
   */
  hold(publisher: HeldPublisher, target: number): boolean {
    if (this.#held.size === 0) {
      if (this.#clock.now() < this.#impatientUntil) return false;
      this.#target = target;
      this.#timer = this.#clock.setTimer(patienceMs, this.#inVain);
    }
    this.#held.add(publisher);
    return true;
  }

  /** Tells of every fall of the number of ready messages. */
  fell(readyCount: number): void {
    if (this.#held.size === 0 || readyCount > this.#target) return;
    this.#impatienceMs = impatienceMsMin;
    this.#release();
  }

  /** The publisher is gone. */
  forget(publisher: HeldPublisher): void {
    this.#held.delete(publisher);
  }

  /** Nobody waits any longer: the queue goes. */
  stop(): void {
    this.#release();
  }

  readonly #inVain = (): void => {
    this.#impatientUntil = this.#clock.now() + this.#impatienceMs;
    this.#impatienceMs = Math.min(this.#impatienceMs * 2, impatienceMsMax);
    this.#release();
  };

  #release(): void {
    this.#timer?.cancel();
    const held = [...this.#held];
    this.#held.clear();
    for (const publisher of held) publisher.flowResumed();
  }
}
