import type { Row, RowChange, RowRange, Store } from '../store.ts';
import { RowOverlay } from './row-overlay.ts';

/** A row that changes over and over: its value is asked for when it is needed. */
export interface ChangingRow {
  readonly key: Buffer;
  value(): Buffer;
}

/**
 * The rows of the store as the model sees them: a change shows at once, and is durable with the commit that
 * takes along what is noted now, together with the messages of that commit: all of it or nothing.
 */
export class DurableRows {
  readonly #overlay: RowOverlay;
  readonly #noted: () => void;
  /** Those that have changed since they were written into the overlay. */
  readonly #changing = new Set<ChangingRow>();

  /** @param noted called with every change: there is something to commit. */
  constructor(store: Store, noted: () => void) {
    this.#overlay = new RowOverlay(store);
    this.#noted = noted;
  }

  /** Bytes of memory for changes that no commit has carried yet, roughly. */
  get pendingBytes(): number {
    return this.#overlay.bytes;
  }

  get hasUncommitted(): boolean {
    return !this.#overlay.isEmpty || this.#changing.size > 0;
  }

  /** Sets a row. Key and value, at least one byte each, belong to the store from now on and must not be changed. */
  put(key: Buffer, value: Buffer): void {
    this.#overlay.set(key, value);
    this.#noted();
  }

  /** The same for a row that changes with every other one: only its value at the time of the commit is written. */
  putLater(row: ChangingRow): void {
    this.#changing.add(row);
    this.#noted();
  }

  #writeChanging(): void {
    for (const row of this.#changing) this.#overlay.set(row.key, row.value());
    this.#changing.clear();
  }

  /** Removes a row, if it is there. */
  remove(key: Buffer): void {
    this.#overlay.set(key, null);
    this.#noted();
  }

  get(key: Buffer): Buffer | undefined {
    this.#writeChanging();
    return this.#overlay.row(key);
  }

  /** Rows in `[from, below)` in bytewise order of their keys, until a limit is reached: at least one, if there is one. */
  scan(range: RowRange): Row[] {
    this.#writeChanging();
    return this.#overlay.scanRows(range);
  }

  /** Everything noted, for a commit; one at a time. */
  take(): RowChange[] {
    this.#writeChanging();
    return this.#overlay.take();
  }

  /** The commit is done. */
  committed(): void {
    this.#overlay.taken();
  }

  /** The store had no room: the next commit takes the same again. */
  refused(): void {
    this.#overlay.putBack();
  }
}
