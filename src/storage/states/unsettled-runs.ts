import type { LogState, UnsettledRange } from '../../broker/store.ts';

/** The sequences that a state owes below its read position: ascending runs, as pairs of first and count. */
export function unsettledRuns(state: LogState): number[] {
  const runs: number[] = [];
  for (const range of state.unsettled) addRuns(range, runs);
  return runs;
}

function addRuns({ firstSequence, count, settled }: UnsettledRange, runs: number[]): void {
  if (settled === undefined) {
    runs.push(firstSequence, count);
    return;
  }
  let start = -1;
  for (let i = 0; i <= count; i++) {
    const isOwed = i < count && ((settled[i >>> 3] ?? 0) & (1 << (i & 7))) === 0;
    if (isOwed && start < 0) start = i;
    if (!isOwed && start >= 0) {
      runs.push(firstSequence + start, i - start);
      start = -1;
    }
  }
}
