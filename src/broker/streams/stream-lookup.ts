import type { MessageLog } from '../log/message-log.ts';
import type { ReadAhead } from '../log/read-ahead.ts';
import type { Segment } from '../log/segment.ts';
import { StoreUnreadableError } from '../store.ts';
import type { SegmentCache } from './segment-cache.ts';

/** Finds messages of a stream by offset and by time, in memory or on disk. `end` is behind the last one on disk. */
export class StreamLookup {
  readonly #log: MessageLog;
  readonly #cache: SegmentCache;

  constructor(log: MessageLog, cache: SegmentCache) {
    this.#log = log;
    this.#cache = cache;
  }

  /** The segment with a message, if it is in memory. */
  inMemory(offset: number): Segment | undefined {
    return this.#log.segmentAt(offset) ?? this.#cache.find(this.#log, offset);
  }

  /** The segment with the first message at or above an offset, in memory; undefined when there is none. */
  locate(offset: number, end: number): Segment | undefined {
    return this.inMemory(offset) ?? this.#cache.read(this.#log, offset, end);
  }

  /** The same for somebody who reads on from there, where it is not in memory. */
  read(offset: number, end: number, readAhead: ReadAhead): Segment | undefined {
    const startedAt = performance.now();
    const segment = this.#cache.read(this.#log, offset, end);
    if (segment !== undefined) readAhead.wasRead(segment, performance.now() - startedAt, end);
    return segment;
  }

  /**
   * When a message came, in milliseconds since the epoch; undefined when it is not there any more.
   *
   * @throws StoreUnreadableError
   */
  timeAt(offset: number, end: number): number | undefined {
    const segment = this.locate(offset, end);
    if (segment === undefined) return undefined;
    const index = segment.nextUnsettled(Math.max(0, offset - segment.firstSequence));
    return index < segment.count ? segment.enqueuedAt(index) : undefined;
  }

  /**
   * Offset of the first message that came at `time` or later. A long stream has to be read at a dozen places or two
   * for that: what is not in memory is read in turns of the event loop of its own, while `isWanted`.
   */
  async offsetAt(time: number, end: number, isWanted: () => boolean): Promise<number> {
    let low = this.#log.readPosition;
    let high = end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.inMemory(middle) === undefined) await this.#cache.prepare(this.#log, middle);
      if (!isWanted()) break;
      try {
        if ((this.timeAt(middle, end) ?? Number.POSITIVE_INFINITY) < time) low = middle + 1;
        else high = middle;
      } catch (error) {
        if (!(error instanceof StoreUnreadableError && (await error.again))) throw error;
      }
    }
    return low;
  }
}
