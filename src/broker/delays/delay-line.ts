import type { Clock, Timer } from '../clock.ts';
import type { ChangingRow, DurableRows } from '../rows/durable-rows.ts';
import { compareKeys } from '../rows/ordered-rows.ts';
import { successor } from '../rows/row-overlay.ts';
import { delayedKey, dueAtOf, idOf, keyOf, lineEnd, lineStart, readTotals, writeTotals } from './keys.ts';

/** Messages of a line that leave in a row before others, and sockets, get their turn; and the bytes of them. */
const releasedPerTurnMax = 256;
const releasedBytesPerTurnMax = 2 ** 20;

/** How soon a line looks again whether the disk has caught up. */
const diskPatienceMs = 20;

/** A line with messages looks at the clock at least that often: somebody may set it. */
const patienceMsMax = 10_000;

/** What lines need of the broker around them. */
export interface DelayContext {
  readonly rows: DurableRows;
  readonly clock: Clock;
  /** Memory is full of what waits to be written: no time to add to it. */
  readonly isDiskBehind: boolean;
  /** Removes all that is stored of a line, bit by bit. */
  discard(lineId: number): void;
}

/** Whoever has a line: an exchange or a queue. */
export interface DelayOwner {
  /** The time of a message has come; `record` is what was added. It leaves the line in the same commit. */
  release(record: Buffer, now: number): void;
}

/** A message that waits. */
export interface DelayedRecord {
  /** Names it within its line. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly dueAt: number;
  readonly record: Buffer;
}

/**
 * The messages of one exchange or queue that wait for their time, in order of that time. They are rows of the
 * store and nothing else: a line costs the same memory however many there are.
 */
export class DelayLine {
  readonly id: number;
  readonly #context: DelayContext;
  readonly #owner: DelayOwner;
  readonly #totals: ChangingRow;
  #count = 0;
  #nextSequence = 0;
  /** No message that waits has a smaller key. Spares the scan what has been removed and is still on disk. */
  #from: Buffer;
  /** When the first message is due; Infinity: there is none. */
  #nextDue = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  /** Set while the next turn of a release is to come. */
  #isReleasing = false;
  #isStopped = false;

  /** Takes up what the store holds of the line with this id, which is never used for another one. */
  constructor(context: DelayContext, id: number, owner: DelayOwner) {
    this.#context = context;
    this.id = id;
    this.#owner = owner;
    this.#from = successor(lineStart(id));
    this.#totals = {
      key: lineStart(id),
      value: () => writeTotals({ count: this.#count, nextSequence: this.#nextSequence }),
    };
    const totals = context.rows.get(this.#totals.key);
    if (totals === undefined) return;
    const { count, nextSequence } = readTotals(totals);
    this.#count = count;
    this.#nextSequence = nextSequence;
    // The owner may not be ready yet to take what is overdue.
    if (count > 0) this.#look();
  }

  /** Messages that wait. */
  get count(): number {
    return this.#count;
  }

  /** Keeps a record until `dueAt`, in milliseconds since the epoch. Durable with the next commit. */
  add(record: Buffer, dueAt: number): void {
    const key = delayedKey(this.id, dueAt, this.#nextSequence++);
    this.#context.rows.put(key, record);
    if (compareKeys(key, this.#from) < 0) this.#from = key;
    this.#changeCount(1);
    if (dueAt < this.#nextDue) this.#expect(dueAt);
  }

  /**
   * Messages in the order in which they are due, from behind the one called `after`, or from the first one: at
   * most `limit`, and not many more bytes than `bytesMax`.
   */
  list(after: string | undefined, limit: number, bytesMax: number): DelayedRecord[] {
    const key = after === undefined ? undefined : keyOf(this.id, after);
    const from = key === undefined ? this.#from : successor(key);
    const rows = this.#context.rows.scan({ from, below: lineEnd(this.id), rowsMax: limit, bytesMax });
    return rows.map((row) => ({ id: idOf(row.key), dueAt: dueAtOf(row.key), record: row.value }));
  }

  /** Removes a message. False: there is none, or none any more, that is called so. */
  cancel(id: string): boolean {
    const key = keyOf(this.id, id);
    if (key === undefined || this.#context.rows.get(key) === undefined) return false;
    this.#context.rows.remove(key);
    this.#changeCount(-1);
    return true;
  }

  /** The owner is gone, and what waits goes with it. */
  close(): void {
    this.stop();
    if (this.#nextSequence > 0) this.#context.discard(this.id);
    this.#count = 0;
  }

  /** Nothing leaves any more; for the end of the broker, when everything stays as it is. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #changeCount(change: number): void {
    this.#count += change;
    this.#context.rows.putLater(this.#totals);
  }

  /** Wakes up when the next message is due. */
  #expect(dueAt: number): void {
    this.#nextDue = dueAt;
    if (!this.#isReleasing) this.#wakeIn(dueAt - this.#context.clock.now());
  }

  #wakeIn(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#isStopped) return;
    const patience = Math.min(Math.max(0, delayMs), patienceMsMax);
    this.#timer = this.#context.clock.setTimer(patience, () => this.#wake());
  }

  #wake(): void {
    const { clock, isDiskBehind } = this.#context;
    const now = clock.now();
    if (now < this.#nextDue) this.#wakeIn(this.#nextDue - now);
    else if (isDiskBehind) this.#wakeIn(diskPatienceMs);
    else this.#release(now);
  }

  #release(now: number): void {
    const { rows } = this.#context;
    const below = delayedKey(this.id, now + 1, 0);
    const limits = { rowsMax: releasedPerTurnMax, bytesMax: releasedBytesPerTurnMax };
    const due = rows.scan({ from: this.#from, below, ...limits });
    for (const { key } of due) {
      rows.remove(key);
      this.#from = successor(key);
    }
    if (due.length > 0) this.#changeCount(-due.length);
    this.#isReleasing = true;
    // What comes due at once may be added meanwhile, by the owner's doing.
    for (const { value } of due) this.#owner.release(value, now);
    this.#isReleasing = false;
    const bytes = due.reduce((sum, { value }) => sum + value.length, 0);
    const isAll = due.length < releasedPerTurnMax && bytes < releasedBytesPerTurnMax;
    if (isAll) this.#look();
    else this.#wakeSoon();
  }

  /** More is due: after the others' turn. */
  #wakeSoon(): void {
    this.#isReleasing = true;
    setImmediate(() => {
      this.#isReleasing = false;
      if (!this.#isStopped) this.#wake();
    });
  }

  /** Finds the first message and waits for it. */
  #look(): void {
    const [first] = this.#context.rows.scan({
      from: this.#from,
      below: lineEnd(this.id),
      rowsMax: 1,
      bytesMax: 1,
    });
    if (first === undefined) this.#nextDue = Number.POSITIVE_INFINITY;
    else this.#expect(dueAtOf(first.key));
  }
}
