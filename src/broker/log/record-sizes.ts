/** Records in memory. */
interface Records {
  readonly count: number;
  /** First record at or above `index` that is owed, or `count`. */
  nextUnsettled(index: number): number;
  bodySize(index: number): number;
  isPersistent(index: number): boolean;
}

/** What statistics need to know of records that are on disk only: five bytes for each. */
export class RecordSizes {
  readonly #bodySizes: Uint32Array;
  readonly #persistent: Uint8Array;

  /** Of those that are owed. */
  constructor(records: Records) {
    const { count } = records;
    this.#bodySizes = new Uint32Array(count);
    this.#persistent = new Uint8Array(count);
    for (let i = records.nextUnsettled(0); i < count; i = records.nextUnsettled(i + 1)) {
      this.#bodySizes[i] = records.bodySize(i);
      this.#persistent[i] = records.isPersistent(i) ? 1 : 0;
    }
  }

  bodySize(index: number): number {
    return this.#bodySizes[index] ?? 0;
  }

  isPersistent(index: number): boolean {
    return this.#persistent[index] === 1;
  }
}
