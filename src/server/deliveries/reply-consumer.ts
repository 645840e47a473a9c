import type { Message } from '../../broker/message.ts';
import { type ReplyReceiver, replyQueueName } from '../../broker/routing/reply-addresses.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { MethodId } from '../../protocol/methods.ts';
import { rewriteProperties } from '../../protocol/properties.ts';
import { decodeText } from '../../protocol/text.ts';
import { unreadBytesMax } from '../output/unread-limit.ts';
import type { OpenChannel } from './channel-host.ts';

/**
 * A channel's subscription to the pseudo-queue of direct reply-to. Replies come straight from the publisher's
 * channel; nothing keeps them.
 */
export class ReplyConsumer implements ReplyReceiver {
  readonly tag: string;
  /** What requests carry in their reply_to: a routing key of the default exchange. */
  readonly address: string;
  readonly #channel: OpenChannel;

  constructor(channel: OpenChannel, tag: string) {
    this.tag = tag;
    this.#channel = channel;
    this.address = channel.replies.add(this);
  }

  /** A requester that reads nothing loses replies rather than filling memory with them. */
  deliverReply(reply: Message): void {
    const { id, output, frameMax } = this.#channel;
    if (output.unreadBytes > unreadBytesMax) return;
    output.method(id, {
      id: MethodId.BasicDeliver,
      consumerTag: this.tag,
      // Replies do not count, as in RabbitMQ: the next delivery that does has the same tag.
      deliveryTag: this.#channel.deliveries.lastTag + 1,
      redelivered: false,
      exchange: reply.exchange,
      routingKey: reply.routingKey,
    });
    output.message(id, frameMax, reply);
  }

  close(): void {
    this.#channel.replies.remove(this.address);
  }
}

/**
 * Writes the requester's address into a request that names the pseudo-queue in its reply_to.
 *
 * @throws AmqpError 406 when there is no address, since the channel does not consume from the pseudo-queue
 */
export function addressReplies(request: Message, replyTo: string | undefined): void {
  const { frames, propertiesStart, propertiesEnd, scan } = request;
  const { replyToStart: start, replyToEnd: end } = scan;
  if (end - start !== replyQueueName.length || decodeText(frames, start, end) !== replyQueueName) return;
  if (replyTo === undefined) {
    throw new AmqpError(ReplyCode.PreconditionFailed, 'fast reply consumer does not exist');
  }
  request.replaceProperties(rewriteProperties(frames, propertiesStart, propertiesEnd, { replyTo }));
}
