import { Undecided } from '../../broker/actor.ts';
import { describe, generatedName } from '../../broker/names.ts';
import { replyQueueName } from '../../broker/routing/reply-addresses.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { type BasicCancel, type BasicConsume, MethodId } from '../../protocol/methods.ts';
import type { ChannelHost, OpenChannel } from './channel-host.ts';
import { ChannelConsumer } from './consumer.ts';
import { ReplyConsumer } from './reply-consumer.ts';
import type { ServedConsumer } from './unsettled.ts';

/** The consumers of a channel by their tags, and basic.consume and basic.cancel, which make and end them. */
export class ChannelConsumers {
  readonly #channel: OpenChannel;
  readonly #connection: ChannelHost;
  readonly #byTag = new Map<string, ChannelConsumer>();
  #replyConsumer: ReplyConsumer | undefined;

  constructor(channel: OpenChannel, connection: ChannelHost) {
    this.#channel = channel;
    this.#connection = connection;
  }

  get count(): number {
    return this.#byTag.size;
  }

  values(): IterableIterator<ChannelConsumer> {
    return this.#byTag.values();
  }

  /** The socket has caught up, or a limit was lifted: consumers may take messages again. */
  resume(): void {
    for (const consumer of this.#byTag.values()) consumer.queue.consumerHasCapacity(consumer);
  }

  /** The consumer that was served last comes last, or the first one would be given every message. */
  resumeAfter(servedLast: ServedConsumer): void {
    const { tag } = servedLast;
    const known = this.#byTag.get(tag);
    if (known !== undefined && known === servedLast) {
      this.#byTag.delete(tag);
      this.#byTag.set(tag, known);
    }
    this.resume();
  }

  /** basic.consume. @throws AmqpError */
  consume(method: BasicConsume, prefetch: number): void {
    const channel = this.#channel;
    const { vhost, actor } = this.#connection;
    const tag = method.consumerTag === '' ? generatedName('amq.ctag-') : method.consumerTag;
    if (this.#byTag.has(tag)) {
      throw new AmqpError(ReplyCode.NotAllowed, `attempt to reuse consumer tag '${tag}'`);
    }
    const { consumerMax } = this.#connection.settings;
    if (this.#byTag.size >= consumerMax) {
      const text = `reached maximum (${consumerMax}) of consumers per channel`;
      throw new AmqpError(ReplyCode.NotAllowed, text);
    }
    const name = channel.queueName(method.queue);
    if (name === replyQueueName) {
      this.#consumeReplies(tag, method);
      return;
    }
    actor.require('read', 'queue', name);
    const queue = vhost.queue(actor, name);
    const consumer = new ChannelConsumer(channel, { ...method, tag, queue, prefetch });
    if (queue.type !== 'classic' && channel.globalPrefetch !== 0) {
      queue.checkConsumer(consumer);
      const text = `${describe('queue', queue.name, vhost.name)} does not support global qos`;
      throw new AmqpError(ReplyCode.NotImplemented, text);
    }
    // What was published before goes to the consumers there were.
    queue.drain(this.#connection.chunkTime);
    queue.addConsumer(consumer);
    this.#connection.deliveryTimeouts.expect(consumer.timeoutMs ?? queue.settings.consumerTimeoutMs);
    this.#byTag.set(tag, consumer);
    if (!method.noWait) channel.send({ id: MethodId.BasicConsumeOk, consumerTag: tag });
  }

  /** The pseudo-queue of direct reply-to: no permission is asked for, nothing can be acknowledged. */
  #consumeReplies(tag: string, { noAck, noWait }: BasicConsume): void {
    if (!noAck) throw new AmqpError(ReplyCode.PreconditionFailed, 'reply consumer cannot acknowledge');
    if (this.#replyConsumer !== undefined) {
      throw new AmqpError(ReplyCode.PreconditionFailed, 'reply consumer already set');
    }
    this.#replyConsumer = new ReplyConsumer(this.#channel, tag);
    this.#channel.replyAddress = this.#replyConsumer.address;
    if (!noWait) this.#channel.send({ id: MethodId.BasicConsumeOk, consumerTag: tag });
  }

  /** basic.cancel. */
  cancel(method: BasicCancel): void {
    const consumer = this.#byTag.get(method.consumerTag);
    if (this.#replyConsumer?.tag === method.consumerTag) {
      this.#replyConsumer.close();
      this.#replyConsumer = undefined;
      this.#channel.replyAddress = undefined;
    } else if (consumer !== undefined) {
      // What was published before goes to the consumers there were.
      consumer.queue.drain(this.#connection.chunkTime);
      this.#byTag.delete(method.consumerTag);
      consumer.queue.removeConsumer(consumer);
    }
    this.#channel.answer({ id: MethodId.BasicCancelOk, consumerTag: method.consumerTag }, method.noWait);
  }

  /** The connection's secret was renewed: who may no longer read from a queue is cancelled. */
  accountChanged(): void {
    for (const consumer of [...this.#byTag.values()]) this.#check(consumer);
  }

  #check(consumer: ChannelConsumer): void {
    try {
      this.#connection.actor.require('read', 'queue', consumer.queue.name);
    } catch (error) {
      if (error instanceof Undecided) this.#channel.tryAgain(error.decided, () => this.#check(consumer));
      else if (error instanceof AmqpError) this.drop(consumer);
      else throw error;
    }
  }

  /** A consumer does not do its part: it loses its place, and its client is told. */
  drop(consumer: ServedConsumer): void {
    const known = this.#byTag.get(consumer.tag);
    if (known === undefined || known !== consumer) return;
    known.queue.removeConsumer(known);
    this.cancelled(consumer);
  }

  /** The queue is gone. Clients that understand it are told with basic.cancel. */
  cancelled(consumer: ServedConsumer): void {
    if (!this.#byTag.delete(consumer.tag) || this.#channel.isReleased) return;
    if (!this.#connection.clientCapabilities.consumerCancelNotify) return;
    this.#channel.send({ id: MethodId.BasicCancel, consumerTag: consumer.tag, noWait: true });
  }

  /** The channel closes. */
  stop(): void {
    this.#replyConsumer?.close();
  }

  /** The channel is closed: they leave their queues, one with each step. */
  *leaveQueues(): Generator<void> {
    for (const consumer of this.#byTag.values()) {
      consumer.queue.removeConsumer(consumer);
      yield;
    }
    this.#byTag.clear();
  }
}
