/** Of all logs together. */
const bytesMax = 16 * 2 ** 20;

/** What nobody has come for in that time makes room for others. */
const idleMs = 1000;

/** Somebody who has memory for what will be read next. */
interface Holder {
  /** The disk is done with all of it. */
  readonly isRead: boolean;
  clear(): void;
}

/** Bounds the memory of what is read ahead. */
export class AheadMemory {
  /** When each was used last: least recently first. */
  readonly #holders = new Map<Holder, number>();
  #bytes = 0;

  /**
   * Whether there may be more of it, once others have given up what they do not use. What is still being read they keep: a
   * disk that is slow would be asked for more and more that nobody waits for.
   */
  makeRoom(): boolean {
    if (this.#bytes < bytesMax) return true;
    for (const [holder, usedAt] of this.#holders) {
      if (performance.now() - usedAt < idleMs) return false;
      if (!holder.isRead) continue;
      holder.clear();
      if (this.#bytes < bytesMax) return true;
    }
    return false;
  }

  /** The holder has so many bytes more or less, which makes so many. */
  count(holder: Holder, bytes: number, held: number): void {
    this.#bytes += bytes;
    this.#holders.delete(holder);
    if (held > 0) this.#holders.set(holder, performance.now());
  }
}
