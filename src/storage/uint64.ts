/**
 * Unsigned 64-bit big-endian numbers held as JavaScript numbers: two halves, no BigInt. Sequences stay below
 * 2 ** 53 (a million a second for 285 years).
 */
const two32 = 2 ** 32;

/** Returns the offset behind the number. */
export function writeUInt64(target: Buffer, value: number, at: number): number {
  target.writeUInt32BE(Math.floor(value / two32), at);
  return target.writeUInt32BE(value % two32, at + 4);
}

/** What {@link writeUInt64} wrote. Above 2 ** 53, which only damage brings about, it is rounded. */
export function readUInt64(source: Buffer, at: number): number {
  return source.readUInt32BE(at) * two32 + source.readUInt32BE(at + 4);
}
