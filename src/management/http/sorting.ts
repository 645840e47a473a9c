import { setImmediate } from 'node:timers/promises';
import { Slices } from '../../slices.ts';

/** Longest stretch that is sorted in one go. */
const runLength = 512;

/** A sorted copy: runs are sorted one by one and merged, with pauses. */
export async function sortedInSlices<Item>(
  items: readonly Item[],
  compare: (left: Item, right: Item) => number,
): Promise<readonly Item[]> {
  const slices = new Slices();
  let runs: (readonly Item[])[] = [];
  for (let start = 0; start < items.length; start += runLength) {
    runs.push(items.slice(start, start + runLength).sort(compare));
    await setImmediate();
  }
  while (runs.length > 1) {
    const merged: (readonly Item[])[] = [];
    for (let index = 0; index < runs.length; index += 2) {
      merged.push(await merge(runs[index] ?? [], runs[index + 1] ?? [], compare, slices));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<Item>(
  left: readonly Item[],
  right: readonly Item[],
  compare: (left: Item, right: Item) => number,
  slices: Slices,
): Promise<readonly Item[]> {
  const merged: Item[] = [];
  let [l, r] = [0, 0];
  while (merged.length < left.length + right.length) {
    const [ofLeft, ofRight] = [left[l], right[r]];
    if (ofRight === undefined || (ofLeft !== undefined && compare(ofLeft, ofRight) <= 0)) {
      if (ofLeft !== undefined) merged.push(ofLeft);
      l++;
    } else {
      merged.push(ofRight);
      r++;
    }
    const pause = slices.next();
    if (pause !== undefined) await pause;
  }
  return merged;
}
