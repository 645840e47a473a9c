/** Every other log has a definition, which comes with its first commit and goes when it is dropped. */
export function isDefined(logId: number): boolean {
  return logId % 2 === 0;
}

/** Every third run floods its logs, so that generations take over journal files. */
export function isFlood(run: number): boolean {
  return run % 3 === 0;
}

/** What a commit of the writer holds. */
export interface Announcement {
  readonly number: number;
  readonly entries: readonly {
    readonly logId: number;
    readonly firstSequence: number;
    readonly count: number;
  }[];
  readonly states: readonly {
    readonly logId: number;
    readonly readPosition: number;
    readonly unsettled: readonly number[];
  }[];
  readonly dropped: readonly number[];
  /** Rows that are added, and, as negative numbers, removed. */
  readonly rows: readonly number[];
  /** The same for definitions of logs: see {@link isDefined}. */
  readonly definitions: readonly number[];
  /** The commit sets the definition `counter` and the read position of the ticker to its number. */
  readonly counted: boolean;
}

/** A log as the writer finds it at start. */
export interface FoundLog {
  readonly logId: number;
  readonly next: number;
  readonly readPosition: number;
  /** Sequences that are owed, read and compared. */
  readonly owed: readonly number[];
}

export interface Found {
  readonly logs: readonly FoundLog[];
  readonly rows: readonly number[];
  readonly definitions: readonly number[];
  readonly counter: number;
  readonly ticker: number;
  /** Journal files that generations have taken over. */
  readonly adopted: number;
}

/** One line of the writer's output. */
export type WriterLine =
  | { readonly type: 'opened' }
  | ({ readonly type: 'recovered' } & Found)
  | ({ readonly type: 'started' } & Announcement)
  | { readonly type: 'confirmed'; readonly number: number; readonly ms: number }
  /** A mostly settled generation was copied forward. */
  | { readonly type: 'copied' }
  | { readonly type: 'full' }
  | { readonly type: 'broken'; readonly reason: string }
  | { readonly type: 'failed'; readonly reason: string };
