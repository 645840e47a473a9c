import type { LowerRows } from '../../broker/rows/row-overlay.ts';
import { type Row, type RowChange, type RowRange, StoreFullError } from '../../broker/store.ts';
import { DataDirectoryError } from '../directory/data-directory-error.ts';
import { type Environment, transact } from '../lmdb/environment.ts';
import { readUInt64, writeUInt64 } from '../uint64.ts';

/** How far the row log has been applied. No table has the number 0. */
const appliedKey = Buffer.from([0, 1]);

/**
 * What a row holds: its value behind a zero, or, where that would not fit into an LMDB page, a one and the length
 * of the value, which then lies in pieces under keys of their own. No piece needs a run of pages: LMDB looks for
 * those the longer the more pages have been given back.
 */
const wholeRow = 0;
const rowInPieces = 1;
const pieceBytes = 1800;
const inPiecesRowBytes = 5;

/** What one transaction takes: it may change as many pages, and holds up the event loop while it is put together. */
const rowsPerTransaction = 4096;
const bytesPerTransaction = 4 * 2 ** 20;
/** Where there is no room for so few, there is none. */
const rowsPerTransactionMin = 64;

/** Set in the first byte of a piece's key, which ends with where the piece is. */
export const pieceBit = 0x80;
const pieceNumberBytes = 4;

/** LMDB's longest key has 1978 bytes, and those of pieces must fit, too. */
export const rowFileKeyBytesMax = 1978 - pieceNumberBytes;

/** Rows in LMDB (`rows.mdb`), and how many of the row log's records they contain. */
export class RowFile implements LowerRows {
  readonly #environment: Environment;
  /** Only then a row that is replaced or removed has to be looked at first. */
  #mayHavePieces: boolean;

  constructor(environment: Environment) {
    this.#environment = environment;
    const [piece] = environment.getKeys({ start: Buffer.from([pieceBit]), limit: 1 });
    this.#mayHavePieces = piece !== undefined;
  }

  /** Sequence of the first record of the row log that has not been applied; undefined: none ever was. */
  get applied(): number | undefined {
    const row = this.#environment.getBinary(appliedKey);
    return row === undefined ? undefined : readUInt64(row, 0);
  }

  /**
   * Makes changes durable, then that the row log is applied up to `applied`. Not in one transaction: each page that
   * one changes is kept in memory, and a crash in between only means that it is applied once more.
   *
   * @param changes in key order, so that those of a transaction share pages.
   * @throws StoreFullError when there was no room for all of it; StoreBrokenError on any other failure.
   */
  async apply(changes: readonly RowChange[], applied: number): Promise<void> {
    const appliedRow = Buffer.alloc(8);
    writeUInt64(appliedRow, applied, 0);
    await this.#writeAll(changes, () => void this.#environment.put(appliedKey, appliedRow));
  }

  /** Makes rows durable, in place of all that there are in a table. A crash in between leaves some of both. */
  async replaceTable(table: number, rows: readonly Row[]): Promise<void> {
    const range = { start: Buffer.from([table]), end: Buffer.from([table + 1]) };
    const removals = Array.from(this.#environment.getKeys(range), (key) => ({
      key: Buffer.from(key),
      value: null,
    }));
    await this.#writeAll([...removals, ...rows], () => {});
  }

  /** @param finish adds to the last transaction. */
  async #writeAll(changes: readonly RowChange[], finish: () => void): Promise<void> {
    let rowsMax = rowsPerTransaction;
    for (let from = 0; from < changes.length; ) {
      const slice = sliceFrom(changes, from, rowsMax);
      try {
        await this.#writeSlice(slice, () => {
          if (from + slice.length === changes.length) finish();
        });
        from += slice.length;
      } catch (error) {
        // Fewer change fewer pages, and what they free may do for the next ones.
        if (!(error instanceof StoreFullError) || slice.length <= rowsPerTransactionMin) throw error;
        rowsMax = Math.ceil(slice.length / 8);
      }
    }
  }

  async #writeSlice(slice: readonly RowChange[], finish: () => void): Promise<void> {
    const before = slice.map(({ key }) => this.#bytesInPieces(key));
    const put = () => {
      for (const [i, change] of slice.entries()) this.#write(change, before[i] ?? 0);
      finish();
    };
    let keys = 1;
    let bytes = 0;
    for (const [i, { value }] of slice.entries()) {
      const length = value?.length ?? 0;
      keys += 1 + Math.ceil(length / pieceBytes) + Math.ceil((before[i] ?? 0) / pieceBytes);
      bytes += length;
    }
    await transact(this.#environment, put, { keys, bytes });
  }

  /** @param bytesInPieces of the value before, if that lies in pieces. */
  #write({ key, value }: RowChange, bytesInPieces: number): void {
    const environment = this.#environment;
    for (let at = 0; at < bytesInPieces; at += pieceBytes) environment.remove(pieceKey(key, at));
    if (value === null) {
      environment.remove(key);
    } else if (value.length <= pieceBytes) {
      const row = Buffer.allocUnsafe(1 + value.length);
      row[0] = wholeRow;
      value.copy(row, 1);
      environment.put(key, row);
    } else {
      this.#mayHavePieces = true;
      const row = Buffer.allocUnsafe(inPiecesRowBytes);
      row[0] = rowInPieces;
      row.writeUInt32BE(value.length, 1);
      environment.put(key, row);
      for (let at = 0; at < value.length; at += pieceBytes) {
        environment.put(pieceKey(key, at), value.subarray(at, at + pieceBytes));
      }
    }
  }

  /** Length of a value that lies in pieces; 0: it does not. */
  #bytesInPieces(key: Buffer): number {
    const row = this.#mayHavePieces ? this.#environment.getBinary(key) : undefined;
    return row?.[0] === rowInPieces ? row.readUInt32BE(1) : 0;
  }

  row(key: Buffer): Buffer | undefined {
    const row = this.#environment.getBinary(key);
    return row === undefined ? undefined : this.#valueOf(key, row);
  }

  scanRows({ from, below, rowsMax, bytesMax }: RowRange): Row[] {
    const rows: Row[] = [];
    let bytes = 0;
    for (const found of this.#environment.getRange({ start: from, end: below, limit: rowsMax })) {
      const key = Buffer.from(found.key);
      const value = this.#valueOf(key, found.value);
      rows.push({ key, value });
      bytes += value.length;
      if (bytes >= bytesMax) break;
    }
    return rows;
  }

  #valueOf(key: Buffer, row: Buffer): Buffer {
    if (row[0] === wholeRow) return row.subarray(1);
    const value = Buffer.allocUnsafe(row.readUInt32BE(1));
    for (let at = 0; at < value.length; at += pieceBytes) {
      const piece = this.#environment.getBinary(pieceKey(key, at));
      if (piece === undefined) {
        throw new DataDirectoryError(`rows.mdb is damaged: a piece of row ${key.toString('hex')} is missing`);
      }
      piece.copy(value, at);
    }
    return value;
  }
}

/** The changes from `from` on that one transaction takes: one at least. */
function sliceFrom(changes: readonly RowChange[], from: number, rowsMax: number): readonly RowChange[] {
  let bytes = 0;
  let to = from;
  while (to < changes.length && to - from < rowsMax && bytes < bytesPerTransaction) {
    bytes += changes[to++]?.value?.length ?? 0;
  }
  return changes.slice(from, to);
}

/** The key of the piece that starts at offset `at` of a value. */
function pieceKey(key: Buffer, at: number): Buffer {
  const piece = Buffer.allocUnsafe(key.length + pieceNumberBytes);
  key.copy(piece);
  piece.writeUInt8(key.readUInt8(0) | pieceBit, 0);
  piece.writeUInt32BE(at / pieceBytes, key.length);
  return piece;
}
