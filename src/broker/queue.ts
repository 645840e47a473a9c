import { AmqpError, ReplyCode } from '../protocol/errors.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import type { Timer } from './clock.ts';
import type { Consumer } from './consumer.ts';
import { Message } from './message.ts';
import { ConsumerRing } from './queues/consumer-ring.ts';
import type { MessageLog } from './queues/message-log.ts';
import type { Segment } from './queues/segment.ts';
import type { VirtualHost } from './virtual-host.ts';

/** Deliveries of one queue in a row before other queues and sockets get their turn. */
const deliveriesPerTurnMax = 2048;

/** What the arguments of a queue ask for. */
export interface QueueSettings {
  /** x-message-ttl */
  readonly messageTtlMs: number | undefined;
  /** x-expires */
  readonly expiresMs: number | undefined;
  /** x-dead-letter-exchange; '' is the default exchange. */
  readonly deadLetterExchange: string | undefined;
  /** x-dead-letter-routing-key */
  readonly deadLetterRoutingKey: string | undefined;
}

/** Why a message is dead-lettered: the `reason` in its x-death header. */
export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit';

export interface QueueOptions {
  readonly vhost: VirtualHost;
  readonly name: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** Connection that declared it exclusive. */
  readonly exclusiveOwner: object | undefined;
  readonly arguments: FieldTable;
  readonly settings: QueueSettings;
  readonly log: MessageLog;
}

/** A message taken off the queue by basic.get. */
export interface Taken {
  readonly segment: Segment;
  readonly index: number;
  readonly redelivered: boolean;
}

/** A classic queue: messages in order, consumers in turn, time limits at the head. */
export class Queue {
  readonly vhost: VirtualHost;
  readonly name: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly exclusiveOwner: object | undefined;
  readonly arguments: FieldTable;
  readonly settings: QueueSettings;
  readonly log: MessageLog;
  isDeleted = false;
  /** Stands in the broker's list of queues to look at when the turn ends. */
  isTouched = false;

  readonly #consumers = new Set<Consumer>();
  readonly #ring = new ConsumerRing();
  #unackedCount = 0;
  #expiryTimer: Timer | undefined;
  #expiryDue = 0;
  #idleTimer: Timer | undefined;
  #lastUsedAt: number;

  constructor(options: QueueOptions) {
    this.vhost = options.vhost;
    this.name = options.name;
    this.durable = options.durable;
    this.autoDelete = options.autoDelete;
    this.exclusiveOwner = options.exclusiveOwner;
    this.arguments = options.arguments;
    this.settings = options.settings;
    this.log = options.log;
    this.#lastUsedAt = this.#now();
    this.#armIdleTimer();
    if (this.log.readyCount > 0) this.vhost.broker.touch(this);
  }

  get readyCount(): number {
    return this.log.readyCount;
  }

  get readyBytes(): number {
    return this.log.readyBytes;
  }

  get unackedCount(): number {
    return this.#unackedCount;
  }

  get consumerCount(): number {
    return this.#consumers.size;
  }

  get consumers(): ReadonlySet<Consumer> {
    return this.#consumers;
  }

  /** Appends a message; it is delivered when the turn ends. True when a commit is needed to keep it. */
  publish(message: Message): boolean {
    const now = this.#now();
    const ttlMs = this.#timeToLiveMs(message);
    const needsCommit = this.log.append(message, now, ttlMs < 0 ? 0 : now + ttlMs);
    if (ttlMs === 0) this.drain();
    else if (!this.isTouched) this.vhost.broker.touch(this);
    return needsCommit;
  }

  /** The smaller of x-message-ttl and the message's expiration; -1: none. */
  #timeToLiveMs(message: Message): number {
    const ofQueue = this.settings.messageTtlMs;
    const ofMessage = message.expirationMs;
    if (ofQueue === undefined) return ofMessage;
    return ofMessage < 0 ? ofQueue : Math.min(ofQueue, ofMessage);
  }

  /** Hands ready messages to consumers as long as both are there, and expires what is due at the head. */
  drain(): void {
    const { log } = this;
    let left = deliveriesPerTurnMax;
    while (log.readyCount > 0) {
      const consumer = this.#ring.next();
      if (consumer === undefined) break;
      if (!log.seek()) break;
      if (log.mayExpire && this.#expireHead(false)) continue;
      if (left-- === 0) {
        this.vhost.broker.touch(this);
        return;
      }
      this.#deliver(consumer);
      this.#ring.rotate(consumer);
    }
    if (log.mayExpire) this.#expireDue();
  }

  #deliver(consumer: Consumer): void {
    const { log } = this;
    const { segment, index } = log;
    if (segment === undefined) throw new Error('deliver without seek');
    const redelivered = log.take();
    if (!consumer.noAck) this.#unackedCount++;
    consumer.deliver(this, segment, index, redelivered);
    if (consumer.noAck) log.settle(segment, index);
  }

  /** Takes the next message for basic.get; without `noAck` it stays owed. */
  get(noAck: boolean): Taken | undefined {
    this.touchIdle();
    this.drain();
    const { log } = this;
    if (!log.seek()) return undefined;
    const { segment, index } = log;
    if (segment === undefined) return undefined;
    const redelivered = log.take();
    if (!noAck) this.#unackedCount++;
    if (!this.isTouched) this.vhost.broker.touch(this);
    return { segment, index, redelivered };
  }

  /** A delivered message is done with. */
  acknowledge(segment: Segment, index: number): void {
    if (this.isDeleted) return;
    this.#unackedCount--;
    segment.log.settle(segment, index);
  }

  /** A delivered message goes back to its old place, marked redelivered. */
  requeue(segment: Segment, index: number): void {
    if (this.isDeleted) return;
    this.#unackedCount--;
    segment.log.giveBack(segment, index);
    if (!this.isTouched) this.vhost.broker.touch(this);
  }

  /** A delivered message is refused for good: dead-lettered if the queue says where to, else dropped. */
  reject(segment: Segment, index: number): void {
    if (this.isDeleted) return;
    this.#unackedCount--;
    segment.log.load(segment);
    this.#discard(segment, index, 'rejected');
  }

  /**
   * Adds a consumer.
   *
   * @throws AmqpError 403 when it or the one that is there wants the queue for itself
   */
  addConsumer(consumer: Consumer): void {
    for (const other of this.#consumers) {
      if (other.exclusive || consumer.exclusive) {
        const text = `queue '${this.name}' in vhost '${this.vhost.name}' in exclusive use`;
        throw new AmqpError(ReplyCode.AccessRefused, text);
      }
    }
    this.#consumers.add(consumer);
    this.#idleTimer?.cancel();
    this.#idleTimer = undefined;
    this.consumerHasCapacity(consumer);
  }

  /** The last consumer to leave an auto-delete queue takes the queue along. */
  removeConsumer(consumer: Consumer): void {
    if (!this.#consumers.delete(consumer)) return;
    this.#ring.remove(consumer);
    if (this.isDeleted || this.#consumers.size > 0) return;
    if (this.autoDelete) {
      this.vhost.queueUnused(this);
    } else {
      this.touchIdle();
    }
  }

  /** The consumer is about to leave and is given nothing more. */
  pauseConsumer(consumer: Consumer): void {
    this.#ring.remove(consumer);
  }

  /** A consumer can take messages (again). */
  consumerHasCapacity(consumer: Consumer): void {
    if (consumer.isInRing || !this.#consumers.has(consumer)) return;
    this.#ring.add(consumer);
    if (this.log.readyCount > 0 && !this.isTouched) this.vhost.broker.touch(this);
  }

  /** Drops all ready messages, without dead-lettering. Returns how many there were. */
  purge(): number {
    this.drain();
    return this.log.purge();
  }

  /** The queue was declared or read: x-expires starts anew. */
  touchIdle(): void {
    this.#lastUsedAt = this.#now();
    if (this.#idleTimer === undefined) this.#armIdleTimer();
  }

  /**
   * The end of the queue, called by its virtual host: consumers are told, messages let go, nothing is
   * dead-lettered.
   */
  close(): void {
    this.isDeleted = true;
    this.#expiryTimer?.cancel();
    this.#idleTimer?.cancel();
    const consumers = [...this.#consumers];
    this.#consumers.clear();
    for (const consumer of consumers) {
      this.#ring.remove(consumer);
      consumer.cancelledByServer();
    }
    this.#unackedCount = 0;
  }

  /** Stops timers; for the end of the broker, when everything stays as it is. */
  stop(): void {
    this.#expiryTimer?.cancel();
    this.#idleTimer?.cancel();
  }

  #now(): number {
    return this.vhost.broker.clock.now();
  }

  /** Expires what is due at the head and wakes up again when the next head is. */
  #expireDue(): void {
    const { log } = this;
    while (log.seek()) {
      if (this.#expireHead(true)) continue;
      const { segment, index } = log;
      if (segment !== undefined) this.#armExpiryTimer(segment.expiresAt(index));
      return;
    }
  }

  /**
   * Messages leave for their age only at the head, as in RabbitMQ's classic queues. `nobodyWaits`: the
   * head expires in the very millisecond it is due, which a waiting consumer is still given (TTL 0).
   */
  #expireHead(nobodyWaits: boolean): boolean {
    const { log } = this;
    const { segment, index } = log;
    if (segment === undefined) return false;
    const expiresAt = segment.expiresAt(index);
    if (expiresAt === 0) return false;
    const now = this.#now();
    if (nobodyWaits ? now < expiresAt : now <= expiresAt) return false;
    log.take();
    this.#discard(segment, index, 'expired');
    return true;
  }

  #discard(segment: Segment, index: number, reason: DeathReason): void {
    if (this.settings.deadLetterExchange !== undefined) {
      const { buffer, offsets } = segment.expectSlab();
      const message = Message.fromRecord(buffer, offsets[index] ?? 0, offsets[index + 1] ?? 0);
      this.vhost.broker.moved();
      this.vhost.publishDeadLetter(this, message, reason);
    }
    segment.log.settle(segment, index);
  }

  #armExpiryTimer(due: number): void {
    if (due === 0 || (this.#expiryTimer !== undefined && this.#expiryDue === due)) return;
    this.#expiryTimer?.cancel();
    this.#expiryDue = due;
    this.#expiryTimer = this.vhost.broker.clock.setTimer(Math.max(0, due - this.#now()), () => {
      this.#expiryTimer = undefined;
      this.vhost.broker.touch(this);
    });
  }

  /** x-expires: after that long without consumers, declarations and gets the queue goes. */
  #armIdleTimer(): void {
    const { expiresMs } = this.settings;
    if (expiresMs === undefined || this.#consumers.size > 0) return;
    const due = this.#lastUsedAt + expiresMs;
    this.#idleTimer = this.vhost.broker.clock.setTimer(Math.max(0, due - this.#now()), () => {
      this.#idleTimer = undefined;
      if (this.#consumers.size > 0) return;
      if (this.#now() < this.#lastUsedAt + expiresMs) this.#armIdleTimer();
      else this.vhost.queueUnused(this);
    });
  }
}
