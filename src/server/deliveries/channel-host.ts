import type { Account } from '../../access/back-end.ts';
import type { Actor } from '../../broker/actor.ts';
import type { Broker } from '../../broker/broker.ts';
import type { ChannelStats } from '../../broker/message-stats.ts';
import type { ConsumerChannel, DeliveringQueue } from '../../broker/queues/consumer.ts';
import type { ReplyAddresses } from '../../broker/routing/reply-addresses.ts';
import type { TracedDelivery, TraceOrigin } from '../../broker/taps/trace.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import type { AmqpError } from '../../protocol/errors.ts';
import type { Method } from '../../protocol/methods.ts';
import type { ClientCapabilities } from '../handshake/client-properties.ts';
import type { Answers } from '../output/answers.ts';
import type { Output } from '../output/output.ts';
import type { ServerSettings } from '../settings.ts';
import type { Deliveries } from './deliveries.ts';
import type { DeliveryTimeouts, LateDeliveries } from './delivery-timeouts.ts';
import type { ServedConsumer } from './unsettled.ts';

/** The connection that a channel is on. */
export interface ChannelHost {
  readonly broker: Broker;
  readonly vhost: VirtualHost;
  readonly user: Account;
  /** The client at work in its virtual host. */
  readonly actor: Actor;
  readonly settings: ServerSettings;
  readonly output: Output;
  readonly answers: Answers;
  readonly deliveryTimeouts: DeliveryTimeouts;
  readonly clientCapabilities: ClientCapabilities;
  /** `client address -> broker address` */
  readonly name: string;
  readonly peerHost: string;
  readonly peerPort: number;
  /** Largest frame either side may send, in bytes, overhead included. */
  readonly frameMax: number;
  /** See {@link FrameRouter.chunkTime}. */
  readonly chunkTime: number;
  /** What was done outside of a chunk has its effects now. */
  chunkEnd(): void;
  /** Nothing more is handed out until {@link resumeInput}. */
  pauseInput(): void;
  resumeInput(): void;
  /** Closes the channel or, if it is a matter of the connection, that. */
  methodFailed(number: number, error: unknown): void;
  closeChannelWithError(number: number, error: AmqpError): void;
  closeWithError(error: AmqpError): void;
  /** Messages were taken back from a consumer of a channel, and the consumer was cancelled. */
  deliveriesLate(channel: number, late: LateDeliveries): void;
  /** A channel has let go of everything. */
  channelReleased(channel: OpenChannel): void;
}

/** A channel, as its parts know it. */
export interface OpenChannel extends ConsumerChannel {
  /** Its number. */
  readonly id: number;
  readonly output: Output;
  readonly frameMax: number;
  readonly deliveries: Deliveries;
  readonly stats: ChannelStats;
  readonly globalPrefetch: number;
  readonly unackedCount: number;
  readonly replies: ReplyAddresses;
  /** How the firehose names this channel. */
  readonly traceOrigin: TraceOrigin;
  /** The channel is closed, and what it held let go. */
  readonly isReleased: boolean;
  /** Where replies to requests of this channel go (direct reply-to). */
  replyAddress: string | undefined;
  send(method: Method): void;
  /** Answers once what was changed is on disk: see `server/output/answers`. */
  answer(method: Method, noWait: boolean): void;
  /** An empty name means the queue that this channel declared last. @throws AmqpError 404 when there is none */
  queueName(name: string): string;
  /** Tries again what has to wait for a permission; meanwhile nothing more is read from the connection. */
  tryAgain(decided: Promise<void>, again: () => void): void;
  /** Shows a delivery to the firehose. */
  traceDelivery(queue: DeliveringQueue, delivery: TracedDelivery): void;
  /** A consumer does not do its part: it loses its place, and its client is told. */
  cancelConsumer(consumer: ServedConsumer): void;
  /** The queue of a consumer is gone. */
  consumerCancelled(consumer: ServedConsumer): void;
}
