import type { JsonValue, LogEntry, LogState, Store } from '../store.ts';
import type { SlabPool } from './slab.ts';

/** Somebody who follows what becomes of the records of a log, by their sequences. */
export interface LogWatcher {
  settled(sequence: number): void;
  /** A record that was given back has another sequence now. */
  moved(from: number, to: number): void;
  /** All ready records were settled. */
  purged(): void;
}

/** Takes the records of a log. */
export interface LogReader {
  /** What could not be had at once, since it is large and on disk only or could not be read, is there or can be asked for. */
  headLoaded(): void;
}

/** A log as the commits know it. */
export interface CommittedLog {
  /** Set while the log stands in the committer's lists. */
  isUnwritten: boolean;
  isUsed: boolean;
  /** Adds what is not written yet to a commit, until {@link flushed} or {@link refused} is called. */
  collect(into: LogEntry[]): void;
  /** The commit that {@link collect} added to is on disk. */
  flushed(): void;
  /** The store refused the commit that {@link collect} added to: all of it goes along with the next one. */
  refused(): void;
  /** How far the log has been consumed, for the store; undefined when nothing of it is there. */
  state(): LogState | undefined;
  /**
   * Called now and then while the log is in use. A log that has become quiet and empty gives its memory
   * back. True when it was used since the last call.
   */
  rest(): boolean;
}

/** What a log needs of the broker around it. */
export interface LogContext {
  readonly store: Store;
  readonly slabs: SlabPool;
  /** Above this many bytes in slabs, backlogs leave memory. */
  readonly slabBytesTarget: number;
  /** The log has records to write with the next commit. */
  logUnwritten(log: CommittedLog): void;
  /** A record is on its way to the disk; when that is done its log has it for the next commit, if it is still owed. */
  writingAhead(done: Promise<void>): void;
  /** The log was read or settled: its state is to be written some time, and its memory looked at. */
  logUsed(log: CommittedLog): void;
  /** Records that should have been in the store are not there. */
  reportMissing(log: { readonly id: number }, count: number): void;
}

/** Has something of its own kept with the state of its log. */
export interface LogOwner {
  stateAttachment(): JsonValue;
}
