import type { Clock, Timer } from '../clock.ts';
import type { ChangingRow, DurableRows } from '../rows/durable-rows.ts';
import { compareKeys } from '../rows/ordered-rows.ts';
import { successor } from '../rows/row-overlay.ts';
import {
  delayedKey,
  dueAtOf,
  idOf,
  keyOf,
  keyOfLater,
  laterKeyOf,
  lineEnd,
  lineStart,
  readTotals,
  writeTotals,
} from './keys.ts';
import { LaterRows } from './later-rows.ts';

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
  /** Resolves when everything noted so far is on disk. */
  flush(): Promise<void>;
  /** So many more messages wait. */
  waiting(change: number): void;
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
 * store and nothing else: a line costs the same memory however many there are. What is due in a while waits among the
 * {@link LaterRows} first, and is put into order in time.
 */
export class DelayLine {
  readonly id: number;
  readonly #context: DelayContext;
  readonly #owner: DelayOwner;
  readonly #totals: ChangingRow;
  readonly #later: LaterRows;
  /** What is due from then on comes to the later ones. */
  #laterStart = 0;
  /** Some of the later ones are being put into order. */
  #isOrdering = false;
  #count = 0;
  #nextSequence = 0;
  /** No message that is in order has a smaller key. Spares the scan what has been removed and is still on disk. */
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
    this.#later = new LaterRows(context.rows, id);
    this.#totals = {
      key: lineStart(id),
      value: () => writeTotals({ count: this.#count, nextSequence: this.#nextSequence }),
    };
    const totals = context.rows.get(this.#totals.key);
    if (totals === undefined) return;
    const { count, nextSequence } = readTotals(totals);
    this.#count = count;
    this.#nextSequence = nextSequence;
    context.waiting(count);
    // The owner may not be ready yet to take what is overdue.
    if (count > 0) this.#look();
  }

  /** Messages that wait. */
  get count(): number {
    return this.#count;
  }

  /** Keeps a record until `dueAt`, in milliseconds since the epoch. Durable with the next commit. */
  add(record: Buffer, dueAt: number): void {
    const sequence = this.#nextSequence++;
    if (dueAt >= this.#laterStart) this.#laterStart = LaterRows.startAt(this.#context.clock.now());
    this.#changeCount(1);
    if (dueAt < this.#laterStart) {
      this.#putInOrder(record, dueAt, sequence);
    } else {
      this.#later.add(record, dueAt, sequence);
      if (this.#later.from < this.#nextDue) this.#expect(this.#later.from);
    }
  }

  #putInOrder(record: Buffer, dueAt: number, sequence: number): void {
    const key = delayedKey(this.id, dueAt, sequence);
    this.#context.rows.put(key, record);
    if (compareKeys(key, this.#from) < 0) this.#from = key;
    if (dueAt < this.#nextDue) this.#expect(dueAt);
  }

  /**
   * Messages in the order in which they are due, from behind the one called `after`, or from the first one: at
   * most `limit`, and not many more bytes than `bytesMax`. The later ones are listed by the ten minutes in which they
   * are due, and within these as they came.
   */
  list(after: string | undefined, limit: number, bytesMax: number): DelayedRecord[] {
    const key = after === undefined ? undefined : keyOf(this.id, after);
    const laterKey = this.#laterKeyOf(key);
    const from = key === undefined ? this.#from : successor(key);
    const range = { from, below: lineEnd(this.id), rowsMax: limit, bytesMax };
    const rows = laterKey === undefined ? this.#context.rows.scan(range) : [];
    const bytesLeft = bytesMax - rows.reduce((sum, { value }) => sum + value.length, 0);
    if (rows.length < limit && bytesLeft > 0) {
      const later = this.#later.list(laterKey, limit - rows.length, bytesLeft);
      rows.push(...later.map((row) => ({ key: keyOfLater(row.key), value: row.value })));
    }
    return rows.map((row) => ({ id: idOf(row.key), dueAt: dueAtOf(row.key), record: row.value }));
  }

  /** The key of a message among the later ones, if that is where it is, or was until lately. */
  #laterKeyOf(key: Buffer | undefined): Buffer | undefined {
    if (key === undefined || dueAtOf(key) < this.#later.from) return undefined;
    return this.#context.rows.get(key) === undefined ? laterKeyOf(key) : undefined;
  }

  /** Removes a message. False: there is none, or none any more, that is called so. */
  cancel(id: string): boolean {
    const { rows } = this.#context;
    const inOrder = keyOf(this.id, id);
    if (inOrder === undefined) return false;
    const key = [inOrder, laterKeyOf(inOrder)].find((candidate) => rows.get(candidate) !== undefined);
    if (key === undefined) return false;
    rows.remove(key);
    this.#changeCount(-1);
    return true;
  }

  /** The owner is gone, and what waits goes with it. */
  close(): void {
    this.stop();
    if (this.#nextSequence > 0) this.#context.discard(this.id);
    this.#context.waiting(-this.#count);
    this.#count = 0;
  }

  /** Nothing leaves any more; for the end of the broker, when everything stays as it is. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #changeCount(change: number): void {
    this.#count += change;
    this.#context.waiting(change);
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
    this.#laterStart = LaterRows.startAt(now);
    if (this.#later.from < this.#laterStart && !this.#isOrdering) void this.#orderLater();
    if (now < this.#nextDue) this.#wakeIn(this.#nextDue - now);
    else if (isDiskBehind) this.#wakeIn(diskPatienceMs);
    else this.#release(now);
  }

  /** Puts those of the later ones into order that are due before long. */
  async #orderLater(): Promise<void> {
    this.#isOrdering = true;
    while (this.#later.from < this.#laterStart && !this.#isStopped) {
      for (const { record, dueAt, sequence } of this.#later.take()) this.#putInOrder(record, dueAt, sequence);
      this.#look();
      await this.#context.flush();
    }
    this.#isOrdering = false;
    this.#look();
  }

  #release(now: number): void {
    const { rows } = this.#context;
    // Those that are not in order yet keep back what is due after them.
    const below = delayedKey(this.id, Math.min(now + 1, this.#later.from), 0);
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
    const { from } = this.#later;
    const dueAt = Math.min(first === undefined ? Number.POSITIVE_INFINITY : dueAtOf(first.key), from);
    this.#nextDue = dueAt;
    // Once more is in order, there is another look.
    const isInTheWay = dueAt === from && this.#isOrdering;
    if (dueAt !== Number.POSITIVE_INFINITY && !isInTheWay) this.#expect(dueAt);
  }
}
