import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { MethodId } from '../../protocol/methods.ts';
import { takeSteps } from '../../slices.ts';
import { Channel } from '../channel/channel.ts';
import type { ChannelHost } from '../deliveries/channel-host.ts';
import { ChannelTable } from './channel-table.ts';

/** Who is asked before a channel opens, and told what becomes of it. */
export interface ChannelsHost {
  /** @throws AmqpError 530 when the user has no room for one more channel */
  checkChannelLimit(user: string): void;
  channelOpened(channel: Channel): void;
  channelFailed(number: number, error: AmqpError): void;
}

/** The channels of a connection: how they open and close, from either side. */
export class Channels {
  readonly #connection: ChannelHost;
  readonly #host: ChannelsHost;
  readonly #table = new ChannelTable();
  #isReleased = false;

  constructor(connection: ChannelHost, host: ChannelsHost) {
    this.#connection = connection;
    this.#host = host;
  }

  /** So many were agreed on with the client. */
  set max(channelMax: number) {
    this.#table.openMax = channelMax;
  }

  get count(): number {
    return this.#table.size;
  }

  values(): IterableIterator<Channel> {
    return this.#table.values();
  }

  /** The open channel of this number. */
  get(number: number): Channel | undefined {
    return this.#table.get(number);
  }

  /** Whom content is for. None: it is dropped, since the channel is closing. @throws AmqpError 505 */
  forContent(number: number): Channel | undefined {
    const channel = this.#table.get(number);
    if (channel === undefined && !this.#table.isClosing(number)) {
      const text = 'expected method frame, got non method frame instead';
      throw new AmqpError(ReplyCode.UnexpectedFrame, text);
    }
    return channel;
  }

  /** channel.open, channel.close and channel.close-ok; and any method on a channel that is not open. */
  lifecycle(number: number, id: number, channel: Channel | undefined): void {
    if (id === MethodId.ChannelOpen) {
      this.#open(number);
    } else if (this.#table.isClosing(number)) {
      if (id === MethodId.ChannelCloseOk) this.#table.free(number);
      else if (id === MethodId.ChannelClose)
        this.#connection.output.method(number, { id: MethodId.ChannelCloseOk });
    } else if (channel === undefined) {
      throw new AmqpError(ReplyCode.ChannelError, "expected 'channel.open'").during(id);
    } else if (id === MethodId.ChannelClose) {
      this.#table.remove(number, false);
      this.#releaseOne(channel, () =>
        this.#connection.output.method(number, { id: MethodId.ChannelCloseOk }),
      );
    } else {
      throw new AmqpError(ReplyCode.CommandInvalid, 'unimplemented method').during(id);
    }
  }

  #open(number: number): void {
    const channels = this.#table;
    if (!channels.isFree(number)) {
      const text = "second 'channel.open' seen";
      throw new AmqpError(ReplyCode.ChannelError, text).during(MethodId.ChannelOpen);
    }
    if (channels.isFull) {
      const limit = `has reached the negotiated channel_max (${channels.openMax})`;
      const text = `number of channels opened (${channels.size}) ${limit}`;
      // RabbitMQ names no method here.
      this.#connection.closeWithError(new AmqpError(ReplyCode.NotAllowed, text));
      return;
    }
    // Nor here.
    this.#host.checkChannelLimit(this.#connection.user.name);
    const channel = new Channel(this.#connection, number);
    channels.add(number, channel);
    this.#connection.broker.churn.channelCreated++;
    this.#host.channelOpened(channel);
    this.#connection.output.method(number, { id: MethodId.ChannelOpenOk });
  }

  /** Closes one channel: what it held is let go first, so that the effects are visible with channel.close. */
  closeWithError(number: number, error: AmqpError): void {
    const channel = this.#table.remove(number, true);
    if (channel === undefined) return;
    this.#host.channelFailed(number, error);
    this.#releaseOne(channel, () =>
      this.#connection.output.method(number, {
        id: MethodId.ChannelClose,
        replyCode: error.code,
        replyText: error.replyText,
        classId: error.classId,
        methodId: error.methodId,
      }),
    );
  }

  /** `answer` tells the client when nothing is left of the channel: at once, unless its consumers are many. */
  #releaseOne(channel: Channel, answer: () => void): void {
    const rest = release([channel]);
    if (rest === undefined) answer();
    else void rest.then(() => !this.#isReleased && answer());
  }

  /** Lets go of all of them, for the end of the connection; a promise of the rest when their consumers are many. */
  release(): Promise<void> | undefined {
    this.#isReleased = true;
    const channels = [...this.#table.values()];
    this.#table.clear();
    return release(channels);
  }
}

function release(channels: readonly Channel[]): Promise<void> | undefined {
  for (const channel of channels) channel.release();
  return takeSteps(leaveQueues(channels));
}

function* leaveQueues(channels: readonly Channel[]): Generator<void> {
  for (const channel of channels) yield* channel.leaveQueues();
}
