/** How long all streams together may serve their readers in one turn of the event loop, in milliseconds. */
const turnMs = 2;

/** The same while somebody publishes what goes to the disk: a confirm waits for two or three turns. */
const busyTurnMs = 0.1;

/** So long after a commit was seen under way the next one is expected. */
const busyForMs = 20;

/**
 * What reading streams may cost in one turn of the event loop. Every acknowledgement lets a reader go on; without a
 * common limit a hundred of them that are far behind would keep publishers from their turn.
 */
export class TurnBudget {
  readonly #isCommitting: () => boolean;
  #leftMs = turnMs;
  #startedAt = 0;
  #busyUntil = 0;
  #isSpending = false;

  /** @param isCommitting whether messages are on their way to the disk. */
  constructor(isCommitting: () => boolean) {
    this.#isCommitting = isCommitting;
  }

  /** Nothing more before the next turn. */
  get isSpent(): boolean {
    return this.#leftMs <= 0;
  }

  /** A stream serves its readers from now on. */
  start(): void {
    this.#startedAt = performance.now();
  }

  /** It goes on doing so; see {@link isSpent} whether it may. */
  spend(): void {
    const now = performance.now();
    this.#leftMs -= now - this.#startedAt;
    this.#startedAt = now;
    if (this.#isSpending) return;
    this.#isSpending = true;
    setImmediate(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#isSpending = false;
    const now = performance.now();
    if (this.#isCommitting()) this.#busyUntil = now + busyForMs;
    this.#leftMs = now < this.#busyUntil ? busyTurnMs : turnMs;
  }
}
