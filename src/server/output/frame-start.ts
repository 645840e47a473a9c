import { putUint32 } from '../../protocol/bytes.ts';

/** Writes what a frame with a payload of `size` bytes begins with; returns the offset behind it. */
export function startFrame(out: Buffer, start: number, type: number, channel: number, size: number): number {
  out[start] = type;
  out[start + 1] = channel >>> 8;
  out[start + 2] = channel;
  return putUint32(out, start + 3, size);
}
