import { Undecided } from '../../broker/actor.ts';
import { ChannelStats } from '../../broker/message-stats.ts';
import type { DeliveringQueue } from '../../broker/queues/consumer.ts';
import type { ReplyAddresses } from '../../broker/routing/reply-addresses.ts';
import type { TracedDelivery, TraceOrigin } from '../../broker/taps/trace.ts';
import { uint32At } from '../../protocol/bytes.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { type BasicQos, decodeMethod, type Method, MethodId } from '../../protocol/methods.ts';
import { ChannelConsumers } from '../deliveries/channel-consumers.ts';
import type { ChannelHost, OpenChannel } from '../deliveries/channel-host.ts';
import type { ChannelConsumer } from '../deliveries/consumer.ts';
import { Deliveries, type DeliveriesHost } from '../deliveries/deliveries.ts';
import { DeliveryWatch } from '../deliveries/delivery-watch.ts';
import { Getter } from '../deliveries/getter.ts';
import type { ServedConsumer } from '../deliveries/unsettled.ts';
import type { Output } from '../output/output.ts';
import { Publisher } from '../publishing/publisher.ts';
import { TopologyMethods } from './topology-methods.ts';
import { Transaction } from './transaction.ts';

/** Arguments of basic.ack: delivery tag and one octet of bits. */
const ackBytes = 9;

/**
 * One channel: turns its methods into calls on the model and what comes of them into frames. What is published
 * goes to its {@link Publisher}, what is delivered through its {@link Deliveries}; everything else is plain
 * request and answer.
 */
export class Channel implements DeliveriesHost, OpenChannel {
  readonly id: number;
  readonly output: Output;
  readonly frameMax: number;
  readonly deliveries: Deliveries;
  readonly stats: ChannelStats = new ChannelStats();

  readonly #connection: ChannelHost;
  readonly #publisher: Publisher;
  readonly #topology: TopologyMethods;
  readonly #deliveryWatch: DeliveryWatch;
  readonly #consumers: ChannelConsumers;
  readonly #getter: Getter;
  readonly #transaction: Transaction;
  /** basic.qos for the consumers to come; 0: no limit. */
  #prefetch = 0;
  #isReleased = false;

  constructor(connection: ChannelHost, id: number) {
    this.id = id;
    this.output = connection.output;
    this.frameMax = connection.frameMax;
    this.#connection = connection;
    this.deliveries = new Deliveries(this, connection.settings.unackedMax);
    this.#publisher = new Publisher(this, connection);
    this.#topology = new TopologyMethods(this, connection);
    this.#deliveryWatch = new DeliveryWatch(this, connection);
    this.#consumers = new ChannelConsumers(this, connection);
    this.#getter = new Getter(this, connection);
    this.#transaction = new Transaction(this, connection, this.#publisher);
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
    return this.#transaction.isSelected;
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

  get consumerCount(): number {
    return this.#consumers.count;
  }

  get unackedCount(): number {
    return this.deliveries.unsettledCount;
  }

  // ---- frames

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

  /** The body is not read before the chunk that the header came in is gone. */
  keepHeader(): void {
    this.#publisher.keepHeader();
  }

  /** @throws AmqpError */
  body(buffer: Buffer, start: number, end: number): void {
    this.#publisher.body(buffer, start, end);
  }

  // ---- for its parts

  /** Shows a delivery to the firehose. */
  traceDelivery(queue: DeliveringQueue, delivery: TracedDelivery): void {
    queue.vhost.firehose.delivered(delivery, this.traceOrigin);
  }

  /** How the firehose names this channel. */
  get traceOrigin(): TraceOrigin {
    const { settings, vhost, name, actor } = this.#connection;
    return {
      node: settings.nodeName,
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
    this.#consumers.resume();
  }

  resumeConsumersAfter(servedLast: ServedConsumer): void {
    this.#consumers.resumeAfter(servedLast);
  }

  /** The connection's secret was renewed: who may no longer read from a queue is cancelled. */
  accountChanged(): void {
    this.#consumers.accountChanged();
  }

  /** A consumer does not do its part: it loses its place, and its client is told. */
  cancelConsumer(consumer: ServedConsumer): void {
    this.#consumers.drop(consumer);
  }

  /** The queue of a consumer is gone. */
  consumerCancelled(consumer: ServedConsumer): void {
    this.#consumers.cancelled(consumer);
  }

  /** Where replies to requests of this channel go (direct reply-to). */
  set replyAddress(address: string | undefined) {
    this.#publisher.replyAddress = address;
  }

  /** An empty name means the queue that this channel declared last. @throws AmqpError 404 when there is none */
  queueName(name: string): string {
    return this.#topology.queueName(name);
  }

  /** The channel is closed, and what it held let go. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  send(method: Method): void {
    this.output.method(this.id, method);
  }

  /** Answers once what was changed is on disk: see `server/output/answers`. */
  answer(method: Method, noWait: boolean): void {
    this.#connection.answers.add(() => {
      if (!noWait && !this.#isReleased) this.send(method);
    });
  }

  // ---- methods

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
        this.#getter.get(method);
        break;
      case MethodId.BasicConsume:
        this.#consumers.consume(method, this.#prefetch);
        break;
      case MethodId.BasicCancel:
        this.#consumers.cancel(method);
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
        this.#transaction.select();
        break;
      case MethodId.TxCommit:
        this.#transaction.commit();
        break;
      case MethodId.TxRollback:
        this.#transaction.rollback();
        break;
      case MethodId.ChannelFlow:
        if (!method.active) throw new AmqpError(ReplyCode.NotImplemented, 'active=false');
        this.send({ id: MethodId.ChannelFlowOk, active: true });
        break;
      case MethodId.AccessRequest:
        this.send({ id: MethodId.AccessRequestOk, ticket: 1 });
        break;
      default:
        this.#topology.handle(method);
        break;
    }
  }

  #qos(method: BasicQos): void {
    if (method.prefetchSize !== 0) {
      throw new AmqpError(ReplyCode.NotImplemented, `prefetch_size!=0 (${method.prefetchSize})`);
    }
    if (method.global) this.deliveries.globalPrefetch = method.prefetchCount;
    else this.#prefetch = method.prefetchCount;
    this.send({ id: MethodId.BasicQosOk });
  }

  #recover(requeue: boolean, answer: boolean): void {
    if (!requeue) throw new AmqpError(ReplyCode.NotImplemented, 'requeue=false');
    this.deliveries.recover();
    if (answer) this.send({ id: MethodId.BasicRecoverOk });
  }

  #confirmSelect(noWait: boolean): void {
    if (this.#transaction.isSelected) {
      throw new AmqpError(ReplyCode.PreconditionFailed, 'cannot switch from tx to confirm mode');
    }
    this.#publisher.selectConfirms();
    if (!noWait) this.send({ id: MethodId.ConfirmSelectOk });
  }

  // ---- the end

  /**
   * Lets go of everything but its consumers, which are given nothing more: what is unsettled goes back to its place,
   * what a transaction gathered is forgotten. For channel.close from either side and the end of the connection;
   * {@link leaveQueues} comes next.
   */
  release(): void {
    this.#isReleased = true;
    this.#connection.vhost.closedChannels.add(this.currentStats());
    this.#connection.broker.churn.channelClosed++;
    this.#publisher.release();
    this.#deliveryWatch.stop();
    this.#consumers.stop();
    this.deliveries.release();
  }

  /** The consumers leave their queues, one with each step; then the channel is gone. */
  *leaveQueues(): Generator<void> {
    yield* this.#consumers.leaveQueues();
    this.#connection.channelReleased(this);
  }
}
