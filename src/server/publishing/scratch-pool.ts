/** No smaller ones are made, so that there are few sizes. */
const bytesMin = 16 * 1024;
/** Larger ones are left to the garbage collector. */
const pooledBytesMax = 1024 * 1024;
const freeMax = 16;

/**
 * Buffers for what arrives in pieces and is copied on as soon as it is complete. A fresh one for each large
 * message would cost more in page faults and garbage collection than copying it does.
 */
export class ScratchPool {
  readonly #free: Buffer[] = [];

  /** A buffer of at least `bytes`, a power of two unless it is too large to be kept. */
  take(bytes: number): Buffer {
    if (bytes > pooledBytesMax) return Buffer.allocUnsafeSlow(bytes);
    const size = Math.max(bytesMin, 2 ** Math.ceil(Math.log2(bytes)));
    const at = this.#free.findLastIndex((buffer) => buffer.length === size);
    const [found] = at < 0 ? [] : this.#free.splice(at, 1);
    return found ?? Buffer.allocUnsafeSlow(size);
  }

  /** The buffer is used again once it is released; else its memory is its user's, for good. */
  keeps(buffer: Buffer): boolean {
    return buffer.length <= pooledBytesMax;
  }

  /** The caller has dropped every view of the buffer. */
  release(buffer: Buffer): void {
    if (!this.keeps(buffer)) return;
    // Sizes that are not asked for any more make room.
    if (this.#free.length === freeMax) this.#free.shift();
    this.#free.push(buffer);
  }
}
