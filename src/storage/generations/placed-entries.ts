import type { SpanTotals } from '../entries/entry-file.ts';
import type { EntryKey } from '../entries/entry-key.ts';
import { extend, totalsOf } from '../entries/log-index.ts';
import { encodePlace } from './value-files.ts';

/** A row of a generation: an entry whose value is in a file beside it. */
interface PlacedRow {
  readonly rawKey: Uint8Array;
  readonly place: Buffer;
}

/**
 * Entries of a file that a generation is to take over: it gets their keys, and their values stay where they are. There may
 * be thousands. What can be done for each of them is done when it is added, as the moment in which they are the
 * generation's holds everybody up.
 */
export class PlacedEntries {
  readonly #fileNumber: number;
  readonly rows: PlacedRow[] = [];
  readonly #totals = new Map<number, SpanTotals>();

  /** Their values are in the journal file of this number. */
  constructor(fileNumber: number) {
    this.#fileNumber = fileNumber;
  }

  /** Those of a log in order. The value begins `at` so many bytes of the file. */
  add(key: EntryKey, rawKey: Uint8Array, at: number): void {
    this.rows.push({ rawKey, place: encodePlace({ file: this.#fileNumber, at }) });
    const entry = totalsOf(key, key.byteLength, false);
    const totals = this.#totals.get(key.logId);
    if (totals === undefined) this.#totals.set(key.logId, entry);
    else extend(totals, entry);
  }

  /** What they are of each log. */
  totals(): Iterable<SpanTotals> {
    return this.#totals.values();
  }
}
