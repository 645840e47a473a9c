import { uint32At } from '../../protocol/bytes.ts';
import { RecordFlag, RecordOffset } from '../log/record.ts';
import type { LogState, RecoveredLog, Store, UnsettledRange } from '../store.ts';

/** Sequences that one range takes: its records are in memory together for a moment. */
const rangeCountMax = 1024;

/** Bytes of entries that are read together to count their records. */
const readBytes = 4 * 2 ** 20;

/**
 * A log as it would have been found if its state had been written together with the departure of these records.
 *
 * @param departed sequences of records that were read from the log and are gone: see `Departures`.
 */
export function withoutDeparted(
  recovered: RecoveredLog,
  departed: ReadonlySet<number>,
  store: Store,
): RecoveredLog {
  const { logId, state, unreadCount, unreadBodyBytes } = recovered;
  const { readPosition } = state;
  let end = readPosition;
  for (const sequence of departed) end = Math.max(end, sequence + 1);
  const unsettled = state.unsettled.map((range) => settle(range, departed));
  for (let from = readPosition; from < end; from += rangeCountMax) {
    unsettled.push(settle({ firstSequence: from, count: Math.min(rangeCountMax, end - from) }, departed));
  }
  const { count, bodyBytes } = countPersistent(store, logId, readPosition, end);
  return {
    ...recovered,
    state: { ...state, readPosition: end, unsettled },
    // They may never have been written, and are not to be taken for what comes next.
    nextSequence: Math.max(recovered.nextSequence, end),
    unreadCount: unreadCount - count,
    unreadBodyBytes: unreadBodyBytes - bodyBytes,
  };
}

/** A log of which nothing is stored. */
export function emptyLog(logId: number): RecoveredLog {
  const state: LogState = { logId, readPosition: 0, unsettled: [] };
  return { logId, state, nextSequence: 0, unreadCount: 0, unreadBodyBytes: 0 };
}

function settle(range: UnsettledRange, departed: ReadonlySet<number>): UnsettledRange {
  const { firstSequence, count } = range;
  const settled = new Uint8Array((count + 7) >>> 3);
  settled.set(range.settled ?? []);
  for (let i = 0; i < count; i++) {
    if (departed.has(firstSequence + i)) settled[i >>> 3] = (settled[i >>> 3] ?? 0) | (1 << (i & 7));
  }
  return { ...range, settled };
}

/** The persistent records with sequences in `[from, to)`, and the bytes of their bodies. */
function countPersistent(store: Store, logId: number, from: number, to: number) {
  let count = 0;
  let bodyBytes = 0;
  for (let position = from; position < to; ) {
    const entries = store.read(logId, position, to, readBytes);
    const last = entries.at(-1);
    if (last === undefined) break;
    for (const { firstSequence, count: records, bytes } of entries) {
      for (let i = 0, at = 0; i < records && firstSequence + i < to; i++) {
        const isPersistent = ((bytes[at + RecordOffset.Flags] ?? 0) & RecordFlag.Persistent) !== 0;
        if (isPersistent && firstSequence + i >= from) {
          count++;
          bodyBytes += uint32At(bytes, at + RecordOffset.BodySize);
        }
        at += uint32At(bytes, at + RecordOffset.Size);
      }
    }
    position = last.firstSequence + last.count;
  }
  return { count, bodyBytes };
}
