import { withoutBlindCopies } from '../broker/copy-headers.ts';
import { propertiesWithDeliveryCount } from '../broker/delivery-count.ts';
import type { Exchange } from '../broker/exchange.ts';
import type { Message } from '../broker/message.ts';
import { describe, generatedName } from '../broker/names.ts';
import { PublishOutcome } from '../broker/publish-outcome.ts';
import type { Queue } from '../broker/queue.ts';
import type { Segment } from '../broker/queues/segment.ts';
import { isReplyName, type ReplyAddresses, replyQueueName } from '../broker/reply-addresses.ts';
import type { TraceOrigin } from '../broker/trace.ts';
import { PropertyFlag } from '../protocol/basic-properties.ts';
import { uint32At } from '../protocol/bytes.ts';
import { AmqpError, ReplyCode } from '../protocol/errors.ts';
import {
  type BasicCancel,
  type BasicConsume,
  type BasicGet,
  type BasicNack,
  type BasicQos,
  decodeMethod,
  type ExchangeBind,
  type ExchangeUnbind,
  type Method,
  MethodId,
  type QueueBind,
  type QueueDeclare,
  type QueueUnbind,
} from '../protocol/methods.ts';
import type { ConfirmSink } from './confirms.ts';
import { ConfirmLedger } from './confirms.ts';
import type { Connection } from './connection.ts';
import { ChannelConsumer } from './consumer.ts';
import { ContentAssembler } from './content.ts';
import { DeliveryAges } from './delivery-ages.ts';
import type { DeliveryHolder } from './delivery-timeouts.ts';
import type { BeforeFlush, Output } from './output.ts';
import { addressReplies, ReplyConsumer } from './reply-consumer.ts';
import { type Settlement, Transaction } from './transaction.ts';
import { Delivery, UnsettledList } from './unsettled.ts';

/** Properties that a publish is checked for. */
const checkedProperties = PropertyFlag.ReplyTo | PropertyFlag.UserId | PropertyFlag.Expiration;

/** Arguments of basic.ack: delivery tag and one octet of bits. */
const ackBytes = 9;

/** Taken-back deliveries whose late settling is forgiven; for the oldest beyond it is an unknown delivery tag. */
const lateTagsMax = 65_536;
/** Users with this tag may publish under any user_id. */
const impersonatorTag = 'impersonator';

/** Expiration of a message: ten years, as in RabbitMQ. */
const expirationMsMax = 315_360_000_000;

/**
 * One channel: turns its methods into calls on the model and what comes of them into frames. Publishing,
 * delivering and settling are the data path; everything else is plain request and answer.
 */
export class Channel implements ConfirmSink, BeforeFlush, DeliveryHolder {
  readonly id: number;
  readonly output: Output;
  readonly frameMax: number;

  readonly #connection: Connection;
  readonly #content: ContentAssembler;
  readonly #consumers = new Map<string, ChannelConsumer>();
  #replyConsumer: ReplyConsumer | undefined;
  readonly #unsettled = new UnsettledList();
  readonly #ages = new DeliveryAges();
  /** Deliveries that were taken back because nobody settled them in time: settling them now means nothing. */
  readonly #lateTags = new Set<number>();
  #deliveryTag = 0;
  /** Unsettled deliveries to consumers; those of basic.get do not count for qos. */
  #consumerUnackedCount = 0;
  #prefetch = 0;
  #globalPrefetch = 0;
  #confirms: ConfirmLedger | undefined;
  #isFlushPending = false;
  #isWaitingForCommit = false;
  #transaction: Transaction | undefined;
  #lastQueueName: string | undefined;
  #isReleased = false;
  /** The exchange of the last publish, as long as the topology has not changed. */
  #exchange: Exchange | undefined;
  #exchangeVersion = -1;

  constructor(connection: Connection, id: number) {
    this.id = id;
    this.output = connection.output;
    this.frameMax = connection.frameMax;
    this.#connection = connection;
    this.#content = new ContentAssembler(connection.maxMessageBytes);
    connection.deliveryTimeouts.watch(this);
  }

  get consumerCount(): number {
    return this.#consumers.size;
  }

  get unackedCount(): number {
    return this.#unsettled.size;
  }

  /** A publish has begun and its content is not complete: no method may come, not even one that closes. */
  get isExpectingContent(): boolean {
    return this.#content.isExpectingContent;
  }

  // --- data path ---

  /** @throws AmqpError */
  method(id: number, buffer: Buffer, start: number, end: number): void {
    if (this.#content.isExpectingContent) throw this.#content.unexpectedMethod();
    if (id === MethodId.BasicPublish) {
      this.#content.publish(buffer, start, end);
    } else if (id === MethodId.BasicAck && end - start === ackBytes) {
      this.#acked(buffer, start);
    } else {
      const method = decodeMethod(id, buffer, start, end);
      try {
        this.#handle(method);
      } catch (error) {
        throw error instanceof AmqpError ? error.during(id) : error;
      }
    }
  }

  /** basic.ack, decoded by hand: it comes as often as deliveries go. */
  #acked(buffer: Buffer, start: number): void {
    const deliveryTag = uint32At(buffer, start) * 2 ** 32 + uint32At(buffer, start + 4);
    const multiple = ((buffer[start + 8] ?? 0) & 1) !== 0;
    try {
      this.#settle(deliveryTag, multiple, 'acknowledge');
    } catch (error) {
      throw error instanceof AmqpError ? error.during(MethodId.BasicAck) : error;
    }
  }

  /** @throws AmqpError */
  header(buffer: Buffer, start: number, end: number): void {
    if (this.#content.header(buffer, start, end)) this.#publish();
  }

  /** @throws AmqpError */
  body(buffer: Buffer, start: number, end: number): void {
    if (this.#content.body(buffer, start, end)) this.#publish();
  }

  #publish(): void {
    try {
      this.#publishChecked();
    } catch (error) {
      throw error instanceof AmqpError ? error.during(MethodId.BasicPublish) : error;
    } finally {
      this.#content.message.letGo();
    }
  }

  #publishChecked(): void {
    const content = this.#content;
    const message = content.message;
    if (content.immediate) throw new AmqpError(ReplyCode.NotImplemented, 'immediate=true');
    if (content.isTooLarge) {
      const text = `message size ${content.bodySize} is larger than configured max size ${this.#connection.maxMessageBytes}`;
      throw new AmqpError(ReplyCode.PreconditionFailed, text);
    }
    const exchange = this.#exchangeFor(message.exchange);
    if ((message.scan.flags & checkedProperties) !== 0) this.#checkProperties(message);
    const { vhost } = this.#connection;
    const queues = vhost.route(exchange, message);
    if (vhost.isTracing) vhost.tracePublish(message, queues, this.#traceOrigin);
    if (this.#transaction !== undefined) {
      this.#transaction.publishes.push({
        message: message.copy(),
        queues: [...queues],
        mandatory: content.mandatory,
      });
      return;
    }
    if (queues.length === 0 && content.mandatory) this.#return(message);
    let outcome: number = PublishOutcome.Accepted;
    for (const queue of queues) outcome |= queue.publish(message);
    if (this.#confirms !== undefined) this.#confirmLater(this.#confirms, outcome);
  }

  #exchangeFor(name: string): Exchange {
    const { vhost, actor } = this.#connection;
    const known = this.#exchange;
    if (known !== undefined && known.name === name && this.#exchangeVersion === vhost.topologyVersion)
      return known;
    const exchange = vhost.exchangeForPublish(actor, name);
    this.#exchange = exchange;
    this.#exchangeVersion = vhost.topologyVersion;
    return exchange;
  }

  /** In RabbitMQ's order. */
  #checkProperties(message: Message): void {
    if (message.scan.replyToEnd !== 0) addressReplies(message, this.#replyConsumer);
    if (message.scan.userIdEnd !== 0) this.#checkUserId(message);
    if (message.scan.expirationEnd !== 0) message.expirationMs = expirationOf(message);
  }

  #checkUserId(message: Message): void {
    const { userIdStart, userIdEnd } = message.scan;
    const userId = message.frames.toString('utf8', userIdStart, userIdEnd);
    const username = this.#connection.actor.username;
    if (userId === username || this.#connection.user.tags.includes(impersonatorTag)) return;
    const text = `user_id property set to '${userId}' but authenticated user was '${username}'`;
    throw new AmqpError(ReplyCode.PreconditionFailed, text);
  }

  #return(message: Message): void {
    this.output.method(this.id, {
      id: MethodId.BasicReturn,
      replyCode: ReplyCode.NoRoute,
      replyText: 'NO_ROUTE',
      exchange: message.exchange,
      routingKey: message.routingKey,
    });
    this.output.message(this.id, this.frameMax, message);
  }

  #confirmLater(confirms: ConfirmLedger, outcome: number): void {
    const { committer } = this.#connection.broker;
    const needsCommit = outcome === PublishOutcome.NeedsCommit;
    if ((outcome & PublishOutcome.Refused) !== 0) confirms.refused();
    else confirms.accepted(needsCommit ? committer.next : 0);
    if (needsCommit && !this.#isWaitingForCommit) {
      this.#isWaitingForCommit = true;
      committer.request(this);
    }
    if (!this.#isFlushPending) {
      this.#isFlushPending = true;
      this.output.callBeforeFlush(this);
    }
  }

  /** A commit is done: confirms that depended on it go out now. */
  committed(): void {
    const { committer } = this.#connection.broker;
    const isWaiting = this.#confirms?.answer(committer.done, this) ?? false;
    if (!isWaiting) {
      this.#isWaitingForCommit = false;
      committer.forget(this);
    }
    this.output.flushSoon();
  }

  beforeFlush(): void {
    this.#isFlushPending = false;
    if (!this.#isReleased) this.#confirms?.answer(this.#connection.broker.committer.done, this);
  }

  ack(deliveryTag: number, multiple: boolean): void {
    this.output.ack(this.id, deliveryTag, multiple);
  }

  nack(deliveryTag: number): void {
    this.output.nack(this.id, deliveryTag, false);
  }

  // --- deliveries ---

  get lastDeliveryTag(): number {
    return this.#deliveryTag;
  }

  nextDeliveryTag(): number {
    return ++this.#deliveryTag;
  }

  /** A consumer was given a message that it has to acknowledge. */
  hold(delivery: Delivery): void {
    this.#unsettled.add(delivery);
    this.#consumerUnackedCount++;
  }

  /** Copies a delivery to the firehose. */
  traceDelivery(queue: Queue, segment: Segment, index: number, redelivered: boolean): void {
    queue.vhost.traceDelivery(segment.message(index), queue, redelivered, this.#traceOrigin);
  }

  get #traceOrigin(): TraceOrigin {
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

  /** basic.qos global=true: one more limit for all consumers of the channel together. */
  get hasGlobalCapacity(): boolean {
    return this.#globalPrefetch === 0 || this.#consumerUnackedCount < this.#globalPrefetch;
  }

  /** The socket has caught up, or a limit was lifted: consumers may take messages again. */
  resumeConsumers(): void {
    for (const consumer of this.#consumers.values()) consumer.queue.consumerHasCapacity(consumer);
  }

  /** basic.ack, basic.nack and basic.reject. */
  #settle(deliveryTag: number, multiple: boolean, settlement: Settlement): void {
    const unsettled = this.#unsettled;
    if (!multiple) {
      const delivery = unsettled.take(deliveryTag);
      if (delivery !== undefined) this.#settleOne(delivery, settlement);
      else if (!this.#lateTags.delete(deliveryTag)) throw unknownDeliveryTag(deliveryTag);
      return;
    }
    const isKnown = deliveryTag === 0 || unsettled.has(deliveryTag) || this.#lateTags.has(deliveryTag);
    if (!isKnown) throw unknownDeliveryTag(deliveryTag);
    const upTo = deliveryTag === 0 ? Number.MAX_SAFE_INTEGER : deliveryTag;
    for (const tag of this.#lateTags) if (tag <= upTo) this.#lateTags.delete(tag);
    unsettled.takeUpTo(upTo, (delivery) => this.#settleOne(delivery, settlement));
  }

  #settleOne(delivery: Delivery, settlement: Settlement): void {
    if (this.#transaction !== undefined) {
      this.#transaction.settlements.push({ delivery, settlement });
      return;
    }
    this.#applySettlement(delivery, settlement);
  }

  #applySettlement(delivery: Delivery, settlement: Settlement): void {
    const { queue, segment, index } = delivery;
    this.#freeCapacity(delivery);
    if (settlement === 'acknowledge') queue.acknowledge(segment, index);
    else if (settlement === 'requeue') queue.requeue(segment, index);
    else queue.reject(segment, index);
  }

  #freeCapacity(delivery: Delivery): void {
    const consumer = delivery.consumer;
    if (consumer === undefined) return;
    consumer.unackedCount--;
    this.#consumerUnackedCount--;
    if (this.#globalPrefetch !== 0) this.resumeConsumers();
    else if (!consumer.isInRing) delivery.queue.consumerHasCapacity(consumer);
  }

  // --- deliveries that nobody settles ---

  checkDeliveries(now: number): void {
    const oldest = this.#unsettled.first;
    if (oldest === undefined) {
      this.#ages.clear();
      return;
    }
    this.#ages.note(this.#deliveryTag, oldest.tag, now);
    const { shortestMs } = this.#connection.deliveryTimeouts;
    const late: Delivery[] = [];
    for (const delivery of this.#unsettled) {
      const ageMs = this.#ages.ageOf(delivery.tag, now);
      if (ageMs < shortestMs) break;
      if (ageMs >= this.#timeoutMsOf(delivery)) late.push(delivery);
    }
    if (late.length > 0) this.#takeBack(late);
  }

  #timeoutMsOf({ consumer, queue }: Delivery): number {
    const { defaultMs } = this.#connection.deliveryTimeouts;
    return consumer?.timeoutMs ?? queue.settings.consumerTimeoutMs ?? defaultMs;
  }

  /**
   * Consumers that kept messages for too long are cancelled and lose these messages, no others; whether they
   * settle them later does not matter. Where there is no consumer to cancel, or the client would not
   * understand, the channel is closed.
   */
  #takeBack(late: readonly Delivery[]): void {
    const isCancellable = this.#connection.clientCapabilities.consumerCancelNotify;
    for (const delivery of late) {
      if (isCancellable && delivery.consumer !== undefined) continue;
      this.#connection.closeChannelWithError(this.id, deliveryTimeout(this.id, this.#timeoutMsOf(delivery)));
      return;
    }
    for (const { consumer, queue } of late) {
      if (consumer === undefined || this.#consumers.get(consumer.tag) !== consumer) continue;
      queue.removeConsumer(consumer);
      this.consumerCancelled(consumer);
    }
    for (const delivery of late) {
      this.#unsettled.take(delivery.tag);
      this.#rememberLate(delivery.tag);
      this.#freeCapacity(delivery);
      delivery.queue.abandon(delivery.segment, delivery.index);
    }
    this.#reportLate(late);
  }

  #rememberLate(tag: number): void {
    this.#lateTags.add(tag);
    if (this.#lateTags.size <= lateTagsMax) return;
    for (const oldest of this.#lateTags) {
      this.#lateTags.delete(oldest);
      break;
    }
  }

  #reportLate(late: readonly Delivery[]): void {
    const counts = new Map<ChannelConsumer | undefined, number>();
    for (const { consumer } of late) counts.set(consumer, (counts.get(consumer) ?? 0) + 1);
    for (const delivery of late) {
      const { consumer, queue } = delivery;
      const count = counts.get(consumer);
      if (consumer === undefined || count === undefined) continue;
      counts.delete(consumer);
      const timeoutMs = this.#timeoutMsOf(delivery);
      this.#connection.deliveriesLate(this.id, {
        consumerTag: consumer.tag,
        queue: queue.name,
        count,
        timeoutMs,
      });
    }
  }

  // --- control ---

  #handle(method: Method): void {
    switch (method.id) {
      case MethodId.BasicAck:
        this.#settle(method.deliveryTag, method.multiple, 'acknowledge');
        break;
      case MethodId.BasicNack:
        this.#nacked(method);
        break;
      case MethodId.BasicReject:
        this.#settle(method.deliveryTag, false, method.requeue ? 'requeue' : 'reject');
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
        this.#handleTopology(method);
        break;
    }
  }

  #handleTopology(method: Method): void {
    const { vhost, actor } = this.#connection;
    switch (method.id) {
      case MethodId.ExchangeDeclare:
        vhost.declareExchange(actor, { ...method, name: method.exchange });
        this.#answer({ id: MethodId.ExchangeDeclareOk }, method.noWait);
        break;
      case MethodId.ExchangeDelete:
        vhost.deleteExchange(actor, { name: method.exchange, ifUnused: method.ifUnused });
        this.#answer({ id: MethodId.ExchangeDeleteOk }, method.noWait);
        break;
      case MethodId.ExchangeBind:
        vhost.bind(actor, exchangeBinding(method));
        this.#answer({ id: MethodId.ExchangeBindOk }, method.noWait);
        break;
      case MethodId.ExchangeUnbind:
        vhost.unbind(actor, exchangeBinding(method));
        this.#answer({ id: MethodId.ExchangeUnbindOk }, method.noWait);
        break;
      case MethodId.QueueDeclare:
        this.#declareQueue(method);
        break;
      case MethodId.QueueBind:
        vhost.bind(actor, this.#queueBinding(method));
        this.#answer({ id: MethodId.QueueBindOk }, method.noWait);
        break;
      case MethodId.QueueUnbind:
        vhost.unbind(actor, this.#queueBinding(method));
        this.#answer({ id: MethodId.QueueUnbindOk }, false);
        break;
      case MethodId.QueuePurge: {
        const messageCount = vhost.purgeQueue(actor, this.#queueName(method.queue));
        this.#answer({ id: MethodId.QueuePurgeOk, messageCount }, method.noWait);
        break;
      }
      case MethodId.QueueDelete: {
        const { ifUnused, ifEmpty } = method;
        const name = this.#queueName(method.queue);
        const messageCount = vhost.deleteQueue(actor, { name, ifUnused, ifEmpty });
        this.#answer({ id: MethodId.QueueDeleteOk, messageCount }, method.noWait);
        break;
      }
      default:
        throw new AmqpError(ReplyCode.CommandInvalid, 'unimplemented method');
    }
  }

  /** Answers once what was changed is on disk; meanwhile nothing more is read from the connection. */
  #answer(method: Method, noWait: boolean): void {
    const { committer } = this.#connection.broker;
    if (!committer.hasUnwrittenDefinitions) {
      if (!noWait) this.output.method(this.id, method);
      return;
    }
    this.#whenCommitted(() => {
      if (!noWait) this.output.method(this.id, method);
    });
  }

  #whenCommitted(then: () => void): void {
    const connection = this.#connection;
    connection.pauseInput();
    void connection.broker.committer.flush().then(() => {
      if (!this.#isReleased) then();
      this.output.flushSoon();
      connection.resumeInput();
    });
  }

  #declareQueue(method: QueueDeclare): void {
    const { vhost, actor } = this.#connection;
    if (isReplyName(method.queue)) {
      this.#declareReplyQueue(method);
      return;
    }
    const queue = vhost.declareQueue(actor, { ...method, name: method.queue });
    this.#lastQueueName = queue.name;
    queue.drain();
    this.#answer(
      {
        id: MethodId.QueueDeclareOk,
        queue: queue.name,
        messageCount: queue.readyCount,
        consumerCount: queue.consumerCount,
      },
      method.noWait,
    );
  }

  /** The pseudo-queue is always there, an address as long as its requester is; so they can be asked for. */
  #declareReplyQueue({ queue, noWait }: QueueDeclare): void {
    if (queue !== replyQueueName && !this.replies.has(queue)) {
      const text = `no queue '${queue}' in vhost '${this.#connection.vhost.name}'`;
      throw new AmqpError(ReplyCode.NotFound, text);
    }
    this.#lastQueueName = queue;
    this.#answer({ id: MethodId.QueueDeclareOk, queue, messageCount: 0, consumerCount: 1 }, noWait);
  }

  /** An empty name stands for the queue this channel declared last. */
  #queueName(name: string): string {
    if (name !== '') return name;
    if (this.#lastQueueName === undefined)
      throw new AmqpError(ReplyCode.NotFound, 'no previously declared queue');
    return this.#lastQueueName;
  }

  #queueBinding(method: QueueBind | QueueUnbind) {
    const destination = this.#queueName(method.queue);
    const isShortcut = method.queue === '' && method.routingKey === '';
    return {
      source: method.exchange,
      destination,
      destinationKind: 'queue' as const,
      routingKey: isShortcut ? destination : method.routingKey,
      arguments: method.arguments,
    };
  }

  #get(method: BasicGet): void {
    const { vhost, actor } = this.#connection;
    const name = this.#queueName(method.queue);
    actor.require('read', 'queue', name);
    const queue = vhost.queue(actor, name);
    if (queue.type === 'quorum' && queue.singleActiveConsumer) throw getNotSupported(queue);
    const taken = queue.get(method.noAck);
    if (taken === undefined) {
      if (queue.isExpiring) this.#getLater(method);
      else this.output.method(this.id, { id: MethodId.BasicGetEmpty });
      return;
    }
    const { segment, index, redelivered, deliveryCount } = taken;
    this.#connection.deliveryTimeouts.expect(queue.settings.consumerTimeoutMs);
    const deliveryTag = this.nextDeliveryTag();
    if (!method.noAck) this.#unsettled.add(new Delivery(deliveryTag, queue, undefined, segment, index));
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
    if (vhost.isTracing) vhost.traceDelivery(message, queue, redelivered, this.#traceOrigin);
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
    const name = this.#queueName(method.queue);
    if (name === replyQueueName) {
      this.#consumeReplies(tag, method);
      return;
    }
    actor.require('read', 'queue', name);
    const queue = vhost.queue(actor, name);
    if (queue.type === 'quorum' && this.#globalPrefetch !== 0) {
      const text = `${describe('queue', queue.name, vhost.name)} does not support global qos`;
      throw new AmqpError(ReplyCode.NotImplemented, text);
    }
    const consumer = new ChannelConsumer(this, { ...method, tag, queue, prefetch: this.#prefetch });
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
    if (!noWait) this.output.method(this.id, { id: MethodId.BasicConsumeOk, consumerTag: tag });
  }

  #cancel(method: BasicCancel): void {
    const consumer = this.#consumers.get(method.consumerTag);
    if (this.#replyConsumer?.tag === method.consumerTag) {
      this.#replyConsumer.close();
      this.#replyConsumer = undefined;
    } else if (consumer !== undefined) {
      this.#consumers.delete(method.consumerTag);
      consumer.queue.removeConsumer(consumer);
    }
    this.#answer({ id: MethodId.BasicCancelOk, consumerTag: method.consumerTag }, method.noWait);
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
    if (method.global) {
      this.#globalPrefetch = method.prefetchCount;
      this.resumeConsumers();
    } else {
      this.#prefetch = method.prefetchCount;
    }
    this.output.method(this.id, { id: MethodId.BasicQosOk });
  }

  #nacked(method: BasicNack): void {
    this.#settle(method.deliveryTag, method.multiple, method.requeue ? 'requeue' : 'reject');
  }

  #recover(requeue: boolean, answer: boolean): void {
    if (!requeue) throw new AmqpError(ReplyCode.NotImplemented, 'requeue=false');
    this.#unsettled.takeUpTo(Number.MAX_SAFE_INTEGER, (delivery) =>
      this.#applySettlement(delivery, 'requeue'),
    );
    if (answer) this.output.method(this.id, { id: MethodId.BasicRecoverOk });
  }

  #confirmSelect(noWait: boolean): void {
    if (this.#transaction !== undefined) {
      throw new AmqpError(ReplyCode.PreconditionFailed, 'cannot switch from tx to confirm mode');
    }
    this.#confirms ??= new ConfirmLedger();
    if (!noWait) this.output.method(this.id, { id: MethodId.ConfirmSelectOk });
  }

  #txSelect(): void {
    if (this.#confirms !== undefined) {
      throw new AmqpError(ReplyCode.PreconditionFailed, 'cannot switch from confirm to tx mode');
    }
    this.#transaction ??= new Transaction();
    this.output.method(this.id, { id: MethodId.TxSelectOk });
  }

  #takeTransaction(): Transaction {
    const transaction = this.#transaction;
    if (transaction === undefined)
      throw new AmqpError(ReplyCode.PreconditionFailed, 'channel is not transactional');
    this.#transaction = new Transaction();
    return transaction;
  }

  /** Enqueues, then settles; the answer waits for the disk. @throws AmqpError 406 when a queue was full */
  #txCommit(): void {
    const { publishes, settlements } = this.#takeTransaction();
    let outcome: number = PublishOutcome.Accepted;
    for (const { message, queues, mandatory } of publishes) {
      if (queues.length === 0 && mandatory) this.#return(message);
      for (const queue of queues) {
        if (!queue.isDeleted) outcome |= queue.publish(message);
      }
    }
    if (settlements.length > 0) this.#connection.broker.moved();
    for (const { delivery, settlement } of settlements) this.#applySettlement(delivery, settlement);
    if ((outcome & PublishOutcome.Refused) !== 0) {
      throw new AmqpError(ReplyCode.PreconditionFailed, 'partial tx completion');
    }
    if (outcome === PublishOutcome.NeedsCommit)
      this.#whenCommitted(() => this.output.method(this.id, { id: MethodId.TxCommitOk }));
    else this.output.method(this.id, { id: MethodId.TxCommitOk });
  }

  /** Publishes are forgotten; what was settled is outstanding again. */
  #txRollback(): void {
    const { settlements } = this.#takeTransaction();
    this.#unsettled.restore(settlements.map(({ delivery }) => delivery));
    this.output.method(this.id, { id: MethodId.TxRollbackOk });
  }

  /**
   * Lets go of everything: consumers leave their queues, what is unsettled goes back to its place, what a
   * transaction gathered is forgotten. For channel.close from either side and the end of the connection.
   */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#connection.broker.committer.forget(this);
    this.#connection.deliveryTimeouts.unwatch(this);
    this.#replyConsumer?.close();
    const consumers = [...this.#consumers.values()];
    this.#consumers.clear();
    if (this.#transaction !== undefined) {
      this.#unsettled.restore(this.#transaction.settlements.map(({ delivery }) => delivery));
    }
    // Off the ring first, so that nothing comes back to a consumer that is about to go.
    for (const consumer of consumers) consumer.queue.pauseConsumer(consumer);
    for (const { queue, segment, index } of this.#unsettled) queue.abandon(segment, index);
    for (const consumer of consumers) consumer.queue.removeConsumer(consumer);
  }
}

/** With 3.10's text; it blames no method. */
function deliveryTimeout(channel: number, timeoutMs: number): AmqpError {
  const text =
    `delivery acknowledgement on channel ${channel} timed out. Timeout value used: ${timeoutMs} ms. ` +
    'This timeout value can be configured, see consumers doc guide to learn more';
  return new AmqpError(ReplyCode.PreconditionFailed, text);
}

function getNotSupported(queue: Queue): AmqpError {
  const text =
    `cannot obtain access to locked ${describe('queue', queue.name, queue.vhost.name)}. ` +
    'basic.get operations are not supported by quorum queues with single active consumer';
  return new AmqpError(ReplyCode.ResourceLocked, text);
}

function unknownDeliveryTag(tag: number): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, `unknown delivery tag ${tag}`);
}

function exchangeBinding(method: ExchangeBind | ExchangeUnbind) {
  return {
    source: method.source,
    destination: method.destination,
    destinationKind: 'exchange' as const,
    routingKey: method.routingKey,
    arguments: method.arguments,
  };
}

/** @throws AmqpError 406 with RabbitMQ's words for what is not a decimal number of milliseconds */
function expirationOf(message: Message): number {
  const { expirationStart, expirationEnd } = message.scan;
  const text = message.frames.toString('utf8', expirationStart, expirationEnd);
  const digits = /^[+-]?\d+/.exec(text)?.[0];
  let problem: string | undefined;
  if (digits === undefined) problem = 'no_integer';
  else if (digits.length < text.length) problem = `{leftover_string,"${text.slice(digits.length)}"}`;
  else if (Number(digits) < 0) problem = `{value_negative,${BigInt(digits)}}`;
  else if (Number(digits) > expirationMsMax) problem = `{value_too_large,${BigInt(digits)}}`;
  if (problem === undefined) return Number(digits);
  throw new AmqpError(ReplyCode.PreconditionFailed, `invalid expiration '${text}': ${problem}`);
}
