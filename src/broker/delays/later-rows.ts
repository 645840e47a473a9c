import type { DurableRows } from '../rows/durable-rows.ts';
import { compareKeys } from '../rows/ordered-rows.ts';
import { successor } from '../rows/row-overlay.ts';
import type { Row } from '../store.ts';
import { laterEnd, laterKey, laterStart, laterTimeOf, slotMs, slotStart } from './keys.ts';

/** Rows that are taken together, and the bytes of them. */
const takenMax = 128;
const takenBytesMax = 2 ** 19;

/** A message that was taken. */
export interface LaterRow {
  readonly dueAt: number;
  readonly sequence: number;
  readonly record: Buffer;
}

/**
 * The messages of a line that are due in a while: by slots of time, in the order in which they came within each. Many
 * that are due at random go to few places on disk like that: those at the ends of slots. In order of due times each
 * would go to a page of its own, which is read and written for it alone.
 */
export class LaterRows {
  readonly #rows: DurableRows;
  readonly #lineId: number;
  /** No message has a smaller key. */
  #fromKey: Buffer;
  #from = Number.POSITIVE_INFINITY;

  /** Takes up what is stored of the line. */
  constructor(rows: DurableRows, lineId: number) {
    this.#rows = rows;
    this.#lineId = lineId;
    this.#fromKey = laterStart(lineId);
    this.#look();
  }

  /** From when on further messages belong here: the end of the slot after the present one. */
  static startAt(now: number): number {
    return slotStart(now) + 2 * slotMs;
  }

  /** No message is due earlier; Infinity: there is none. */
  get from(): number {
    return this.#from;
  }

  add(record: Buffer, dueAt: number, sequence: number): void {
    const key = laterKey(this.#lineId, dueAt, sequence);
    this.#rows.put(key, record);
    if (compareKeys(key, this.#fromKey) < 0) this.#fromKey = key;
    this.#from = Math.min(this.#from, slotStart(dueAt));
  }

  /** Some of the first slot, which leave it in the order in which they came. */
  take(): LaterRow[] {
    const below = laterKey(this.#lineId, this.#from + slotMs, 0);
    const limits = { rowsMax: takenMax, bytesMax: takenBytesMax };
    const found = this.#rows.scan({ from: this.#fromKey, below, ...limits });
    for (const { key } of found) {
      this.#rows.remove(key);
      this.#fromKey = successor(key);
    }
    this.#look();
    return found.map(({ key, value }) => ({ ...laterTimeOf(key), record: value }));
  }

  /** Slot by slot, from the first one on or from behind a key. */
  list(after: Buffer | undefined, rowsMax: number, bytesMax: number): Row[] {
    const from = after === undefined ? this.#fromKey : successor(after);
    return this.#rows.scan({ from, below: laterEnd(this.#lineId), rowsMax, bytesMax });
  }

  #look(): void {
    const [first] = this.list(undefined, 1, 1);
    this.#from = first === undefined ? Number.POSITIVE_INFINITY : slotStart(laterTimeOf(first.key).dueAt);
  }
}
