import { AmqpError, ReplyCode } from '../protocol/errors.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import { checkConsumerArguments, queueSettings } from './arguments.ts';
import type { Consumer } from './consumer.ts';
import type { Deduplicator } from './deduplication/deduplicator.ts';
import type { PresentIds } from './deduplication/present-ids.ts';
import type { DelayLine } from './delays/delay-line.ts';
import {
  QueueRetry,
  type RetryingQueue,
  type RetrySettings,
  type ReturnReason,
} from './delays/queue-retry.ts';
import { followPolicies } from './equipment.ts';
import type { Message } from './message.ts';
import { QueueStats } from './message-stats.ts';
import { describe } from './names.ts';
import type { AppliedPolicies } from './policies/policy.ts';
import { PublishOutcome } from './publish-outcome.ts';
import type { QueueType } from './queue-type.ts';
import type { Backlog } from './queues/backlog.ts';
import { ConsumerRing } from './queues/consumer-ring.ts';
import { HeadTimer, type HeadWatcher } from './queues/head-timer.ts';
import { type IdleQueue, IdleTimer } from './queues/idle-timer.ts';
import type { MessageLog } from './queues/message-log.ts';
import { type HeldPublisher, QueueFlow } from './queues/queue-flow.ts';
import type { Segment } from './queues/segment.ts';
import type { SideLogs } from './side-logs.ts';
import type { VirtualHost } from './virtual-host.ts';

/** Messages that one queue delivers or expires in a row before other queues and sockets get their turn. */
const messagesPerTurnMax = 2048;

/** One that expires counts as so many: its dead letter may have to be made and published. */
const expiryWeight = 8;

/** Messages over the length limit that leave in a row; only a limit that was lowered finds more. */
const dropsPerTurnMax = 10_000;

/** x-overflow: what happens to a queue that is full. */
export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx';

/** What the arguments of a queue and the policies for it ask for; changes with the policies. */
export interface QueueSettings {
  /** x-message-ttl */
  readonly messageTtlMs: number | undefined;
  /** x-expires */
  readonly expiresMs: number | undefined;
  /** x-dead-letter-exchange; '' is the default exchange. */
  readonly deadLetterExchange: string | undefined;
  /** x-dead-letter-routing-key */
  readonly deadLetterRoutingKey: string | undefined;
  /** x-max-length: ready messages. */
  readonly maxLength: number | undefined;
  /** x-max-length-bytes: bytes of the bodies of ready messages. */
  readonly maxLengthBytes: number | undefined;
  readonly overflow: Overflow;
  /** x-delivery-limit: a message may be given back this often. Quorum queues only. */
  readonly deliveryLimit: number | undefined;
  /** x-dead-letter-strategy: a message stays until its dead letter is in a queue. Quorum queues only. */
  readonly deadLettersAtLeastOnce: boolean;
  /** x-retry-delay or x-delayed-retry-type, and what belongs to them */
  readonly retry: RetrySettings | undefined;
  /** x-consumer-timeout: how long a consumer may keep a message, in milliseconds. */
  readonly consumerTimeoutMs: number | undefined;
}

/** Why a message is dead-lettered: the `reason` in its x-death header. */
export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit';

export interface QueueOptions {
  readonly vhost: VirtualHost;
  readonly name: string;
  readonly type: QueueType;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** Connection that declared it exclusive. */
  readonly exclusiveOwner: object | undefined;
  readonly arguments: FieldTable;
  readonly policies: AppliedPolicies;
  /** x-single-active-consumer */
  readonly singleActiveConsumer: boolean;
  readonly backlog: Backlog;
  /** What it keeps besides messages for consumers. */
  readonly sideLogs: SideLogs;
}

/** A message taken off the queue by basic.get. */
export interface Taken {
  readonly segment: Segment;
  readonly index: number;
  readonly redelivered: boolean;
  /** How often it was given back; undefined in a queue that does not count. */
  readonly deliveryCount: number | undefined;
}

/** A queue: messages in order, consumers in turn, time limits at the head. Classic queues are just that. */
export class Queue implements HeadWatcher, IdleQueue, RetryingQueue {
  readonly vhost: VirtualHost;
  readonly name: string;
  readonly type: QueueType;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly exclusiveOwner: object | undefined;
  arguments: FieldTable;
  readonly singleActiveConsumer: boolean;
  readonly backlog: Backlog;
  readonly sideLogs: SideLogs;
  /** Drops duplicates, if x-message-deduplication was asked for. */
  deduplicator: Deduplicator | PresentIds | undefined;
  readonly stats: QueueStats = new QueueStats();
  isDeleted = false;
  /** Stands in the broker's list of queues to look at when the turn ends. */
  isTouched = false;
  /** Ready messages when it came to stand there. */
  readyBefore = 0;

  readonly #consumers = new Set<Consumer>();
  readonly #ring = new ConsumerRing();
  /** With x-single-active-consumer: the one that is fed. Nobody else enters the ring. */
  #activeConsumer: Consumer | undefined;
  #unackedCount = 0;
  #policies: AppliedPolicies;
  #settings: QueueSettings;
  #hasLengthLimit: boolean;
  /** With priorities: a waiting consumer is given what came first, not the best of a turn. */
  readonly #deliversAtOnce: boolean;
  readonly #headTimer: HeadTimer;
  #retry: QueueRetry | undefined;
  /** With x-expires. */
  #idleTimer: IdleTimer | undefined;
  /** Made when a publisher is held for the first time. */
  #flow: QueueFlow | undefined;

  constructor(options: QueueOptions) {
    this.vhost = options.vhost;
    this.name = options.name;
    this.type = options.type;
    this.durable = options.durable;
    this.autoDelete = options.autoDelete;
    this.exclusiveOwner = options.exclusiveOwner;
    this.arguments = options.arguments;
    this.singleActiveConsumer = options.singleActiveConsumer;
    this.backlog = options.backlog;
    this.sideLogs = options.sideLogs;
    this.#policies = options.policies;
    this.#settings = queueSettings(options.arguments, options.policies.definition);
    this.#hasLengthLimit = hasLengthLimit(this.#settings);
    this.#deliversAtOnce = options.backlog.logs.length > 1;
    this.#headTimer = new HeadTimer(this, options.vhost.broker.clock);
    this.#idleTimer = this.#newIdleTimer();
    if (options.vhost.broker.delays.has(this.backlog.id)) this.#retry = this.#newRetry();
    if (this.readyCount > 0) this.vhost.broker.touch(this);
  }

  get policies(): AppliedPolicies {
    return this.#policies;
  }

  get settings(): QueueSettings {
    return this.#settings;
  }

  /** All its logs. */
  get logs(): readonly MessageLog[] {
    return [...this.backlog.logs, ...this.sideLogs.logs];
  }

  get readyCount(): number {
    return this.backlog.readyCount;
  }

  /** Bytes of the bodies of ready messages. */
  get readyBytes(): number {
    return this.backlog.readyBytes;
  }

  get unackedCount(): number {
    return this.#unackedCount;
  }

  /** Messages that wait for their dead letters to reach a queue; none in a classic queue. */
  get heldCount(): number {
    return 0;
  }

  get consumerCount(): number {
    return this.#consumers.size;
  }

  get consumers(): ReadonlySet<Consumer> {
    return this.#consumers;
  }

  /** The consumer that is fed, in a queue with x-single-active-consumer and consumers; else undefined. */
  get activeConsumer(): Consumer | undefined {
    return this.#activeConsumer;
  }

  /** From now on these policies hold. */
  applyPolicies(policies: AppliedPolicies): void {
    this.#policies = policies;
    followPolicies(this, this.vhost.broker);
    this.applySettings(queueSettings(this.arguments, policies.definition));
  }

  /** Other arguments hold from now on, which have been checked. */
  changeArguments(all: FieldTable): void {
    this.arguments = all;
    this.applySettings(queueSettings(all, this.#policies.definition));
  }

  /**
   * Other settings hold from now on: surplus messages leave, x-expires starts anew. Messages that are there
   * keep the time to live they came with.
   */
  applySettings(settings: QueueSettings): void {
    this.#settings = settings;
    this.#hasLengthLimit = hasLengthLimit(settings);
    this.#idleTimer?.stop();
    this.#idleTimer = this.#newIdleTimer();
    this.drain(this.#now());
  }

  /**
   * Appends a message, unless it is too much and the publisher is to know; it is delivered when the turn
   * ends. Returns a {@link PublishOutcome}. `now` is in milliseconds since the epoch and counts for
   * delivering too, where the message cannot wait: a consumer that is there gets it even with a TTL of 0.
   */
  publish(message: Message, now: number): number {
    if (this.deduplicator !== undefined) return this.#publishOnce(this.deduplicator, message, now);
    return this.enqueue(message, now);
  }

  #publishOnce(deduplicator: Deduplicator | PresentIds, message: Message, now: number): number {
    const log = this.backlog.logFor(message.priority);
    let admission = deduplicator.admit(message, log);
    if (admission?.goesOn === false && this.backlog.head.mayExpire) {
      // The first one may be due to leave.
      this.drain(now);
      admission = deduplicator.admit(message, log);
    }
    if (admission?.goesOn === false) return admission.carryOut(message, now, PublishOutcome.Accepted);
    const outcome = this.enqueue(message, now);
    return admission === undefined ? outcome : admission.carryOut(message, now, outcome);
  }

  /** Appends a message that is no duplicate. */
  protected enqueue(message: Message, now: number): number {
    if (this.#hasLengthLimit && this.#refuses(message, now)) return PublishOutcome.Refused;
    const ttlMs = this.#timeToLiveMs(message);
    const log = this.backlog.logFor(message.priority);
    this.stats.publish++;
    const needsCommit = log.append(message, now, ttlMs < 0 ? 0 : now + ttlMs);
    if (ttlMs === 0 || this.#deliversAtOnce || (this.#hasLengthLimit && this.#isTooLong(0, 0)))
      this.drain(now);
    else if (!this.isTouched) this.vhost.broker.touch(this);
    return needsCommit ? PublishOutcome.NeedsCommit : PublishOutcome.Accepted;
  }

  /** True when the queue is full and its overflow is to refuse; what consumers can take does not count. */
  #refuses(message: Message, now: number): boolean {
    const { overflow } = this.#settings;
    if (overflow === 'drop-head' || !this.#isTooLong(1, message.bodySize)) return false;
    this.drain(now);
    if (!this.#isTooLong(1, message.bodySize)) return false;
    if (overflow === 'reject-publish-dlx') this.vhost.deadLetters.publish(this, message, 'maxlen');
    return true;
  }

  /** True when the ready messages and so much more are over the length limit. */
  #isTooLong(moreMessages: number, moreBytes: number): boolean {
    const { maxLength, maxLengthBytes } = this.#settings;
    if (maxLength !== undefined && this.readyCount + this.heldCount + moreMessages > maxLength) return true;
    return maxLengthBytes !== undefined && this.readyBytes + moreBytes > maxLengthBytes;
  }

  /** Drops from the head what is over the length limit. */
  #dropHead(): void {
    if (this.#settings.overflow !== 'drop-head') return;
    let left = dropsPerTurnMax;
    while (this.#isTooLong(0, 0)) {
      if (left-- === 0) {
        if (!this.isTouched) this.vhost.broker.touch(this);
        return;
      }
      const log = this.backlog.head;
      if (!log.seek()) continue;
      const { segment, index } = log;
      if (segment === undefined) return;
      log.take();
      this.discard(segment, index, 'maxlen');
    }
  }

  /** The smaller of x-message-ttl and the message's expiration; -1: none. */
  #timeToLiveMs(message: Message): number {
    const ofQueue = this.#settings.messageTtlMs;
    const ofMessage = message.expirationMs;
    if (ofQueue === undefined) return ofMessage;
    return ofMessage < 0 ? ofQueue : Math.min(ofQueue, ofMessage);
  }

  /**
   * Hands ready messages to consumers as long as both are there, and expires what is due at the head: `now`,
   * in milliseconds since the epoch.
   */
  drain(now: number): void {
    const { backlog } = this;
    let left = messagesPerTurnMax;
    let log = backlog.head;
    while (log.readyCount > 0) {
      const consumer = this.#ring.next();
      if (consumer === undefined) break;
      if (left-- <= 0) {
        this.vhost.broker.touch(this);
        return;
      }
      if (log.seek()) {
        if (log.mayExpire && this.#expireHead(log, now, false)) {
          left -= expiryWeight - 1;
        } else {
          this.#deliver(consumer, log);
          this.#ring.rotate(consumer);
        }
      }
      log = backlog.head;
    }
    if (this.#hasLengthLimit) this.#dropHead();
    if (backlog.head.mayExpire) this.#expireDue(now, left);
    this.#flow?.fell(this.readyCount);
  }

  /** It has consumers, and more messages than they can take before they acknowledge others. */
  get outrunsConsumers(): boolean {
    return this.readyCount > 0 && this.#consumers.size > 0 && this.#ring.isEmpty;
  }

  /** Has a publisher wait until the queue is as short as it was before this turn; see {@link QueueFlow.hold}. */
  hold(publisher: HeldPublisher): boolean {
    this.#flow ??= new QueueFlow(this.vhost.broker.clock);
    return this.#flow.hold(publisher, this.readyBefore);
  }

  /** A publisher that is held here is gone. */
  forget(publisher: HeldPublisher): void {
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

  /**
   * Takes the next message for basic.get; without `noAck` it stays owed. Undefined: there is none, or none yet,
   * see {@link isExpiring}.
   */
  get(noAck: boolean): Taken | undefined {
    this.touchIdle();
    const now = this.#now();
    this.drain(now);
    const log = this.backlog.head;
    if (!log.seek() || (log.mayExpire && this.#isDue(log, now))) {
      this.stats.getEmpty++;
      return undefined;
    }
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
    if (log.mayExpire) this.#expireDue(now, messagesPerTurnMax);
    if (!this.isTouched) this.vhost.broker.touch(this);
    const deliveryCount = log.countsDeliveries ? log.deliveryCount(segment, index) : undefined;
    return { segment, index, redelivered, deliveryCount };
  }

  /** A delivered message is done with. */
  acknowledge(segment: Segment, index: number, _consumer?: Consumer): void {
    if (this.isDeleted) return;
    this.#unackedCount--;
    this.stats.ack++;
    segment.log.settle(segment, index);
  }

  /** A consumer gives a message back: to its old place, marked redelivered, or for later where that is delayed. */
  requeue(segment: Segment, index: number, reason: ReturnReason = 'nacked'): void {
    if (!this.isDeleted) this.#comeBack(segment, index, reason);
  }

  #comeBack(segment: Segment, index: number, reason: ReturnReason | undefined): void {
    const { retry } = this.#settings;
    const isDelayed = retry !== undefined && reason !== undefined && retry.reasons.includes(reason);
    // What waits for a disk that does not keep up is in memory: a queue on disk must not be moved there.
    if (!isDelayed || this.vhost.broker.delays.isDiskBehind) this.#putBack(segment, index);
    else this.#retryLater(segment, index, retry);
  }

  #putBack(segment: Segment, index: number): void {
    this.#unackedCount--;
    segment.log.giveBack(segment, index);
    if (this.#hasLengthLimit) this.#dropHead();
    if (!this.isTouched) this.vhost.broker.touch(this);
  }

  #retryLater(segment: Segment, index: number, settings: RetrySettings): void {
    const { log } = segment;
    log.load(segment);
    this.#retry ??= this.#newRetry();
    this.vhost.broker.moved();
    if (!this.#retry.keep(segment, index, settings, this.#now())) {
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
    if (!this.isTouched) this.vhost.broker.touch(this);
  }

  /** Messages that wait to be given out again, if there ever were any. */
  get delayed(): DelayLine | undefined {
    return this.#retry?.line;
  }

  /** A delivered message was settled or moved by a queue of another type. */
  protected settledByQueue(): void {
    this.#unackedCount--;
    if (!this.isTouched) this.vhost.broker.touch(this);
  }

  /**
   * A delivered message that nobody gives back, nor ever settles, goes to its old place, or for later where that is
   * delayed. Without a reason it was only looked at.
   */
  abandon(segment: Segment, index: number, _consumer?: Consumer, reason?: ReturnReason): void {
    if (!this.isDeleted) this.#comeBack(segment, index, reason);
  }

  /** A delivered message is refused for good: dead-lettered if the queue says where to, else dropped. */
  reject(segment: Segment, index: number, reason: DeathReason = 'rejected'): void {
    if (this.isDeleted) return;
    this.#unackedCount--;
    segment.log.load(segment);
    this.discard(segment, index, reason);
  }

  /**
   * Adds a consumer.
   *
   * @throws AmqpError 403 when it or the one that is there wants the queue for itself, 406
   */
  addConsumer(consumer: Consumer): void {
    this.checkConsumer(consumer);
    this.#consumers.add(consumer);
    if (this.singleActiveConsumer) this.#activeConsumer ??= consumer;
    this.#idleTimer?.stop();
    this.vhost.events.consumerCreated(this, consumer);
    this.consumerHasCapacity(consumer);
  }

  /** Whether {@link addConsumer} would take it. @throws AmqpError */
  checkConsumer(consumer: Consumer): void {
    const resource = describe('queue', this.name, this.vhost.name);
    checkConsumerArguments(resource, this.type, consumer.arguments);
    if (this.#isInConflict(consumer)) {
      throw new AmqpError(ReplyCode.AccessRefused, `${resource} in exclusive use`);
    }
  }

  #isInConflict(consumer: Consumer): boolean {
    // RabbitMQ 3.10's quorum queues and streams know no exclusive consumers and do not say so.
    if (this.type !== 'classic') return false;
    if (consumer.exclusive && (this.singleActiveConsumer || this.#consumers.size > 0)) return true;
    for (const other of this.#consumers) if (other.exclusive) return true;
    return false;
  }

  /** The last consumer to leave an auto-delete queue takes the queue along. */
  removeConsumer(consumer: Consumer): void {
    if (!this.#consumers.delete(consumer)) return;
    this.#ring.remove(consumer);
    this.vhost.events.consumerDeleted(this, consumer);
    if (consumer === this.#activeConsumer) this.#activateNext();
    if (this.isDeleted || this.#consumers.size > 0) return;
    if (this.autoDelete) {
      this.vhost.queueUnused(this);
    } else {
      this.touchIdle();
    }
  }

  /** Makes the waiting consumer with the highest priority, among equals the oldest, the active one. */
  #activateNext(): void {
    let next: Consumer | undefined;
    for (const consumer of this.#consumers) {
      if (next === undefined || consumer.priority > next.priority) next = consumer;
    }
    this.#activeConsumer = next;
    if (next !== undefined) this.consumerHasCapacity(next);
  }

  /** The consumer is about to leave and is given nothing more. */
  pauseConsumer(consumer: Consumer): void {
    this.#ring.remove(consumer);
  }

  /** A consumer can take messages (again). */
  consumerHasCapacity(consumer: Consumer): void {
    if (consumer.isInRing || !this.#consumers.has(consumer)) return;
    if (this.singleActiveConsumer && consumer !== this.#activeConsumer) return;
    this.#ring.add(consumer);
    if (this.readyCount > 0 && !this.isTouched) this.vhost.broker.touch(this);
  }

  /** Drops all ready messages, without dead-lettering. Returns how many there were. */
  purge(): number {
    this.drain(this.#now());
    const purged = this.backlog.purge();
    this.#flow?.fell(0);
    return purged;
  }

  /** The queue was declared or read: x-expires starts anew. */
  touchIdle(): void {
    this.#idleTimer?.used();
  }

  #newIdleTimer(): IdleTimer | undefined {
    const { expiresMs } = this.#settings;
    return expiresMs === undefined ? undefined : new IdleTimer(this, this.vhost.broker.clock, expiresMs);
  }

  idleExpired(): void {
    this.vhost.queueUnused(this);
  }

  /**
   * The end of the queue, called by its virtual host: consumers are told, messages let go, nothing is
   * dead-lettered.
   */
  close(): void {
    this.isDeleted = true;
    this.stop();
    this.delayed?.close();
    const consumers = [...this.#consumers];
    this.#consumers.clear();
    this.#activeConsumer = undefined;
    for (const consumer of consumers) {
      this.#ring.remove(consumer);
      this.vhost.events.consumerDeleted(this, consumer);
      consumer.cancelledByServer();
    }
    this.#unackedCount = 0;
  }

  /** Stops timers; for the end of the queue, and of the broker, when everything stays as it is. */
  stop(): void {
    this.#headTimer.stop();
    this.#idleTimer?.stop();
    this.#flow?.stop();
    this.delayed?.stop();
  }

  #now(): number {
    return this.vhost.broker.clock.now();
  }

  /**
   * Expires what is due at the head, and wakes up again when there is more than `budget`, of deliveries, allows,
   * or the next head is due.
   */
  #expireDue(now: number, budget: number): void {
    let left = budget;
    for (let log = this.backlog.head; log.readyCount > 0; log = this.backlog.head) {
      if (left <= 0) {
        this.vhost.broker.touch(this);
        return;
      }
      left -= expiryWeight;
      if (!log.seek() || this.#expireHead(log, now, true)) continue;
      const { segment, index } = log;
      if (segment !== undefined) this.#headTimer.arm(segment.expiresAt(index));
      return;
    }
  }

  headDue(): void {
    this.vhost.broker.touch(this);
  }

  /** More messages are too old than could leave in this turn; what is behind them is not known yet. */
  get isExpiring(): boolean {
    const log = this.backlog.head;
    return log.mayExpire && log.seek() && this.#isDue(log, this.#now());
  }

  /** The head is to go for its age. */
  #isDue({ segment, index }: MessageLog, now: number): boolean {
    const expiresAt = segment?.expiresAt(index) ?? 0;
    return expiresAt !== 0 && now >= expiresAt;
  }

  /**
   * Messages leave for their age only at the head, as in RabbitMQ's classic queues. `nobodyWaits`: the
   * head expires in the very millisecond it is due, which a waiting consumer is still given (TTL 0).
   */
  #expireHead(log: MessageLog, now: number, nobodyWaits: boolean): boolean {
    const { segment, index } = log;
    if (segment === undefined) return false;
    const expiresAt = segment.expiresAt(index);
    if (expiresAt === 0) return false;
    if (nobodyWaits ? now < expiresAt : now <= expiresAt) return false;
    log.take();
    this.discard(segment, index, 'expired');
    return true;
  }

  /** A message leaves the queue unread, in memory and no longer ready. */
  protected discard(segment: Segment, index: number, reason: DeathReason): void {
    if (this.#settings.deadLetterExchange !== undefined) {
      this.vhost.broker.moved();
      this.vhost.deadLetters.publish(this, segment.message(index), reason);
    }
    segment.log.settle(segment, index);
  }
}

function hasLengthLimit(settings: QueueSettings): boolean {
  return settings.maxLength !== undefined || settings.maxLengthBytes !== undefined;
}
