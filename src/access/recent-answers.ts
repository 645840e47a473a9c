import type { Clock } from '../broker/clock.ts';

interface Entry<T> {
  readonly until: number;
  /** Still to come, while somebody has been asked and others want to know the same. */
  value: T | Promise<T>;
}

/** What was found out not long ago, and no more of it than fits: the oldest goes first. */
export class RecentAnswers<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #max: number;
  readonly #ttlMs: number;
  readonly #clock: Clock;
  readonly #isKept: (answer: T) => boolean;

  /** Answers that are not `isKept`, and errors, are not remembered. */
  constructor(max: number, ttlMs: number, clock: Clock, isKept: (answer: T) => boolean) {
    this.#max = max;
    this.#ttlMs = ttlMs;
    this.#clock = clock;
    this.#isKept = isKept;
  }

  /** The answer to a question: remembered, the one somebody else waits for, or a new one. */
  answer(question: string, ask: () => T | Promise<T>): T | Promise<T> {
    const now = this.#clock.now();
    const known = this.#entries.get(question);
    if (known !== undefined && known.until > now) return known.value;
    this.#entries.delete(question);
    const value = ask();
    if (!(value instanceof Promise)) return value;
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= this.#max && oldest !== undefined) this.#entries.delete(oldest);
    const entry: Entry<T> = { until: now + this.#ttlMs, value };
    this.#entries.set(question, entry);
    value.then(
      (answer) => {
        if (this.#isKept(answer)) entry.value = answer;
        else this.#forget(question, entry);
      },
      () => this.#forget(question, entry),
    );
    return value;
  }

  #forget(question: string, entry: Entry<T>): void {
    if (this.#entries.get(question) === entry) this.#entries.delete(question);
  }
}
