import { isReplyName, replyQueueName } from '../../broker/routing/reply-addresses.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import {
  type ExchangeBind,
  type ExchangeUnbind,
  type Method,
  MethodId,
  type QueueBind,
  type QueueDeclare,
  type QueueUnbind,
} from '../../protocol/methods.ts';
import type { ChannelHost, OpenChannel } from '../deliveries/channel-host.ts';

/** The methods exchange.* and queue.* of a channel, as calls on its virtual host. */
export class TopologyMethods {
  readonly #channel: OpenChannel;
  readonly #connection: ChannelHost;
  /** The queue this channel declared last. */
  #lastQueueName: string | undefined;

  constructor(channel: OpenChannel, connection: ChannelHost) {
    this.#channel = channel;
    this.#connection = connection;
  }

  /** @throws AmqpError, 503 for any other method */
  handle(method: Method): void {
    const { vhost, actor } = this.#connection;
    const channel = this.#channel;
    switch (method.id) {
      case MethodId.ExchangeDeclare:
        vhost.declareExchange(actor, { ...method, name: method.exchange });
        channel.answer({ id: MethodId.ExchangeDeclareOk }, method.noWait);
        break;
      case MethodId.ExchangeDelete:
        vhost.deleteExchange(actor, { name: method.exchange, ifUnused: method.ifUnused });
        channel.answer({ id: MethodId.ExchangeDeleteOk }, method.noWait);
        break;
      case MethodId.ExchangeBind:
        vhost.bind(actor, exchangeBinding(method));
        channel.answer({ id: MethodId.ExchangeBindOk }, method.noWait);
        break;
      case MethodId.ExchangeUnbind:
        vhost.unbind(actor, exchangeBinding(method));
        channel.answer({ id: MethodId.ExchangeUnbindOk }, method.noWait);
        break;
      case MethodId.QueueDeclare:
        if (isReplyName(method.queue)) this.#declareReplyQueue(method);
        else this.#declareQueue(method);
        break;
      case MethodId.QueueBind:
        vhost.bind(actor, this.#queueBinding(method));
        channel.answer({ id: MethodId.QueueBindOk }, method.noWait);
        break;
      case MethodId.QueueUnbind:
        vhost.unbind(actor, this.#queueBinding(method));
        channel.answer({ id: MethodId.QueueUnbindOk }, false);
        break;
      case MethodId.QueuePurge: {
        const messageCount = vhost.purgeQueue(actor, this.queueName(method.queue));
        channel.answer({ id: MethodId.QueuePurgeOk, messageCount }, method.noWait);
        break;
      }
      case MethodId.QueueDelete: {
        const { ifUnused, ifEmpty } = method;
        const name = this.queueName(method.queue);
        const messageCount = vhost.deleteQueue(actor, { name, ifUnused, ifEmpty });
        channel.answer({ id: MethodId.QueueDeleteOk, messageCount }, method.noWait);
        break;
      }
      default:
        throw new AmqpError(ReplyCode.CommandInvalid, 'unimplemented method');
    }
  }

  /** An empty name stands for the queue this channel declared last. @throws AmqpError 404 */
  queueName(name: string): string {
    if (name !== '') return name;
    if (this.#lastQueueName === undefined)
      throw new AmqpError(ReplyCode.NotFound, 'no previously declared queue');
    return this.#lastQueueName;
  }

  #declareQueue(method: QueueDeclare): void {
    const { vhost, actor, broker } = this.#connection;
    const queue = vhost.declareQueue(actor, { ...method, name: method.queue });
    this.#lastQueueName = queue.name;
    queue.drain(broker.clock.now());
    const { name, readyCount: messageCount, consumerCount } = queue;
    const answer = { id: MethodId.QueueDeclareOk, queue: name, messageCount, consumerCount };
    this.#channel.answer(answer, method.noWait);
  }

  /** The pseudo-queue is always there, an address as long as its requester is; so they can be asked for. */
  #declareReplyQueue({ queue, noWait }: QueueDeclare): void {
    const { vhost, broker } = this.#connection;
    if (queue !== replyQueueName && !broker.replies.has(queue)) {
      throw new AmqpError(ReplyCode.NotFound, `no queue '${queue}' in vhost '${vhost.name}'`);
    }
    this.#lastQueueName = queue;
    const answer = { id: MethodId.QueueDeclareOk, queue, messageCount: 0, consumerCount: 1 };
    this.#channel.answer(answer, noWait);
  }

  #queueBinding(method: QueueBind | QueueUnbind) {
    const destination = this.queueName(method.queue);
    const isShortcut = method.queue === '' && method.routingKey === '';
    return {
      source: method.exchange,
      destination,
      destinationKind: 'queue' as const,
      routingKey: isShortcut ? destination : method.routingKey,
      arguments: method.arguments,
    };
  }
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
