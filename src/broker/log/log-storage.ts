import type { LogEntry, LogState, WrittenAhead } from '../store.ts';
import type { CommittedLog, LogContext, LogOwner } from './log-context.ts';
import type { LogParts } from './log-parts.ts';
import type { RecordKeeper, Segment } from './segment.ts';
import { UnwrittenSegments } from './unwritten-segments.ts';

/** Full segments of a backlog that a log keeps ahead of its readers even when memory is short. */
const tailSegmentsMin = 2;

/**
 * Of a log's transient records that are to leave memory, so many bytes go with one commit: whoever waits for that commit
 * waits for all that it carries.
 */
const spillBytesMax = 4 * 2 ** 20;

/**
 * What of a log is on disk and what is in memory: hands records and the log's state to commits, and lets go of the
 * memory of what nobody is about to read.
 */
export class LogStorage implements CommittedLog {
  isUnwritten = false;
  isUsed = false;
  /** Asked whenever the log's state is written. */
  owner: LogOwner | undefined;
  /** The store may hold records of this log, so its state matters. */
  isStored = false;

  readonly #log: RecordKeeper;
  readonly #parts: LogParts;
  readonly #context: LogContext;
  /** Full segments behind the readers that stay in memory without need. */
  readonly #tailSegmentsMax: number;
  readonly #unwritten = new UnwrittenSegments();
  #isDropped = false;
  /** Next sequence at the last {@link rest}. */
  #restedAt = -1;

  constructor(log: RecordKeeper, parts: LogParts, context: LogContext, tailSegmentsMax: number) {
    this.#log = log;
    this.#parts = parts;
    this.#context = context;
    this.#tailSegmentsMax = tailSegmentsMax;
  }

  /** The log was read or settled: its state is to be written some time. */
  noteUse(): void {
    if (!this.isUsed) this.#context.logUsed(this);
  }

  /** The segment has records for the next commit. */
  write(segment: Segment): void {
    if (!this.isUnwritten) this.#context.logUnwritten(this);
    this.#unwritten.add(segment);
  }

  /**
   * Has the one record of a large segment written before its commit, and adds to `ahead` when that is done. False: it
   * is not large enough, or not the only one.
   */
  writeAhead(segment: Segment, ahead: Promise<void>[]): boolean {
    const { store } = this.#context;
    const entry = segment.count === 1 ? segment.takeUnwritten(this.#log.id) : undefined;
    const written = entry && store.writeAhead(entry);
    if (written === undefined) {
      if (entry !== undefined) segment.putBackUnwritten();
      return false;
    }
    segment.writing++;
    if (segment === this.#parts.tail.open) this.seal();
    const done = this.#commitWhen(segment, written);
    this.#context.writingAhead(done);
    ahead.push(done);
    return true;
  }

  async #commitWhen(segment: Segment, written: Promise<WrittenAhead | undefined>): Promise<void> {
    segment.ahead = await written;
    segment.writing--;
    if (this.#isDropped) segment.evict(this.#context.slabs);
    else if (segment.putBackUnwritten()) this.write(segment);
    else this.letGoIfSettled(segment);
  }

  // ---- memory

  /** Begins a segment for a record of that size. */
  begin(recordBytes: number): Segment {
    const { tail, nextSequence } = this.#parts;
    const full = tail.open;
    if (full !== undefined) this.#seal(full);
    const segment = tail.begin(this.#log, nextSequence, recordBytes, full !== undefined, this.#context.slabs);
    this.#begun();
    return segment;
  }

  /** Begins a segment for the one record that `memory` is for. */
  beginIn(memory: Buffer): Segment {
    this.seal();
    const slab = this.#context.slabs.takeOver(memory);
    const segment = this.#parts.tail.beginIn(slab, this.#log, this.#parts.nextSequence);
    this.#begun();
    return segment;
  }

  #begun(): void {
    this.noteUse();
    this.#shrink();
  }

  /** Nothing is appended to the open segment any more. */
  seal(): void {
    const { open } = this.#parts.tail;
    if (open !== undefined) this.#seal(open);
  }

  #seal(segment: Segment): void {
    segment.sealed = true;
    this.#parts.tail.open = undefined;
    this.letGoIfSettled(segment);
  }

  /** Forgets a segment that nobody needs any more. */
  letGoIfSettled(segment: Segment): void {
    if (!segment.sealed || !segment.isSettled || segment.writing > 0) return;
    if (!this.#parts.remove(segment)) return;
    segment.evict(this.#context.slabs);
    this.#unwritten.remove(segment);
  }

  /** Moves what nobody is about to read out of memory while slabs are over their target. */
  #shrink(): void {
    const { slabs, slabBytesTarget, store } = this.#context;
    if (!store.durable) return;
    const { gap, reached } = this.#parts;
    const tail = this.#parts.tail.segments;
    const isShort = () => slabs.bytesInUse > slabBytesTarget;
    if (!isShort() && tail.length <= this.#tailSegmentsMax) return;
    this.putAside(reached.last);
    // No more than is needed: what is let go is memory for the next segments, and there is not room for all of it.
    while (tail.length > (isShort() ? tailSegmentsMin : this.#tailSegmentsMax)) {
      const segment = tail[0];
      if (segment === undefined || !segment.isEvictable) break;
      tail.shift();
      gap.add(segment);
      segment.evict(slabs);
    }
    this.#spill(tail);
  }

  /** The rest follows when these are on disk. */
  #spill(segments: readonly Segment[]): void {
    let bytes = 0;
    for (const segment of segments) {
      if (!segment.sealed || segment.stored === segment.count) continue;
      bytes += segment.byteLength;
      if (bytes > spillBytesMax && bytes > segment.byteLength) return;
      if (segment.requestSpill()) this.write(segment);
    }
  }

  /** Lets go of what consumers have, but one segment, when memory is short. */
  putAside(except: Segment | undefined): void {
    const { slabs, slabBytesTarget } = this.#context;
    if (slabs.bytesInUse <= slabBytesTarget) return;
    const { segments, at } = this.#parts.reached;
    for (const segment of segments) {
      if (segment !== except && segment !== at && segment.isEvictable) segment.putAside(slabs);
    }
  }

  /** Lets go of all memory; the log is not used again. */
  drop(): void {
    this.#isDropped = true;
    for (const segment of this.#parts.segments) {
      if (segment.writing === 0) segment.evict(this.#context.slabs);
    }
    this.#parts.clear();
    this.#unwritten.clear();
  }

  // ---- commits

  collect(into: LogEntry[]): void {
    if (this.#unwritten.collect(this.#log.id, into)) this.isStored = true;
  }

  flushed(): void {
    for (const segment of this.#unwritten.flushed()) {
      if (this.#isDropped) segment.evict(this.#context.slabs);
      else this.letGoIfSettled(segment);
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
    for (const segment of refused) this.letGoIfSettled(segment);
    if (!this.#unwritten.isEmpty && !this.isUnwritten) this.#context.logUnwritten(this);
  }

  state(): LogState | undefined {
    if (!this.isStored || this.#isDropped) return undefined;
    const { readPosition, reached } = this.#parts;
    const state = { logId: this.#log.id, readPosition, unsettled: reached.unsettledRanges() };
    return this.owner === undefined ? state : { ...state, attachment: this.owner.stateAttachment() };
  }

  rest(): boolean {
    const { nextSequence, tail } = this.#parts;
    if (nextSequence !== this.#restedAt) {
      this.#restedAt = nextSequence;
      return true;
    }
    tail.rest();
    if (tail.open?.isSettled) this.seal();
    return false;
  }
}
