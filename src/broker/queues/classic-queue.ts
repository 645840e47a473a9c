import { setImmediate } from 'node:timers/promises';
import type { DeathReason } from '../dead-letters/dead-letter.ts';
import type { DelayLine } from '../delays/delay-line.ts';
import { QueueRetry, type RetryingQueue, type RetrySettings } from '../delays/queue-retry.ts';
import type { ReturnReason } from '../delays/return-reason.ts';
import type { LogReader } from '../log/log-context.ts';
import type { MessageLog } from '../log/message-log.ts';
import type { Segment } from '../log/segment.ts';
import type { Message } from '../message.ts';
import { PublishOutcome } from '../routing/publish-outcome.ts';
import type { Consumer } from './consumer.ts';
import { ConsumerCapacity } from './consumer-capacity.ts';
import { ConsumerRing } from './consumer-ring.ts';
import { type ExpiringQueue, expiryWeight, HeadExpiry } from './head-expiry.ts';
import { Queue, type QueueOptions, type Taken } from './queue.ts';
import { type HeldPublisher, QueueFlow } from './queue-flow.ts';
import type { QueueSettings } from './queue-settings.ts';

/** Messages that one queue delivers or expires in a row before other queues and sockets get their turn. */
const messagesPerTurnMax = 2048;

/**
 * A consumer that begins on a backlog has its first messages in shorter turns: what V8 has not compiled yet takes twenty
 * times as long, so a full one would hold everybody up for 20 ms and more. Always short, they would cost small messages a
 * tenth, and many consumers far more, as each write would carry less.
 */
const messagesPerFirstTurn = 128;
const firstTurns = 500;

/** Messages over the length limit that leave in a row; only a limit that was lowered finds more. */
const dropsPerTurnMax = 10_000;

/** A classic queue: messages in order, consumers in turn, time limits at the head. */
export class ClassicQueue extends Queue implements ExpiringQueue, RetryingQueue, LogReader {
  readonly #ring = new ConsumerRing();
  /** Made when consumers are too slow for the first time. */
  #capacity: ConsumerCapacity | undefined;
  /** With x-single-active-consumer: the one that is fed. Nobody else enters the ring. */
  #activeConsumer: Consumer | undefined;
  #unackedCount = 0;
  #hasLengthLimit: boolean;
  /** With priorities: a waiting consumer is given what came first, not the best of a turn. */
  readonly #deliversAtOnce: boolean;
  readonly #expiry: HeadExpiry;
  #retry: QueueRetry | undefined;
  /** Turns of {@link messagesPerFirstTurn} that are left. */
  #firstTurns = 0;
  /** Made when a publisher is held for the first time. */
  #flow: QueueFlow | undefined;

  constructor(options: QueueOptions) {
    super(options);
    this.#hasLengthLimit = hasLengthLimit(this.settings);
    this.#deliversAtOnce = options.backlog.logs.length > 1;
    for (const log of this.backlog.logs) log.reader = this;
    this.#expiry = new HeadExpiry(this, options.backlog, options.vhost.broker.clock);
    if (options.vhost.broker.delays.has(this.backlog.id)) this.#retry = this.#newRetry();
  }

  override get unackedCount(): number {
    return this.#unackedCount;
  }

  override get delayed(): DelayLine | undefined {
    return this.#retry?.line;
  }

  override get activeConsumer(): Consumer | undefined {
    return this.#activeConsumer;
  }

  override applySettings(settings: QueueSettings): void {
    this.#hasLengthLimit = hasLengthLimit(settings);
    super.applySettings(settings);
  }

  // ---- messages in

  protected override enqueue(message: Message, now: number): number {
    if (this.#hasLengthLimit && this.#refuses(message, now)) return PublishOutcome.Refused;
    const ttlMs = this.#timeToLiveMs(message);
    const log = this.backlog.logFor(message.priority);
    this.stats.publish++;
    this.showTaps(message, now);
    const needsCommit = log.append(message, now, ttlMs < 0 ? 0 : now + ttlMs);
    if (ttlMs === 0 || this.#deliversAtOnce || (this.#hasLengthLimit && this.#isTooLong(0, 0)))
      this.drain(now);
    else this.touch();
    return needsCommit ? PublishOutcome.NeedsCommit : PublishOutcome.Accepted;
  }

  /** True when the queue is full and its overflow is to refuse; what consumers can take does not count. */
  #refuses(message: Message, now: number): boolean {
    const { overflow } = this.settings;
    if (overflow === 'drop-head' || !this.#isTooLong(1, message.bodySize)) return false;
    this.drain(now);
    if (!this.#isTooLong(1, message.bodySize)) return false;
    if (overflow === 'reject-publish-dlx') this.bury(message, 'maxlen');
    return true;
  }

  /** True when the ready messages and so much more are over the length limit. */
  #isTooLong(moreMessages: number, moreBytes: number): boolean {
    const { maxLength, maxLengthBytes } = this.settings;
    if (maxLength !== undefined && this.readyCount + this.heldCount + moreMessages > maxLength) return true;
    return maxLengthBytes !== undefined && this.readyBytes + moreBytes > maxLengthBytes;
  }

  /** Drops from the head what is over the length limit. */
  #dropHead(): void {
    if (this.settings.overflow !== 'drop-head') return;
    let left = dropsPerTurnMax;
    while (this.#isTooLong(0, 0)) {
      if (left-- === 0) {
        this.touch();
        return;
      }
      const log = this.backlog.head;
      if (!log.seek()) {
        if (log.loading !== undefined) return;
        continue;
      }
      const { segment, index } = log;
      if (segment === undefined) return;
      log.take();
      this.discard(segment, index, 'maxlen');
    }
  }

  /** The smaller of x-message-ttl and the message's expiration; -1: none. */
  #timeToLiveMs(message: Message): number {
    const ofQueue = this.settings.messageTtlMs;
    const ofMessage = message.expirationMs;
    if (ofQueue === undefined) return ofMessage;
    return ofMessage < 0 ? ofQueue : Math.min(ofQueue, ofMessage);
  }

  // ---- messages out, to consumers and basic.get

  /** Expires what is due at the head, too. */
  override drain(now: number): void {
    const { backlog } = this;
    let left = this.#firstTurns > 0 ? messagesPerFirstTurn : messagesPerTurnMax;
    let log = backlog.head;
    while (log.readyCount > 0) {
      const consumer = this.#ring.next();
      if (consumer === undefined) break;
      if (left-- <= 0) {
        if (this.#firstTurns > 0) this.#firstTurns--;
        this.touch();
        return;
      }
      if (log.seek()) {
        // What is due in this very millisecond (TTL 0) is still given to a consumer that waits.
        if (log.mayExpire && this.#expiry.expireHead(log, now - 1)) {
          left -= expiryWeight - 1;
        } else {
          this.#deliver(consumer, log);
          this.#ring.rotate(consumer);
        }
      } else if (log.loading !== undefined) {
        break;
      }
      log = backlog.head;
    }
    if (this.#hasLengthLimit) this.#dropHead();
    if (backlog.head.mayExpire) this.#expiry.expireAll(now, left);
    this.#noteCapacity(now);
    this.#flow?.fell(this.readyCount);
  }

  override get outrunsConsumers(): boolean {
    return this.readyCount > 0 && this.consumerCount > 0 && this.#ring.isEmpty;
  }

  override get consumerCapacity(): number {
    return this.consumerCount === 0 ? 0 : (this.#capacity?.at(this.now()) ?? 1);
  }

  #noteCapacity(now: number): void {
    const isHeldUp = this.outrunsConsumers;
    if (isHeldUp) this.#capacity ??= new ConsumerCapacity();
    this.#capacity?.note(isHeldUp, now);
  }

  override hold(publisher: HeldPublisher): boolean {
    this.#flow ??= new QueueFlow(this.vhost.broker.clock);
    return this.#flow.hold(publisher, this.readyBefore);
  }

  override forget(publisher: HeldPublisher): void {
    this.#flow?.forget(publisher);
  }

  #deliver(consumer: Consumer, log: MessageLog): void {
    const { segment, index } = log;
    if (segment === undefined) throw new Error('deliver without seek');
    const redelivered = log.take();
    const { stats } = this;
    if (consumer.noAck) {
      stats.deliverNoAck++;
    } else {
      this.#unackedCount++;
      stats.deliver++;
    }
    if (redelivered) stats.redeliver++;
    const deliveryCount = redelivered && log.countsDeliveries ? log.deliveryCount(segment, index) : 0;
    if (deliveryCount > 0) {
      consumer.deliverAgain(this, segment, index, deliveryCount);
    } else {
      consumer.deliver(this, segment, index, redelivered);
    }
    if (consumer.noAck) log.settle(segment, index);
  }

  override get(noAck: boolean): Taken | undefined {
    this.touchIdle();
    const now = this.now();
    this.drain(now);
    const log = this.backlog.head;
    if (!log.seek()) {
      if (log.loading === undefined) this.stats.getEmpty++;
      return undefined;
    }
    if (log.mayExpire && this.#expiry.isDue(log, now)) return undefined;
    const { segment, index } = log;
    if (segment === undefined) return undefined;
    const redelivered = log.take();
    if (noAck) {
      this.stats.getNoAck++;
    } else {
      this.#unackedCount++;
      this.stats.get++;
    }
    if (redelivered) this.stats.redeliver++;
    // What has come to the head may be too old already, and the answer counts what is left.
    if (log.mayExpire) this.#expiry.expireAll(now, messagesPerTurnMax);
    this.touch();
    const deliveryCount = log.countsDeliveries ? log.deliveryCount(segment, index) : undefined;
    return { segment, index, redelivered, deliveryCount };
  }

  override get headSoon(): Promise<void> | undefined {
    const log = this.backlog.head;
    const isExpiring = log.seek() && log.mayExpire && this.#expiry.isDue(log, this.now());
    return isExpiring ? setImmediate() : log.loading;
  }

  // ---- what becomes of delivered messages

  override acknowledge(segment: Segment, index: number): void {
    if (this.isDeleted) return;
    this.#unackedCount--;
    this.stats.ack++;
    segment.log.settle(segment, index);
  }

  override requeue(segment: Segment, index: number, reason: ReturnReason = 'nacked'): void {
    if (!this.isDeleted) this.#comeBack(segment, index, reason);
  }

  #comeBack(segment: Segment, index: number, reason: ReturnReason | undefined): void {
    const { retry } = this.settings;
    const isDelayed = retry !== undefined && reason !== undefined && retry.reasons.includes(reason);
    // What waits for a disk that does not keep up is in memory: a queue on disk must not be moved there.
    if (!isDelayed || this.vhost.broker.delays.isDiskBehind) this.#putBack(segment, index);
    else this.#retryLater(segment, index, retry);
  }

  /** Also what would leave but cannot be read now: it is delivered again when it can be. */
  #putBack(segment: Segment, index: number): void {
    this.#unackedCount--;
    segment.log.giveBack(segment, index);
    if (this.#hasLengthLimit) this.#dropHead();
    this.touch();
  }

  #retryLater(segment: Segment, index: number, settings: RetrySettings): void {
    const { log } = segment;
    if (!log.load(segment)) {
      this.#putBack(segment, index);
      return;
    }
    this.#retry ??= this.#newRetry();
    this.vhost.broker.moved();
    if (!this.#retry.keep(segment, index, settings, this.now())) {
      this.reject(segment, index, 'delivery_limit');
      return;
    }
    log.settle(segment, index);
    this.settledByQueue();
  }

  #newRetry(): QueueRetry {
    return new QueueRetry(this.vhost.broker.delays, this.backlog.id, this);
  }

  takeBack(message: Message, enqueuedAt: number, expiresAt: number): void {
    const log = this.backlog.logFor(message.priority);
    // Its id counts again; it comes back even if another message has taken that meanwhile.
    this.deduplicator?.admit(message, log);
    log.appendRetried(message, enqueuedAt, expiresAt);
    if (this.#hasLengthLimit) this.#dropHead();
    this.touch();
  }

  /** A delivered message was settled or moved by a queue of another type. */
  protected settledByQueue(): void {
    this.#unackedCount--;
    this.touch();
  }

  override abandon(segment: Segment, index: number, _consumer?: Consumer, reason?: ReturnReason): void {
    if (!this.isDeleted) this.#comeBack(segment, index, reason);
  }

  override reject(segment: Segment, index: number, reason: DeathReason = 'rejected'): void {
    if (this.isDeleted) return;
    if (!segment.log.load(segment)) {
      this.#putBack(segment, index);
      return;
    }
    this.#unackedCount--;
    this.discard(segment, index, reason);
  }

  // ---- consumers

  override addConsumer(consumer: Consumer): void {
    super.addConsumer(consumer);
    if (this.readyCount > messagesPerFirstTurn) this.#firstTurns = firstTurns;
    if (this.singleActiveConsumer) this.#activeConsumer ??= consumer;
    this.consumerHasCapacity(consumer);
  }

  protected override consumerLeft(consumer: Consumer): void {
    if (consumer === this.#activeConsumer) this.#activateNext();
  }

  /** Makes the waiting consumer with the highest priority, among equals the oldest, the active one. */
  #activateNext(): void {
    let next: Consumer | undefined;
    for (const consumer of this.consumers) {
      if (next === undefined || consumer.priority > next.priority) next = consumer;
    }
    this.#activeConsumer = next;
    if (next !== undefined) this.consumerHasCapacity(next);
  }

  override pauseConsumer(consumer: Consumer): void {
    this.#ring.remove(consumer);
  }

  override consumerHasCapacity(consumer: Consumer): void {
    if (consumer.isInRing || !this.consumers.has(consumer)) return;
    if (this.singleActiveConsumer && consumer !== this.#activeConsumer) return;
    this.#ring.add(consumer);
    if (this.readyCount > 0) this.touch();
  }

  // ---- messages that leave unread

  override purge(): number {
    this.drain(this.now());
    const purged = this.backlog.purge();
    this.#flow?.fell(0);
    return purged;
  }

  headDue(): void {
    this.touch();
  }

  headLoaded(): void {
    this.touch();
  }

  expired(segment: Segment, index: number): void {
    this.discard(segment, index, 'expired');
  }

  /** A message leaves the queue unread, in memory and no longer ready. */
  protected discard(segment: Segment, index: number, reason: DeathReason): void {
    if (this.settings.deadLetterExchange === undefined) {
      this.vhost.broker.deadLetterCounts.count(this.type, 'disabled', reason);
    } else {
      this.vhost.broker.moved();
      this.bury(segment.message(index), reason);
    }
    segment.log.settle(segment, index);
  }

  /** At most once. */
  protected bury(message: Message, reason: DeathReason): void {
    const isKept = this.settings.deadLetterExchange !== undefined;
    this.vhost.broker.deadLetterCounts.count(this.type, isKept ? 'at_most_once' : 'disabled', reason);
    this.vhost.deadLetters.publish(this, message, reason);
  }

  // ---- the end

  override close(): void {
    super.close();
    this.#activeConsumer = undefined;
    this.#unackedCount = 0;
  }

  override stop(): void {
    super.stop();
    this.#expiry.stop();
    this.#flow?.stop();
  }
}

function hasLengthLimit(settings: QueueSettings): boolean {
  return settings.maxLength !== undefined || settings.maxLengthBytes !== undefined;
}
