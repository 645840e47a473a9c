/** Upper bounds of the size classes, in bytes of the body: those of RabbitMQ. Above the last one there is one more. */
export const sizeBounds: readonly number[] = [
  100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000, 100_000_000,
];

/** How large the messages were that publishers have sent since the broker started. */
export class MessageSizes {
  /** Messages by class, the last one without a bound. */
  readonly counts: readonly number[];
  /** Bytes of all bodies. */
  sum = 0;
  readonly #counts: number[] = [...sizeBounds, Number.POSITIVE_INFINITY].map(() => 0);

  constructor() {
    this.counts = this.#counts;
  }

  observe(bytes: number): void {
    let at = 0;
    while (at < sizeBounds.length && bytes > (sizeBounds[at] ?? 0)) at++;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.sum += bytes;
  }
}
