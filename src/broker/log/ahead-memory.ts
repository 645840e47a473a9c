/** Of all logs together. */
const bytesMax = 16 * 2 ** 20;

/** What nobody has come for in that time makes room for others. */
const idleMs = 1000;

/** Somebody who has memory for what will be read next. */
interface Holder {
  clear(): void;
}

/** Bounds the memory of what is read ahead. */
export class AheadMemory {
  /** When each was used last: least recently first. */
  readonly #holders = new Map<Holder, number>();
  #bytes = 0;

  /** There may be more of it. */
  get hasRoom(): boolean {
    if (this.#bytes < bytesMax) return true;
    for (const [holder, usedAt] of this.#holders) {
      if (performance.now() - usedAt < idleMs) return false;
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
