import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import type { Deduplicator } from '../deduplication/deduplicator.ts';
import type { PresentIds } from '../deduplication/present-ids.ts';
import type { DelayLine } from '../delays/delay-line.ts';
import type { ReturnReason } from '../delays/return-reason.ts';
import type { Backlog } from '../log/backlog.ts';
import { LogFigures } from '../log/log-figures.ts';
import type { MessageLog } from '../log/message-log.ts';
import type { Segment } from '../log/segment.ts';
import type { SideLogs } from '../log/side-logs.ts';
import type { Message } from '../message.ts';
import { QueueStats } from '../message-stats.ts';
import { describe } from '../names.ts';
import type { AppliedPolicies } from '../policies/policy.ts';
import type { QueueType } from '../queue-type.ts';
import { PublishOutcome } from '../routing/publish-outcome.ts';
import { type Tap, Taps } from '../taps/taps.ts';
import type { TouchedQueue } from '../turn.ts';
import { checkConsumerArguments } from './argument-rules.ts';
import type { Consumer, DeliveringQueue } from './consumer.ts';
import { type IdleQueue, IdleTimer } from './idle-timer.ts';
import type { HeldPublisher } from './queue-flow.ts';
import type { QueueHost } from './queue-host.ts';
import { type QueueSettings, queueSettings } from './queue-settings.ts';

/** What a queue is made of. */
export interface QueueOptions {
  readonly vhost: QueueHost;
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

/**
 * What queues of all types have: a name, arguments and policies, messages in a backlog, consumers, and an end. How
 * messages leave it is the types' business.
 */
export abstract class Queue implements DeliveringQueue, IdleQueue, TouchedQueue {
  readonly kind = 'queue';
  readonly vhost: QueueHost;
  readonly name: string;
  readonly type: QueueType;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly exclusiveOwner: object | undefined;
  readonly singleActiveConsumer: boolean;
  readonly backlog: Backlog;
  readonly sideLogs: SideLogs;
  /** Drops duplicates, if x-message-deduplication was asked for. */
  deduplicator: Deduplicator | PresentIds | undefined;
  readonly stats: QueueStats = new QueueStats();
  isDeleted = false;
  isTouched = false;
  readyBefore = 0;

  readonly #consumers = new Set<Consumer>();
  #arguments: FieldTable;
  #policies: AppliedPolicies;
  #settings: QueueSettings;
  /** With x-expires. */
  #idleTimer: IdleTimer | undefined;
  /** As long as somebody watches. */
  #taps: Taps | undefined;

  constructor(options: QueueOptions) {
    this.vhost = options.vhost;
    this.name = options.name;
    this.type = options.type;
    this.durable = options.durable;
    this.autoDelete = options.autoDelete;
    this.exclusiveOwner = options.exclusiveOwner;
    this.singleActiveConsumer = options.singleActiveConsumer;
    this.backlog = options.backlog;
    this.sideLogs = options.sideLogs;
    this.#arguments = options.arguments;
    this.#policies = options.policies;
    this.#settings = queueSettings(options.arguments, options.policies.definition);
    this.#idleTimer = this.#newIdleTimer();
    if (this.readyCount > 0) this.touch();
  }

  get arguments(): FieldTable {
    return this.#arguments;
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

  /** Messages that consumers have and have not acknowledged. */
  abstract get unackedCount(): number;

  /** Messages that wait for their dead letters to reach a queue; quorum queues only. */
  get heldCount(): number {
    return 0;
  }

  /** Bytes of their bodies. */
  get heldBytes(): number {
    return 0;
  }

  /** What it holds, summed up over the segments of its logs; into `to`, whatever that was about before. */
  figures(to: LogFigures = new LogFigures()): LogFigures {
    to.clear();
    for (const log of this.backlog.logs) log.figures(to);
    return to;
  }

  /** Messages that wait to be given out again, if there ever were any. */
  get delayed(): DelayLine | undefined {
    return undefined;
  }

  get consumerCount(): number {
    return this.#consumers.size;
  }

  get consumers(): ReadonlySet<Consumer> {
    return this.#consumers;
  }

  /** The consumer that is fed, in a queue with x-single-active-consumer and consumers; else undefined. */
  get activeConsumer(): Consumer | undefined {
    return undefined;
  }

  /** From now on these policies hold. */
  applyPolicies(policies: AppliedPolicies): void {
    this.#policies = policies;
    this.applySettings(queueSettings(this.arguments, policies.definition));
  }

  /** Other arguments hold from now on, which have been checked. */
  changeArguments(all: FieldTable): void {
    this.#arguments = all;
    this.applySettings(queueSettings(all, this.#policies.definition));
  }

  /**
   * Other settings hold from now on: surplus messages leave, x-expires starts anew. Messages that are there
   * keep the time to live they came with.
   */
  applySettings(settings: QueueSettings): void {
    this.#settings = settings;
    this.#idleTimer?.stop();
    this.#idleTimer = this.#newIdleTimer();
    this.drain(this.now());
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
    // What is remembered of it has to become durable with it.
    message.ahead = undefined;
    const outcome = this.enqueue(message, now);
    return admission === undefined ? outcome : admission.carryOut(message, now, outcome);
  }

  /** Appends a message that is no duplicate. Returns a {@link PublishOutcome}. */
  protected abstract enqueue(message: Message, now: number): number;

  /** Hands ready messages to consumers as long as both are there: `now`, in milliseconds since the epoch. */
  abstract drain(now: number): void;

  /** For which part of the time consumers could take messages at once, 0 to 1; undefined where that says nothing. */
  get consumerCapacity(): number | undefined {
    return undefined;
  }

  abstract get outrunsConsumers(): boolean;

  /** Has a publisher wait until the queue is as short as it was before this turn; see `QueueFlow.hold`. */
  abstract hold(publisher: HeldPublisher): boolean;

  /** A publisher that is held here is gone. */
  abstract forget(publisher: HeldPublisher): void;

  /**
   * Takes the next message for basic.get; without `noAck` it stays owed. Undefined: there is none, or none yet,
   * see {@link headSoon}.
   *
   * @throws AmqpError 540 where nothing can be taken
   */
  abstract get(noAck: boolean): Taken | undefined;

  /**
   * After {@link get} has found nothing: resolves when it is to be asked again. More messages are too old than could leave
   * in this turn, or the next one is large and on its way from the disk. Undefined: there is none.
   */
  get headSoon(): Promise<void> | undefined {
    return undefined;
  }

  abstract acknowledge(segment: Segment, index: number, consumer?: Consumer): void;

  abstract requeue(segment: Segment, index: number, reason?: ReturnReason): void;

  abstract abandon(segment: Segment, index: number, consumer?: Consumer, reason?: ReturnReason): void;

  abstract reject(segment: Segment, index: number): void;

  /** Drops all ready messages, without dead-lettering. Returns how many there were. */
  abstract purge(): number;

  /**
   * Adds a consumer.
   *
   * @throws AmqpError 403 when it or the one that is there wants the queue for itself, 406
   */
  addConsumer(consumer: Consumer): void {
    this.checkConsumer(consumer);
    this.#consumers.add(consumer);
    this.#idleTimer?.stop();
    this.vhost.events.consumerCreated(this, consumer);
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
    this.pauseConsumer(consumer);
    this.vhost.events.consumerDeleted(this, consumer);
    this.consumerLeft(consumer);
    if (this.isDeleted || this.#consumers.size > 0) return;
    if (this.autoDelete) {
      this.vhost.queueUnused(this.name);
    } else {
      this.touchIdle();
    }
  }

  /** A consumer was taken out of {@link consumers}; the queue may be about to go. */
  protected abstract consumerLeft(consumer: Consumer): void;

  /** The consumer is about to leave and is given nothing more. */
  abstract pauseConsumer(consumer: Consumer): void;

  abstract consumerHasCapacity(consumer: Consumer): void;

  /** The queue was declared or read: x-expires starts anew. */
  touchIdle(): void {
    this.#idleTimer?.used();
  }

  #newIdleTimer(): IdleTimer | undefined {
    const { expiresMs } = this.#settings;
    return expiresMs === undefined ? undefined : new IdleTimer(this, this.vhost.broker.clock, expiresMs);
  }

  idleExpired(): void {
    if (!this.isDeleted) this.vhost.queueUnused(this.name);
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
    for (const consumer of consumers) {
      this.pauseConsumer(consumer);
      this.vhost.events.consumerDeleted(this, consumer);
      consumer.cancelledByServer();
    }
    this.#taps?.end();
  }

  /** Shows `tap` each message that comes to the queue from now on; the result ends that. */
  watch(tap: Tap): () => void {
    this.#taps ??= new Taps();
    this.#taps.add(tap);
    return () => {
      this.#taps?.remove(tap);
      if (this.#taps?.isEmpty) this.#taps = undefined;
    };
  }

  /** A message comes to the queue. */
  protected showTaps(message: Message, now: number): void {
    if (this.#taps !== undefined) this.#taps.saw(message, now);
  }

  /** Stops timers; for the end of the queue, and of the broker, when everything stays as it is. */
  stop(): void {
    this.#idleTimer?.stop();
    this.delayed?.stop();
  }

  /** Has the queue looked at when the turn ends. */
  protected touch(): void {
    if (!this.isTouched) this.vhost.broker.touch(this);
  }

  /** Milliseconds since the epoch. */
  protected now(): number {
    return this.vhost.broker.clock.now();
  }
}
