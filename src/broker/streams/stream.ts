import { boolArgument } from '../arguments.ts';
import type { CommitWaiter } from '../committer.ts';
import type { LogOwner } from '../log/log-context.ts';
import type { MessageLog } from '../log/message-log.ts';
import type { Segment } from '../log/segment.ts';
import type { Message } from '../message.ts';
import { describe } from '../names.ts';
import type { Consumer } from '../queues/consumer.ts';
import { Queue, type QueueOptions, type Taken } from '../queues/queue.ts';
import type { QueueSettings } from '../queues/queue-settings.ts';
import { PublishOutcome } from '../routing/publish-outcome.ts';
import { type JsonValue, StoreUnreadableError } from '../store.ts';
import { FilterIndex } from './filter-index.ts';
import { type StreamStart, streamStart } from './offset-argument.ts';
import { filterValueOf, StreamFilter } from './stream-filter.ts';
import { StreamLookup } from './stream-lookup.ts';
import { StreamReader } from './stream-reader.ts';
import { StreamReaders } from './stream-readers.ts';
import { checkStreamConsumer, notSupported, tracking } from './stream-rules.ts';
import { StreamSegments } from './stream-segments.ts';
import { type StreamSettings, streamSettings } from './stream-settings.ts';
import { TrackedOffsets } from './tracked-offsets.ts';

/** Messages that are on disk once a commit is. */
interface PendingCommit {
  readonly commit: number;
  /** Offset behind the last of them. */
  end: number;
}

/** What there is of a stream. */
export interface StreamExtent {
  /** Of the oldest message; of the next one if there is none. */
  readonly firstOffset: number;
  /** Of the newest message; one less than {@link firstOffset} if there is none. */
  readonly lastOffset: number;
  /** Of the newest message that is on disk, so that consumers may see it. */
  readonly committedOffset: number;
  /** Parts that leave by themselves. */
  readonly segmentCount: number;
}

/** Where a consumer is. */
export interface StreamPlace {
  /** Of the next message that it may be given. */
  readonly offset: number;
  /** Messages that are there for it. */
  readonly lag: number;
}

/**
 * A stream (RabbitMQ page "Streams"): a message log from which nothing is taken. Consumers are places in it, each
 * moves on its own, and acknowledging only makes room in a consumer's prefetch. Offsets are the log's sequences.
 * The log's read position is where the stream begins: retention moves it, and the store lets go of what lies below.
 *
 * Consumers see what is on disk and nothing else, so that no offset that somebody has seen is given to another
 * message after a crash.
 */
export class Stream extends Queue implements CommitWaiter, LogOwner {
  readonly #log: MessageLog;
  readonly #lookup: StreamLookup;
  readonly #readers: StreamReaders;
  readonly #goOn = () => this.touch();
  /** Messages below are on disk. */
  #committedEnd: number;
  #pendingCommits: PendingCommit[] = [];
  #isWaitingForCommit = false;
  #streamSettings: StreamSettings;
  readonly #segments: StreamSegments;
  readonly #filterIndex: FilterIndex;
  readonly #tracked: TrackedOffsets;
  /** Times in the log never go back, so that they can be searched by halves. */
  #lastTime = 0;

  constructor(options: QueueOptions) {
    super(options);
    const [log] = options.backlog.logs;
    if (log === undefined) throw new Error('a stream needs a log');
    this.#log = log;
    this.#lookup = new StreamLookup(log, options.vhost.broker.segmentCache);
    this.#committedEnd = log.nextSequence;
    this.#streamSettings = streamSettings(options.arguments, options.policies.definition);
    const kept = log.recoveredAttachment;
    const { segments, offsets, filters } =
      typeof kept === 'object' && kept !== null && !Array.isArray(kept) ? kept : {};
    if (kept === undefined) this.#skipMissing();
    const first = log.readPosition;
    this.#segments =
      StreamSegments.restore(segments, first, log.readyBytes) ?? new StreamSegments(first, log.readyBytes);
    const { filterBytes } = this.#streamSettings;
    this.#filterIndex = FilterIndex.restore(filters, filterBytes, this.#committedEnd);
    this.#tracked = TrackedOffsets.restore(offsets);
    const { turnBudget } = options.vhost.broker;
    const parts = { log, lookup: this.#lookup, filterIndex: this.#filterIndex, budget: turnBudget };
    this.#readers = new StreamReaders(this, parts);
    if (first < this.#committedEnd)
      this.#lastTime = this.#lookup.timeAt(this.#committedEnd - 1, this.#committedEnd) ?? 0;
    log.owner = this;
  }

  /** Without its state (it was damaged), the log does not know where it begins. */
  #skipMissing(): void {
    const log = this.#log;
    if (log.readPosition >= this.#committedEnd) return;
    const segment = this.#lookup.locate(log.readPosition, this.#committedEnd);
    const first = segment?.firstSequence ?? this.#committedEnd;
    if (first > log.readPosition) log.trim(first, 0);
  }

  stateAttachment(): JsonValue {
    const filters = this.#filterIndex.toJSON();
    return {
      segments: this.#segments.toJSON(),
      offsets: this.#tracked.toJSON(),
      ...(filters !== undefined && { filters }),
    };
  }

  /** As in RabbitMQ, none: what a consumer has not acknowledged is not owed to anybody. */
  override get unackedCount(): number {
    return 0;
  }

  /** Nobody waits for readers: a stream gets no shorter by being read. */
  override get outrunsConsumers(): boolean {
    return false;
  }

  override hold(): boolean {
    return false;
  }

  override forget(): void {}

  /** What there is right now. */
  extent(): StreamExtent {
    this.#advance();
    return {
      firstOffset: this.#log.readPosition,
      lastOffset: this.#log.nextSequence - 1,
      committedOffset: this.#committedEnd - 1,
      segmentCount: this.#segments.count,
    };
  }

  /** Where a consumer is; undefined while a place is looked for. */
  placeOf(consumer: Consumer): StreamPlace | undefined {
    const position = this.#readers.get(consumer)?.position;
    if (position === undefined || position === Number.POSITIVE_INFINITY) return undefined;
    const offset = Math.max(position, this.#log.readPosition);
    return { offset, lag: Math.max(0, this.#committedEnd - offset) };
  }

  /** Consumer tags that asked for it, and the offsets with which their consumers go on. */
  trackedOffsets(): Iterable<readonly [tag: string, offset: number]> {
    return this.#tracked.entries();
  }

  override applySettings(settings: QueueSettings): void {
    super.applySettings(settings);
    this.#streamSettings = streamSettings(this.arguments, this.policies.definition);
    this.#filterIndex.bitsBytes = this.#streamSettings.filterBytes;
    this.#retain();
  }

  // ---- writing

  protected override enqueue(message: Message, now: number): number {
    const log = this.#log;
    const offset = log.nextSequence;
    if (now > this.#lastTime) this.#lastTime = now;
    const { offsetStamp } = this.vhost.broker;
    log.append(offsetStamp.prepare(message, offset), this.#lastTime, 0, offsetStamp);
    this.stats.publish++;
    this.#filterIndex.append(offset, message.bodySize, filterValueOf(message));
    this.showTaps(message, now);
    this.#noteCommit(offset + 1);
    const { maxSegmentBytes } = this.#streamSettings;
    if (this.#segments.append(offset, message.bodySize, this.#lastTime, maxSegmentBytes)) this.#retain();
    return PublishOutcome.NeedsCommit;
  }

  #noteCommit(end: number): void {
    const { committer } = this.vhost.broker;
    const last = this.#pendingCommits.at(-1);
    if (last?.commit === committer.next) {
      last.end = end;
    } else {
      this.#advance();
      this.#pendingCommits.push({ commit: committer.next, end });
    }
    if (!this.#readers.isEmpty) this.#awaitCommit();
  }

  /** Somebody reads: what was published is committed as soon as if it had to be confirmed. */
  #awaitCommit(): void {
    if (this.#isWaitingForCommit) return;
    this.#isWaitingForCommit = true;
    this.vhost.broker.committer.request(this);
  }

  committed(): void {
    this.#advance();
    if (this.#pendingCommits.length > 0) return;
    this.#isWaitingForCommit = false;
    this.vhost.broker.committer.forget(this);
  }

  /** Takes notice of commits that are done. */
  #advance(): void {
    const { done } = this.vhost.broker.committer;
    let count = 0;
    for (const { commit, end } of this.#pendingCommits) {
      if (commit > done) break;
      this.#committedEnd = end;
      count++;
    }
    if (count === 0) return;
    this.#pendingCommits.splice(0, count);
    this.#readers.wake(this.#committedEnd);
    if (this.#readers.areReady) this.touch();
  }

  /** Lets go of the segments that are too much. */
  #retain(): void {
    const log = this.#log;
    const now = this.now();
    const timeOf = (offset: number) => this.#timeAt(offset);
    const dropped = this.#segments.dropSurplus(this.#streamSettings, log.nextSequence, now, timeOf);
    if (dropped === undefined) {
      log.noteUse();
    } else {
      log.trim(dropped.offset, dropped.bodyBytes);
      this.#filterIndex.dropBelow(dropped.offset);
    }
  }

  /** Undefined, too, when it cannot be read now: then the message stays until the next look. */
  #timeAt(offset: number): number | undefined {
    try {
      return this.#lookup.timeAt(offset, this.#committedEnd);
    } catch (error) {
      if (error instanceof StoreUnreadableError) return undefined;
      throw error;
    }
  }

  // ---- reading

  override drain(_now: number): void {
    this.#advance();
    const readers = this.#readers;
    if (!readers.areReady) return;
    readers.serve(this.#committedEnd);
    if (readers.areReady) this.vhost.broker.turnBudget.goOn(this.#goOn);
  }

  delivered(): void {
    this.stats.deliver++;
  }

  readable(): void {
    this.touch();
  }

  override get(): Taken | undefined {
    throw notSupported(this.#resource, 'basic.get');
  }

  // ---- consumers

  override checkConsumer(consumer: Consumer): void {
    super.checkConsumer(consumer);
    checkStreamConsumer(this.#resource, consumer);
  }

  override addConsumer(consumer: Consumer): void {
    super.addConsumer(consumer);
    this.#advance();
    const isTracked = boolArgument(consumer.arguments, tracking);
    const resumed = isTracked ? this.#tracked.resume(consumer.tag) : undefined;
    const start: StreamStart =
      resumed === undefined ? this.#startOf(consumer) : { at: 'offset', offset: resumed };
    const filter = StreamFilter.from(consumer.arguments);
    const readAhead = this.vhost.broker.segmentCache.newReadAhead();
    const reader = new StreamReader(consumer, this.#positionOf(start), { filter, isTracked, readAhead });
    this.#readers.add(reader);
    if (start.at === 'time') void this.#seek(reader, start.time);
    if (this.#pendingCommits.length > 0) this.#awaitCommit();
    this.consumerHasCapacity(consumer);
  }

  #startOf(consumer: Consumer): StreamStart {
    return streamStart(consumer.arguments.get('x-stream-offset'), this.now()) ?? { at: 'next' };
  }

  #positionOf(start: StreamStart): number {
    const log = this.#log;
    switch (start.at) {
      case 'first':
        return log.readPosition;
      case 'last':
        return Math.max(log.readPosition, this.#committedEnd - 1);
      case 'next':
        return log.nextSequence;
      case 'offset':
        return Math.max(log.readPosition, start.offset);
      case 'time':
        // Until it is found.
        return Number.POSITIVE_INFINITY;
    }
  }

  /** Has a reader begin with the first message that came at `time` or later. If that cannot be read, it is cancelled. */
  async #seek(reader: StreamReader, time: number): Promise<void> {
    const { consumer } = reader;
    const isWanted = () => this.#readers.get(consumer) === reader;
    try {
      const position = await this.#lookup.offsetAt(time, this.#committedEnd, isWanted);
      this.#readers.place(reader, position, this.#committedEnd);
      if (this.#readers.areReady) this.touch();
    } catch (cause) {
      if (!isWanted()) return;
      this.vhost.broker.reportUnreadable(this.#resource, cause);
      this.removeConsumer(consumer);
      consumer.cancelledByServer();
    }
  }

  override consumerHasCapacity(consumer: Consumer): void {
    const reader = this.#readers.get(consumer);
    if (reader === undefined || consumer.isInRing || !this.consumers.has(consumer)) return;
    this.#readers.resume(reader, this.#committedEnd);
    if (this.#readers.areReady) this.touch();
  }

  override pauseConsumer(consumer: Consumer): void {
    const reader = this.#readers.get(consumer);
    if (reader !== undefined) this.#readers.pause(reader);
  }

  protected override consumerLeft(consumer: Consumer): void {
    this.#forgetReader(consumer);
  }

  /** A tracked consumer that was cancelled may still acknowledge what it has. */
  #forgetReader(consumer: Consumer): void {
    if (this.consumers.has(consumer) || this.#readers.get(consumer)?.isOwed) return;
    this.#readers.forget(consumer);
  }

  override acknowledge(segment: Segment, index: number, consumer?: Consumer): void {
    this.stats.ack++;
    if (consumer === undefined) return;
    const reader = this.#readers.get(consumer);
    if (reader === undefined || !reader.isTracked) return;
    reader.settled(segment.firstSequence + index);
    this.#tracked.set(consumer.tag, reader.settledBelow);
    this.#log.noteUse();
    this.#forgetReader(consumer);
  }

  override requeue(): void {
    throw notSupported(this.#resource, 'basic.nack and basic.reject');
  }

  override reject(): void {
    throw notSupported(this.#resource, 'basic.nack and basic.reject');
  }

  /** Nothing goes back: the message is still where it was. */
  override abandon(segment: Segment, index: number, consumer?: Consumer): void {
    if (consumer === undefined) return;
    this.#readers.get(consumer)?.abandoned(segment.firstSequence + index);
    this.#forgetReader(consumer);
  }

  override purge(): number {
    throw notSupported(this.#resource, 'queue.purge');
  }

  override close(): void {
    this.#readers.clear();
    super.close();
    this.vhost.broker.segmentCache.forget(this.#log);
  }

  override stop(): void {
    super.stop();
    this.vhost.broker.committer.forget(this);
  }

  get #resource(): string {
    return describe('queue', this.name, this.vhost.name);
  }
}
