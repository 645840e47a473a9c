import type { Row, RowChange, RowRange } from '../store.ts';
import { compareKeys, OrderedRows } from './ordered-rows.ts';

/** What a change takes in memory beside key and value, roughly. */
const changeOverheadBytes = 100;

/** Where an overlay looks for what it does not know itself. */
export interface LowerRows {
  row(key: Buffer): Buffer | undefined;
  scanRows(range: RowRange): Row[];
}

/**
 * Changes to rows on their way to a lower, slower place, and the view of that place with them on top.
 *
 * Changes are handed on in batches, one at a time: {@link take} makes one of all there are, {@link taken} says
 * that the lower place has them, {@link putBack} that it has not.
 */
export class RowOverlay implements LowerRows {
  /** Bytes of memory for changes that the lower place does not have, roughly. */
  bytes = 0;
  readonly #lower: LowerRows;
  /** `null`: the row is removed. */
  #noted = new OrderedRows<Buffer | null>();
  #underway = new OrderedRows<Buffer | null>();
  #underwayBytes = 0;

  constructor(lower: LowerRows) {
    this.#lower = lower;
  }

  get isEmpty(): boolean {
    return this.#noted.size + this.#underway.size === 0;
  }

  /** Changes that no batch has yet. */
  get notedCount(): number {
    return this.#noted.size;
  }

  set(key: Buffer, value: Buffer | null): void {
    const before = this.#noted.set(key, value);
    this.bytes += value?.length ?? 0;
    if (before === undefined) this.bytes += key.length + changeOverheadBytes;
    else this.bytes -= before?.length ?? 0;
  }

  /** All changes there are, in key order. */
  take(): RowChange[] {
    if (this.#underway.size > 0) throw new Error('a batch of rows is under way');
    this.#underway = this.#noted;
    this.#underwayBytes = this.bytes;
    this.#noted = new OrderedRows();
    return changesOf(this.#underway);
  }

  taken(): void {
    this.#underway = new OrderedRows();
    this.bytes -= this.#underwayBytes;
    this.#underwayBytes = 0;
  }

  putBack(): void {
    const newer = this.#noted;
    this.#noted = this.#underway;
    this.#underway = new OrderedRows();
    this.bytes = this.#underwayBytes;
    this.#underwayBytes = 0;
    for (const { key, value } of changesOf(newer)) this.set(key, value);
  }

  row(key: Buffer): Buffer | undefined {
    const change = this.#change(key);
    return change === undefined ? this.#lower.row(key) : (change ?? undefined);
  }

  #change(key: Buffer): Buffer | null | undefined {
    const noted = this.#noted.size === 0 ? undefined : this.#noted.get(key);
    return noted === undefined && this.#underway.size > 0 ? this.#underway.get(key) : noted;
  }

  scanRows(range: RowRange): Row[] {
    if (this.isEmpty) return this.#lower.scanRows(range);
    const rows: Row[] = [];
    let { from } = range;
    let rowsLeft = range.rowsMax;
    let bytesLeft = range.bytesMax;
    for (;;) {
      const below = this.#lower.scanRows({ ...range, from, rowsMax: rowsLeft, bytesMax: bytesLeft });
      const last = below.at(-1);
      const end = last === undefined ? range.below : successor(last.key);
      for (const row of this.#merged(from, end, below)) {
        rows.push(row);
        rowsLeft--;
        bytesLeft -= row.value.length;
        if (rowsLeft === 0 || bytesLeft <= 0) return rows;
      }
      if (last === undefined) return rows;
      from = end;
    }
  }

  /** The rows in `[from, end)`, given those that the lower place has there. */
  *#merged(from: Buffer, end: Buffer, lower: readonly Row[]): Generator<Row> {
    const noted = this.#noted.walk(from);
    const underway = this.#underway.walk(from);
    let first = noted.next();
    let second = underway.next();
    let at = 0;
    for (;;) {
      let key = lower[at]?.key ?? end;
      if (!first.done && compareKeys(first.value[0], key) < 0) key = first.value[0];
      if (!second.done && compareKeys(second.value[0], key) < 0) key = second.value[0];
      if (key === end) return;
      let value: Buffer | null | undefined;
      const below = lower[at];
      if (below?.key.equals(key)) {
        value = below.value;
        at++;
      }
      if (!second.done && second.value[0].equals(key)) {
        value = second.value[1];
        second = underway.next();
      }
      if (!first.done && first.value[0].equals(key)) {
        value = first.value[1];
        first = noted.next();
      }
      if (value !== null && value !== undefined) yield { key, value };
    }
  }
}

function changesOf(rows: OrderedRows<Buffer | null>): RowChange[] {
  return Array.from(rows.walk(Buffer.alloc(0)), ([key, value]) => ({ key, value }));
}

/** The smallest key above another. */
export function successor(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.alloc(1)]);
}
