/**
 * The memory that segments live in: a buffer for the records and their offsets. Slabs are reused, so a
 * message in flight costs no allocation, and counted, so the broker knows what its queues hold.
 */

import { uint32At } from '../../protocol/bytes.ts';
import type { Space, StoredEntry } from '../store.ts';
import { AheadMemory } from './ahead-memory.ts';
import { RecordOffset } from './record.ts';

/** Size of a segment under load. Larger ones gain nothing; smaller ones cost more keys on disk. */
export const segmentBytes = 256 * 1024;
/** The first segment of a quiet queue: fifty thousand of them must fit in memory. */
export const segmentBytesMin = 4 * 1024;
/** No record is smaller than this: 28 bytes of header, 3 of address, 22 of content header frame. */
const recordBytesMin = 53;
/** Free slabs of full size that are kept for the next user; more are left to the garbage collector. */
const freeSlabsMax = 64;

/** Memory of one segment. Its records stay where they were written until the slab is given back. */
export interface Slab {
  readonly buffer: Buffer;
  /** Record i is `buffer[offsets[i], offsets[i + 1])`. */
  readonly offsets: Uint32Array;
}

/**
 * Hands out slabs and takes them back. All memory that queues have for messages is counted here, which is what decides
 * when segments leave it for the disk.
 */
export class SlabPool {
  readonly #freeBuffers: Buffer[] = [];
  readonly #freeOffsets: Uint32Array[] = [];
  #bytesInUse = 0;
  /** For segments that are being read back before anybody needs them; not counted with the others. */
  readonly ahead = new AheadMemory();

  /** Bytes of all slabs that hold records now. */
  get bytesInUse(): number {
    return this.#bytesInUse;
  }

  /** A slab with room for at least `bytes`. */
  take(bytes: number): Slab {
    this.#bytesInUse += bytes;
    if (bytes === segmentBytes) {
      return {
        buffer: this.#takeBuffer(),
        offsets: this.#freeOffsets.pop() ?? new Uint32Array(offsetsMax(segmentBytes)),
      };
    }
    return { buffer: Buffer.allocUnsafeSlow(bytes), offsets: new Uint32Array(offsetsMax(bytes)) };
  }

  /**
   * Memory to read the entries of a segment into: they come to lie end to end in one buffer as long as there is room.
   * New memory costs the kernel several times what the copy costs, and V8 a look for garbage all the sooner.
   */
  spaceForSegment(): Space {
    let whole: Buffer | undefined;
    let used = 0;
    return (bytes) => {
      if (used + bytes > segmentBytes) return Buffer.allocUnsafeSlow(bytes);
      whole ??= this.#takeBuffer();
      used += bytes;
      return whole.subarray(used - bytes, used);
    };
  }

  /** Memory for so many bytes. */
  room(bytes: number): Buffer {
    const isLarge = bytes * 2 > segmentBytes && bytes <= segmentBytes;
    return isLarge ? this.#takeBuffer().subarray(0, bytes) : Buffer.allocUnsafeSlow(bytes);
  }

  #takeBuffer(): Buffer {
    return this.#freeBuffers.pop() ?? Buffer.allocUnsafeSlow(segmentBytes);
  }

  /** A buffer of full size, or one that begins one, is free. The caller must have dropped every view of it. */
  recycle(buffer: Buffer): void {
    const whole = wholeOf(buffer);
    if (whole.length === segmentBytes && this.#freeBuffers.length < freeSlabsMax)
      this.#freeBuffers.push(whole);
  }

  /** A slab for the one record that `buffer` is the memory for. */
  takeOver(buffer: Buffer): Slab {
    this.#bytesInUse += buffer.length;
    return { buffer, offsets: new Uint32Array(2) };
  }

  /** Counts a buffer that was filled elsewhere (read back from the store). */
  adopt(buffer: Buffer, offsets: Uint32Array): Slab {
    const whole = wholeOf(buffer);
    this.#bytesInUse += whole.length;
    return { buffer: whole, offsets };
  }

  /** The caller must have dropped every view of the slab's buffer. */
  release({ buffer, offsets }: Slab): void {
    this.#bytesInUse -= buffer.length;
    this.recycle(buffer);
    const isFullSize = offsets.length === offsetsMax(segmentBytes);
    if (isFullSize && this.#freeOffsets.length < freeSlabsMax) this.#freeOffsets.push(offsets);
  }
}

/** Records that fit into so many bytes, and the end of the last one. Only for a single one there is more than a segment. */
function offsetsMax(bytes: number): number {
  if (bytes > segmentBytes) return 2;
  return Math.floor(bytes / recordBytesMin) + 2;
}

/** The slab's buffer that `buffer` is the front of, or else itself. */
function wholeOf(buffer: Buffer): Buffer {
  const isFront = buffer.byteOffset === 0 && buffer.buffer.byteLength === segmentBytes;
  return isFront && buffer.length < segmentBytes ? Buffer.from(buffer.buffer) : buffer;
}

/** Lays the records of `entries` that fall into the range end to end; missing ones take no bytes. */
export function slabOf(
  firstSequence: number,
  count: number,
  entries: readonly StoredEntry[],
  pool: SlabPool,
): Slab {
  const whole = inOnePiece(entries);
  const offsets = new Uint32Array(count + 1);
  const isInPlace = whole !== undefined && areWithin(firstSequence, firstSequence + count, entries);
  const buffer = isInPlace ? whole : pool.room(entries.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  let next = 0;
  for (const { bytes, firstSequence: first, count: records } of entries) {
    for (let i = 0, position = 0; i < records; i++) {
      const size = uint32At(bytes, position + RecordOffset.Size);
      const index = first + i - firstSequence;
      if (index >= next && index < count) {
        while (next < index) offsets[++next] = at;
        if (!isInPlace) bytes.copy(buffer, at, position, position + size);
        at += size;
        offsets[++next] = at;
      }
      position += size;
    }
  }
  while (next < count) offsets[++next] = at;
  if (!isInPlace) for (const { bytes } of entries) pool.recycle(bytes);
  return pool.adopt(buffer, offsets);
}

/** The buffer that entries lie in end to end, as {@link SlabPool.spaceForSegment} has them; undefined: they do not. */
function inOnePiece(entries: readonly StoredEntry[]): Buffer | undefined {
  const first = entries[0]?.bytes;
  if (first === undefined) return undefined;
  let end = first.byteOffset;
  for (const { bytes } of entries) {
    if (bytes.buffer !== first.buffer || bytes.byteOffset !== end) return undefined;
    end += bytes.length;
  }
  const length = end - first.byteOffset;
  // A few records must not take the memory of many.
  if (first.buffer.byteLength === segmentBytes && length * 2 <= segmentBytes) return undefined;
  return Buffer.from(first.buffer, first.byteOffset, length);
}

/** All their records fall into `[from, to)`, none twice. */
function areWithin(from: number, to: number, entries: readonly StoredEntry[]): boolean {
  let next = from;
  for (const { firstSequence, count } of entries) {
    if (firstSequence < next) return false;
    next = firstSequence + count;
  }
  return next <= to;
}
