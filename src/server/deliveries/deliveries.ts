import type { ChannelStats } from '../../broker/message-stats.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { type Delivery, type ServedConsumer, UnsettledList } from './unsettled.ts';

/** Taken-back deliveries whose late settling is forgiven; for the oldest beyond it is an unknown delivery tag. */
const lateTagsMax = 65_536;

/** What becomes of a delivery: basic.ack, basic.nack and basic.reject. */
export type Settlement = 'acknowledge' | 'requeue-nacked' | 'requeue-rejected' | 'reject';

/** Inside a transaction settling waits for the commit. */
interface PendingSettlement {
  readonly delivery: Delivery;
  readonly settlement: Settlement;
}

/** The channel around the deliveries. */
export interface DeliveriesHost {
  readonly stats: ChannelStats;
  /** A limit was lifted: consumers may take messages again. */
  resumeConsumers(): void;
  /** The same after a delivery to this consumer was settled: the others are asked first. */
  resumeConsumersAfter(servedLast: ServedConsumer): void;
}

/**
 * What a channel has been given: numbers deliveries, keeps those that nobody has settled yet, and knows how
 * many the client may have at a time (RabbitMQ pages "Consumer Acknowledgements", "Consumer Prefetch").
 */
export class Deliveries {
  readonly #host: DeliveriesHost;
  readonly #unsettled = new UnsettledList();
  /** Deliveries that were taken back because nobody settled them in time: settling them now means nothing. */
  readonly #lateTags = new Set<number>();
  #lastTag = 0;
  /** Unsettled deliveries to consumers; those of basic.get do not count for qos. */
  #consumerUnackedCount = 0;
  /** basic.qos global=true; 0: no limit. */
  #globalPrefetch = 0;
  readonly #unackedMax: number;
  /** Consumers were given nothing because there were so many. */
  #wasFull = false;
  /** In transaction mode: since the last commit or rollback. */
  #pending: PendingSettlement[] | undefined;

  /** `unackedMax`: most deliveries that the client may owe an answer for, those of basic.get included. */
  constructor(host: DeliveriesHost, unackedMax: number) {
    this.#host = host;
    this.#unackedMax = unackedMax;
  }

  get unsettledCount(): number {
    return this.#unsettled.size;
  }

  /** The oldest one that nobody has settled. */
  get oldest(): Delivery | undefined {
    return this.#unsettled.first;
  }

  /** Those that nobody has settled, oldest first. */
  unsettled(): Iterable<Delivery> {
    return this.#unsettled;
  }

  get lastTag(): number {
    return this.#lastTag;
  }

  nextTag(): number {
    return ++this.#lastTag;
  }

  /** The client was given a message that it has to settle. */
  hold(delivery: Delivery): void {
    this.#unsettled.add(delivery);
    if (delivery.consumer !== undefined) this.#consumerUnackedCount++;
  }

  // ---- qos

  get globalPrefetch(): number {
    return this.#globalPrefetch;
  }

  /** basic.qos global=true: one more limit for all consumers of the channel together. */
  set globalPrefetch(count: number) {
    this.#globalPrefetch = count;
    this.#host.resumeConsumers();
  }

  /** The client keeps as many as anybody may. */
  get isFull(): boolean {
    return this.#unsettled.size + this.pendingCount >= this.#unackedMax;
  }

  /** For consumers: whatever their own limits, there is room for one more. */
  get hasGlobalCapacity(): boolean {
    if (this.isFull) {
      this.#wasFull = true;
      return false;
    }
    return this.#globalPrefetch === 0 || this.#consumerUnackedCount < this.#globalPrefetch;
  }

  #freeCapacity(delivery: Delivery): void {
    if (this.#wasFull) {
      this.#wasFull = false;
      this.#host.resumeConsumers();
    }
    const consumer = delivery.consumer;
    if (consumer === undefined) return;
    consumer.unackedCount--;
    this.#consumerUnackedCount--;
    if (this.#globalPrefetch !== 0) this.#host.resumeConsumersAfter(consumer);
    else if (!consumer.isInRing) delivery.queue.consumerHasCapacity(consumer);
  }

  // ---- settling

  /** `multiple`: all up to that tag; tag 0 stands for the last one. @throws AmqpError 406 unknown delivery tag */
  settle(deliveryTag: number, multiple: boolean, settlement: Settlement): void {
    if (multiple) {
      this.#settleUpTo(deliveryTag, settlement);
      return;
    }
    const delivery = this.#unsettled.take(deliveryTag);
    if (delivery !== undefined) this.#settleOne(delivery, settlement);
    else if (!this.#lateTags.delete(deliveryTag)) throw unknownDeliveryTag(deliveryTag);
  }

  #settleUpTo(deliveryTag: number, settlement: Settlement): void {
    const unsettled = this.#unsettled;
    const isKnown = deliveryTag === 0 || unsettled.has(deliveryTag) || this.#lateTags.has(deliveryTag);
    if (!isKnown) throw unknownDeliveryTag(deliveryTag);
    const upTo = deliveryTag === 0 ? Number.MAX_SAFE_INTEGER : deliveryTag;
    for (const tag of this.#lateTags) if (tag <= upTo) this.#lateTags.delete(tag);
    unsettled.takeUpTo(upTo, (delivery) => this.#settleOne(delivery, settlement));
  }

  #settleOne(delivery: Delivery, settlement: Settlement): void {
    if (this.#pending === undefined) this.#apply(delivery, settlement);
    else this.#pending.push({ delivery, settlement });
  }

  #apply(delivery: Delivery, settlement: Settlement): void {
    const { queue, segment, index, consumer } = delivery;
    this.#freeCapacity(delivery);
    if (queue.vhost.firehose.isWatching) queue.vhost.firehose.settled(this.#host, delivery.tag, settlement);
    if (settlement === 'acknowledge') {
      this.#host.stats.ack++;
      queue.acknowledge(segment, index, consumer);
    } else if (settlement === 'requeue-nacked') queue.requeue(segment, index, 'nacked');
    else if (settlement === 'requeue-rejected') queue.requeue(segment, index, 'rejected');
    else queue.reject(segment, index);
  }

  /** basic.recover: all go back to their queues, in a transaction too. */
  recover(): void {
    this.#unsettled.takeUpTo(Number.MAX_SAFE_INTEGER, (delivery) => this.#apply(delivery, 'requeue-nacked'));
  }

  /** The client kept it for too long: back to its queue, whether or not the client settles it later. */
  takeBack(delivery: Delivery): void {
    this.#unsettled.take(delivery.tag);
    this.#rememberLate(delivery.tag);
    this.#freeCapacity(delivery);
    delivery.queue.vhost.firehose.settled(this.#host, delivery.tag, 'abandon');
    delivery.queue.abandon(delivery.segment, delivery.index, delivery.consumer, 'timed-out');
  }

  #rememberLate(tag: number): void {
    this.#lateTags.add(tag);
    if (this.#lateTags.size <= lateTagsMax) return;
    for (const oldest of this.#lateTags) {
      this.#lateTags.delete(oldest);
      break;
    }
  }

  // ---- transactions

  /** tx.select: from now on settling waits for {@link commit}. */
  selectTransactions(): void {
    this.#pending ??= [];
  }

  /** Settlements that wait for tx.commit. */
  get pendingCount(): number {
    return this.#pending?.length ?? 0;
  }

  get hasPending(): boolean {
    return this.#pending !== undefined && this.#pending.length > 0;
  }

  /** Settles what was gathered. */
  commit(): void {
    for (const { delivery, settlement } of this.#takePending()) this.#apply(delivery, settlement);
  }

  /** What was settled since the last commit is outstanding again. */
  rollback(): void {
    this.#unsettled.restore(this.#takePending().map(({ delivery }) => delivery));
  }

  #takePending(): readonly PendingSettlement[] {
    const pending = this.#pending ?? [];
    if (this.#pending !== undefined) this.#pending = [];
    return pending;
  }

  /** The channel is gone: what is unsettled goes back to its place, what a transaction gathered is forgotten. */
  release(): void {
    if (this.hasPending) this.rollback();
    for (const { tag, queue, segment, index, consumer } of this.#unsettled) {
      queue.vhost.firehose.settled(this.#host, tag, 'abandon');
      queue.abandon(segment, index, consumer, 'abandoned');
    }
  }
}

function unknownDeliveryTag(tag: number): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, `unknown delivery tag ${tag}`);
}
