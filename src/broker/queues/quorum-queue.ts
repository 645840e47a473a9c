import type { Timer } from '../clock.ts';
import type { DeathReason } from '../dead-letters/dead-letter.ts';
import type { ReturnReason } from '../delays/return-reason.ts';
import { withDeliveryCount, withoutDeliveryCount } from '../delivery-count.ts';
import type { LogFigures } from '../log/log-figures.ts';
import type { Segment } from '../log/segment.ts';
import { ClassicQueue } from './classic-queue.ts';
import type { Consumer } from './consumer.ts';
import { HeldMessages } from './held-messages.ts';

/** How often dead letters that reached no queue are tried again. */
const retryMs = 1000;

/** Dead letters tried again in a row; the others follow {@link retryMs} later. */
const retriesMax = 1024;

/**
 * A quorum queue as clients see it (RabbitMQ page "Quorum Queues"): it keeps every message, counts how often
 * each is given back and puts a limit to that, and may hold a message until its dead letter is safe.
 *
 * Where a message goes that a consumer gives back is RabbitMQ 3.10's: to the front, behind those that came
 * back earlier, if there is a delivery limit; else to the back, so that one that nobody can handle does not
 * keep others waiting. What a vanished consumer had goes to the front either way.
 */
export class QuorumQueue extends ClassicQueue {
  /** They are neither ready nor with a consumer, and a length limit counts them. */
  readonly #held = new HeldMessages();
  #retryTimer: Timer | undefined;

  override get heldCount(): number {
    return this.#held.count;
  }

  /** Held messages are no consumer's; they are counted apart. */
  override figures(to?: LogFigures): LogFigures {
    const figures = super.figures(to);
    this.#held.leaveOut(figures);
    return figures;
  }

  override get heldBytes(): number {
    return this.#held.bytes;
  }

  override requeue(segment: Segment, index: number, reason: ReturnReason = 'nacked'): void {
    if (this.isDeleted || this.#isOverLimit(segment, index)) return;
    const { deliveryLimit, retry } = this.settings;
    if (deliveryLimit !== undefined || retry?.reasons.includes(reason)) super.requeue(segment, index, reason);
    else this.#requeueAtBack(segment, index);
  }

  override abandon(segment: Segment, index: number, consumer?: Consumer, reason?: ReturnReason): void {
    if (this.isDeleted || this.#isOverLimit(segment, index)) return;
    super.abandon(segment, index, consumer, reason);
  }

  /** Dead-letters what may not be given back once more. What cannot be read now comes back once more. */
  #isOverLimit(segment: Segment, index: number): boolean {
    const { deliveryLimit } = this.settings;
    if (deliveryLimit === undefined) return false;
    if (!segment.log.load(segment)) return false;
    if (segment.log.deliveryCount(segment, index) < deliveryLimit) return false;
    this.reject(segment, index, 'delivery_limit');
    return true;
  }

  #requeueAtBack(segment: Segment, index: number): void {
    const { log } = segment;
    if (!log.load(segment)) {
      super.requeue(segment, index);
      return;
    }
    const deliveryCount = log.deliveryCount(segment, index) + 1;
    const { broker } = this.vhost;
    broker.moved();
    broker.delays.departures.note(log.id, segment.firstSequence + index);
    log.appendReturned(withDeliveryCount(segment.message(index), deliveryCount), segment, index);
    this.settledByQueue();
  }

  protected override discard(segment: Segment, index: number, reason: DeathReason): void {
    const queued = segment.message(index);
    // The count was this queue's business.
    const message = segment.wasReturned(index) ? withoutDeliveryCount(queued) : queued;
    this.vhost.broker.moved();
    if (!this.settings.deadLettersAtLeastOnce) {
      this.bury(message, reason);
    } else if (this.vhost.deadLetters.forward(this, message, reason)) {
      const { deadLetterCounts } = this.vhost.broker;
      deadLetterCounts.count(this.type, 'at_least_once', reason);
      deadLetterCounts.confirmed++;
    } else {
      this.#held.add({ segment, index, reason });
      this.#armRetryTimer();
      return;
    }
    segment.log.settle(segment, index);
  }

  #armRetryTimer(): void {
    this.#retryTimer ??= this.vhost.broker.clock.setTimer(retryMs, () => {
      this.#retryTimer = undefined;
      this.#retry();
    });
  }

  /** Those that fail again go to the end of the row, so that each gets its turn. */
  #retry(): void {
    for (const held of this.#held.take(retriesMax)) {
      const { segment, index, reason } = held;
      if (segment.log.load(segment)) this.discard(segment, index, reason);
      else this.#held.add(held);
    }
    if (this.#held.count > 0) this.#armRetryTimer();
  }

  override stop(): void {
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    this.#held.clear();
    super.stop();
  }
}
