/** Consumer tags that a stream remembers; of more, those that came back least recently are forgotten. */
export const trackedTagsMax = 4096;

/** How far consumers of a stream have got, by consumer tag: the offset to go on with. */
export class TrackedOffsets {
  readonly #offsets = new Map<string, number>();

  /** Rebuilds what {@link toJSON} gave out; anything else is as good as nothing. */
  static restore(flat: unknown): TrackedOffsets {
    const restored = new TrackedOffsets();
    if (!Array.isArray(flat)) return restored;
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const [tag, offset]: unknown[] = [flat[i], flat[i + 1]];
      if (typeof tag === 'string' && typeof offset === 'number') restored.#offsets.set(tag, offset);
    }
    return restored;
  }

  toJSON(): (string | number)[] {
    return [...this.#offsets].flat();
  }

  /** Tags and the offsets their consumers go on with, those that came back most recently last. */
  entries(): Iterable<readonly [tag: string, offset: number]> {
    return this.#offsets.entries();
  }

  /** Where a consumer that comes back goes on; undefined when it has not settled anything yet. */
  resume(tag: string): number | undefined {
    const offset = this.#offsets.get(tag);
    if (offset === undefined) return undefined;
    this.#offsets.delete(tag);
    this.#offsets.set(tag, offset);
    return offset;
  }

  /** Everything below the offset is settled. */
  set(tag: string, offset: number): void {
    this.#offsets.set(tag, offset);
    if (this.#offsets.size <= trackedTagsMax) return;
    for (const oldest of this.#offsets.keys()) {
      this.#offsets.delete(oldest);
      return;
    }
  }
}
