import { hashBytes, newHash } from '../hash.ts';
import type { JsonValue } from '../store.ts';

/** What all Bloom filters of a stream may take: it is written down with the stream's state. */
const indexBytesMax = 16 * 1024;

/** Bytes of bodies that a block has at first before the next one begins; twice as many when blocks are joined. */
const blockBytesMin = 256 * 1024;

/** What a message counts beside its body. */
const messageOverheadBytes = 64;

/** Bits that are set for a filter value. */
const bitsPerValue = 3;

/** Consecutive messages of a stream and the filter values that may be among them. */
interface Block {
  readonly from: number;
  to: number;
  bytes: number;
  /** There is a message without a filter value. */
  hasUnfiltered: boolean;
  /** Bloom filter. */
  readonly bits: Buffer;
}

/** What a reader looks for, as {@link FilterIndex} understands it. */
export interface FilterProbe {
  /** {@link hashOfValue} of each value. */
  readonly hashes: readonly Uint32Array[];
  readonly matchesUnfiltered: boolean;
}

/** What is known of messages that follow each other. */
export interface FilterAnswer {
  /** False: none of them is what the probe looks for. */
  readonly mayMatch: boolean;
  /** The offset behind the last of them. */
  readonly until: number;
}

/** What Bloom filters know a filter value by. */
export function hashOfValue(value: string): Uint32Array {
  const bytes = Buffer.from(value);
  const hash = newHash();
  hashBytes(bytes, 0, bytes.length, hash);
  return hash;
}

/**
 * Tells which parts of a stream cannot have what a filter asks for, so that nobody has to read them (RabbitMQ page
 * "Stream Filtering"): a Bloom filter for each of up to {@link indexBytesMax} / `bitsBytes` blocks of messages. It
 * may name too much, never too little. Begins with the first filter value; what came before belongs to no block.
 *
 * When there are too many blocks, two and two become one, and later ones are as large.
 */
export class FilterIndex {
  /** Size of a Bloom filter in bytes: x-stream-filter-size-bytes. */
  #bitsBytes: number;
  #blockBytes = blockBytesMin;
  /** In order. There may be messages between two of them, of which nothing is known. */
  #blocks: Block[] = [];
  /** The block that grows; undefined: the next message begins one. */
  #open: Block | undefined;

  constructor(bitsBytes: number) {
    this.#bitsBytes = bitsBytes;
  }

  /**
   * Rebuilds what {@link toJSON} gave out, for a stream whose messages go up to `end`: offsets from there on may be
   * given to other messages than before. Anything else is as good as nothing.
   */
  static restore(kept: unknown, bitsBytes: number, end: number): FilterIndex {
    const restored = new FilterIndex(bitsBytes);
    if (!Array.isArray(kept)) return restored;
    const [blockBytes, ...parts]: unknown[] = kept;
    for (let i = 0; i + 3 < parts.length; i += 4) {
      const [from, to, hasUnfiltered, bits] = parts.slice(i, i + 4);
      if (typeof from !== 'number' || typeof to !== 'number' || typeof bits !== 'string') break;
      if (from >= end) break;
      const block = { from, to: Math.min(to, end), bytes: 0, hasUnfiltered: hasUnfiltered !== 0 };
      restored.#blocks.push({ ...block, bits: Buffer.from(bits, 'base64') });
    }
    if (typeof blockBytes === 'number') restored.#blockBytes = Math.max(blockBytesMin, blockBytes);
    return restored;
  }

  /** Undefined: nothing is known. */
  toJSON(): JsonValue | undefined {
    if (this.#blocks.length === 0) return undefined;
    const parts = this.#blocks.flatMap(({ from, to, hasUnfiltered, bits }) => [
      from,
      to,
      hasUnfiltered ? 1 : 0,
      bits.toString('base64'),
    ]);
    return [this.#blockBytes, ...parts];
  }

  /** Blocks that begin from now on have filters of this size. */
  set bitsBytes(bytes: number) {
    if (bytes === this.#bitsBytes) return;
    this.#bitsBytes = bytes;
    this.#open = undefined;
  }

  /** A message comes, with this filter value or without one. */
  append(offset: number, bodyBytes: number, value: string | undefined): void {
    if (value === undefined && this.#blocks.length === 0) return;
    let block = this.#open;
    if (block === undefined) {
      const bits = Buffer.alloc(this.#bitsBytes);
      block = { from: offset, to: offset, bytes: 0, hasUnfiltered: false, bits };
      this.#blocks.push(block);
      this.#open = block;
      if (this.#blocks.length * this.#bitsBytes > indexBytesMax) this.#join();
    }
    block.to = offset + 1;
    block.bytes += bodyBytes + messageOverheadBytes;
    if (value === undefined) block.hasUnfiltered = true;
    else setBits(block.bits, hashOfValue(value));
    if (block.bytes >= this.#blockBytes) this.#open = undefined;
  }

  /** What lies below has left the stream. */
  dropBelow(offset: number): void {
    const kept = this.#blocks.findIndex(({ to }) => to > offset);
    if (kept !== 0) this.#blocks.splice(0, kept < 0 ? this.#blocks.length : kept);
    if (this.#blocks.length === 0) this.#open = undefined;
  }

  /** Whether there may be something among the messages from `offset` on, and up to where that is said. */
  look(offset: number, probe: FilterProbe): FilterAnswer {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((blocks[middle]?.to ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const block = blocks[low];
    if (block === undefined) return { until: Number.POSITIVE_INFINITY, mayMatch: true };
    if (offset < block.from) return { until: block.from, mayMatch: true };
    return { until: block.to, mayMatch: mayMatch(block, probe) };
  }

  /** Makes one of two and two, but for the last, which goes on growing. */
  #join(): void {
    this.#blockBytes *= 2;
    const last = this.#blocks.pop();
    const blocks = this.#blocks;
    this.#blocks = [];
    for (let i = 0; i < blocks.length; i += 2) {
      const [left, right] = [blocks[i], blocks[i + 1]];
      if (left !== undefined) this.#blocks.push(right === undefined ? left : joined(left, right));
    }
    if (last !== undefined) this.#blocks.push(last);
  }
}

function setBits(bits: Buffer, hash: Uint32Array): void {
  for (let i = 0; i < bitsPerValue; i++) {
    const bit = (hash[i] ?? 0) % (bits.length * 8);
    bits[bit >>> 3] = (bits[bit >>> 3] ?? 0) | (1 << (bit & 7));
  }
}

function hasBits(bits: Buffer, hash: Uint32Array): boolean {
  for (let i = 0; i < bitsPerValue; i++) {
    const bit = (hash[i] ?? 0) % (bits.length * 8);
    if (((bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

function mayMatch({ bits, hasUnfiltered }: Block, { hashes, matchesUnfiltered }: FilterProbe): boolean {
  return (matchesUnfiltered && hasUnfiltered) || hashes.some((hash) => hasBits(bits, hash));
}

/** Of two blocks, and what lies between. Filters of different sizes, and gaps, may hide anything. */
function joined(left: Block, right: Block): Block {
  const isWhole = left.to === right.from && left.bits.length === right.bits.length;
  const bits = Buffer.alloc(right.bits.length, 0xff);
  if (isWhole) for (let i = 0; i < bits.length; i++) bits[i] = (left.bits[i] ?? 0) | (right.bits[i] ?? 0);
  return {
    from: left.from,
    to: right.to,
    bytes: left.bytes + right.bytes,
    hasUnfiltered: !isWhole || left.hasUnfiltered || right.hasUnfiltered,
    bits,
  };
}
