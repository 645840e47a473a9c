import { type Actor, Undecided } from '../../broker/actor.ts';
import type { CommitWaiter } from '../../broker/committer.ts';
import type { Message } from '../../broker/message.ts';
import type { MessageSizes } from '../../broker/message-sizes.ts';
import { expirationOf } from '../../broker/queues/expiration.ts';
import type { Queue } from '../../broker/queues/queue.ts';
import type { Exchange } from '../../broker/routing/exchange.ts';
import { PublishOutcome } from '../../broker/routing/publish-outcome.ts';
import { Route } from '../../broker/routing/route.ts';
import { PropertyFlag } from '../../protocol/basic-properties.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { MethodId } from '../../protocol/methods.ts';
import type { ChannelHost, OpenChannel } from '../deliveries/channel-host.ts';
import { addressReplies } from '../deliveries/reply-consumer.ts';
import type { BeforeFlush } from '../output/output.ts';
import { ConfirmLedger, type ConfirmSink, type Run } from './confirms.ts';
import { ContentAssembler } from './content.ts';

/** Properties that a publish is checked for. */
const checkedProperties = PropertyFlag.ReplyTo | PropertyFlag.UserId | PropertyFlag.Expiration;

/** Smaller messages are not worth being written before their commit. */
const aheadBytesMin = 2 ** 20;

/** Users with this tag may publish under any user_id. */
const impersonatorTag = 'impersonator';

/** What a publish inside a transaction takes besides its bytes, about. */
const pendingOverheadBytes = 512;

/** A publish inside a transaction: checked and routed when it came, enqueued at commit. */
interface PendingPublish {
  /** A copy of its own. */
  readonly message: Message;
  readonly route: Route;
  readonly mandatory: boolean;
}

/**
 * The publishing half of a channel: puts a message together, checks and routes it, hands it to its queues, and
 * tells the client what became of it (basic.return, publisher confirms). In a transaction it gathers instead.
 */
export class Publisher implements ConfirmSink, BeforeFlush, CommitWaiter {
  /** What requests carry that ask for replies without a queue, once the channel consumes them. */
  replyAddress: string | undefined;

  readonly #channel: OpenChannel;
  readonly #connection: ChannelHost;
  readonly #content: ContentAssembler;
  readonly #sizes: MessageSizes;
  /** The exchange of the last publish, as long as the topology has not changed. */
  #exchange: Exchange | undefined;
  #exchangeVersion = -1;
  /** Who was allowed to publish there, and at which version of the permissions. */
  #actor: Actor | undefined;
  #actorVersion = -1;
  /** Routing keys have to be checked as well. */
  #checksTopics = false;
  #confirms: ConfirmLedger | undefined;
  #isFlushPending = false;
  #isWaitingForCommit = false;
  /** In transaction mode: since the last commit or rollback. */
  #pending: PendingPublish[] | undefined;
  #pendingBytes = 0;
  #isReleased = false;

  constructor(channel: OpenChannel, connection: ChannelHost) {
    this.#channel = channel;
    this.#connection = connection;
    this.#content = new ContentAssembler(connection.settings.maxMessageBytes);
    this.#sizes = connection.vhost.broker.messageSizes;
  }

  // ---- content

  /** A publish has begun and its content is not complete: no method may come, not even one that closes. */
  get isExpectingContent(): boolean {
    return this.#content.isExpectingContent;
  }

  /** What a method in the middle of a publish gets. */
  unexpectedMethod(): AmqpError {
    return this.#content.unexpectedMethod();
  }

  /** Arguments of basic.publish in buffer[start,end); header and body follow. @throws AmqpError */
  begin(buffer: Buffer, start: number, end: number): void {
    this.#content.publish(buffer, start, end);
  }

  /** @throws AmqpError */
  header(buffer: Buffer, start: number, end: number): void {
    if (this.#content.header(buffer, start, end)) this.#publish();
  }

  /** See {@link ContentAssembler.keepHeader}. */
  keepHeader(): void {
    this.#content.keepHeader();
  }

  /** @throws AmqpError */
  body(buffer: Buffer, start: number, end: number): void {
    if (this.#content.body(buffer, start, end)) this.#publish();
  }

  // ---- publishing

  #publish(): void {
    try {
      this.#publishChecked();
    } catch (error) {
      if (error instanceof Undecided) {
        this.#publishWhen(error.decided);
        return;
      }
      this.#content.letGo();
      throw error instanceof AmqpError ? error.during(MethodId.BasicPublish) : error;
    }
    this.#content.letGo();
  }

  /** Apart from the hot path: a function that makes a closure allocates with every call. */
  #publishWhen(decided: Promise<void>): void {
    this.#content.keep();
    this.#channel.tryAgain(decided, () => this.#publish());
  }

  #publishChecked(): void {
    const content = this.#content;
    const connection = this.#connection;
    const message = content.message;
    if (content.immediate) throw new AmqpError(ReplyCode.NotImplemented, 'immediate=true');
    if (content.isTooLarge) {
      const text = `message size ${content.bodySize} is larger than configured max size ${connection.settings.maxMessageBytes}`;
      throw new AmqpError(ReplyCode.PreconditionFailed, text);
    }
    const exchange = this.#exchangeFor(message.exchange);
    if (this.#checksTopics) connection.actor.requireTopic('write', exchange, message.routingKey);
    if ((message.scan.flags & checkedProperties) !== 0) this.#checkProperties(message);
    const { vhost } = connection;
    const route = vhost.route(exchange, message);
    this.#sizes.observe(message.bodySize);
    this.#count(exchange, route, content.mandatory);
    if (vhost.firehose.isWatching) vhost.firehose.published(message, route.queues, this.#channel.traceOrigin);
    if (this.#pending !== undefined) {
      this.#gather(this.#pending, { message: message.copy(), route, mandatory: content.mandatory });
      return;
    }
    if (content.mandatory && route.isReturned) this.#return(message);
    // Kept here: a queue that must not write ahead takes the list from the message, not from those before it.
    const ahead: Promise<void>[] = [];
    if (message.bodySize >= aheadBytesMin && !route.isPassing) message.ahead = ahead;
    const outcome = route.publish(message, connection.chunkTime);
    if (this.#confirms !== undefined) this.#confirmLater(this.#confirms, outcome, ahead);
  }

  #count(exchange: Exchange, route: Route, mandatory: boolean): void {
    const { stats } = this.#channel;
    stats.publish++;
    exchange.stats.publishIn++;
    exchange.stats.publishOut += route.queues.length;
    if (route.isRouted) return;
    if (mandatory) stats.returnUnroutable++;
    else stats.dropUnroutable++;
  }

  #exchangeFor(name: string): Exchange {
    const { vhost, actor } = this.#connection;
    const known = this.#exchange;
    const isKnown = known?.name === name && this.#exchangeVersion === vhost.topologyVersion;
    if (known !== undefined && isKnown && this.#actor === actor && this.#actorVersion === actor.version)
      return known;
    const exchange = vhost.exchangeForPublish(actor, name);
    this.#exchange = exchange;
    this.#exchangeVersion = vhost.topologyVersion;
    this.#actor = actor;
    this.#actorVersion = actor.version;
    this.#checksTopics = actor.checksTopics(exchange);
    return exchange;
  }

  /** In RabbitMQ's order. */
  #checkProperties(message: Message): void {
    if (message.scan.replyToEnd !== 0) addressReplies(message, this.replyAddress);
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
    const { id, output, frameMax } = this.#channel;
    output.method(id, {
      id: MethodId.BasicReturn,
      replyCode: ReplyCode.NoRoute,
      replyText: 'NO_ROUTE',
      exchange: message.exchange,
      routingKey: message.routingKey,
    });
    output.message(id, frameMax, message);
  }

  // ---- confirms

  /** confirm.select: from now on every publish is answered. */
  selectConfirms(): void {
    this.#confirms ??= new ConfirmLedger();
  }

  get isConfirming(): boolean {
    return this.#confirms !== undefined;
  }

  get unconfirmedCount(): number {
    return this.#confirms?.unconfirmedCount ?? 0;
  }

  get confirmedCount(): number {
    return this.#confirms?.confirmedCount ?? 0;
  }

  /** Publishes that wait for tx.commit. */
  get uncommittedCount(): number {
    return this.#pending?.length ?? 0;
  }

  #confirmLater(confirms: ConfirmLedger, outcome: number, ahead: readonly Promise<void>[]): void {
    const { committer } = this.#connection.broker;
    if ((outcome & PublishOutcome.Refused) !== 0) {
      confirms.refused();
    } else if (ahead.length > 0) {
      void this.#confirmAhead(confirms.acceptedAhead(), ahead);
    } else {
      const needsCommit = outcome === PublishOutcome.NeedsCommit;
      confirms.accepted(needsCommit ? committer.next : 0);
      if (needsCommit) this.#requestCommit();
    }
    if (!this.#isFlushPending) {
      this.#isFlushPending = true;
      this.#channel.output.callBeforeFlush(this);
    }
  }

  /** A large message is committed when it has been written, after others that came later. */
  async #confirmAhead(run: Run, ahead: readonly Promise<void>[]): Promise<void> {
    await Promise.all(ahead);
    run.commit = this.#connection.broker.committer.next;
    if (!this.#isReleased) this.#requestCommit();
  }

  #requestCommit(): void {
    if (this.#isWaitingForCommit) return;
    this.#isWaitingForCommit = true;
    this.#connection.broker.committer.request(this);
  }

  /** A commit is done: confirms that depended on it go out now. */
  committed(): void {
    const { committer } = this.#connection.broker;
    const isWaiting = this.#confirms?.answer(committer.done, this) ?? false;
    if (!isWaiting) {
      this.#isWaitingForCommit = false;
      committer.forget(this);
    }
    this.#channel.output.flushSoon();
  }

  beforeFlush(): void {
    this.#isFlushPending = false;
    if (!this.#isReleased) this.#confirms?.answer(this.#connection.broker.committer.done, this);
  }

  ack(deliveryTag: number, multiple: boolean): void {
    this.#channel.output.ack(this.#channel.id, deliveryTag, multiple);
  }

  nack(deliveryTag: number): void {
    this.#channel.output.nack(this.#channel.id, deliveryTag, false);
  }

  // ---- transactions

  /** tx.select: from now on publishes wait for {@link commit}. */
  selectTransactions(): void {
    this.#pending ??= [];
  }

  #gather(pending: PendingPublish[], publish: PendingPublish): void {
    const { transactionBytesMax } = this.#connection.settings;
    this.#pendingBytes += publish.message.framesEnd - publish.message.framesStart + pendingOverheadBytes;
    if (this.#pendingBytes > transactionBytesMax) {
      throw new AmqpError(
        ReplyCode.PreconditionFailed,
        `transaction is larger than ${transactionBytesMax} bytes`,
      );
    }
    pending.push(publish);
  }

  #takePending(): readonly PendingPublish[] {
    const pending = this.#pending ?? [];
    this.#pending = [];
    this.#pendingBytes = 0;
    return pending;
  }

  /** Enqueues what was gathered. Returns a {@link PublishOutcome}. */
  commit(): number {
    let outcome: number = PublishOutcome.Accepted;
    for (const publish of this.#takePending()) {
      const { message, mandatory } = publish;
      const route = this.#routeNow(publish);
      if (mandatory && route.isReturned) this.#return(message);
      outcome |= route.publish(message, this.#connection.chunkTime);
    }
    return outcome;
  }

  /** A queue that was deleted since the publish is replaced by the one that now has its name, if any. */
  #routeNow({ message, route }: PendingPublish): Route {
    const { vhost } = this.#connection;
    if (route.isPassing) {
      const exchange = vhost.findExchange(message.exchange);
      return exchange === undefined ? Route.nowhere : vhost.route(exchange, message);
    }
    if (!route.queues.some(isDeleted)) return route;
    const found = route.queues.map(({ name }) => vhost.findQueue(name));
    return route.to(found.filter((queue) => queue !== undefined));
  }

  /** Forgets what was gathered. */
  rollback(): void {
    this.#takePending();
  }

  /** The channel is gone: nobody waits for confirms any more. */
  release(): void {
    this.#isReleased = true;
    this.#connection.broker.committer.forget(this);
  }
}

function isDeleted(queue: Queue): boolean {
  return queue.isDeleted;
}
