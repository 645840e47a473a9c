import type { Message } from '../message.ts';

/** The pseudo-queue of direct reply-to (RabbitMQ page "Direct Reply-to"). */
export const replyQueueName = 'amq.rabbitmq.reply-to';

const addressPrefix = `${replyQueueName}.`;

/** Random bytes in an address: who was not told one does not find it. */
const secretBytes = 16;

/** Who waits for replies: a channel that consumes from the pseudo-queue. */
export interface ReplyReceiver {
  /** `reply` is valid during the call only. */
  deliverReply(reply: Message): void;
}

/**
 * The addresses that requesters can be reached at: no queues, but routing keys of the default exchange that
 * lead straight to a channel. One address per channel at most, in whatever virtual host.
 */
export class ReplyAddresses {
  readonly #receivers = new Map<string, ReplyReceiver>();

  /** Returns the address of the new receiver. */
  add(receiver: ReplyReceiver): string {
    const secret = crypto.getRandomValues(new Uint8Array(secretBytes));
    const address = addressPrefix + Buffer.from(secret).toString('base64url');
    this.#receivers.set(address, receiver);
    return address;
  }

  remove(address: string): void {
    this.#receivers.delete(address);
  }

  has(address: string): boolean {
    return this.#receivers.has(address);
  }

  /** Hands the message to those of the routing keys that are addresses of somebody. */
  deliver(routingKeys: readonly string[], message: Message): void {
    if (this.#receivers.size === 0) return;
    for (const routingKey of new Set(routingKeys)) this.#receivers.get(routingKey)?.deliverReply(message);
  }
}

/** The name belongs to direct reply-to: it is the pseudo-queue's, or might be an address. */
export function isReplyName(queue: string): boolean {
  return queue.startsWith(replyQueueName);
}
