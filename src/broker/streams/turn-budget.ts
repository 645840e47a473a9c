/** Messages that all streams together look at in one turn of the event loop: two milliseconds or so. */
const messagesPerTurnMax = 1024;

/** The same while messages are on their way to the disk: a publisher waits several turns for its confirm. */
const messagesPerBusyTurnMax = 192;

/**
 * What reading streams may cost in one turn of the event loop. Every acknowledgement lets a reader go on; without a
 * common limit a hundred of them that are far behind would keep publishers from their turn.
 */
export class TurnBudget {
  readonly #isCommitting: () => boolean;
  #left = messagesPerTurnMax;
  #isSpent = false;

  /** @param isCommitting whether messages are on their way to the disk. */
  constructor(isCommitting: () => boolean) {
    this.#isCommitting = isCommitting;
  }

  /** Messages; none or less: not before the next turn. */
  get left(): number {
    return this.#left;
  }

  spend(messages: number): void {
    this.#left -= messages;
    if (this.#isSpent) return;
    this.#isSpent = true;
    setImmediate(() => {
      this.#isSpent = false;
      this.#left = this.#isCommitting() ? messagesPerBusyTurnMax : messagesPerTurnMax;
    });
  }
}
