/** Where one member sits. It is empty once the member has left. */
export interface Seat<T> {
  member: T | undefined;
}

/** Who can be on a roster, on one at a time. */
export interface Seated<T> {
  /** The roster's business; `undefined`: on none. */
  seat: Seat<T> | undefined;
}

/**
 * Those who come and go, in the order in which they came. A `Set` of them would do, but for this: V8 moves a set to
 * fresh memory whenever many have left it, and leaves a way from the old memory to the fresh one. Once the first has
 * grown old, all that follow and all who were in them live until garbage is collected everywhere; with connections that
 * come and go, each collection of the young took five times as long. Here only empty seats are left behind.
 */
export class Roster<T extends Seated<T>> implements Iterable<T> {
  readonly #seats = new Set<Seat<T>>();

  get size(): number {
    return this.#seats.size;
  }

  /** Nothing is done to one who is on it already. @throws Error when the member is on another roster */
  add(member: T): void {
    if (member.seat === undefined) {
      member.seat = { member };
      this.#seats.add(member.seat);
    } else if (!this.#seats.has(member.seat)) {
      throw new Error('it is on another roster already');
    }
  }

  /** Nothing is done to one who has left already. */
  delete(member: T): void {
    const { seat } = member;
    if (seat === undefined) return;
    this.#seats.delete(seat);
    seat.member = undefined;
    member.seat = undefined;
  }

  /** Who leaves meanwhile is left out, who comes is visited. */
  *[Symbol.iterator](): Generator<T, void> {
    for (const { member } of this.#seats) if (member !== undefined) yield member;
  }
}
