import { readFileSync, statSync } from 'node:fs';

/** Layout of LMDB's files in this version: a meta page says where the tree of the rows begins, and how many rows it has. */
const flagsOffset = 18;
const lowerOffset = 20;
const upperOffset = 22;
const pageHeaderBytes = 24;
/** Of free pages, and of rows. */
const treeOffsets = [48, 96];
const transactionOffset = 152;
const PageFlag = { Branch: 1, Leaf: 2, Overflow: 4 } as const;
/** Of a row whose value lies in pages of its own. */
const largeFlag = 1;
const nodeHeaderBytes = 8;
const noPage = 0xffff_ffff_ffff_ffffn;
const depthMax = 32;

/** A larger file is not looked at: it would keep a start too long. */
const bytesMax = 32 * 2 ** 20;

/**
 * Walks the tree of a small file, because LMDB believes what a damaged page says: it dies by signal, or passes over rows.
 * Every page has its own number in it, and the root says how many rows there are.
 *
 * @param path of a file with whole headers, see `file-check.ts`.
 * @returns what is wrong, or undefined when nothing is, as far as this can tell.
 */
export function findTreeDamage(path: string, pageBytes: number): string | undefined {
  if (statSync(path).size > bytesMax) return undefined;
  const file = readFileSync(path);
  const isFirst =
    file.readBigUInt64LE(transactionOffset) > file.readBigUInt64LE(pageBytes + transactionOffset);
  for (const offset of treeOffsets) {
    const damage = damageOf(file, pageBytes, (isFirst ? 0 : pageBytes) + offset);
    if (damage !== undefined) return damage;
  }
  return undefined;
}

function damageOf(file: Buffer, pageBytes: number, tree: number): string | undefined {
  const root = file.readBigUInt64LE(tree + 40);
  const rows = Number(file.readBigUInt64LE(tree + 32));
  if (root === noPage) return rows === 0 ? undefined : 'its root is missing';
  try {
    const found = new TreeWalk(file, pageBytes).countRows(Number(root), file.readUInt16LE(tree + 6));
    return found === rows ? undefined : `it has ${found} rows instead of ${rows}`;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

class TreeWalk {
  readonly #file: Buffer;
  readonly #pageBytes: number;

  constructor(file: Buffer, pageBytes: number) {
    this.#file = file;
    this.#pageBytes = pageBytes;
  }

  /** @throws RangeError when a page is not what it should be. */
  countRows(number: number, depth: number): number {
    const isLeaf = depth === 1;
    const at = this.#page(number, isLeaf ? PageFlag.Leaf : PageFlag.Branch);
    if (depth < 1 || depth > depthMax) throw pageError(number);
    // Offsets count from behind the header of the page.
    const start = at + pageHeaderBytes;
    const room = this.#pageBytes - pageHeaderBytes;
    const lower = this.#file.readUInt16LE(at + lowerOffset);
    const upper = this.#file.readUInt16LE(at + upperOffset);
    if (lower > upper || upper > room) throw pageError(number);
    const nodes = lower >> 1;
    let rows = isLeaf ? nodes : 0;
    for (let i = 0; i < nodes; i++) {
      const node = this.#file.readUInt16LE(start + 2 * i);
      if (node < upper || node + nodeHeaderBytes > room) throw pageError(number);
      if (isLeaf) this.#checkRow(number, start + node, start + room);
      else rows += this.countRows(this.#file.readUIntLE(start + node, 6), depth - 1);
    }
    return rows;
  }

  #checkRow(number: number, at: number, end: number): void {
    const valueBytes = this.#file.readUInt32LE(at);
    const valueAt = at + nodeHeaderBytes + this.#file.readUInt16LE(at + 6);
    const isLarge = (this.#file.readUInt16LE(at + 4) & largeFlag) !== 0;
    if (valueAt + (isLarge ? 8 : valueBytes) > end) throw pageError(number);
    if (!isLarge) return;
    const first = Number(this.#file.readBigUInt64LE(valueAt));
    if (this.#page(first, PageFlag.Overflow) + pageHeaderBytes + valueBytes > this.#file.length)
      throw pageError(first);
  }

  /** Where a page begins that has to be of that kind. */
  #page(number: number, flag: number): number {
    const at = number * this.#pageBytes;
    if (!Number.isSafeInteger(at) || at < 2 * this.#pageBytes || at + this.#pageBytes > this.#file.length)
      throw new RangeError(`page ${number} is behind its end`);
    if (Number(this.#file.readBigUInt64LE(at)) !== number) throw pageError(number);
    if ((this.#file.readUInt16LE(at + flagsOffset) & 7) !== flag) throw pageError(number);
    return at;
  }
}

function pageError(number: number): RangeError {
  return new RangeError(`page ${number} is not what was written there`);
}
