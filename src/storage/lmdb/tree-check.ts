import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

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

/** Of a larger file all pages are not looked at: it would keep a start too long. */
const bytesMax = 32 * 2 ** 20;

/** Whether the whole tree of a file can be walked. */
export function isWalkable(path: string): boolean {
  return statSync(path).size <= bytesMax;
}

/**
 * Walks the tree of a small file, because LMDB believes what a damaged page says: it dies by signal, or passes over rows.
 * Every page has its own number in it, and the root says how many rows there are.
 *
 * @param path of a file with whole headers, see `file-check.ts`, that is {@link isWalkable}.
 * @returns what is wrong, or undefined when nothing is, as far as this can tell.
 */
export function findTreeDamage(path: string, pageBytes: number): string | undefined {
  return damageFoundBy(path, pageBytes, (walk) => {
    for (const tree of walk.trees) {
      const found = walk.countRows(tree);
      if (found !== tree.rows) throw new RangeError(`it has ${found} rows instead of ${tree.rows}`);
    }
  });
}

/**
 * Looks at the pages on the way to the first rows of a file of any size, which are of one page, and at these rows.
 *
 * @param keys gets theirs.
 * @returns what is wrong, if anything is.
 */
export function findDamageAtFirst(path: string, pageBytes: number, keys: Buffer[]): string | undefined {
  return damageFoundBy(path, pageBytes, (walk) => {
    const tree = walk.trees.at(-1);
    if (tree !== undefined) keys.push(...walk.firstKeys(tree));
  });
}

function damageFoundBy(path: string, pageBytes: number, look: (walk: TreeWalk) => void): string | undefined {
  const fd = openSync(path, 'r');
  try {
    look(new TreeWalk(fd, pageBytes));
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** What a meta page says of a tree. */
interface Tree {
  /** Undefined: it is empty. */
  readonly root: number | undefined;
  readonly depth: number;
  readonly rows: number;
}

class TreeWalk {
  /** The one of free pages, and the one of rows. */
  readonly trees: readonly Tree[];
  readonly #fd: number;
  readonly #fileBytes: number;
  readonly #pageBytes: number;

  constructor(fd: number, pageBytes: number) {
    this.#fd = fd;
    this.#fileBytes = fstatSync(fd).size;
    this.#pageBytes = pageBytes;
    const [first, second] = [this.#read(0), this.#read(1)];
    const isFirst = first.readBigUInt64LE(transactionOffset) > second.readBigUInt64LE(transactionOffset);
    this.trees = treeOffsets.map((offset) => treeAt(isFirst ? first : second, offset));
  }

  /** @throws RangeError when a page is not what it should be. */
  countRows({ root, depth }: Tree): number {
    return root === undefined ? 0 : this.#countRows(root, depth);
  }

  #countRows(number: number, depth: number): number {
    const page = this.#page(number, depth);
    const nodes = this.#nodesOf(page, number);
    if (depth > 1)
      return nodes.reduce((rows, node) => rows + this.#countRows(childAt(page, node), depth - 1), 0);
    for (const node of nodes) this.#checkRow(page, number, node);
    return nodes.length;
  }

  /**
   * Of the rows in the first leaf.
   *
   * @throws RangeError when a page is not what it should be.
   */
  firstKeys({ root, depth }: Tree): Buffer[] {
    return root === undefined ? [] : this.#firstKeys(root, depth);
  }

  #firstKeys(number: number, depth: number): Buffer[] {
    const page = this.#page(number, depth);
    const nodes = this.#nodesOf(page, number);
    const [first] = nodes;
    if (depth > 1 && first !== undefined) return this.#firstKeys(childAt(page, first), depth - 1);
    for (const node of nodes) this.#checkRow(page, number, node);
    return nodes.map((node) => page.subarray(node + nodeHeaderBytes).subarray(0, keyBytesAt(page, node)));
  }

  /** Where the nodes of a page begin in it. */
  #nodesOf(page: Buffer, number: number): number[] {
    // Offsets count from behind the header of the page.
    const room = this.#pageBytes - pageHeaderBytes;
    const lower = page.readUInt16LE(lowerOffset);
    const upper = page.readUInt16LE(upperOffset);
    if (lower > upper || upper > room) throw pageError(number);
    const nodes: number[] = [];
    for (let i = 0; i < lower >> 1; i++) {
      const node = page.readUInt16LE(pageHeaderBytes + 2 * i);
      if (node < upper || node + nodeHeaderBytes > room) throw pageError(number);
      const at = pageHeaderBytes + node;
      if (at + nodeHeaderBytes + keyBytesAt(page, at) > this.#pageBytes) throw pageError(number);
      nodes.push(at);
    }
    return nodes;
  }

  #checkRow(page: Buffer, number: number, at: number): void {
    const valueBytes = page.readUInt32LE(at);
    const valueAt = at + nodeHeaderBytes + keyBytesAt(page, at);
    const isLarge = (page.readUInt16LE(at + 4) & largeFlag) !== 0;
    if (valueAt + (isLarge ? 8 : valueBytes) > this.#pageBytes) throw pageError(number);
    if (!isLarge) return;
    const first = Number(page.readBigUInt64LE(valueAt));
    this.#pageOfKind(first, PageFlag.Overflow);
    if (first * this.#pageBytes + pageHeaderBytes + valueBytes > this.#fileBytes) throw pageError(first);
  }

  /** A page of the tree that is `depth` pages above nothing. */
  #page(number: number, depth: number): Buffer {
    if (depth < 1 || depth > depthMax) throw pageError(number);
    return this.#pageOfKind(number, depth === 1 ? PageFlag.Leaf : PageFlag.Branch);
  }

  #pageOfKind(number: number, flag: number): Buffer {
    const end = (number + 1) * this.#pageBytes;
    if (!Number.isSafeInteger(end) || number < 2 || end > this.#fileBytes)
      throw new RangeError(`page ${number} is behind its end`);
    const page = this.#read(number);
    if (Number(page.readBigUInt64LE(0)) !== number) throw pageError(number);
    if ((page.readUInt16LE(flagsOffset) & 7) !== flag) throw pageError(number);
    return page;
  }

  #read(number: number): Buffer {
    const page = Buffer.alloc(this.#pageBytes);
    readSync(this.#fd, page, 0, page.length, number * page.length);
    return page;
  }
}

function treeAt(meta: Buffer, offset: number): Tree {
  const root = meta.readBigUInt64LE(offset + 40);
  return {
    root: root === noPage ? undefined : Number(root),
    depth: meta.readUInt16LE(offset + 6),
    rows: Number(meta.readBigUInt64LE(offset + 32)),
  };
}

function childAt(page: Buffer, node: number): number {
  return page.readUIntLE(node, 6);
}

function keyBytesAt(page: Buffer, node: number): number {
  return page.readUInt16LE(node + 6);
}

function pageError(number: number): RangeError {
  return new RangeError(`page ${number} is not what was written there`);
}
