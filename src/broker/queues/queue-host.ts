import type { Clock } from '../clock.ts';
import type { Committer } from '../committer.ts';
import type { DeathReason } from '../dead-letters/dead-letter.ts';
import type { DeadLetterCounts } from '../dead-letters/dead-letter-counts.ts';
import type { Delays } from '../delays/delays.ts';
import type { Message } from '../message.ts';
import type { ChannelStats } from '../message-stats.ts';
import type { OffsetStamp } from '../streams/offset-stamp.ts';
import type { SegmentCache } from '../streams/segment-cache.ts';
import type { TurnBudget } from '../streams/turn-budget.ts';
import type { DeliveryTracer } from '../taps/trace.ts';
import type { TouchedQueue } from '../turn.ts';
import type { Consumer } from './consumer.ts';
import type { QueueSettings } from './queue-settings.ts';

/** What a queue needs from the broker around it. */
export interface QueueBroker {
  readonly clock: Clock;
  readonly committer: Committer;
  readonly delays: Delays;
  /** What all streams share. */
  readonly segmentCache: SegmentCache;
  readonly offsetStamp: OffsetStamp;
  readonly turnBudget: TurnBudget;
  readonly deadLetterCounts: DeadLetterCounts;
  /** A message leaves one log for another: see {@link Committer.moved}. */
  moved(): void;
  /** Reading a queue failed, which `resource` names in words; a consumer is cancelled for that. */
  reportUnreadable(resource: string, cause: unknown): void;
  /** The queue has something to deliver at the end of this turn. */
  touch(queue: TouchedQueue): void;
}

/** A queue that messages leave as dead letters. */
export interface LetterSource {
  readonly name: string;
  readonly settings: QueueSettings;
}

/** Where dead letters go. */
export interface LetterBox {
  publish(queue: LetterSource, message: Message, reason: DeathReason): void;
  forward(queue: LetterSource, message: Message, reason: DeathReason): boolean;
}

/** Is told who comes to a queue and who leaves it. */
export interface ConsumerEvents {
  consumerCreated(queue: { readonly name: string }, consumer: Consumer): void;
  consumerDeleted(queue: { readonly name: string }, consumer: Consumer): void;
}

/** What a queue needs of its virtual host. */
export interface QueueHost {
  readonly name: string;
  readonly broker: QueueBroker;
  readonly deadLetters: LetterBox;
  readonly events: ConsumerEvents;
  readonly firehose: DeliveryTracer;
  /** Of the channels that are closed. */
  readonly closedChannels: ChannelStats;
  /** An auto-delete queue lost its last consumer, or x-expires ran out. */
  queueUnused(name: string): void;
}
