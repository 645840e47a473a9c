import type { DeathReason } from '../dead-letters/dead-letter.ts';
import { type LogFigures, Volume } from '../log/log-figures.ts';
import type { Segment } from '../log/segment.ts';

/** A message that stays until its dead letter has reached a queue. */
export interface HeldMessage {
  readonly segment: Segment;
  readonly index: number;
  readonly reason: DeathReason;
}

/**
 * Messages of a quorum queue that left it unread, and whose dead letters wait for a queue that takes them. To the log
 * they are delivered records. There may be as many as the queue is long, so they are counted as they come and go.
 */
export class HeldMessages {
  /** Oldest first. */
  #messages: HeldMessage[] = [];
  readonly #total = new Volume();
  readonly #bySegment = new Map<Segment, Volume>();

  get count(): number {
    return this.#total.count;
  }

  /** Bytes of their bodies. */
  get bytes(): number {
    return this.#total.bytes;
  }

  add(message: HeldMessage): void {
    this.#messages.push(message);
    const one = volumeOf(message);
    this.#total.add(one);
    const ofSegment = this.#bySegment.get(message.segment) ?? new Volume();
    ofSegment.add(one);
    this.#bySegment.set(message.segment, ofSegment);
  }

  /** Takes up to so many out, oldest first. */
  take(max: number): readonly HeldMessage[] {
    const taken = this.#messages.splice(0, max);
    for (const message of taken) {
      const one = volumeOf(message);
      this.#total.remove(one);
      const ofSegment = this.#bySegment.get(message.segment);
      ofSegment?.remove(one);
      if (ofSegment?.count === 0) this.#bySegment.delete(message.segment);
    }
    return taken;
  }

  clear(): void {
    this.#messages = [];
    this.#total.clear();
    this.#bySegment.clear();
  }

  /** They are no consumer's. */
  leaveOut(from: LogFigures): void {
    from.delivered.remove(this.#total);
    from.persistent.remove(this.#total);
    for (const [segment, ofSegment] of this.#bySegment) {
      if (segment.slab !== undefined) from.deliveredInMemory.remove(ofSegment);
    }
  }
}

function volumeOf({ segment, index }: HeldMessage): { readonly count: number; readonly bytes: number } {
  return { count: 1, bytes: segment.sizes.bodySize(index) };
}
