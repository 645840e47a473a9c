/** Messages that all streams together look at in one turn of the event loop: about a millisecond. */
const messagesPerTurnMax = 1024;

/**
 * What reading streams may cost in one turn of the event loop. Every acknowledgement lets a reader go on; without a
 * common limit a hundred of them that are far behind would keep publishers from their turn.
 */
export class TurnBudget {
  #left = messagesPerTurnMax;
  #isSpent = false;

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
      this.#left = messagesPerTurnMax;
    });
  }
}
