/** Points in time that are remembered; with more, every other one is forgotten. */
const marksMax = 64;

interface Mark {
  /** The last delivery tag that had been given out at {@link time}. */
  readonly tag: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/**
 * How old the deliveries of a channel are, without a clock being read for each: now and then it is noted
 * which tag was the last. What is told is at most the real age.
 */
export class DeliveryAges {
  /** Ascending in both. */
  #marks: Mark[] = [];

  /** `tag` is the last one given out, and nobody asks for those below `oldestTag` any more. */
  note(tag: number, oldestTag: number, time: number): void {
    let outdated = 0;
    while ((this.#marks[outdated]?.tag ?? oldestTag) < oldestTag) outdated++;
    if (outdated > 0) this.#marks.splice(0, outdated);
    if (this.#marks.at(-1)?.tag === tag) return;
    this.#marks.push({ tag, time });
    if (this.#marks.length > marksMax) this.#marks = this.#marks.filter((_mark, i) => i % 2 === 0);
  }

  /** Milliseconds since the delivery with that tag went out, or less; 0 for one that is quite new. */
  ageOf(tag: number, now: number): number {
    const mark = this.#marks.find((candidate) => candidate.tag >= tag);
    return mark === undefined ? 0 : now - mark.time;
  }

  clear(): void {
    this.#marks.length = 0;
  }
}
