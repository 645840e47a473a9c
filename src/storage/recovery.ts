import { RECORD_HEADER_BYTES, RecordFlag, RecordOffset } from '../broker/record.ts';
import type { LogState, RecoveredLog } from '../broker/store.ts';
import { decodeEntryKey, entryIsIntact } from './entry-key.ts';
import type { DamagedEntry } from './entry-reader.ts';
import type { Generation } from './generation.ts';
import type { LogIndex } from './log-index.ts';

/** Sums over the entries of one log. */
interface Tally {
  readonly state: LogState;
  nextSequence: number;
  unreadCount: number;
  unreadBodyBytes: number;
}

/**
 * Walks the keys of all generations, fills the index and counts what is unread. Values are read only where
 * the read position lies within an entry: one entry a log.
 *
 * @param states of the logs, already applied to the index.
 */
export function scanGenerations(
  generations: readonly Generation[],
  states: ReadonlyMap<number, LogState>,
  index: LogIndex,
  onDamage: (damage: DamagedEntry) => void,
): Map<number, RecoveredLog> {
  const tallies = new Map<number, Tally>();
  for (const state of states.values()) tallies.set(state.logId, newTally(state));
  for (const generation of generations) {
    for (const raw of generation.entryKeys()) {
      const key = decodeEntryKey(raw);
      index.addEntry(generation, key, key.byteLength);
      if (index.log(key.logId).dropped) continue;
      let tally = tallies.get(key.logId);
      if (tally === undefined) {
        tally = newTally({ logId: key.logId, readPosition: 0, unsettled: [] });
        tallies.set(key.logId, tally);
      }
      const end = key.firstSequence + key.count;
      const { readPosition } = tally.state;
      tally.nextSequence = Math.max(tally.nextSequence, end);
      if (key.firstSequence >= readPosition) {
        tally.unreadCount += key.persistentCount;
        tally.unreadBodyBytes += key.persistentBodyBytes;
      } else if (end > readPosition) {
        const bytes = generation.environment.getBinary(raw);
        if (bytes === undefined) continue;
        if (entryIsIntact(raw, bytes)) tallyRecords(tally, bytes, readPosition - key.firstSequence);
        else onDamage({ ...key, path: generation.path, bytes });
      }
    }
  }
  for (const log of index.logs()) {
    log.recoveredEnd = tallies.get(log.logId)?.nextSequence ?? 0;
    index.settle(log);
  }
  return new Map([...tallies].map(([logId, tally]) => [logId, { logId, ...tally }]));
}

function newTally(state: LogState): Tally {
  return { state, nextSequence: state.readPosition, unreadCount: 0, unreadBodyBytes: 0 };
}

/** Counts the persistent records of an entry behind the first `skip`. */
function tallyRecords(tally: Tally, bytes: Buffer, skip: number): void {
  let at = 0;
  for (let i = 0; at + RECORD_HEADER_BYTES <= bytes.length; i++) {
    const size = bytes.readUInt32BE(at + RecordOffset.Size);
    if (size < RECORD_HEADER_BYTES) return;
    const flags = bytes.readUInt8(at + RecordOffset.Flags);
    if (i >= skip && (flags & RecordFlag.Persistent) !== 0) {
      tally.unreadCount++;
      tally.unreadBodyBytes += bytes.readUInt32BE(at + RecordOffset.BodySize);
    }
    at += size;
  }
}
