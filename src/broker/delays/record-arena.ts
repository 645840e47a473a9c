/** Records are cut from pieces of so many bytes; larger ones than an eighth of that get memory of their own. */
const pieceBytes = 256 * 1024;

/**
 * Memory for records that live about equally long: until they are on disk. One allocation for hundreds of them spares
 * the garbage collector as many buffers; a piece goes when the last of its records does.
 */
export class RecordArena {
  #piece = Buffer.alloc(0);
  #used = 0;

  /** Not initialised. */
  take(bytes: number): Buffer {
    if (bytes > pieceBytes / 8) return Buffer.allocUnsafeSlow(bytes);
    if (this.#used + bytes > this.#piece.length) {
      this.#piece = Buffer.allocUnsafeSlow(pieceBytes);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += bytes;
    return this.#piece.subarray(start, this.#used);
  }
}
