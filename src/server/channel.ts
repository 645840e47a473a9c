import { Undecided } from '../broker/actor.ts';
import type { ConsumerChannel, DeliveringQueue } from '../broker/consumer.ts';
import { withoutBlindCopies } from '../broker/copy-headers.ts';
import { propertiesWithDeliveryCount } from '../broker/delivery-count.ts';
import { ChannelStats } from '../broker/message-stats.ts';
import { describe, generatedName } from '../broker/names.ts';
import { PublishOutcome } from '../broker/publish-outcome.ts';
import type { Queue } from '../broker/queue.ts';
import { type ReplyAddresses, replyQueueName } from '../broker/reply-addresses.ts';
import type { TracedDelivery, TraceOrigin } from '../broker/trace.ts';
import { uint32At } from '../protocol/bytes.ts';
import { AmqpError, ReplyCode } from '../protocol/errors.ts';
import {
  type BasicCancel,
  type BasicConsume,
  type BasicGet,
  type BasicQos,
  decodeMethod,
  type Method,
  MethodId,
} from '../protocol/methods.ts';
import type { Connection } from './connection.ts';
import { ChannelConsumer } from './consumer.ts';
import { Deliveries, type DeliveriesHost } from './deliveries.ts';
import { DeliveryWatch } from './delivery-watch.ts';
import type { Output } from './output.ts';
import { Publisher } from './publisher.ts';
import { ReplyConsumer } from './reply-consumer.ts';
import { TopologyMethods } from './topology-methods.ts';
import { Delivery } from './unsettled.ts';

/** Arguments of basic.ack: delivery tag and one octet of bits. */
const ackBytes = 9;

/**
 * One channel: turns its methods into calls on the model and what comes of them into frames. What is published
 * goes to its {@link Publisher}, what is delivered through its {@link Deliveries}; everything else is plain
 * request and answer.
 */
export class Channel implements DeliveriesHost, ConsumerChannel {
  readonly id: number;
  readonly output: Output;
  readonly frameMax: number;
  readonly deliveries: Deliveries;
  readonly stats: ChannelStats = new ChannelStats();

  readonly #connection: Connection;
  readonly #publisher: Publisher;
  readonly #topology: TopologyMethods;
  readonly #deliveryWatch: DeliveryWatch;
  readonly #consumers = new Map<string, ChannelConsumer>();
  #replyConsumer: ReplyConsumer | undefined;
  /** basic.qos for the consumers to come; 0: no limit. */
  #prefetch = 0;
  /** tx.select was called: there is no way back. */
  #isTransactional = false;
  #isReleased = false;

  constructor(connection: Connection, id: number) {
    this.id = id;
    this.output = connection.output;
    this.frameMax = connection.frameMax;
    this.#connection = connection;
    this.deliveries = new Deliveries(this, connection.unackedMax);
    this.#publisher = new Publisher(this, connection);
    this.#topology = new TopologyMethods(this, connection);
    this.#deliveryWatch = new DeliveryWatch(this, connection);
  }

  // ---- for listings

  get number(): number {
    return this.id;
  }

  get name(): string {
    return `${this.#connection.name} (${this.id})`;
  }

  get connectionName(): string {
    return this.#connection.name;
  }

  get username(): string {
    return this.#connection.user.name;
  }

  get vhostName(): string {
    return this.#connection.vhost.name;
  }

  get peerHost(): string {
    return this.#connection.peerHost;
  }

  get peerPort(): number {
    return this.#connection.peerPort;
  }

  get isConfirming(): boolean {
    return this.#publisher.isConfirming;
  }

  get isTransactional(): boolean {
    return this.#isTransactional;
  }

  /** basic.qos for the consumers to come; 0: no limit. */
  get prefetch(): number {
    return this.#prefetch;
  }

  get globalPrefetch(): number {
    return this.deliveries.globalPrefetch;
  }

  get unconfirmedCount(): number {
    return this.#publisher.unconfirmedCount;
  }

  /** Publishes that wait for tx.commit. */
  get uncommittedCount(): number {
    return this.#publisher.uncommittedCount;
  }

  /** Settlements that wait for tx.commit. */
  get uncommittedAckCount(): number {
    return this.deliveries.pendingCount;
  }

  get consumers(): Iterable<ChannelConsumer> {
    return this.#consumers.values();
  }

  /** Those that change with every confirm are brought up to date here. */
  currentStats(): ChannelStats {
    const { confirmedCount, unconfirmedCount } = this.#publisher;
    this.stats.confirm = confirmedCount;
    this.stats.publishConfirm = confirmedCount + unconfirmedCount;
    return this.stats;
  }

  // ----

  get consumerCount(): number {
    return this.#consumers.size;
  }

  get unackedCount(): number {
    return this.deliveries.unsettledCount;
  }

  /** A publish has begun and its content is not complete: no method may come, not even one that closes. */
  get isExpectingContent(): boolean {
    return this.#publisher.isExpectingContent;
  }

  /** @throws AmqpError */
  method(id: number, buffer: Buffer, start: number, end: number): void {
    if (this.#publisher.isExpectingContent) throw this.#publisher.unexpectedMethod();
    if (id === MethodId.BasicPublish) {
      this.#publisher.begin(buffer, start, end);
    } else if (id === MethodId.BasicAck && end - start === ackBytes) {
      this.#acked(buffer, start);
    } else {
      this.#perform(decodeMethod(id, buffer, start, end));
    }
  }

  #perform(method: Method): void {
    try {
      this.#handle(method);
    } catch (error) {
      if (!(error instanceof Undecided)) throw error instanceof AmqpError ? error.during(method.id) : error;
      this.tryAgain(error.decided, () => this.#perform(method));
    }
  }

  /** Tries again what has to wait for a permission; meanwhile nothing more is read from the connection. */
  tryAgain(decided: Promise<void>, again: () => void): void {
    const connection = this.#connection;
    connection.pauseInput();
    void decided.then(() => {
      try {
        if (!this.#isReleased) again();
      } catch (error) {
        connection.methodFailed(this.id, error);
      }
      connection.chunkEnd();
      connection.resumeInput();
    });
  }

  /** basic.ack, decoded by hand: it comes as often as deliveries go. */
  #acked(buffer: Buffer, start: number): void {
    const deliveryTag = uint32At(buffer, start) * 2 ** 32 + uint32At(buffer, start + 4);
    const multiple = ((buffer[start + 8] ?? 0) & 1) !== 0;
    try {
      this.deliveries.settle(deliveryTag, multiple, 'acknowledge');
    } catch (error) {
      throw error instanceof AmqpError ? error.during(MethodId.BasicAck) : error;
    }
  }

  /** @throws AmqpError */
  header(buffer: Buffer, start: number, end: number): void {
    this.#publisher.header(buffer, start, end);
  }

  /** @throws AmqpError */
  body(buffer: Buffer, start: number, end: number): void {
    this.#publisher.body(buffer, start, end);
  }

  /** Shows a delivery to the firehose. */
  traceDelivery(queue: DeliveringQueue, delivery: TracedDelivery): void {
    queue.vhost.firehose.delivered(delivery, this.traceOrigin);
  }

  /** How the firehose names this channel. */
  get traceOrigin(): TraceOrigin {
    const { nodeName, vhost, name, actor } = this.#connection;
    return {
      node: nodeName,
      vhost: vhost.name,
      connection: name,
      channel: this.id,
      username: actor.username,
    };
  }

  get replies(): ReplyAddresses {
    return this.#connection.broker.replies;
  }

  /** The socket has caught up, or a limit was lifted: consumers may take messages again. */
  resumeConsumers(): void {
    for (const consumer of this.#consumers.values()) consumer.queue.consumerHasCapacity(consumer);
  }

  /** The consumer that was served last comes last, or the first one would be given every message. */
  resumeConsumersAfter(servedLast: ChannelConsumer): void {
    const { tag } = servedLast;
    if (this.#consumers.get(tag) === servedLast) {
      this.#consumers.delete(tag);
      this.#consumers.set(tag, servedLast);
    }
    this.resumeConsumers();
  }

  #handle(method: Method): void {
    switch (method.id) {
      case MethodId.BasicAck:
        this.deliveries.settle(method.deliveryTag, method.multiple, 'acknowledge');
        break;
      case MethodId.BasicNack:
        this.deliveries.settle(
          method.deliveryTag,
          method.multiple,
          method.requeue ? 'requeue-nacked' : 'reject',
        );
        break;
      case MethodId.BasicReject:
        this.deliveries.settle(method.deliveryTag, false, method.requeue ? 'requeue-rejected' : 'reject');
        break;
      case MethodId.BasicGet:
        this.#get(method);
        break;
      case MethodId.BasicConsume:
        this.#consume(method);
        break;
      case MethodId.BasicCancel:
        this.#cancel(method);
        break;
      case MethodId.BasicQos:
        this.#qos(method);
        break;
      case MethodId.BasicRecover:
      case MethodId.BasicRecoverAsync:
        this.#recover(method.requeue, method.id === MethodId.BasicRecover);
        break;
      case MethodId.ConfirmSelect:
        this.#confirmSelect(method.noWait);
        break;
      case MethodId.TxSelect:
        this.#txSelect();
        break;
      case MethodId.TxCommit:
        this.#txCommit();
        break;
      case MethodId.TxRollback:
        this.#txRollback();
        break;
      case MethodId.ChannelFlow:
        if (!method.active) throw new AmqpError(ReplyCode.NotImplemented, 'active=false');
        this.output.method(this.id, { id: MethodId.ChannelFlowOk, active: true });
        break;
      case MethodId.AccessRequest:
        this.output.method(this.id, { id: MethodId.AccessRequestOk, ticket: 1 });
        break;
      default:
        this.#topology.handle(method);
        break;
    }
  }

  /** Answers once what was changed is on disk: see `server/answers`. */
  answer(method: Method, noWait: boolean): void {
    this.#connection.answers.add(() => {
      if (!noWait && !this.#isReleased) this.output.method(this.id, method);
    });
  }

  /** Nothing more is read from the connection until then. */
  #whenCommitted(then: () => void): void {
    const connection = this.#connection;
    connection.pauseInput();
    void connection.broker.committer.flush().then(() => {
      if (!this.#isReleased) then();
      this.output.flushSoon();
      connection.resumeInput();
    });
  }

  #get(method: BasicGet): void {
    const { vhost, actor } = this.#connection;
    const name = this.#topology.queueName(method.queue);
    actor.require('read', 'queue', name);
    const queue = vhost.queue(actor, name);
    if (queue.type === 'quorum' && queue.singleActiveConsumer) throw getNotSupported(queue);
    if (!method.noAck && this.deliveries.isFull) throw tooManyUnacked(this.unackedCount);
    const taken = queue.get(method.noAck);
    if (taken === undefined) {
      if (queue.isExpiring) this.#getLater(method);
      else {
        this.stats.getEmpty++;
        this.output.method(this.id, { id: MethodId.BasicGetEmpty });
      }
      return;
    }
    const { segment, index, redelivered, deliveryCount } = taken;
    this.#connection.deliveryTimeouts.expect(queue.settings.consumerTimeoutMs);
    const deliveryTag = this.deliveries.nextTag();
    if (method.noAck) this.stats.getNoAck++;
    else this.stats.get++;
    if (redelivered) this.stats.redeliver++;
    if (!method.noAck) this.deliveries.hold(new Delivery(deliveryTag, queue, undefined, segment, index));
    const message = segment.message(index);
    this.output.method(this.id, {
      id: MethodId.BasicGetOk,
      deliveryTag,
      redelivered,
      exchange: message.exchange,
      routingKey: message.routingKey,
      messageCount: queue.readyCount,
    });
    if (deliveryCount === undefined) {
      this.output.message(this.id, this.frameMax, message);
    } else {
      const shown = withoutBlindCopies(message);
      const properties = propertiesWithDeliveryCount(shown, deliveryCount);
      this.output.contentWith(this.id, this.frameMax, shown, properties);
    }
    if (vhost.firehose.isWatching) {
      const isSettledLater = !method.noAck;
      const traced = { message, queue, redelivered, channel: this, tag: deliveryTag, isSettledLater };
      this.traceDelivery(queue, traced);
    }
    if (method.noAck) segment.log.settle(segment, index);
  }

  /** Tries again in the next turn; meanwhile nothing more is read from the connection. */
  #getLater(method: BasicGet): void {
    const connection = this.#connection;
    connection.pauseInput();
    setImmediate(() => {
      try {
        if (!this.#isReleased) this.#get(method);
      } catch (error) {
        connection.methodFailed(this.id, error instanceof AmqpError ? error.during(method.id) : error);
      }
      connection.resumeInput();
    });
  }

  #consume(method: BasicConsume): void {
    const { vhost, actor } = this.#connection;
    const tag = method.consumerTag === '' ? generatedName('amq.ctag-') : method.consumerTag;
    if (this.#consumers.has(tag)) {
      throw new AmqpError(ReplyCode.NotAllowed, `attempt to reuse consumer tag '${tag}'`);
    }
    const { consumerMax } = this.#connection;
    if (this.#consumers.size >= consumerMax) {
      const text = `reached maximum (${consumerMax}) of consumers per channel`;
      throw new AmqpError(ReplyCode.NotAllowed, text);
    }
    const name = this.#topology.queueName(method.queue);
    if (name === replyQueueName) {
      this.#consumeReplies(tag, method);
      return;
    }
    actor.require('read', 'queue', name);
    const queue = vhost.queue(actor, name);
    const consumer = new ChannelConsumer(this, { ...method, tag, queue, prefetch: this.#prefetch });
    if (queue.type !== 'classic' && this.deliveries.globalPrefetch !== 0) {
      queue.checkConsumer(consumer);
      const text = `${describe('queue', queue.name, vhost.name)} does not support global qos`;
      throw new AmqpError(ReplyCode.NotImplemented, text);
    }
    // What was published before goes to the consumers there were.
    queue.drain(this.#connection.chunkTime);
    queue.addConsumer(consumer);
    this.#connection.deliveryTimeouts.expect(consumer.timeoutMs ?? queue.settings.consumerTimeoutMs);
    this.#consumers.set(tag, consumer);
    if (!method.noWait) this.output.method(this.id, { id: MethodId.BasicConsumeOk, consumerTag: tag });
  }

  /** The pseudo-queue of direct reply-to: no permission is asked for, nothing can be acknowledged. */
  #consumeReplies(tag: string, { noAck, noWait }: BasicConsume): void {
    if (!noAck) throw new AmqpError(ReplyCode.PreconditionFailed, 'reply consumer cannot acknowledge');
    if (this.#replyConsumer !== undefined) {
      throw new AmqpError(ReplyCode.PreconditionFailed, 'reply consumer already set');
    }
    this.#replyConsumer = new ReplyConsumer(this, tag);
    this.#publisher.replyAddress = this.#replyConsumer.address;
    if (!noWait) this.output.method(this.id, { id: MethodId.BasicConsumeOk, consumerTag: tag });
  }

  #cancel(method: BasicCancel): void {
    const consumer = this.#consumers.get(method.consumerTag);
    if (this.#replyConsumer?.tag === method.consumerTag) {
      this.#replyConsumer.close();
      this.#replyConsumer = undefined;
      this.#publisher.replyAddress = undefined;
    } else if (consumer !== undefined) {
      // What was published before goes to the consumers there were.
      consumer.queue.drain(this.#connection.chunkTime);
      this.#consumers.delete(method.consumerTag);
      consumer.queue.removeConsumer(consumer);
    }
    this.answer({ id: MethodId.BasicCancelOk, consumerTag: method.consumerTag }, method.noWait);
  }

  /** The connection's secret was renewed: who may no longer read from a queue is cancelled. */
  accountChanged(): void {
    for (const consumer of [...this.#consumers.values()]) this.#checkConsumer(consumer);
  }

  #checkConsumer(consumer: ChannelConsumer): void {
    try {
      this.#connection.actor.require('read', 'queue', consumer.queue.name);
    } catch (error) {
      if (error instanceof Undecided) this.tryAgain(error.decided, () => this.#checkConsumer(consumer));
      else if (error instanceof AmqpError) this.cancelConsumer(consumer);
      else throw error;
    }
  }

  /** A consumer does not do its part: it loses its place, and its client is told. */
  cancelConsumer(consumer: ChannelConsumer): void {
    if (this.#consumers.get(consumer.tag) !== consumer) return;
    consumer.queue.removeConsumer(consumer);
    this.consumerCancelled(consumer);
  }

  /** The queue is gone. Clients that understand it are told with basic.cancel. */
  consumerCancelled(consumer: ChannelConsumer): void {
    if (!this.#consumers.delete(consumer.tag) || this.#isReleased) return;
    if (!this.#connection.clientCapabilities.consumerCancelNotify) return;
    this.output.method(this.id, { id: MethodId.BasicCancel, consumerTag: consumer.tag, noWait: true });
  }

  #qos(method: BasicQos): void {
    if (method.prefetchSize !== 0) {
      throw new AmqpError(ReplyCode.NotImplemented, `prefetch_size!=0 (${method.prefetchSize})`);
    }
    if (method.global) this.deliveries.globalPrefetch = method.prefetchCount;
    else this.#prefetch = method.prefetchCount;
    this.output.method(this.id, { id: MethodId.BasicQosOk });
  }

  #recover(requeue: boolean, answer: boolean): void {
    if (!requeue) throw new AmqpError(ReplyCode.NotImplemented, 'requeue=false');
    this.deliveries.recover();
    if (answer) this.output.method(this.id, { id: MethodId.BasicRecoverOk });
  }

  #confirmSelect(noWait: boolean): void {
    if (this.#isTransactional) {
      throw new AmqpError(ReplyCode.PreconditionFailed, 'cannot switch from tx to confirm mode');
    }
    this.#publisher.selectConfirms();
    if (!noWait) this.output.method(this.id, { id: MethodId.ConfirmSelectOk });
  }

  #txSelect(): void {
    if (this.#publisher.isConfirming) {
      throw new AmqpError(ReplyCode.PreconditionFailed, 'cannot switch from confirm to tx mode');
    }
    this.#isTransactional = true;
    this.#publisher.selectTransactions();
    this.deliveries.selectTransactions();
    this.output.method(this.id, { id: MethodId.TxSelectOk });
  }

  #expectTransactional(): void {
    if (!this.#isTransactional)
      throw new AmqpError(ReplyCode.PreconditionFailed, 'channel is not transactional');
  }

  /** Enqueues, then settles; the answer waits for the disk. @throws AmqpError 406 when a queue was full */
  #txCommit(): void {
    this.#expectTransactional();
    const outcome = this.#publisher.commit();
    if (this.deliveries.hasPending) this.#connection.broker.moved();
    this.deliveries.commit();
    if ((outcome & PublishOutcome.Refused) !== 0) {
      throw new AmqpError(ReplyCode.PreconditionFailed, 'partial tx completion');
    }
    if (outcome === PublishOutcome.NeedsCommit)
      this.#whenCommitted(() => this.output.method(this.id, { id: MethodId.TxCommitOk }));
    else this.output.method(this.id, { id: MethodId.TxCommitOk });
  }

  /** Publishes are forgotten; what was settled is outstanding again. */
  #txRollback(): void {
    this.#expectTransactional();
    this.#publisher.rollback();
    this.deliveries.rollback();
    this.output.method(this.id, { id: MethodId.TxRollbackOk });
  }

  /**
   * Lets go of everything: consumers leave their queues, what is unsettled goes back to its place, what a
   * transaction gathered is forgotten. For channel.close from either side and the end of the connection.
   */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#connection.vhost.closedChannels.add(this.currentStats());
    this.#connection.broker.churn.channelClosed++;
    this.#publisher.release();
    this.#deliveryWatch.stop();
    this.#replyConsumer?.close();
    const consumers = [...this.#consumers.values()];
    this.#consumers.clear();
    // Off the ring first, so that nothing comes back to a consumer that is about to go.
    for (const consumer of consumers) consumer.queue.pauseConsumer(consumer);
    this.deliveries.release();
    for (const consumer of consumers) consumer.queue.removeConsumer(consumer);
    this.#connection.channelReleased(this);
  }
}

function tooManyUnacked(count: number): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, `channel has ${count} unacknowledged messages`);
}

function getNotSupported(queue: Queue): AmqpError {
  const text =
    `cannot obtain access to locked ${describe('queue', queue.name, queue.vhost.name)}. ` +
    'basic.get operations are not supported by quorum queues with single active consumer';
  return new AmqpError(ReplyCode.ResourceLocked, text);
}
