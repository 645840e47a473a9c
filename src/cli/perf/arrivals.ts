/** Sequence numbers this far behind the newest one are given up as lost. */
const windowBits = 2 ** 22;

/** Which messages of one producer have arrived at one queue: counts what is missing and what came twice. */
export class Arrivals {
  /** Different messages that arrived. */
  distinct = 0;
  duplicates = 0;
  /** Everything below has arrived or is lost for good. */
  #low = 0;
  /** One bit for each sequence number of the window; most pairs of producer and queue never need it. */
  #seen = new Uint32Array(0);

  add(sequence: number): void {
    if (this.#seen.length === 0) this.#seen = new Uint32Array(windowBits / 32);
    while (sequence >= this.#low + windowBits) this.#forgetLowest();
    if (sequence < this.#low || this.#has(sequence)) {
      this.duplicates++;
      return;
    }
    this.distinct++;
    this.#flip(sequence);
    while (this.#has(this.#low)) this.#forgetLowest();
  }

  #forgetLowest(): void {
    if (this.#has(this.#low)) this.#flip(this.#low);
    this.#low++;
  }

  #has(sequence: number): boolean {
    const bit = sequence % windowBits;
    return (((this.#seen[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  #flip(sequence: number): void {
    const bit = sequence % windowBits;
    this.#seen[bit >>> 5] = (this.#seen[bit >>> 5] ?? 0) ^ (1 << (bit & 31));
  }
}
