/** A message as it is found in a queue. */
export interface Found {
  readonly number: number;
  readonly redelivered: boolean;
  readonly persistent: boolean;
}

/** What a client knows about deliveries of a message: it cannot know of those that got lost on the way. */
export type Delivered = 'never' | 'perhaps' | 'yes';

/** Figures of a whole test. */
export class Tally {
  kills = 0;
  stops = 0;
  published = 0;
  confirmed = 0;
  acknowledged = 0;
  /** Acknowledged messages that came back; those of them that were not marked redelivered. */
  acknowledgedBack = 0;
  acknowledgedBackUnmarked = 0;
  /** Messages that a client had seen and that came back without redelivered. */
  seenBackUnmarked = 0;
  seenBack = 0;
  /** Dead letters that came twice, because the crash fell between their arrival and their departure. */
  deadTwice = 0;
  unconfirmedFound = 0;
  unconfirmedGone = 0;
  definitions = 0;

  toString(): string {
    return Object.entries(this)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  }
}

/**
 * Messages carry rising numbers, so the order of a queue is the order of numbers.
 *
 * - `rising`: without exception, and nothing is there twice
 * - `rising at first`: a dead letter that comes a second time stands where it comes
 * - `any`: consumers decided when a message was dead-lettered
 */
export type Order = 'rising' | 'rising at first' | 'any';

/** What has to be in a queue. */
export class QueueLedger {
  readonly name: string;
  readonly order: Order;
  /** Confirmed, not acknowledged: must be there. */
  readonly #owed = new Map<number, Delivered>();
  /** Published, and nobody said whether it arrived. */
  readonly #possible = new Set<number>();
  /** On its way between this queue and another one: it may be here. */
  readonly #moving = new Set<number>();
  /** Given to a client that had not been confirmed yet. */
  readonly #seen = new Set<number>();
  /** An acknowledgement was sent; whether the broker has surely got it. */
  readonly #acknowledged = new Map<number, 'sent' | 'received'>();
  #highest = 0;

  constructor(name: string, order: Order = 'rising') {
    this.name = name;
    this.order = order;
  }

  get owed(): readonly number[] {
    return [...this.#owed.keys()];
  }

  get possible(): readonly number[] {
    return [...this.#possible];
  }

  owes(number: number): boolean {
    return this.#owed.has(number);
  }

  published(number: number): void {
    this.#possible.add(number);
  }

  /** @param delivered `perhaps` when consumers are at work. */
  confirmed(number: number, delivered: Delivered): void {
    if (!this.#possible.delete(number)) return;
    this.#owed.set(number, this.#seen.has(number) ? 'yes' : delivered);
  }

  delivered(number: number): void {
    if (this.#owed.has(number)) this.#owed.set(number, 'yes');
    else this.#seen.add(number);
  }

  acknowledged(number: number): void {
    this.#possible.delete(number);
    this.#owed.delete(number);
    this.#acknowledged.set(number, 'sent');
  }

  /** The broker has answered a request that was sent after the acknowledgement. */
  acknowledgementReceived(number: number): void {
    this.#acknowledged.set(number, 'received');
  }

  /** It leaves for another queue, as soon as the broker has heard so. */
  leaves(number: number): void {
    this.#possible.delete(number);
    this.#owed.delete(number);
    this.#moving.add(number);
  }

  /** It may come from another queue. */
  mayCome(number: number): void {
    if (!this.#owed.has(number)) this.#moving.add(number);
  }

  /** It has come from another queue. */
  hasCome(number: number): void {
    if (!this.#owed.has(number) && !this.#acknowledged.has(number)) this.#owed.set(number, 'never');
  }

  /**
   * Compares with what is there after a restart, which counts from then on.
   *
   * @param afterCrash everything has to be marked redelivered: nobody knows what was given to whom.
   * @throws Error saying what is lost, too much, out of order or wrongly marked.
   */
  check(found: readonly Found[], tally: Tally, afterCrash: boolean): void {
    const numbers = new Set(found.map(({ number }) => number));
    const lost = this.owed.filter((number) => !numbers.has(number));
    if (lost.length > 0) throw this.#error(`has lost ${lost.length} confirmed messages: ${some(lost)}`);
    this.#checkOrder(found);
    for (const message of found) this.#checkOne(message, tally, afterCrash);
    for (const number of this.#possible) if (!numbers.has(number)) tally.unconfirmedGone++;
    const twice = found.length - numbers.size;
    if (twice > 0 && !afterCrash) throw this.#error(`has ${twice} messages twice`);
    tally.deadTwice += twice;
    this.#possible.clear();
    this.#moving.clear();
    this.#seen.clear();
    this.#acknowledged.clear();
    this.#owed.clear();
    for (const number of numbers) this.#owed.set(number, 'yes');
  }

  #checkOrder(found: readonly Found[]): void {
    if (this.order === 'any') return;
    const isStrict = this.order === 'rising';
    const seen = new Set<number>();
    let before = isStrict ? 0 : this.#highest;
    for (const { number } of found) {
      if (!isStrict && (number <= this.#highest || seen.has(number))) continue;
      if (number <= before) throw this.#error(`has ${number} behind ${before}`);
      before = number;
      seen.add(number);
    }
    this.#highest = before;
  }

  #checkOne({ number, redelivered, persistent }: Found, tally: Tally, afterCrash: boolean): void {
    if (!persistent) throw this.#error(`has transient message ${number}`);
    const owed = this.#owed.get(number);
    if (afterCrash && !redelivered && this.order === 'rising')
      throw this.#error(`does not mark ${number} after a crash`);
    if (!afterCrash && owed === 'yes' && !redelivered) throw this.#error(`does not mark ${number}`);
    if (!afterCrash && owed === 'never' && redelivered)
      throw this.#error(`marks ${number}, which nobody was given`);
    if (owed === 'yes') {
      tally.seenBack++;
      if (!redelivered) tally.seenBackUnmarked++;
    }
    if (owed !== undefined) return;
    if (this.#acknowledged.has(number)) {
      if (!afterCrash && this.#acknowledged.get(number) === 'received')
        throw this.#error(`has ${number}, which was acknowledged`);
      if (!afterCrash && !redelivered) throw this.#error(`does not mark ${number}, which was acknowledged`);
      tally.acknowledgedBack++;
      if (!redelivered) tally.acknowledgedBackUnmarked++;
    } else if (this.#possible.has(number)) {
      tally.unconfirmedFound++;
    } else if (!this.#moving.has(number)) {
      throw this.#error(`has ${number}, which was gone or never published`);
    }
  }

  #error(text: string): Error {
    return new Error(`queue ${this.name} ${text}`);
  }
}

function some(numbers: readonly number[]): string {
  const shown = numbers.slice(0, 10).join(' ');
  return numbers.length > 10 ? `${shown} …` : shown;
}
