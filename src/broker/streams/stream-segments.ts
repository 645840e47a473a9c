import type { StreamSettings } from './stream-settings.ts';

/** Above this many, neighbours are joined: the stream then lets go of more at a time. */
export const streamSegmentsMax = 1024;

/** What a message counts beside its body: record header, address, properties. */
const messageOverheadBytes = 64;

/** A run of messages of a stream that leave it together. It ends where the next one starts. */
interface StreamSegment {
  readonly firstOffset: number;
  bodyBytes: number;
  /** When its last message came, in milliseconds since the epoch, as far as that is known. */
  lastTime: number | undefined;
}

/** Messages that left a stream: everything below `offset`. */
export interface Dropped {
  readonly offset: number;
  readonly bodyBytes: number;
}

/**
 * Where the segments of a stream begin and how large they are: what RabbitMQ has files for (page "Streams",
 * "Data Retention"). Retention takes whole segments from the front and never the last one, which grows.
 */
export class StreamSegments {
  readonly #segments: StreamSegment[];

  /** One segment that starts at `firstOffset` with messages of `bodyBytes` in it. */
  constructor(firstOffset: number, bodyBytes: number) {
    this.#segments = [{ firstOffset, bodyBytes, lastTime: undefined }];
  }

  /**
   * Rebuilds what {@link toJSON} gave out. What came after that is in the last segment. Undefined when it does not
   * fit a stream that starts at `firstOffset` with messages of `bodyBytes`.
   */
  static restore(flat: unknown, firstOffset: number, bodyBytes: number): StreamSegments | undefined {
    if (!Array.isArray(flat) || flat[0] !== firstOffset) return undefined;
    const restored = new StreamSegments(firstOffset, 0);
    const segments = restored.#segments;
    let left = bodyBytes;
    for (let i = 1; i + 1 < flat.length; i += 2) {
      const [bytes, nextOffset]: unknown[] = [flat[i], flat[i + 1]];
      const last = segments.at(-1);
      if (typeof bytes !== 'number' || typeof nextOffset !== 'number' || last === undefined) return undefined;
      last.bodyBytes = bytes;
      left -= bytes;
      segments.push({ firstOffset: nextOffset, bodyBytes: 0, lastTime: undefined });
    }
    const last = segments.at(-1);
    if (last === undefined || left < 0) return undefined;
    last.bodyBytes = left;
    return restored;
  }

  /** First offset, then for each segment but the last its bytes and the first offset of the next. */
  toJSON(): number[] {
    return this.#segments.flatMap(({ firstOffset, bodyBytes }) => [firstOffset, bodyBytes]).slice(0, -1);
  }

  get count(): number {
    return this.#segments.length;
  }

  get firstOffset(): number {
    return this.#segments[0]?.firstOffset ?? 0;
  }

  /** A message came. True when it filled its segment and the next one begins behind it. */
  append(offset: number, bodyBytes: number, time: number, maxSegmentBytes: number): boolean {
    const last = this.#segments.at(-1);
    if (last === undefined) throw new Error('a stream has at least one segment');
    last.bodyBytes += bodyBytes;
    last.lastTime = time;
    if (last.bodyBytes + (offset + 1 - last.firstOffset) * messageOverheadBytes < maxSegmentBytes)
      return false;
    this.#segments.push({ firstOffset: offset + 1, bodyBytes: 0, lastTime: undefined });
    if (this.#segments.length > streamSegmentsMax) this.#join();
    return true;
  }

  /** Makes one of two and two, but for the last, which goes on growing. */
  #join(): void {
    const last = this.#segments.pop();
    const pairs = this.#segments.splice(0);
    for (let i = 0; i < pairs.length; i += 2) {
      const [left, right] = [pairs[i], pairs[i + 1]];
      if (left === undefined) continue;
      const lastTime = right === undefined ? left.lastTime : right.lastTime;
      const bodyBytes = left.bodyBytes + (right?.bodyBytes ?? 0);
      this.#segments.push({ firstOffset: left.firstOffset, bodyBytes, lastTime });
    }
    if (last !== undefined) this.#segments.push(last);
  }

  /**
   * Takes segments off the front that are too many bytes or too old at `now`. `timeOf` tells when the message
   * with an offset came; it is asked where nobody remembers. Undefined when all may stay.
   */
  dropSurplus(
    { maxLengthBytes, maxAgeMs }: StreamSettings,
    nextOffset: number,
    now: number,
    timeOf: (offset: number) => number | undefined,
  ): Dropped | undefined {
    const segments = this.#segments;
    let size = this.#size(0, nextOffset);
    let count = 0;
    let bodyBytes = 0;
    for (; count < segments.length - 1; count++) {
      const [segment, next] = [segments[count], segments[count + 1]];
      if (segment === undefined || next === undefined) break;
      const isTooLarge = maxLengthBytes !== undefined && size > maxLengthBytes;
      if (!isTooLarge && !isTooOld(segment, next, maxAgeMs, now, timeOf)) break;
      size -= segment.bodyBytes + (next.firstOffset - segment.firstOffset) * messageOverheadBytes;
      bodyBytes += segment.bodyBytes;
    }
    if (count === 0) return undefined;
    segments.splice(0, count);
    return { offset: this.firstOffset, bodyBytes };
  }

  /** Bytes of the segments from `index` on, overhead included. */
  #size(index: number, nextOffset: number): number {
    let bytes = (nextOffset - (this.#segments[index]?.firstOffset ?? nextOffset)) * messageOverheadBytes;
    for (let i = index; i < this.#segments.length; i++) bytes += this.#segments[i]?.bodyBytes ?? 0;
    return bytes;
  }
}

/** The newest message of the segment is older than a message may be. */
function isTooOld(
  segment: StreamSegment,
  next: StreamSegment,
  maxAgeMs: number | undefined,
  now: number,
  timeOf: (offset: number) => number | undefined,
): boolean {
  if (maxAgeMs === undefined) return false;
  segment.lastTime ??= timeOf(next.firstOffset - 1);
  return segment.lastTime !== undefined && segment.lastTime < now - maxAgeMs;
}
