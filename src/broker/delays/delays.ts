import type { Clock } from '../clock.ts';
import type { Committer } from '../committer.ts';
import type { DurableRows } from '../rows/durable-rows.ts';
import { type RowRange, RowTable } from '../store.ts';
import { type DelayContext, DelayLine, type DelayOwner } from './delay-line.ts';
import { Departures } from './departures.ts';
import { laterEnd, laterStart, lineEnd, lineOf, lineStart } from './keys.ts';

/** Rows of a line without an owner that are removed with one commit. */
const discardedRowsMax = 1000;
const discardedBytesMax = 2 ** 20;

/** What the broker knows of time, disk and memory. */
export interface DelayHost {
  readonly clock: Clock;
  readonly committer: Committer;
  readonly isDiskBehind: boolean;
}

/** All lines of delayed messages of a broker. */
export class Delays implements DelayContext {
  readonly rows: DurableRows;
  readonly clock: Clock;
  readonly departures: Departures;
  /** Messages that wait in all lines. */
  waitingCount = 0;
  readonly #host: DelayHost;
  /** Lines that hold messages, as the store was found. */
  readonly #found: ReadonlySet<number>;
  readonly #claimed = new Set<number>();
  readonly #discarded: number[] = [];
  #isStopped = false;

  constructor(host: DelayHost) {
    this.#host = host;
    this.rows = host.committer.rows;
    this.clock = host.clock;
    this.departures = new Departures(host.clock, host.committer);
    this.#found = new Set(this.#lines());
  }

  get isDiskBehind(): boolean {
    return this.#host.isDiskBehind;
  }

  flush(): Promise<void> {
    return this.#host.committer.flush();
  }

  /** Ids of lines as the store was found. They are not to be given to anything new. */
  get found(): Iterable<number> {
    return this.#found;
  }

  /** Whether messages were found that belong to this line. */
  has(lineId: number): boolean {
    return this.#found.has(lineId);
  }

  open(lineId: number, owner: DelayOwner): DelayLine {
    this.#claimed.add(lineId);
    return new DelayLine(this, lineId, owner);
  }

  /** What was found and has not been opened since has lost its owner: a queue or exchange that was deleted. */
  discardOrphans(): void {
    for (const lineId of this.#found) if (!this.#claimed.has(lineId)) this.discard(lineId);
  }

  waiting(change: number): void {
    this.waitingCount += change;
  }

  discard(lineId: number): void {
    this.#discarded.push(lineId);
    if (this.#discarded.length === 1) void this.#discardAll();
  }

  /** The rest is removed after the next start. */
  stop(): void {
    this.#isStopped = true;
    this.departures.stop();
  }

  async #discardAll(): Promise<void> {
    for (let lineId = this.#discarded[0]; lineId !== undefined; lineId = this.#discarded[0]) {
      while (this.#discardSome(lineId)) {
        await this.#host.committer.flush();
        if (this.#isStopped) return;
      }
      this.#discarded.shift();
    }
  }

  /** False when there was nothing left. */
  #discardSome(lineId: number): boolean {
    // The first row, by which a start finds the line, is among the last to go.
    const later = { from: laterStart(lineId), below: laterEnd(lineId) };
    return this.#removeSome(later) || this.#removeSome({ from: lineStart(lineId), below: lineEnd(lineId) });
  }

  #removeSome(range: Pick<RowRange, 'from' | 'below'>): boolean {
    const rows = this.rows.scan({ ...range, rowsMax: discardedRowsMax, bytesMax: discardedBytesMax });
    for (const { key } of rows) this.rows.remove(key);
    return rows.length > 0;
  }

  *#lines(): Generator<number> {
    let from: Buffer = Buffer.from([RowTable.Delayed]);
    const below = Buffer.from([RowTable.Delayed + 1]);
    for (;;) {
      const [row] = this.rows.scan({ from, below, rowsMax: 1, bytesMax: 1 });
      if (row === undefined) return;
      const lineId = lineOf(row.key);
      yield lineId;
      from = lineEnd(lineId);
    }
  }
}
