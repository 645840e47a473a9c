/** Rows a chunk holds before it is cut in two: inserting into it moves as many references at most. */
const chunkRowsMax = 256;

interface Chunk<Value> {
  readonly keys: Buffer[];
  readonly values: Value[];
}

/** Values under byte strings, in bytewise order of the keys, in memory. Keys must not be changed afterwards. */
export class OrderedRows<Value> {
  /** In order; none is empty. */
  readonly #chunks: Chunk<Value>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: Buffer): Value | undefined {
    const chunk = this.#chunks[this.#chunkFor(key)];
    if (chunk === undefined) return undefined;
    const at = lowerBound(chunk.keys, key);
    return chunk.keys[at]?.equals(key) ? chunk.values[at] : undefined;
  }

  /** Returns the value that was there before. */
  set(key: Buffer, value: Value): Value | undefined {
    const chunkAt = this.#chunkFor(key);
    const chunk = this.#chunks[chunkAt];
    if (chunk === undefined) {
      this.#chunks.push({ keys: [key], values: [value] });
      this.#size++;
      return undefined;
    }
    const at = lowerBound(chunk.keys, key);
    if (chunk.keys[at]?.equals(key)) {
      const before = chunk.values[at];
      chunk.values[at] = value;
      return before;
    }
    chunk.keys.splice(at, 0, key);
    chunk.values.splice(at, 0, value);
    this.#size++;
    if (chunk.keys.length > chunkRowsMax) this.#split(chunkAt, chunk, at);
    return undefined;
  }

  delete(key: Buffer): void {
    const chunkAt = this.#chunkFor(key);
    const chunk = this.#chunks[chunkAt];
    if (chunk === undefined) return;
    const at = lowerBound(chunk.keys, key);
    if (!chunk.keys[at]?.equals(key)) return;
    chunk.keys.splice(at, 1);
    chunk.values.splice(at, 1);
    this.#size--;
    if (chunk.keys.length === 0) this.#chunks.splice(chunkAt, 1);
  }

  /** Rows from `from` on, in order. The rows must not change while they are walked. */
  *walk(from: Buffer): Generator<readonly [Buffer, Value]> {
    const first = this.#chunkFor(from);
    for (let chunkAt = first; chunkAt < this.#chunks.length; chunkAt++) {
      const chunk = this.#chunks[chunkAt];
      if (chunk === undefined) return;
      for (let at = chunkAt === first ? lowerBound(chunk.keys, from) : 0; at < chunk.keys.length; at++) {
        const key = chunk.keys[at];
        const value = chunk.values[at];
        if (key !== undefined && value !== undefined) yield [key, value];
      }
    }
  }

  /** Rows that come in order fill their chunks; others leave room on both sides. */
  #split(chunkAt: number, chunk: Chunk<Value>, insertedAt: number): void {
    const cut = insertedAt === chunkRowsMax ? chunkRowsMax : chunkRowsMax >>> 1;
    this.#chunks.splice(chunkAt + 1, 0, {
      keys: chunk.keys.splice(cut),
      values: chunk.values.splice(cut),
    });
  }

  /** The last chunk that starts at or below a key, or the first one. */
  #chunkFor(key: Buffer): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#chunks[middle]?.keys[0];
      if (first !== undefined && compareKeys(first, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Bytewise order. Keys are short: a call into native code would cost several times as much. */
export function compareKeys(left: Buffer, right: Buffer): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Index of the first key at or above `key`. */
function lowerBound(keys: readonly Buffer[], key: Buffer): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const candidate = keys[middle];
    if (candidate !== undefined && compareKeys(candidate, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
