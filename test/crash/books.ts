import { QueueLedger, Tally } from './ledger.ts';
import { StreamLedger } from './stream-ledger.ts';

/** What is known of a durable definition: its request was answered, or it was sent and the broker died. */
export type Existence = 'there' | 'gone' | 'unknown';

/** Messages that were sent in one transaction. */
export interface Group {
  readonly numbers: readonly number[];
}

/** All that clients know about one broker across its crashes. */
export class Books {
  /** The queues of the workload have been declared. */
  hasTopology = false;
  readonly tally = new Tally();
  readonly plain = new QueueLedger('plain');
  readonly fanA = new QueueLedger('fan-a');
  readonly fanB = new QueueLedger('fan-b');
  readonly ttl = new QueueLedger('ttl');
  readonly dead = new QueueLedger('dead', 'rising at first');
  readonly work = new QueueLedger('work');
  readonly rejects = new QueueLedger('rejects', 'any');
  readonly tx = new QueueLedger('tx');
  readonly stream = new StreamLedger();
  /** Rejected in `work`, and whether confirmed: in `rejects` by now, or still in `work`. */
  readonly rejected = new Map<number, boolean>();
  /** The transaction whose tx.commit has not been answered. */
  openGroup: Group | undefined;
  /** Durable queues, each bound to an exchange of its own name. */
  readonly definitions = new Map<string, Existence>();
  #lastNumber = 0;
  #lastName = 0;

  nextNumber(): number {
    this.tally.published++;
    return ++this.#lastNumber;
  }

  nextName(): string {
    return `definition-${++this.#lastName}`;
  }
}
