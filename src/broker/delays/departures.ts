import type { Clock } from '../clock.ts';
import type { Committer } from '../committer.ts';
import type { ChangingRow, DurableRows } from '../rows/durable-rows.ts';
import { RowTable, StoreFullError } from '../store.ts';

/**
 * The rows of departures:
 *
 *     table u8 | batch u48        log id u32 | sequence u48, over and over
 */
const keyBytes = 7;
const departureBytes = 10;

/** What fits into a row that costs no more than its length. */
const departuresPerRow = 170;

/** Departures are forgotten that often; a start has to look at those of so long a time, and a little more. */
const forgetEveryMs = 1000;

/** Rows that are looked at together by a start. */
const rowsPerScan = 64;

const table = { from: Buffer.from([RowTable.Departed]), below: Buffer.from([RowTable.Departed + 1]) };

/**
 * Records that left their places by becoming rows, or other records of their logs. What they became is durable with
 * its commit, the state of the log that says that the record is gone a little later: a crash in between would find
 * the message in both places. So the same commit notes that the record has departed, until the state is on disk.
 */
export class Departures {
  readonly #clock: Clock;
  readonly #committer: Committer;
  readonly #rows: DurableRows;
  readonly #found: ReadonlyMap<number, ReadonlySet<number>>;
  /** The row that further departures go to. */
  #open: Batch | undefined;
  #nextNumber = 0;
  /** Keys of rows whose departures may not be in the states yet. */
  #keys: Buffer[] = [];
  #isWaiting = false;
  #isStopped = false;

  constructor(clock: Clock, committer: Committer) {
    this.#clock = clock;
    this.#committer = committer;
    this.#rows = committer.rows;
    this.#found = this.#read();
    if (this.#keys.length > 0) this.#forgetLater();
  }

  /** Logs and the sequences of records that had departed, as the store was found; their states may not say so. */
  get found(): ReadonlyMap<number, ReadonlySet<number>> {
    return this.#found;
  }

  /**
   * A record has become something else, and is settled in its log, in this turn. While the store is full nothing is noted:
   * notes could not be forgotten, so a consumer that gives messages back over and over would fill the memory with them.
   */
  note(logId: number, sequence: number): void {
    if (this.#committer.isFull) return;
    this.#open ??= this.#newBatch();
    this.#open.add(logId, sequence);
    this.#rows.putLater(this.#open);
    if (this.#open.isFull) this.#open = undefined;
    this.#forgetLater();
  }

  /** What is noted stays for the next start. */
  stop(): void {
    this.#isStopped = true;
  }

  #newBatch(): Batch {
    const batch = new Batch(this.#nextNumber++);
    this.#keys.push(batch.key);
    return batch;
  }

  #forgetLater(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#clock.setTimer(forgetEveryMs, () => void this.#forget());
  }

  async #forget(): Promise<void> {
    const keys = this.#keys;
    this.#keys = [];
    this.#open = undefined;
    try {
      await this.#committer.flushStates();
    } catch (error) {
      // Any other failure is the end of the store, and with it of the broker.
      if (!(error instanceof StoreFullError)) return;
      this.#keys = [...keys, ...this.#keys];
      keys.length = 0;
    }
    if (this.#isStopped) return;
    for (const key of keys) this.#rows.remove(key);
    this.#isWaiting = false;
    if (this.#keys.length > 0) this.#forgetLater();
  }

  #read(): Map<number, Set<number>> {
    const found = new Map<number, Set<number>>();
    for (let from: Buffer = table.from; ; ) {
      const rows = this.#rows.scan({
        ...table,
        from,
        rowsMax: rowsPerScan,
        bytesMax: Number.MAX_SAFE_INTEGER,
      });
      for (const { key, value } of rows) {
        this.#keys.push(key);
        this.#nextNumber = key.readUIntBE(1, 6) + 1;
        for (let at = 0; at < value.length; at += departureBytes) {
          const logId = value.readUInt32BE(at);
          const sequences = found.get(logId);
          const sequence = value.readUIntBE(at + 4, 6);
          if (sequences === undefined) found.set(logId, new Set([sequence]));
          else sequences.add(sequence);
        }
      }
      if (rows.length < rowsPerScan) return found;
      from = keyOf(this.#nextNumber);
    }
  }
}

/** A row of departures. */
class Batch implements ChangingRow {
  readonly key: Buffer;
  readonly #bytes = Buffer.allocUnsafe(departuresPerRow * departureBytes);
  #used = 0;

  constructor(number: number) {
    this.key = keyOf(number);
  }

  get isFull(): boolean {
    return this.#used === this.#bytes.length;
  }

  add(logId: number, sequence: number): void {
    this.#bytes.writeUInt32BE(logId, this.#used);
    this.#bytes.writeUIntBE(sequence, this.#used + 4, 6);
    this.#used += departureBytes;
  }

  /** A view: what is added later lies behind it. */
  value(): Buffer {
    return this.#bytes.subarray(0, this.#used);
  }
}

function keyOf(number: number): Buffer {
  const key = Buffer.allocUnsafe(keyBytes);
  key[0] = RowTable.Departed;
  key.writeUIntBE(number, 1, 6);
  return key;
}
