import { RecordState, type Segment } from './segment.ts';

/** Messages, and bytes of their bodies. */
export class Volume {
  count = 0;
  bytes = 0;

  addOne(bytes: number): void {
    this.count++;
    this.bytes += bytes;
  }

  add({ count, bytes }: { readonly count: number; readonly bytes: number }): void {
    this.count += count;
    this.bytes += bytes;
  }
}

/** What a log, or a queue, holds. */
export class LogFigures {
  readonly ready = new Volume();
  /** With consumers. */
  readonly delivered = new Volume();
  /** Ready or with consumers, and kept through a restart. */
  readonly persistent = new Volume();
  /** Ready and in memory. */
  readonly readyInMemory = new Volume();
  /** With consumers and in memory. */
  readonly deliveredInMemory = new Volume();
  /** On disk only, although they do not survive a restart: memory was short. */
  readonly pagedOut = new Volume();
  /** Bytes of memory that records take. */
  memory = 0;

  add(other: LogFigures): void {
    this.ready.add(other.ready);
    this.delivered.add(other.delivered);
    this.persistent.add(other.persistent);
    this.readyInMemory.add(other.readyInMemory);
    this.deliveredInMemory.add(other.deliveredInMemory);
    this.pagedOut.add(other.pagedOut);
    this.memory += other.memory;
  }

  /** A delivered record is not counted as one; `isDurable`: the log is. */
  leaveOut({ sizes, slab }: Segment, index: number, isDurable: boolean): void {
    const one = { count: -1, bytes: -sizes.bodySize(index) };
    this.delivered.add(one);
    if (isDurable && sizes.isPersistent(index)) this.persistent.add(one);
    if (slab !== undefined) this.deliveredInMemory.add(one);
  }
}

/** The parts of a log: see {@link MessageLog}. */
export interface CountedParts {
  readonly isDurable: boolean;
  readonly ready: { readonly count: number; readonly bytes: number };
  /** Of the ready ones, those that are not persistent. */
  readonly transient: { readonly count: number; readonly bytes: number };
  readonly reached: readonly Segment[];
  readonly gap: {
    readonly count: number;
    readonly bodyBytes: number;
    readonly transient: { readonly count: number; readonly bytes: number };
  };
  readonly tail: readonly Segment[];
}

/**
 * Counts what a log holds. What is ready is known; records that are with consumers are looked at, and so are those of
 * reached segments that are on disk only.
 */
export function logFigures({ isDurable, ready, transient, reached, gap, tail }: CountedParts): LogFigures {
  const figures = new LogFigures();
  figures.ready.add(ready);
  figures.readyInMemory.add(ready);
  figures.readyInMemory.add({ count: -gap.count, bytes: -gap.bodyBytes });
  figures.pagedOut.add(isDurable ? gap.transient : { count: gap.count, bytes: gap.bodyBytes });
  if (isDurable) {
    figures.persistent.add(ready);
    figures.persistent.add({ count: -transient.count, bytes: -transient.bytes });
  }
  for (const segment of reached) {
    figures.memory += segment.slab?.buffer.length ?? 0;
    addDelivered(segment, isDurable, figures);
    if (segment.slab === undefined) leaveOutReady(segment, isDurable, figures);
  }
  for (const { slab } of tail) figures.memory += slab?.buffer.length ?? 0;
  return figures;
}

/** There may be hundreds of thousands of them. */
function addDelivered(segment: Segment, isDurable: boolean, to: LogFigures): void {
  const { sizes, count } = segment;
  const delivered = RecordState.Delivered;
  const before = { count: to.delivered.count, bytes: to.delivered.bytes };
  for (let at = segment.next(delivered, 0); at < count; at = segment.next(delivered, at + 1)) {
    const bytes = sizes.bodySize(at);
    to.delivered.addOne(bytes);
    if (isDurable && sizes.isPersistent(at)) to.persistent.addOne(bytes);
    else if (segment.slab === undefined) to.pagedOut.addOne(bytes);
  }
  if (segment.slab === undefined) return;
  to.deliveredInMemory.count += to.delivered.count - before.count;
  to.deliveredInMemory.bytes += to.delivered.bytes - before.bytes;
}

/** Of a segment that is on disk only. */
function leaveOutReady(segment: Segment, isDurable: boolean, from: LogFigures): void {
  const { sizes, count } = segment;
  for (const state of [RecordState.Ready, RecordState.Returned]) {
    for (let at = segment.next(state, 0); at < count; at = segment.next(state, at + 1)) {
      const bytes = sizes.bodySize(at);
      from.readyInMemory.add({ count: -1, bytes: -bytes });
      if (!isDurable || !sizes.isPersistent(at)) from.pagedOut.addOne(bytes);
    }
  }
}
