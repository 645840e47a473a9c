import { setImmediate } from 'node:timers/promises';

/** How long a scrape may keep the event loop to itself; messages wait for no longer. */
const sliceMs = 2;
/** Objects between two looks at the clock. */
const sliceObjects = 100;

/** Hands out objects by the hundred and lets others have their turn when time is up. */
export async function* slices<T>(objects: Iterable<T>): AsyncGenerator<readonly T[]> {
  let turnStartedAt = performance.now();
  let slice: T[] = [];
  for (const object of objects) {
    slice.push(object);
    if (slice.length < sliceObjects) continue;
    yield slice;
    slice = [];
    if (performance.now() - turnStartedAt > sliceMs) {
      await setImmediate();
      turnStartedAt = performance.now();
    }
  }
  if (slice.length > 0) yield slice;
}
