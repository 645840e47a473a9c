/** Above all numbers, so that what comes behind in the channel waits, too. */
const unknownCommit = Number.POSITIVE_INFINITY;

/** Where confirms go: basic.ack and basic.nack from the broker to the publisher. */
export interface ConfirmSink {
  ack(deliveryTag: number, multiple: boolean): void;
  nack(deliveryTag: number): void;
}

/**
 * The confirms that a channel owes its publisher, in publishing order.
 *
 * A publish waits for the commit with its number (0: it needs none). Commits finish in order, so what is
 * owed is a row of runs, each ending at a publish sequence number and waiting for one commit; however
 * many messages a commit carries, they make one run and one `basic.ack multiple`.
 */
export class ConfirmLedger {
  /** Sequence number of the last publish, counted from 1 since confirm.select. */
  #published = 0;
  /** Every publish up to here has been answered. */
  #answered = 0;
  #refusedCount = 0;
  #runs: Run[] = [];

  /** Publishes that were answered with basic.ack. */
  get confirmedCount(): number {
    return this.#answered - this.#refusedCount;
  }

  get unconfirmedCount(): number {
    return this.#published - this.#answered;
  }

  /** Notes the next publish as accepted once commit `commit` is done. */
  accepted(commit: number): void {
    this.#published++;
    const last = this.#runs.at(-1);
    if (last !== undefined && !last.refused && commit <= last.commit) {
      last.upTo = this.#published;
    } else {
      this.#runs.push({ upTo: this.#published, commit, refused: false });
    }
  }

  /** Notes the next publish as accepted once a commit is done of which the number is not known yet. */
  acceptedAhead(): Run {
    this.#published++;
    const run = { upTo: this.#published, commit: unknownCommit, refused: false };
    this.#runs.push(run);
    return run;
  }

  /** Notes the next publish as refused: it is answered with basic.nack when its turn comes. */
  refused(): void {
    this.#published++;
    this.#runs.push({ upTo: this.#published, commit: 0, refused: true });
  }

  /** Answers all that depended on commits up to `doneCommit`. True when another commit is to be waited for. */
  answer(doneCommit: number, sink: ConfirmSink): boolean {
    let count = 0;
    let ackUpTo = 0;
    for (const run of this.#runs) {
      if (run.commit > doneCommit) break;
      count++;
      if (run.refused) {
        this.#ack(ackUpTo, sink);
        ackUpTo = 0;
        sink.nack(run.upTo);
        this.#refusedCount++;
        this.#answered = run.upTo;
      } else {
        ackUpTo = run.upTo;
      }
    }
    this.#ack(ackUpTo, sink);
    if (count > 0) this.#runs.splice(0, count);
    const [next] = this.#runs;
    return next !== undefined && next.commit !== unknownCommit;
  }

  #ack(upTo: number, sink: ConfirmSink): void {
    if (upTo === 0) return;
    sink.ack(upTo, upTo > this.#answered + 1);
    this.#answered = upTo;
  }
}

/** Publishes in a row, up to a sequence number, that wait for the same commit. */
export interface Run {
  upTo: number;
  commit: number;
  readonly refused: boolean;
}
