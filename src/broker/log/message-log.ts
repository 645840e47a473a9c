import type { Message } from '../message.ts';
import { writtenDeliveryCount } from '../queues/delivery-count.ts';
import type { QueueType } from '../queues/queue-type.ts';
import type { JsonValue, LogEntry, LogState, RecoveredLog, UnsettledRange } from '../store.ts';
import { Gap } from './gap.ts';
import type { CommittedLog, LogContext, LogOwner, LogWatcher } from './log-context.ts';
import { type LogFigures, logFigures } from './log-figures.ts';
import { Reached } from './reached.ts';
import { type ReadyRecord, readyRecords } from './ready-records.ts';
import { RecordFlag } from './record.ts';
import { type FrameStamp, recordBytes } from './record-bytes.ts';
import { type RecordKeeper, RecordState, Segment } from './segment.ts';
import { Tail } from './tail.ts';
import { UnwrittenSegments } from './unwritten-segments.ts';

/** Full segments of a backlog that a log keeps ahead of its readers even when memory is short. */
const tailSegmentsMin = 2;

/** Full segments that the log of a stream keeps in memory, for readers that are close to its end. */
const streamTailSegmentsMax = 16;

export interface LogOptions {
  readonly id: number;
  /** False: persistent messages are treated as transient (the queue does not survive a restart). */
  readonly durable: boolean;
  /**
   * The log of a quorum queue keeps every message, persistent or not, counts how often each was given back,
   * and hands returned ones out in the order in which they came back. That of a stream keeps every message,
   * too; nothing is taken from it, its owner reads it ({@link segmentAt}) and moves its beginning ({@link trim}).
   */
  readonly type: QueueType;
}

/**
 * The messages of a queue (or of one priority of it) in order: a row of segments, read from the front
 * and appended at the back.
 *
 *     reached                      gap                 tail
 *     [segment] … [being read]     on disk only        [segment] … [open]
 *
 * `reached` segments hold records that are still owed (delivered or returned) and the read position.
 * Behind it lies what nobody has asked for yet; when memory is short its front moves into the gap,
 * which costs nothing but two numbers however long it is, and is read back in order.
 */
export class MessageLog implements RecordKeeper, CommittedLog {
  readonly id: number;
  readonly durable: boolean;
  /** How often a record was given back is known: {@link deliveryCount}. */
  readonly countsDeliveries: boolean;
  /** Ready records, returned ones included, and the bytes of their bodies. */
  readyCount = 0;
  readyBytes = 0;
  /** Those of them that are not persistent. */
  transientCount = 0;
  transientBytes = 0;
  /** Some record may have an expiry: readers have to look. */
  mayExpire = false;
  watcher: LogWatcher | undefined;
  isUnwritten = false;
  isUsed = false;
  /** Asked whenever the log's state is written. */
  owner: LogOwner | undefined;
  /** What the owner had kept before the restart. */
  recoveredAttachment: JsonValue | undefined;

  readonly #context: LogContext;
  readonly #reached: Reached;
  readonly #gap = new Gap();
  readonly #tail = new Tail();
  /** Some record may have been appended by {@link appendReturned}: readers have to look. */
  #mayHoldReturned = false;
  /** Set for every record, whatever the message says. */
  readonly #flagsOfAll: number;
  #nextSequence: number;
  readonly #unwritten = new UnwrittenSegments();
  /** Full segments behind the readers that stay in memory without need. */
  readonly #tailSegmentsMax: number;
  /** Everything below was given up by {@link trim}. */
  #trimmedTo = 0;
  /** The store may hold records of this log, so its state matters. */
  #isStored = false;
  #isDropped = false;
  /** Records with lower sequences are marked redelivered, even when no state says that they were delivered. */
  #deliveredBelow = 0;
  /** Next sequence at the last {@link rest}. */
  #restedAt = -1;

  /** Where {@link seek} stands. */
  segment: Segment | undefined;
  index = 0;

  constructor(context: LogContext, { id, durable, type }: LogOptions, nextSequence = 0) {
    this.#context = context;
    this.id = id;
    this.durable = durable;
    this.countsDeliveries = type === 'quorum';
    this.#reached = new Reached(this.countsDeliveries);
    this.#flagsOfAll = type === 'classic' ? 0 : RecordFlag.Persistent;
    this.#tailSegmentsMax = type === 'stream' ? streamTailSegmentsMax : Number.POSITIVE_INFINITY;
    this.#nextSequence = nextSequence;
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
    log.#isStored = true;
    log.mayExpire = true;
    log.#mayHoldReturned = true;
    log.recoveredAttachment = recovered.state.attachment;
    for (const range of recovered.state.unsettled) log.#recoverRange(range);
    if (recovered.unreadCount > 0) {
      log.#gap.restore(
        recovered.state.readPosition,
        recovered.nextSequence,
        recovered.unreadCount,
        recovered.unreadBodyBytes,
      );
    }
    log.readyCount += recovered.unreadCount;
    log.readyBytes += recovered.unreadBodyBytes;
    return log;
  }

  #recoverRange(range: UnsettledRange): void {
    const { store, slabs } = this.#context;
    const end = range.firstSequence + range.count;
    const entries = store.read(this.id, range.firstSequence, end, Number.MAX_SAFE_INTEGER);
    if (entries.length === 0) return;
    const segment = Segment.fromEntries(this, range.firstSequence, range.count, entries, slabs);
    this.#reached.restore(segment, range);
    for (let i = 0; i < segment.count; i++) {
      if (segment.state(i) === RecordState.Settled) continue;
      this.readyCount++;
      this.readyBytes += segment.bodySize(i);
    }
    segment.putAside(slabs);
  }

  /** What the next record will have. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** True when nothing is ready and nothing is owed. */
  get isEmpty(): boolean {
    return this.readyCount === 0 && this.#reached.isSettled;
  }

  /** Takes a message over (one copy). True when a commit is needed to keep it. */
  append(message: Message, enqueuedAt: number, expiresAt: number, stamp?: FrameStamp): boolean {
    return this.#append(message, enqueuedAt, expiresAt, this.#flagsFor(message), stamp);
  }

  /**
   * Appends a message that was given back, a delivered record of this log, behind all others. What is known of its
   * past stands in its headers: see `delivery-count.ts` and `delays/queue-retry.ts`.
   */
  appendReturned(message: Message, segment: Segment, index: number): void {
    this.watcher?.moved(segment.firstSequence + index, this.#nextSequence);
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
    const bytes = recordBytes(message, stamp);
    let segment = this.#tail.open;
    if (segment === undefined || !segment.fits(bytes)) segment = this.#openSegment(bytes);
    segment.append(message, enqueuedAt, expiresAt, flags, stamp);
    this.#nextSequence++;
    this.readyCount++;
    this.readyBytes += message.bodySize;
    if (expiresAt !== 0) this.mayExpire = true;
    if ((flags & RecordFlag.Persistent) === 0) {
      this.transientCount++;
      this.transientBytes += message.bodySize;
      return false;
    }
    if (!this.durable) return false;
    if (!this.isUnwritten) this.#context.logUnwritten(this);
    this.#unwritten.add(segment);
    return true;
  }

  #openSegment(recordBytes: number): Segment {
    const full = this.#tail.open;
    if (full !== undefined) this.#seal(full);
    const { slabs } = this.#context;
    const segment = this.#tail.begin(this, this.#nextSequence, recordBytes, full !== undefined, slabs);
    if (!this.isUsed) this.#context.logUsed(this);
    this.#shrink();
    return segment;
  }

  #seal(segment: Segment): void {
    segment.sealed = true;
    if (this.#tail.open === segment) this.#tail.open = undefined;
    this.#letGoIfSettled(segment);
  }

  /**
   * Stands {@link segment} and {@link index} on the next record to deliver: the first returned one, or
   * the one at the read position. False when nothing is ready.
   */
  seek(): boolean {
    if (this.readyCount === 0) return false;
    const reached = this.#reached;
    if (reached.returnedCount > 0) return this.#seekReturned();
    while (!reached.skipSettled()) if (!this.#reachNext()) return false;
    const segment = reached.last;
    if (segment === undefined) throw new Error(`log ${this.id}: the read position is nowhere`);
    this.load(segment);
    this.segment = segment;
    this.index = reached.readIndex;
    return true;
  }

  #seekReturned(): boolean {
    const { returned, segments } = this.#reached;
    const record = returned?.first();
    const segment = record?.segment ?? segments.find((candidate) => candidate.returnedCount > 0);
    if (segment === undefined) throw new Error(`log ${this.id}: a returned record is not to be found`);
    this.load(segment);
    // Reading it back may have shown that it is gone.
    if (segment.returnedCount === 0) return this.seek();
    this.segment = segment;
    this.index = record?.index ?? segment.firstReturned();
    return segment.state(this.index) === RecordState.Returned || this.seek();
  }

  /** Moves the read position to the next segment; false when there is none. */
  #reachNext(): boolean {
    const next = this.#gap.isEmpty ? this.#tail.segments.shift() : this.#readGap();
    if (next === undefined) {
      if (!this.#gap.isEmpty || this.#tail.segments.length > 0) return true;
      this.#miss(this.readyCount);
      return false;
    }
    const { last } = this.#reached;
    if (last !== undefined && last !== this.#tail.open) this.#letGoIfSettled(last);
    this.#reached.add(next);
    return true;
  }

  /** Reads the front of the gap back; undefined when nothing of it is left in the store. */
  #readGap(): Segment | undefined {
    const { store, slabs } = this.#context;
    const segment = this.#gap.read(this, store, slabs);
    if (segment === undefined) this.#miss(this.#gap.clear());
    return segment;
  }

  /**
   * @param readyCount of ready records that are gone.
   * @param count of all, those that are with consumers included.
   */
  #miss(readyCount: number, count = readyCount): void {
    if (count <= 0) return;
    this.readyCount -= readyCount;
    // Their sizes are lost with them; without this an empty log would count as too long for ever.
    if (this.readyCount === 0) this.#forgetReady();
    this.#context.reportMissing(this, count);
  }

  #forgetReady(): void {
    this.readyCount = 0;
    this.readyBytes = 0;
    this.transientCount = 0;
    this.transientBytes = 0;
  }

  /** Makes sure that a segment's records are in memory. */
  load(segment: Segment): void {
    if (segment.slab !== undefined) return;
    const { store, slabs } = this.#context;
    const entries = store.read(
      this.id,
      segment.firstSequence,
      segment.endSequence,
      Number.MAX_SAFE_INTEGER,
      slabs.space,
    );
    const settledBefore = segment.settledCount;
    const returnedBefore = segment.returnedCount;
    const deliveredBefore = segment.countDelivered();
    segment.restore(entries, slabs);
    this.#evictReached(segment);
    this.#reached.returnedCount -= returnedBefore - segment.returnedCount;
    const gone = segment.settledCount - settledBefore;
    this.#miss(gone - (deliveredBefore - segment.countDelivered()), gone);
  }

  /** The record under {@link seek} goes to a consumer. True when it was, or may have been, given to one before. */
  take(): boolean {
    const { segment, index } = this;
    if (segment === undefined) throw new Error('take without seek');
    let returned = segment.state(index) === RecordState.Returned;
    if (returned) {
      this.#reached.returnedCount--;
      this.#reached.returned?.shift();
    } else {
      this.#reached.readIndex = index + 1;
      if (this.#mayHoldReturned) returned = segment.wasReturned(index);
    }
    segment.markDelivered(index);
    this.readyCount--;
    const bodySize = segment.bodySize(index);
    this.readyBytes -= bodySize;
    if (!segment.isPersistent(index)) {
      this.transientCount--;
      this.transientBytes -= bodySize;
    }
    if (!this.isUsed) this.#context.logUsed(this);
    return returned || segment.firstSequence + index < this.#deliveredBelow;
  }

  /** A delivered record is done with. */
  settle(segment: Segment, index: number): void {
    if (!segment.markSettled(index)) return;
    if (this.watcher !== undefined) this.watcher.settled(segment.firstSequence + index);
    this.#reached.returned?.forget(segment, index);
    if (!this.isUsed) this.#context.logUsed(this);
    if (segment.settledCount === segment.count && segment !== this.#tail.open) this.#letGoIfSettled(segment);
  }

  /** A delivered record goes back to its place. */
  giveBack(segment: Segment, index: number): void {
    if (segment.state(index) !== RecordState.Delivered) return;
    this.load(segment);
    // Reading it back may have shown that it is gone.
    if (segment.state(index) !== RecordState.Delivered) return;
    segment.markReturned(index);
    this.#reached.returnedCount++;
    this.readyCount++;
    const bodySize = segment.bodySize(index);
    this.readyBytes += bodySize;
    if (!segment.isPersistent(index)) {
      this.transientCount++;
      this.transientBytes += bodySize;
    }
    const { returned } = this.#reached;
    if (returned === undefined) return;
    returned.add(segment, index);
    if (!this.isUsed) this.#context.logUsed(this);
  }

  /** How often a record was given back; it is in memory. Always 0 where that is not counted. */
  deliveryCount(segment: Segment, index: number): number {
    const { returned } = this.#reached;
    if (returned === undefined) return 0;
    const before = segment.wasReturned(index) ? writtenDeliveryCount(segment.message(index)) : 0;
    return before + returned.count(segment, index);
  }

  /** Settles every ready record; delivered ones stay owed. Returns how many there were. */
  purge(): number {
    const purged = this.readyCount;
    this.watcher?.purged();
    const segments = [...this.#reached.segments, ...this.#tail.segments];
    for (const segment of segments) {
      for (let i = 0; i < segment.count; i++) {
        if (segment.state(i) === RecordState.Delivered) continue;
        segment.markSettled(i);
        this.#reached.returned?.forget(segment, i);
      }
    }
    this.#reached.purge();
    if (this.#tail.open !== undefined) this.#seal(this.#tail.open);
    this.#gap.clear();
    this.#forgetReady();
    for (const segment of segments) this.#letGoIfSettled(segment);
    if (!this.isUsed) this.#context.logUsed(this);
    return purged;
  }

  /** The lowest sequence that is owed and was never taken; {@link nextSequence} when there is none. */
  get readPosition(): number {
    return Math.max(this.#trimmedTo, this.#readPosition());
  }

  /** The segment in memory with a sequence that was not read yet; undefined when it is on disk only. */
  segmentAt(sequence: number): Segment | undefined {
    return this.#tail.find(sequence);
  }

  /** Gives up everything below a sequence, none of which was taken: `bodyBytes` bytes of bodies. */
  trim(sequence: number, bodyBytes: number): void {
    this.#trimmedTo = sequence;
    this.#gap.trim(sequence);
    for (const segment of [...this.#tail.segments]) {
      const count = Math.min(segment.count, sequence - segment.firstSequence);
      if (count <= 0) break;
      for (let i = 0; i < count; i++) segment.markSettled(i);
      this.#letGoIfSettled(segment);
    }
    this.readyCount = this.#nextSequence - sequence;
    this.readyBytes -= bodyBytes;
    this.noteUse();
  }

  /** The state is to be written some time. */
  noteUse(): void {
    if (!this.isUsed) this.#context.logUsed(this);
  }

  /** Lets go of all memory; the log is not used again. */
  drop(): void {
    this.#isDropped = true;
    this.#forgetReady();
    for (const segment of [...this.#reached.segments, ...this.#tail.segments]) {
      if (segment.writing === 0) segment.evict(this.#context.slabs);
    }
    this.#reached.clear();
    this.#tail.segments.length = 0;
    this.#tail.open = undefined;
    this.#unwritten.clear();
  }

  collect(into: LogEntry[]): void {
    if (this.#unwritten.collect(this.id, into)) this.#isStored = true;
  }

  flushed(): void {
    for (const segment of this.#unwritten.flushed()) {
      if (this.#isDropped) segment.evict(this.#context.slabs);
      else this.#letGoIfSettled(segment);
    }
    this.#shrink();
  }

  refused(): void {
    const refused = this.#unwritten.refused();
    if (this.#isDropped) {
      this.#unwritten.clear();
      for (const segment of refused) segment.evict(this.#context.slabs);
      return;
    }
    for (const segment of refused) this.#letGoIfSettled(segment);
    if (!this.#unwritten.isEmpty && !this.isUnwritten) this.#context.logUnwritten(this);
  }

  /** Forgets a segment that nobody needs any more. */
  #letGoIfSettled(segment: Segment): void {
    if (!segment.sealed || !segment.isSettled || segment.writing > 0) return;
    if (!this.#reached.remove(segment) && !this.#tail.remove(segment)) return;
    segment.evict(this.#context.slabs);
    this.#unwritten.remove(segment);
  }

  /** Moves what nobody is about to read out of memory while slabs are over their target. */
  #shrink(): void {
    const { slabs, slabBytesTarget, store } = this.#context;
    if (!store.durable) return;
    const tail = this.#tail.segments;
    const isShort = slabs.bytesInUse > slabBytesTarget;
    if (!isShort && tail.length <= this.#tailSegmentsMax) return;
    this.#evictReached(this.#reached.last);
    const keptSegments = isShort ? tailSegmentsMin : this.#tailSegmentsMax;
    while (tail.length > keptSegments) {
      const segment = tail[0];
      if (segment === undefined || !segment.isEvictable) break;
      tail.shift();
      this.#gap.add(segment);
      segment.evict(slabs);
    }
    for (const segment of tail) {
      if (segment.sealed && segment.requestSpill()) {
        this.#unwritten.add(segment);
        if (!this.isUnwritten) this.#context.logUnwritten(this);
      }
    }
  }

  #evictReached(except: Segment | undefined): void {
    const { slabs, slabBytesTarget } = this.#context;
    if (slabs.bytesInUse <= slabBytesTarget) return;
    for (const segment of this.#reached.segments) {
      if (segment !== except && segment !== this.segment && segment.isEvictable) segment.putAside(slabs);
    }
  }

  rest(): boolean {
    if (this.#nextSequence !== this.#restedAt) {
      this.#restedAt = this.#nextSequence;
      return true;
    }
    const { open } = this.#tail;
    this.#tail.rest();
    if (open?.isSettled) this.#seal(open);
    return false;
  }

  /** What it holds, counted: see {@link logFigures}. */
  figures(): LogFigures {
    return logFigures({
      isDurable: this.durable,
      ready: { count: this.readyCount, bytes: this.readyBytes },
      transient: { count: this.transientCount, bytes: this.transientBytes },
      reached: this.#reached.segments,
      gap: this.#gap,
      tail: this.#tail.segments,
    });
  }

  /** The message that {@link seek} would find, if it is in memory; nothing is read or moved. */
  headInMemory(): Message | undefined {
    if (this.readyCount === 0) return undefined;
    const at = this.#reached.next();
    if (at !== undefined) return inMemory(at.segment, at.index);
    const [first] = this.#tail.segments;
    return this.#gap.isEmpty && first !== undefined ? inMemory(first, first.nextUnsettled(0)) : undefined;
  }

  /** Its ready records in order, for somebody who only looks; they must not change meanwhile. */
  readyRecords(first = 0): Iterable<ReadyRecord> {
    const parts = {
      id: this.id,
      store: this.#context.store,
      reached: this.#reached.segments,
      readIndex: this.#reached.readIndex,
      gap: this.#gap,
      tail: this.#tail.segments,
    };
    return readyRecords(parts, first);
  }

  state(): LogState | undefined {
    if (!this.#isStored || this.#isDropped) return undefined;
    const unsettled = this.#reached.unsettledRanges();
    const state = { logId: this.id, readPosition: this.readPosition, unsettled };
    return this.owner === undefined ? state : { ...state, attachment: this.owner.stateAttachment() };
  }

  #readPosition(): number {
    const { readPosition } = this.#reached;
    if (readPosition !== undefined) return readPosition;
    if (!this.#gap.isEmpty) return this.#gap.from;
    return this.#tail.segments[0]?.firstSequence ?? this.#nextSequence;
  }
}

function inMemory(segment: Segment, index: number): Message | undefined {
  return segment.slab === undefined || index >= segment.count ? undefined : segment.message(index);
}
