import type { Hash } from '../hash.ts';

const wordsPerId = 4;
const slotsMin = 64;
/** The index is at most half full, so that a search is short. */
const indexPerSlot = 2;

/**
 * The newest ids, each as its hash of 128 bits: first in, first out. A ring of slots, and an index with open
 * addressing that leads from a hash to its slot: 32 bytes for each id that it has room for.
 */
export class IdWindow {
  #slotCount = slotsMin;
  #words = new Int32Array(slotsMin * wordsPerId);
  /** Milliseconds since the epoch, 0: never. */
  #expiries = new Float64Array(slotsMin);
  /** A slot's number plus 1, 0: nothing. */
  #index = new Int32Array(slotsMin * indexPerSlot);
  #oldest = 0;
  #size = 0;

  /** Ids in the window, those included that have expired and not reached its end. */
  get size(): number {
    return this.#size;
  }

  has(hash: Hash, now: number): boolean {
    const at = this.#find(hash);
    const slot = (this.#index[at] ?? 0) - 1;
    return slot >= 0 && !this.#hasExpired(slot, now);
  }

  /** The oldest id has expired. */
  isOldestDue(now: number): boolean {
    return this.#size > 0 && this.#hasExpired(this.#oldest, now);
  }

  /** Adds an id, or renews one that has expired. */
  add(hash: Hash, expiresAt: number): void {
    if (this.#size === this.#slotCount) this.#grow();
    const slot = (this.#oldest + this.#size++) & (this.#slotCount - 1);
    for (let i = 0; i < wordsPerId; i++) this.#words[slot * wordsPerId + i] = hash[i] ?? 0;
    this.#expiries[slot] = expiresAt;
    // What had the hash before is found no more; its slot is forgotten in its turn.
    this.#index[this.#find(hash)] = slot + 1;
  }

  /** There must be one. */
  forgetOldest(): void {
    const slot = this.#oldest;
    this.#oldest = (slot + 1) & (this.#slotCount - 1);
    this.#size--;
    const mask = this.#index.length - 1;
    for (let at = this.#home(slot); this.#index[at] !== 0; at = (at + 1) & mask) {
      if (this.#index[at] === slot + 1) {
        this.#close(at);
        return;
      }
    }
  }

  /** Where the hash stands in the index, or would. */
  #find(hash: Hash): number {
    const words = this.#words;
    const mask = this.#index.length - 1;
    // As signed words. Destructuring would go through an iterator.
    const first = (hash[0] ?? 0) | 0;
    const second = (hash[1] ?? 0) | 0;
    const third = (hash[2] ?? 0) | 0;
    const fourth = (hash[3] ?? 0) | 0;
    let at = first & mask;
    for (;;) {
      const entry = this.#index[at] ?? 0;
      if (entry === 0) return at;
      const word = (entry - 1) * wordsPerId;
      const isSame =
        words[word] === first &&
        words[word + 1] === second &&
        words[word + 2] === third &&
        words[word + 3] === fourth;
      if (isSame) return at;
      at = (at + 1) & mask;
    }
  }

  #home(slot: number): number {
    return (this.#words[slot * wordsPerId] ?? 0) & (this.#index.length - 1);
  }

  /** Takes an entry out of the index and moves up what stands behind it only because it was there. */
  #close(at: number): void {
    const mask = this.#index.length - 1;
    let hole = at;
    for (let next = (at + 1) & mask; this.#index[next] !== 0; next = (next + 1) & mask) {
      const entry = this.#index[next] ?? 0;
      const isAtHome = ((next - this.#home(entry - 1)) & mask) < ((next - hole) & mask);
      if (isAtHome) continue;
      this.#index[hole] = entry;
      hole = next;
    }
    this.#index[hole] = 0;
  }

  #hasExpired(slot: number, now: number): boolean {
    const expiresAt = this.#expiries[slot] ?? 0;
    return expiresAt !== 0 && expiresAt <= now;
  }

  #grow(): void {
    const { length } = this.#expiries;
    const [words, expiries, oldest] = [this.#words, this.#expiries, this.#oldest];
    this.#slotCount = length * 2;
    this.#words = new Int32Array(this.#slotCount * wordsPerId);
    this.#expiries = new Float64Array(this.#slotCount);
    this.#index = new Int32Array(this.#slotCount * indexPerSlot);
    this.#words.set(words.subarray(oldest * wordsPerId));
    this.#words.set(words.subarray(0, oldest * wordsPerId), (length - oldest) * wordsPerId);
    this.#expiries.set(expiries.subarray(oldest));
    this.#expiries.set(expiries.subarray(0, oldest), length - oldest);
    this.#oldest = 0;
    const hash = new Uint32Array(wordsPerId);
    for (let slot = 0; slot < length; slot++) {
      hash.set(this.#words.subarray(slot * wordsPerId, (slot + 1) * wordsPerId));
      this.#index[this.#find(hash)] = slot + 1;
    }
  }
}
