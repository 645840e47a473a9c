/** Written to the socket in one go at most, but for larger messages. */
export const bufferBytes = 256 * 1024;
/** What a connection that says little writes to: thousands of them may have something to say in the same turn. */
export const smallBufferBytes = 16 * 1024;
/** The same where a small buffer would not hold a single frame: bytes cost the less the more of them go at once. */
export const largeBufferBytes = 1024 * 1024;
/** Free buffers kept for all connections together. */
const freeBuffersMax = 32;
const freeLargeBuffersMax = 8;
const freeSmallBuffersMax = 512;

const freeLargeBuffers: Buffer[] = [];
const freeBuffers: Buffer[] = [];
const freeSmallBuffers: Buffer[] = [];

/** The smallest kind of buffer with room for `bytes`. */
export function takeBuffer(bytes: number): Buffer {
  if (bytes <= smallBufferBytes) return freeSmallBuffers.pop() ?? Buffer.allocUnsafeSlow(smallBufferBytes);
  if (bytes <= bufferBytes) return freeBuffers.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
  if (bytes <= largeBufferBytes) return freeLargeBuffers.pop() ?? Buffer.allocUnsafeSlow(largeBufferBytes);
  return Buffer.allocUnsafeSlow(bytes);
}

/** The caller has dropped every view of the buffer. */
export function recycle(buffer: Buffer): void {
  if (buffer.length === bufferBytes) {
    if (freeBuffers.length < freeBuffersMax) freeBuffers.push(buffer);
  } else if (buffer.length === smallBufferBytes) {
    if (freeSmallBuffers.length < freeSmallBuffersMax) freeSmallBuffers.push(buffer);
  } else if (buffer.length === largeBufferBytes) {
    if (freeLargeBuffers.length < freeLargeBuffersMax) freeLargeBuffers.push(buffer);
  }
}
