import { type RecordKeeper, Segment } from './segment.ts';
import { type Slab, type SlabPool, segmentBytes, segmentBytesMin } from './slab.ts';

/** The end of a log that nobody has read yet: full segments, and the one that is appended to. */
export class Tail {
  /** In order. The open one is the last, unless the reader has reached it. */
  readonly segments: Segment[] = [];
  /** The segment that is appended to. */
  open: Segment | undefined;
  #nextSegmentBytes = segmentBytesMin;

  /** Begins a segment for a record of that size. `grows`: the one before has become full. */
  begin(log: RecordKeeper, sequence: number, recordBytes: number, grows: boolean, slabs: SlabPool): Segment {
    const bytes = Math.max(this.#nextSegmentBytes, recordBytes);
    if (grows) this.#nextSegmentBytes = Math.min(this.#nextSegmentBytes * 2, segmentBytes);
    return this.beginIn(slabs.take(bytes), log, sequence);
  }

  /** Begins a segment in that slab. */
  beginIn(slab: Slab, log: RecordKeeper, sequence: number): Segment {
    const segment = new Segment(log, sequence, slab);
    this.open = segment;
    this.segments.push(segment);
    return segment;
  }

  /** False when the segment is not here. */
  remove(segment: Segment): boolean {
    const at = this.segments.indexOf(segment);
    if (at >= 0) this.segments.splice(at, 1);
    return at >= 0;
  }

  clear(): void {
    this.segments.length = 0;
    this.open = undefined;
  }

  /** The log has become quiet: it starts small again. */
  rest(): void {
    this.#nextSegmentBytes = segmentBytesMin;
  }

  /** The segment with that sequence; undefined when it is not here. */
  find(sequence: number): Segment | undefined {
    const { segments } = this;
    let low = 0;
    let high = segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((segments[middle]?.firstSequence ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    const segment = segments[low - 1];
    return segment !== undefined && sequence < segment.endSequence ? segment : undefined;
  }
}
