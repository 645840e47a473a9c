/** Numbers of files, each a u32. */
export function encodeFileNumbers(numbers: readonly number[]): Buffer {
  const row = Buffer.allocUnsafe(4 * numbers.length);
  for (const [i, number] of numbers.entries()) row.writeUInt32BE(number, 4 * i);
  return row;
}

/** @throws RangeError when they are not what {@link encodeFileNumbers} has written. */
export function decodeFileNumbers(row: Buffer): number[] {
  return Array.from({ length: row.length / 4 }, (_, i) => row.readUInt32BE(4 * i));
}
