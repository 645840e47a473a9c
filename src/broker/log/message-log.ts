import { writtenDeliveryCount } from '../delivery-count.ts';
import type { Message } from '../message.ts';
import type { QueueType } from '../queue-type.ts';
import type { JsonValue, RecoveredLog } from '../store.ts';
import type { LogContext, LogOwner, LogReader, LogWatcher } from './log-context.ts';
import { addLogFigures, LogFigures } from './log-figures.ts';
import { LogParts } from './log-parts.ts';
import { LogStorage } from './log-storage.ts';
import type { Reached } from './reached.ts';
import { ReadBack } from './read-back.ts';
import { type ReadyRecord, readyRecords } from './ready-records.ts';
import { RecordFlag } from './record.ts';
import { type FrameStamp, recordBytes } from './record-bytes.ts';
import { restoreRecords } from './recovered-records.ts';
import { type RecordKeeper, RecordState, type Segment } from './segment.ts';
import type { Tail } from './tail.ts';

/** Full segments that the log of a stream keeps in memory, for readers that are close to its end. */
const streamTailSegmentsMax = 16;

/** What a log is for. None of it changes while the log is there. */
export interface LogOptions {
  /** Names its entries in the store. 0 is the store's own log: those of queues begin at 1, and none is used twice. */
  readonly id: number;
  /** False: persistent messages are treated as transient (the queue does not survive a restart). */
  readonly durable: boolean;
  /**
   * The log of a quorum queue keeps every message, persistent or not, counts how often each was given back,
   * and hands returned ones out in the order in which they came back. That of a stream keeps every message,
   * too; nothing is taken from it, its owner reads it ({@link MessageLog.segmentAt}) and moves its beginning
   * ({@link MessageLog.trim}).
   */
  readonly type: QueueType;
}

/**
 * The messages of a queue (or of one priority of it) in order: appended at the back, delivered from the front, and
 * owed until they are settled. Where they lie is said by {@link LogParts}, how they get to the disk and leave memory
 * by {@link LogStorage}, and back by {@link ReadBack}.
 */
export class MessageLog implements RecordKeeper {
  readonly id: number;
  readonly durable: boolean;
  /** How often a record was given back is known: {@link deliveryCount}. */
  readonly countsDeliveries: boolean;
  /** Some record may have an expiry: readers have to look. */
  mayExpire = false;
  watcher: LogWatcher | undefined;
  reader: LogReader | undefined;
  /** What the owner had kept before the restart. */
  recoveredAttachment: JsonValue | undefined;

  readonly #context: LogContext;
  readonly #parts: LogParts;
  readonly #reached: Reached;
  readonly #tail: Tail;
  readonly #storage: LogStorage;
  readonly #readBack: ReadBack;
  /** Some record may have been appended by {@link appendReturned}: readers have to look. */
  #mayHoldReturned = false;
  /** Set for every record, whatever the message says. */
  readonly #flagsOfAll: number;
  /** Records with lower sequences are marked redelivered, even when no state says that they were delivered. */
  #deliveredBelow = 0;

  constructor(context: LogContext, { id, durable, type }: LogOptions, nextSequence = 0) {
    this.#context = context;
    this.id = id;
    this.durable = durable;
    this.countsDeliveries = type === 'quorum';
    this.#flagsOfAll = type === 'classic' ? 0 : RecordFlag.Persistent;
    this.#parts = new LogParts(this.countsDeliveries, nextSequence);
    this.#reached = this.#parts.reached;
    this.#tail = this.#parts.tail;
    const tailSegmentsMax = type === 'stream' ? streamTailSegmentsMax : Number.POSITIVE_INFINITY;
    this.#storage = new LogStorage(this, this.#parts, context, tailSegmentsMax);
    const loaded = () => this.reader?.headLoaded();
    this.#readBack = new ReadBack(this, this.#parts, this.#storage, context, loaded);
  }

  /**
   * Rebuilds a log from what the store found; everything that was owed is ready again.
   *
   * @param deliveredBelow records with lower sequences may have been delivered without a trace.
   */
  static recover(
    context: LogContext,
    recovered: RecoveredLog,
    type: QueueType,
    deliveredBelow = 0,
  ): MessageLog {
    const options = { id: recovered.logId, durable: true, type };
    const log = new MessageLog(context, options, recovered.nextSequence);
    log.#deliveredBelow = deliveredBelow;
    log.#storage.isStored = true;
    log.mayExpire = true;
    log.#mayHoldReturned = true;
    log.recoveredAttachment = recovered.state.attachment;
    restoreRecords(log, log.#parts, recovered, context);
    return log;
  }

  /** Ready records, returned ones included. */
  get readyCount(): number {
    return this.#parts.ready.count;
  }

  /** Bytes of their bodies. */
  get readyBytes(): number {
    return this.#parts.ready.bytes;
  }

  /** What the next record will have. */
  get nextSequence(): number {
    return this.#parts.nextSequence;
  }

  /** The lowest sequence that is owed and was never taken; {@link nextSequence} when there is none. */
  get readPosition(): number {
    return this.#parts.readPosition;
  }

  /** True when nothing is ready and nothing is owed. */
  get isEmpty(): boolean {
    return this.#parts.isEmpty;
  }

  /** Has something of its own kept with the state of the log. */
  set owner(owner: LogOwner) {
    this.#storage.owner = owner;
  }

  // ---- records in

  /** Takes a message over (one copy). True when a commit is needed to keep it. */
  append(message: Message, enqueuedAt: number, expiresAt: number, stamp?: FrameStamp): boolean {
    return this.#append(message, enqueuedAt, expiresAt, this.#flagsFor(message), stamp);
  }

  /**
   * Appends a message that was given back, a delivered record of this log, behind all others. What is known of its
   * past stands in its headers: see `delivery-count.ts` and `delays/queue-retry.ts`.
   */
  appendReturned(message: Message, segment: Segment, index: number): void {
    this.watcher?.moved(segment.firstSequence + index, this.nextSequence);
    this.appendRetried(message, segment.enqueuedAt(index), segment.expiresAt(index));
    this.settle(segment, index);
  }

  /** The same for a message that has left the log and comes back. */
  appendRetried(message: Message, enqueuedAt: number, expiresAt: number): void {
    this.#mayHoldReturned = true;
    this.#append(message, enqueuedAt, expiresAt, this.#flagsFor(message) | RecordFlag.Returned);
  }

  #flagsFor(message: Message): number {
    return (
      (message.persistent ? RecordFlag.Persistent : 0) |
      (message.hasBlindCopies ? RecordFlag.BlindCopies : 0) |
      this.#flagsOfAll
    );
  }

  #append(
    message: Message,
    enqueuedAt: number,
    expiresAt: number,
    flags: number,
    stamp?: FrameStamp,
  ): boolean {
    const segment = this.#segmentFor(message, stamp);
    segment.append(message, enqueuedAt, expiresAt, flags, stamp);
    const isPersistent = (flags & RecordFlag.Persistent) !== 0;
    this.#parts.nextSequence++;
    this.#parts.ready.add(message.bodySize, isPersistent);
    if (expiresAt !== 0) this.mayExpire = true;
    if (!isPersistent || !this.durable) return false;
    if (
      message.ahead === undefined ||
      stamp !== undefined ||
      !this.#storage.writeAhead(segment, message.ahead)
    )
      this.#storage.write(segment);
    return true;
  }

  /** Where its record goes. */
  #segmentFor(message: Message, stamp: FrameStamp | undefined): Segment {
    const bytes = recordBytes(message, stamp);
    if (message.isOwn && stamp === undefined) {
      const memory = message.takeRecord(bytes);
      if (memory !== undefined) return this.#storage.beginIn(memory);
    }
    const { open } = this.#tail;
    return open?.fits(bytes) ? open : this.#storage.begin(bytes);
  }

  // ---- records out

  /** Where {@link seek} stands. */
  get segment(): Segment | undefined {
    return this.#reached.at;
  }

  get index(): number {
    return this.#reached.atIndex;
  }

  /**
   * Stands {@link segment} and {@link index} on the next record to deliver: the first returned one, or
   * the one at the read position. False when nothing is ready, or what is has to be waited for: {@link loading}.
   */
  seek(): boolean {
    if (this.readyCount === 0) return false;
    const reached = this.#reached;
    if (reached.returnedCount > 0) return this.#seekReturned();
    while (!reached.skipSettled()) if (!this.#readBack.reachNext()) return false;
    const segment = reached.last;
    if (segment === undefined) throw new Error(`log ${this.id}: the read position is nowhere`);
    if (!this.#readBack.loadGently(segment)) return false;
    // Reading it back may have shown that it is gone.
    if (segment.state(reached.readIndex) === RecordState.Settled) return this.seek();
    reached.standOn(segment, reached.readIndex);
    return true;
  }

  /**
   * Resolves when the record that {@link seek} has come upon, which is on disk or cannot be read now, is in memory or to be
   * asked for again, before the {@link reader} is told; undefined: it has not come upon one.
   */
  get loading(): Promise<void> | undefined {
    return this.#readBack.loading;
  }

  /**
   * When the next record expires, in milliseconds since the epoch, 0 for never; only if it is large and on disk only, so that
   * {@link seek} would take much into memory. Undefined, too, when that cannot be read now.
   */
  get largeHeadExpiresAt(): number | undefined {
    return this.loading === undefined ? this.#readBack.largeHeadExpiresAt : undefined;
  }

  #seekReturned(): boolean {
    const record = this.#reached.firstReturned();
    if (record === undefined) throw new Error(`log ${this.id}: a returned record is not to be found`);
    const { segment, index } = record;
    if (!this.#readBack.loadGently(segment)) return false;
    // Reading it back may have shown that it is gone.
    if (segment.state(index) !== RecordState.Returned) return this.seek();
    this.#reached.standOn(segment, index);
    return true;
  }

  /** Makes sure that a segment's records are in memory. False: they cannot be read now. */
  load(segment: Segment): boolean {
    return this.#readBack.load(segment);
  }

  /** The record under {@link seek} goes to a consumer. True when it was, or may have been, given to one before. */
  take(): boolean {
    const reached = this.#reached;
    const { at: segment, atIndex: index } = reached;
    if (segment === undefined) throw new Error('take without seek');
    let returned = segment.state(index) === RecordState.Returned;
    if (returned) {
      reached.returnedCount--;
      reached.returned?.shift();
    } else {
      reached.readIndex = index + 1;
      if (this.#mayHoldReturned) returned = segment.wasReturned(index);
    }
    segment.markDelivered(index, this.#parts.ready);
    this.#storage.noteUse();
    return returned || segment.firstSequence + index < this.#deliveredBelow;
  }

  // ---- what becomes of delivered records

  /** A delivered record is done with. */
  settle(segment: Segment, index: number): void {
    if (!segment.markSettled(index)) return;
    if (this.watcher !== undefined) this.watcher.settled(segment.firstSequence + index);
    this.#reached.returned?.forget(segment, index);
    this.#storage.noteUse();
    if (segment.isSettled && segment !== this.#tail.open) this.#storage.letGoIfSettled(segment);
  }

  /** A delivered record goes back to its place. */
  giveBack(segment: Segment, index: number): void {
    if (segment.state(index) !== RecordState.Delivered) return;
    segment.markReturned(index, this.#parts.ready);
    this.#reached.returnedCount++;
    const { returned } = this.#reached;
    if (returned === undefined) return;
    returned.add(segment, index);
    this.#storage.noteUse();
  }

  /** How often a record was given back; it is in memory. Always 0 where that is not counted. */
  deliveryCount(segment: Segment, index: number): number {
    const { returned } = this.#reached;
    if (returned === undefined) return 0;
    const before = segment.wasReturned(index) ? writtenDeliveryCount(segment.message(index)) : 0;
    return before + returned.count(segment, index);
  }

  // ---- records that leave unread

  /** Settles every ready record; delivered ones stay owed. Returns how many there were. */
  purge(): number {
    const purged = this.readyCount;
    this.watcher?.purged();
    this.#readBack.giveUp();
    const { segments } = this.#parts;
    for (const segment of segments) {
      for (let i = 0; i < segment.count; i++) {
        if (segment.state(i) === RecordState.Delivered) continue;
        segment.markSettled(i);
        this.#reached.returned?.forget(segment, i);
      }
    }
    this.#reached.purge();
    this.#storage.seal();
    this.#parts.gap.clear();
    this.#parts.ready.clear();
    for (const segment of segments) this.#storage.letGoIfSettled(segment);
    this.#storage.noteUse();
    return purged;
  }

  /** Gives up everything below a sequence, none of which was taken: `bodyBytes` bytes of bodies. */
  trim(sequence: number, bodyBytes: number): void {
    for (const segment of this.#parts.trim(sequence, bodyBytes)) this.#storage.letGoIfSettled(segment);
    this.#storage.noteUse();
  }

  /** Lets go of all memory; the log is not used again. */
  drop(): void {
    this.#readBack.cancel();
    this.#storage.drop();
  }

  // ---- for those who only look

  /** The segment in memory with a sequence that was not read yet; undefined when it is on disk only. */
  segmentAt(sequence: number): Segment | undefined {
    return this.#tail.find(sequence);
  }

  /** What it holds, added to `to`: see {@link addLogFigures}. */
  figures(to: LogFigures = new LogFigures()): LogFigures {
    addLogFigures(this.#parts, this.durable, to);
    return to;
  }

  /** The message that {@link seek} would find, if it is in memory; nothing is read or moved. */
  headInMemory(): Message | undefined {
    return this.#parts.headInMemory();
  }

  /** Its ready records in order, from a sequence on; they must not change meanwhile. */
  readyRecords(first = 0): Iterable<ReadyRecord> {
    return readyRecords({ id: this.id, store: this.#context.store, parts: this.#parts }, first);
  }

  /** The state is to be written some time: what its owner keeps has changed. */
  noteUse(): void {
    this.#storage.noteUse();
  }
}
