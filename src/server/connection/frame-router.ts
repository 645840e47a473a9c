import type { Broker } from '../../broker/broker.ts';
import { AmqpError } from '../../protocol/errors.ts';
import type { FrameHandler } from '../../protocol/frame-reader.ts';
import { MethodId } from '../../protocol/methods.ts';
import type { Channel } from '../channel/channel.ts';
import type { Answers } from '../output/answers.ts';
import type { UnreadLimit } from '../output/unread-limit.ts';
import type { Channels } from './channels.ts';
import type { Throttle } from './throttle.ts';

const exchangeClassId = 40;
const queueClassId = 50;

/** The connection whose frames these are. */
export interface FrameRouterHost {
  readonly broker: Broker;
  readonly answers: Answers;
  readonly isRunning: boolean;
  readonly isClosed: boolean;
  /** More has arrived than was handed out with this chunk. */
  readonly hasMoreInput: boolean;
  /** A method on channel 0, and any at all while the connection is not running. @throws AmqpError */
  connectionMethod(number: number, id: number, buffer: Buffer, start: number, end: number): void;
  /** Closes the channel or the connection. */
  methodFailed(number: number, error: unknown): void;
}

/** What {@link FrameRouter} hands frames to. */
export interface FrameRouterParts {
  readonly channels: Channels;
  readonly throttle: Throttle;
  readonly unread: UnreadLimit;
}

/** Hands each frame of a client to the channel it is for, and ends the turn when a chunk is done with. */
export class FrameRouter implements FrameHandler {
  readonly #host: FrameRouterHost;
  readonly #channels: Channels;
  readonly #throttle: Throttle;
  readonly #unread: UnreadLimit;
  /** 0: not read since the last chunk. */
  #chunkTime = 0;

  constructor(host: FrameRouterHost, { channels, throttle, unread }: FrameRouterParts) {
    this.#host = host;
    this.#channels = channels;
    this.#throttle = throttle;
    this.#unread = unread;
  }

  method(number: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (this.#host.answers.areOwed && !isTopology(id)) {
      this.#methodAfterAnswers(number, id, Buffer.from(buffer.subarray(start, end)));
      return;
    }
    try {
      if (number === 0 || !this.#host.isRunning) this.#host.connectionMethod(number, id, buffer, start, end);
      else {
        const channel = this.#channels.get(number);
        if (channel !== undefined && (!isLifecycle(id) || channel.isExpectingContent)) {
          channel.method(id, buffer, start, end);
        } else {
          this.#channels.lifecycle(number, id, channel);
        }
        // Few bytes ask for many.
        if (id === MethodId.BasicGet) this.#unread.check();
      }
    } catch (error) {
      // Channels name the failing method themselves, where RabbitMQ names one.
      this.#host.methodFailed(number, number === 0 && error instanceof AmqpError ? error.during(id) : error);
    }
  }

  /** Apart from the hot path: a function that makes a closure allocates with every call. */
  #methodAfterAnswers(number: number, id: number, own: Buffer): void {
    this.afterAnswers(() => this.method(number, id, own, 0, own.length));
  }

  /** What the client sees of this comes behind the answers that it is owed. */
  afterAnswers(run: () => void): void {
    this.#host.answers.afterwards(() => {
      run();
      this.chunkEnd();
    });
  }

  header(number: number, buffer: Buffer, start: number, end: number): void {
    try {
      this.#contentChannel(number)?.header(buffer, start, end);
    } catch (error) {
      this.#host.methodFailed(number, error);
    }
    this.#throttle.contentReceived();
    if (this.#throttle.isBlocked) this.#contentChannel(number)?.keepHeader();
  }

  body(number: number, buffer: Buffer, start: number, end: number): void {
    try {
      this.#contentChannel(number)?.body(buffer, start, end);
    } catch (error) {
      this.#host.methodFailed(number, error);
    }
    this.#throttle.contentReceived();
  }

  /** Whom content is for, unless the connection is closing. */
  #contentChannel(number: number): Channel | undefined {
    return this.#host.isClosed ? undefined : this.#channels.forContent(number);
  }

  /** Any byte from the client shows that it is alive; see `server/connection/heartbeats`. */
  heartbeat(): void {}

  /**
   * The time the chunk being handed out counts from, in milliseconds since the epoch: one reading of the clock
   * for all its messages, and for delivering them. To be asked for while frames are handled only.
   */
  get chunkTime(): number {
    if (this.#chunkTime === 0) this.#chunkTime = this.#host.broker.clock.now();
    return this.#chunkTime;
  }

  /** What the chunk has brought in is delivered before the next one is read. */
  chunkEnd(): void {
    const outrun = this.#host.broker.endTurn(this.chunkTime);
    this.#chunkTime = 0;
    this.#unread.check();
    this.#throttle.chunkEnd(this.#host.hasMoreInput ? outrun : undefined);
  }

  /** The chunk is broken off, and may go on at any time. */
  chunkBroken(): void {
    this.#chunkTime = 0;
  }
}

/** exchange.* and queue.*: what {@link Answers} are for. */
function isTopology(id: number): boolean {
  const classId = id >>> 16;
  return classId === exchangeClassId || classId === queueClassId;
}

/** Methods that open and close a channel: the connection's business, not the channel's. */
function isLifecycle(id: number): boolean {
  return id === MethodId.ChannelOpen || id === MethodId.ChannelClose || id === MethodId.ChannelCloseOk;
}
