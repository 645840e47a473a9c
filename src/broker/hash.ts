/**
 * MurmurHash3, the variant for x86 with 128 bits: even, fast without BigInt, and in no need of being secret. What it
 * gives is kept on disk (deduplication) and decides where messages go, so it must stay as it is.
 */

const c1 = 0x239b961b;
const c2 = 0xab0e9789;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;
const blockBytes = 16;

/** Room for one hash: four unsigned words of 32 bits. Made once and filled again and again. */
export type Hash = Uint32Array;

/** Room for one hash, all zeros. */
export function newHash(): Hash {
  return new Uint32Array(4);
}

/** Hashes buffer[start,end). */
export function hashBytes(buffer: Buffer, start: number, end: number, into: Hash): void {
  let h1 = 0;
  let h2 = 0;
  let h3 = 0;
  let h4 = 0;
  let at = start;
  for (; at + blockBytes <= end; at += blockBytes) {
    h1 ^= mixed(wordAt(buffer, at), c1, 15, c2);
    h1 = Math.imul(rotated(h1, 19) + h2, 5) + 0x561ccd1b;
    h2 ^= mixed(wordAt(buffer, at + 4), c2, 16, c3);
    h2 = Math.imul(rotated(h2, 17) + h3, 5) + 0x0bcaa747;
    h3 ^= mixed(wordAt(buffer, at + 8), c3, 17, c4);
    h3 = Math.imul(rotated(h3, 15) + h4, 5) + 0x96cd1c35;
    h4 ^= mixed(wordAt(buffer, at + 12), c4, 18, c1);
    h4 = Math.imul(rotated(h4, 13) + h1, 5) + 0x32ac3b17;
  }
  // A word of nothing mixes to nothing.
  h1 ^= mixed(rest(buffer, at, end), c1, 15, c2);
  h2 ^= mixed(rest(buffer, at + 4, end), c2, 16, c3);
  h3 ^= mixed(rest(buffer, at + 8, end), c3, 17, c4);
  h4 ^= mixed(rest(buffer, at + 12, end), c4, 18, c1);
  const length = end - start;
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = scrambled(h2 + h1);
  h3 = scrambled(h3 + h1);
  h4 = scrambled(h4 + h1);
  h1 = scrambled(h1);
  h1 = (h1 + h2 + h3 + h4) | 0;
  into[0] = h1;
  into[1] = h2 + h1;
  into[2] = h3 + h1;
  into[3] = h4 + h1;
}

/** Spreads each bit of a word over all others: MurmurHash3's last step. Signed. */
export function scrambled(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function mixed(word: number, first: number, turn: number, second: number): number {
  return Math.imul(rotated(Math.imul(word, first), turn), second);
}

function rotated(word: number, turn: number): number {
  return (word << turn) | (word >>> (32 - turn));
}

function wordAt(buffer: Buffer, at: number): number {
  return (
    (buffer[at] ?? 0) |
    ((buffer[at + 1] ?? 0) << 8) |
    ((buffer[at + 2] ?? 0) << 16) |
    ((buffer[at + 3] ?? 0) << 24)
  );
}

/** The up to four bytes from `at` on that lie before `end`. */
function rest(buffer: Buffer, at: number, end: number): number {
  let word = 0;
  for (let i = Math.min(end - at, 4) - 1; i >= 0; i--) word = (word << 8) | (buffer[at + i] ?? 0);
  return word;
}
