/**
 * The memory that segments live in: a buffer for the records and their offsets. Slabs are reused, so a
 * message in flight costs no allocation, and counted, so the broker knows what its queues hold.
 */

import { uint32At } from '../../protocol/bytes.ts';
import type { StoredEntry } from '../store.ts';
import { RecordOffset } from './record.ts';

/** Size of a segment under load. Larger ones gain nothing; smaller ones cost more keys on disk. */
export const segmentBytes = 256 * 1024;
/** The first segment of a quiet queue: fifty thousand of them must fit in memory. */
export const segmentBytesMin = 4 * 1024;
/** No record is smaller than this: 28 bytes of header, 3 of address, 22 of content header frame. */
const recordBytesMin = 53;
/** Free slabs of full size that are kept for the next user; more are left to the garbage collector. */
const freeSlabsMax = 64;

export interface Slab {
  readonly buffer: Buffer;
  /** Record i is `buffer[offsets[i], offsets[i + 1])`. */
  readonly offsets: Uint32Array;
}

export class SlabPool {
  readonly #freeBuffers: Buffer[] = [];
  readonly #freeOffsets: Uint32Array[] = [];
  #bytesInUse = 0;

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

  /** Memory to read `bytes` into. New memory costs the kernel several times what the copy costs. */
  readonly space = (bytes: number): Buffer => {
    const isLarge = bytes * 2 > segmentBytes && bytes <= segmentBytes;
    return isLarge ? this.#takeBuffer().subarray(0, bytes) : Buffer.allocUnsafeSlow(bytes);
  };

  #takeBuffer(): Buffer {
    return this.#freeBuffers.pop() ?? Buffer.allocUnsafeSlow(segmentBytes);
  }

  /** What {@link space} gave out, or a slab had, is free. The caller must have dropped every view of it. */
  recycle(buffer: Buffer): void {
    const whole = wholeOf(buffer);
    if (whole.length === segmentBytes && this.#freeBuffers.length < freeSlabsMax)
      this.#freeBuffers.push(whole);
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

/** Records that fit into so many bytes, and the end of the last one. */
function offsetsMax(bytes: number): number {
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
  const offsets = new Uint32Array(count + 1);
  const endSequence = firstSequence + count;
  const only = entries.length === 1 ? entries[0] : undefined;
  if (only !== undefined && only.firstSequence === firstSequence && only.count === count) {
    for (let i = 0, at = 0; i < count; i++) {
      at += uint32At(only.bytes, at + RecordOffset.Size);
      offsets[i + 1] = at;
    }
    return pool.adopt(only.bytes, offsets);
  }
  const buffer = pool.space(entries.reduce((sum, entry) => sum + entry.bytes.length, 0));
  let at = 0;
  let next = 0;
  for (const entry of entries) {
    let position = 0;
    for (let i = 0; i < entry.count; i++) {
      const size = uint32At(entry.bytes, position + RecordOffset.Size);
      const sequence = entry.firstSequence + i;
      const index = sequence - firstSequence;
      if (sequence < endSequence && index >= next) {
        while (next < index) offsets[++next] = at;
        entry.bytes.copy(buffer, at, position, position + size);
        at += size;
        offsets[++next] = at;
      }
      position += size;
    }
    pool.recycle(entry.bytes);
  }
  while (next < count) offsets[++next] = at;
  return pool.adopt(buffer, offsets);
}
