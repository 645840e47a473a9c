import type { Destination } from '../routing/binding.ts';

/** Destinations that several bindings may lead to: each is there until its last binding is gone. */
export class Destinations {
  readonly #bindingCounts = new Map<Destination, number>();

  get isEmpty(): boolean {
    return this.#bindingCounts.size === 0;
  }

  add(destination: Destination): void {
    this.#bindingCounts.set(destination, (this.#bindingCounts.get(destination) ?? 0) + 1);
  }

  remove(destination: Destination): void {
    const count = this.#bindingCounts.get(destination) ?? 0;
    if (count > 1) this.#bindingCounts.set(destination, count - 1);
    else this.#bindingCounts.delete(destination);
  }

  /** Always in the same order. */
  sorted(): readonly Destination[] {
    const key = (destination: Destination): string => `${destination.name} ${destination.kind}`;
    return [...this.#bindingCounts.keys()].sort((left, right) => (key(left) < key(right) ? -1 : 1));
  }

  collect(into: Set<Destination>): void {
    for (const destination of this.#bindingCounts.keys()) into.add(destination);
  }
}
