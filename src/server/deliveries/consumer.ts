import { consumerTimeoutArgument } from '../../broker/arguments.ts';
import { propertiesWithDeliveryCount } from '../../broker/delivery-count.ts';
import type { Segment } from '../../broker/log/segment.ts';
import type { Message } from '../../broker/message.ts';
import type { ConsumerChannel, DeliveringQueue } from '../../broker/queues/consumer.ts';
import type { Queue } from '../../broker/queues/queue.ts';
import { withoutBlindCopies } from '../../broker/routing/copy-headers.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { integerOf } from '../../protocol/field-value.ts';
import { deliverPrefix, type Output } from '../output/output.ts';
import type { OpenChannel } from './channel-host.ts';
import type { Deliveries } from './deliveries.ts';
import { Delivery, type ServedConsumer } from './unsettled.ts';

/** What basic.consume asked for. */
export interface ConsumerOptions {
  readonly tag: string;
  readonly queue: Queue;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly arguments: FieldTable;
  /** basic.qos of the channel at the time; 0: no limit. Later changes do not touch it. */
  readonly prefetch: number;
}

/** A subscription of a channel to a queue. */
export class ChannelConsumer implements ServedConsumer {
  readonly tag: string;
  readonly queue: Queue;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  readonly arguments: FieldTable;
  readonly prefetch: number;
  readonly timeoutMs: number | undefined;
  /** Unsettled deliveries it may have; 0: no limit. */
  readonly #prefetchLimit: number;
  unackedCount = 0;
  isInRing = false;

  readonly #channel: OpenChannel;
  readonly #deliveries: Deliveries;
  readonly #output: Output;
  readonly #prefix: Buffer;

  constructor(channel: OpenChannel, options: ConsumerOptions) {
    this.tag = options.tag;
    this.queue = options.queue;
    this.noAck = options.noAck;
    this.exclusive = options.exclusive;
    this.arguments = options.arguments;
    this.prefetch = options.prefetch;
    this.#prefetchLimit = options.noAck ? 0 : options.prefetch;
    this.priority = Number(integerOf(options.arguments.get('x-priority')) ?? 0);
    this.timeoutMs = consumerTimeoutArgument(options.arguments);
    this.#channel = channel;
    this.#deliveries = channel.deliveries;
    this.#output = channel.output;
    this.#prefix = deliverPrefix(channel.id, options.tag);
  }

  get channel(): ConsumerChannel {
    return this.#channel;
  }

  get hasCapacity(): boolean {
    if (this.#prefetchLimit !== 0 && this.unackedCount >= this.#prefetchLimit) return false;
    // Without acknowledgements it uses up nothing of the channel's limit, but waits when it is reached.
    return this.#deliveries.hasGlobalCapacity && !this.#output.isCongested;
  }

  deliver(queue: DeliveringQueue, segment: Segment, index: number, redelivered: boolean): void {
    const channel = this.#channel;
    const tag = this.#take(queue, segment, index);
    if (redelivered) channel.stats.redeliver++;
    this.#output.deliver(this.#prefix, channel.id, tag, redelivered, segment, index, channel.frameMax);
    if (queue.vhost.firehose.isWatching) this.#trace(queue, segment.message(index), redelivered, tag);
  }

  deliverAgain(queue: DeliveringQueue, segment: Segment, index: number, deliveryCount: number): void {
    const channel = this.#channel;
    const tag = this.#take(queue, segment, index);
    channel.stats.redeliver++;
    const message = withoutBlindCopies(segment.message(index));
    const properties = propertiesWithDeliveryCount(message, deliveryCount);
    this.#output.deliverAgain(this.#prefix, channel.id, tag, message, properties, channel.frameMax);
    if (queue.vhost.firehose.isWatching) this.#trace(queue, segment.message(index), true, tag);
  }

  /** Numbers a delivery and, if it has to be acknowledged, keeps it. Returns its tag. */
  #take(queue: DeliveringQueue, segment: Segment, index: number): number {
    const tag = this.#deliveries.nextTag();
    const { stats } = this.#channel;
    if (this.noAck) {
      stats.deliverNoAck++;
    } else {
      stats.deliver++;
      this.unackedCount++;
      this.#deliveries.hold(new Delivery(tag, queue, this, segment, index));
    }
    return tag;
  }

  #trace(queue: DeliveringQueue, message: Message, redelivered: boolean, tag: number): void {
    const channel = this.#channel;
    channel.traceDelivery(queue, { message, queue, redelivered, channel, tag, isSettledLater: !this.noAck });
  }

  cancelledByServer(): void {
    this.#channel.consumerCancelled(this);
  }
}
