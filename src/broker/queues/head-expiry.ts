import type { Clock, Timer } from '../clock.ts';
import type { Backlog } from '../log/backlog.ts';
import type { MessageLog } from '../log/message-log.ts';
import type { Segment } from '../log/segment.ts';

/** One message that expires counts as so many deliveries: its dead letter may have to be made and published. */
export const expiryWeight = 8;

/** The queue that loses messages. */
export interface ExpiringQueue {
  /** The head is due, or was not reached: the queue is to be drained when the turn ends. */
  headDue(): void;
  /** A message was taken from its log because of its age, and leaves the queue. */
  expired(segment: Segment, index: number): void;
}

/**
 * Messages leave for their age only at the head, as in RabbitMQ's classic queues; so one timer is enough. Times are in
 * milliseconds since the epoch.
 */
export class HeadExpiry {
  readonly #queue: ExpiringQueue;
  readonly #backlog: Backlog;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  /** What the timer waits for. */
  #timerDue = 0;

  constructor(queue: ExpiringQueue, backlog: Backlog, clock: Clock) {
    this.#queue = queue;
    this.#backlog = backlog;
    this.#clock = clock;
  }

  /** Whether what `log` has found as its head is to go. */
  isDue({ segment, index }: MessageLog, now: number): boolean {
    const expiresAt = segment?.expiresAt(index) ?? 0;
    return expiresAt !== 0 && expiresAt <= now;
  }

  /** Has the head of `log` leave if it {@link isDue}; says whether it has. */
  expireHead(log: MessageLog, now: number): boolean {
    const { segment, index } = log;
    if (segment === undefined || !this.isDue(log, now)) return false;
    log.take();
    this.#queue.expired(segment, index);
    return true;
  }

  /**
   * Has all leave that is due at the head. The queue is told to look again when there is more than `budget`, of
   * deliveries, allows, and when the next head is due.
   */
  expireAll(now: number, budget: number): void {
    let left = budget;
    for (let log = this.#backlog.head; log.readyCount > 0; log = this.#backlog.head) {
      if (left <= 0) {
        this.#queue.headDue();
        return;
      }
      left -= expiryWeight;
      const dueOnDisk = log.largeHeadExpiresAt;
      if (dueOnDisk !== undefined && (dueOnDisk === 0 || dueOnDisk > now)) {
        this.#lookAgainAt(dueOnDisk);
        return;
      }
      if (!log.seek()) {
        if (log.loading !== undefined) return;
        continue;
      }
      if (this.expireHead(log, now)) continue;
      const { segment, index } = log;
      if (segment !== undefined) this.#lookAgainAt(segment.expiresAt(index));
      return;
    }
  }

  /** 0: the head does not expire. */
  #lookAgainAt(due: number): void {
    if (due === 0 || (this.#timer !== undefined && this.#timerDue === due)) return;
    this.#timer?.cancel();
    this.#timerDue = due;
    this.#timer = this.#clock.setTimer(Math.max(0, due - this.#clock.now()), () => {
      this.#timer = undefined;
      this.#queue.headDue();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
