import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** New bytes after which {@link collectWhenGrown} collects. What survives of them is copied in some milliseconds. */
const growthMax = 4 * 1024 * 1024;

/** Made when it is needed first: that takes some milliseconds, which not every start has to spend. */
let collect: (() => void) | undefined;
let usedAfter = 0;

/**
 * To be called now and then by work that may leave much behind, such as the import of 100,000 queues. V8 collects the
 * young generation when it is full: that suits messages, which are garbage by then, but copying 64 MiB of objects that
 * all stay stops the broker for more than 100 ms. Collected in small portions, they are copied in many short stops.
 * Returns whether it has collected.
 */
export function collectWhenGrown(): boolean {
  const used = getHeapStatistics().used_heap_size;
  usedAfter = Math.min(usedAfter, used);
  if (used - usedAfter < growthMax) return false;
  collect ??= collector();
  collect();
  usedAfter = getHeapStatistics().used_heap_size;
  return true;
}

/**
 * To be called when the broker has started: what that has made is there to stay. V8 copies it twice before it is out of
 * the young generation, some 10 ms each time, and would do so while the first clients wait for their messages.
 */
export function settleYoungGeneration(): void {
  collect ??= collector();
  collect();
  collect();
}

/** V8's function to collect the young generation, which it shows only to those who ask. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return typeof gc === 'function' ? () => gc({ type: 'minor' }) : () => {};
}
