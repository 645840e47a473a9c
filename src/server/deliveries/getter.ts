import { propertiesWithDeliveryCount } from '../../broker/delivery-count.ts';
import { describe } from '../../broker/names.ts';
import type { Queue } from '../../broker/queues/queue.ts';
import { withoutBlindCopies } from '../../broker/routing/copy-headers.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { type BasicGet, MethodId } from '../../protocol/methods.ts';
import type { ChannelHost, OpenChannel } from './channel-host.ts';
import { Delivery } from './unsettled.ts';

/** basic.get on one channel: a message taken rather than delivered. */
export class Getter {
  readonly #channel: OpenChannel;
  readonly #connection: ChannelHost;

  constructor(channel: OpenChannel, connection: ChannelHost) {
    this.#channel = channel;
    this.#connection = connection;
  }

  /** basic.get. @throws AmqpError */
  get(method: BasicGet): void {
    const channel = this.#channel;
    const { deliveries, stats } = channel;
    const { vhost, actor } = this.#connection;
    const name = channel.queueName(method.queue);
    actor.require('read', 'queue', name);
    const queue = vhost.queue(actor, name);
    if (queue.type === 'quorum' && queue.singleActiveConsumer) throw getNotSupported(queue);
    if (!method.noAck && deliveries.isFull) throw tooManyUnacked(channel.unackedCount);
    const taken = queue.get(method.noAck);
    if (taken === undefined) {
      const soon = queue.headSoon;
      if (soon !== undefined) void this.#getAfter(soon, method);
      else {
        stats.getEmpty++;
        channel.send({ id: MethodId.BasicGetEmpty });
      }
      return;
    }
    const { segment, index, redelivered, deliveryCount } = taken;
    this.#connection.deliveryTimeouts.expect(queue.settings.consumerTimeoutMs);
    const deliveryTag = deliveries.nextTag();
    if (method.noAck) stats.getNoAck++;
    else stats.get++;
    if (redelivered) stats.redeliver++;
    if (!method.noAck) deliveries.hold(new Delivery(deliveryTag, queue, undefined, segment, index));
    const message = segment.message(index);
    channel.send({
      id: MethodId.BasicGetOk,
      deliveryTag,
      redelivered,
      exchange: message.exchange,
      routingKey: message.routingKey,
      messageCount: queue.readyCount,
    });
    if (deliveryCount === undefined) {
      channel.output.message(channel.id, channel.frameMax, message);
    } else {
      const shown = withoutBlindCopies(message);
      const properties = propertiesWithDeliveryCount(shown, deliveryCount);
      channel.output.contentWith(channel.id, channel.frameMax, shown, properties);
    }
    if (vhost.firehose.isWatching) {
      const isSettledLater = !method.noAck;
      const traced = { message, queue, redelivered, channel, tag: deliveryTag, isSettledLater };
      channel.traceDelivery(queue, traced);
    }
    if (method.noAck) segment.log.settle(segment, index);
  }

  /** Tries again then; meanwhile nothing more is read from the connection. */
  async #getAfter(moment: Promise<void>, method: BasicGet): Promise<void> {
    const connection = this.#connection;
    connection.pauseInput();
    try {
      await moment;
      if (!this.#channel.isReleased) this.get(method);
    } catch (error) {
      connection.methodFailed(this.#channel.id, error instanceof AmqpError ? error.during(method.id) : error);
    }
    connection.resumeInput();
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
