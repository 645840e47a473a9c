import type { Amount } from './amount.ts';
import type { LogParts } from './log-parts.ts';

/** Messages, and bytes of their bodies. */
export class Volume {
  count = 0;
  bytes = 0;

  add({ count, bytes }: { readonly count: number; readonly bytes: number }): void {
    this.count += count;
    this.bytes += bytes;
  }

  remove({ count, bytes }: { readonly count: number; readonly bytes: number }): void {
    this.count -= count;
    this.bytes -= bytes;
  }

  clear(): void {
    this.count = 0;
    this.bytes = 0;
  }

  /** Those that are not persistent. */
  addTransient({ transientCount, transientBytes }: Amount): void {
    this.count += transientCount;
    this.bytes += transientBytes;
  }

  addPersistent({ count, bytes, transientCount, transientBytes }: Amount): void {
    this.count += count - transientCount;
    this.bytes += bytes - transientBytes;
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

  clear(): void {
    this.ready.clear();
    this.delivered.clear();
    this.persistent.clear();
    this.readyInMemory.clear();
    this.deliveredInMemory.clear();
    this.pagedOut.clear();
    this.memory = 0;
  }
}

/**
 * Adds what a log holds to `figures`. Every part of it keeps its own totals, so this looks at segments, not at messages.
 * `isDurable`: the log is.
 */
export function addLogFigures(
  { ready, reached, gap, tail }: LogParts,
  isDurable: boolean,
  figures: LogFigures,
): void {
  figures.ready.add(ready);
  figures.readyInMemory.add(ready);
  if (isDurable) figures.persistent.addPersistent(ready);
  addOnDiskOnly(gap.owed, isDurable, figures);
  figures.readyInMemory.remove(gap.owed);
  for (const { owed, delivered, slab } of reached.segments) {
    figures.delivered.add(delivered);
    if (isDurable) figures.persistent.addPersistent(delivered);
    if (slab === undefined) {
      addOnDiskOnly(owed, isDurable, figures);
      figures.readyInMemory.remove(owed);
      figures.readyInMemory.add(delivered);
    } else {
      figures.deliveredInMemory.add(delivered);
      figures.memory += slab.buffer.length;
    }
  }
  for (const { slab } of tail.segments) figures.memory += slab?.buffer.length ?? 0;
}

function addOnDiskOnly(owed: Amount, isDurable: boolean, to: LogFigures): void {
  if (isDurable) to.pagedOut.addTransient(owed);
  else to.pagedOut.add(owed);
}
