/** Samples kept at one distance from each other. */
export interface Resolution {
  /** Ticks from one sample to the next. */
  readonly every: number;
  readonly count: number;
}

/**
 * Values of one object at regular ticks, in columns: the last ones closely, older ones further apart (RabbitMQ's
 * sample retention policies). What does not change is not written: a tick without samples has those of the
 * tick before it.
 */
export class History {
  readonly #columnCount: number;
  readonly #rings: readonly Ring[];

  constructor(columnCount: number, resolutions: readonly Resolution[]) {
    this.#columnCount = columnCount;
    this.#rings = resolutions.map((resolution) => new Ring(columnCount, resolution));
  }

  /** Ticks come in ascending order. */
  record(tick: number, values: ArrayLike<number>): void {
    if (values.length !== this.#columnCount) throw new Error('wrong number of columns');
    for (const ring of this.#rings) ring.record(tick, values);
  }

  /** The value of a column at `tick`, looked up in a ring that reaches back `age` ticks; 0 before the first. */
  at(tick: number, column: number, age: number): number {
    const ring = this.#rings.find(({ span }) => span >= age) ?? this.#rings.at(-1);
    return ring?.at(tick, column) ?? 0;
  }
}

class Ring {
  readonly #values: Float64Array;
  readonly #columnCount: number;
  readonly #every: number;
  readonly #count: number;
  /** Numbers of samples: tick / every. -1: none yet. */
  #first = -1;
  #last = -1;

  constructor(columnCount: number, { every, count }: Resolution) {
    this.#values = new Float64Array(columnCount * count);
    this.#columnCount = columnCount;
    this.#every = every;
    this.#count = count;
  }

  /** Ticks that the ring reaches back. */
  get span(): number {
    return this.#every * (this.#count - 1);
  }

  record(tick: number, values: ArrayLike<number>): void {
    // Between two samples counts for the later one.
    const number = Math.ceil(tick / this.#every);
    if (this.#last >= 0) this.#fillUpTo(number);
    else this.#first = number;
    this.#last = number;
    this.#values.set(values, (number % this.#count) * this.#columnCount);
  }

  /** The samples in between are those of the last one. */
  #fillUpTo(number: number): void {
    const size = this.#columnCount;
    const from = (this.#last % this.#count) * size;
    const last = this.#values.slice(from, from + size);
    const start = Math.max(this.#last + 1, number - this.#count + 1);
    for (let between = start; between < number; between++) {
      this.#values.set(last, (between % this.#count) * size);
    }
  }

  at(tick: number, column: number): number {
    const asked = Math.floor(tick / this.#every);
    if (this.#last < 0 || asked < this.#first) return 0;
    const oldest = Math.max(this.#first, this.#last - this.#count + 1);
    const number = Math.max(oldest, Math.min(asked, this.#last));
    return this.#values[(number % this.#count) * this.#columnCount + column] ?? 0;
  }
}
