/** How long all streams together may serve their readers in one turn of the event loop, in milliseconds. */
const turnMs = 2;

/** The same while somebody waits for commits: a confirm takes two turns or three. */
const busyTurnMs = 0.1;

/** So long after somebody was seen to wait for a commit the next one is expected. */
const busyForMs = 20;

/** While a commit is under way there is no more before it is done, or so much later, should it take long. */
const commitTurnMs = 1;

/** What is to be known of commits; see `Committer`. */
export interface CommitProgress {
  /** Number of the last commit that is on disk. */
  readonly done: number;
  /** Number of the commit that is to start next. */
  readonly next: number;
  /** Somebody waits for the one that is under way or about to start. */
  readonly isAwaited: boolean;
}

/**
 * What reading streams may cost the event loop. Every acknowledgement lets a reader go on; without a common limit a
 * hundred of them that are far behind would keep publishers from their turn. So readers have little time in each turn,
 * and where somebody waits for commits that little only while the disk is at work.
 */
export class TurnBudget {
  readonly #commits: CommitProgress;
  #leftMs = 0;
  /** Some of it was spent in this turn. */
  #isBegun = false;
  #startedAt = 0;
  /** Commits are awaited up to then. */
  #busyUntil = 0;
  /** The commit under way that {@link #leftMs} is for, and since when. */
  #commit = 0;
  #commitAt = 0;
  /** Streams that wait for the end of a commit. */
  readonly #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(commits: CommitProgress) {
    this.#commits = commits;
  }

  /** A stream is about to serve its readers. False: not now, see {@link goOn}. */
  start(): boolean {
    const now = performance.now();
    this.#startedAt = now;
    if (this.#commits.isAwaited) {
      this.#busyUntil = now + busyForMs;
      if (!this.#isUnderway) return false;
      const commit = this.#commits.next;
      if (commit !== this.#commit || now - this.#commitAt >= commitTurnMs) {
        this.#commit = commit;
        this.#commitAt = now;
        this.#leftMs = busyTurnMs;
      }
    } else if (!this.#isBegun) {
      this.#leftMs = now < this.#busyUntil ? busyTurnMs : turnMs;
    }
    return this.#leftMs > 0;
  }

  get #isUnderway(): boolean {
    return this.#commits.done < this.#commits.next - 1;
  }

  /** There is nothing more for now. */
  get isSpent(): boolean {
    return this.#leftMs <= 0;
  }

  /** The time since {@link start}, or since the last call, was used up. */
  spend(): void {
    const now = performance.now();
    this.#leftMs -= now - this.#startedAt;
    this.#startedAt = now;
    if (this.#isBegun) return;
    this.#isBegun = true;
    setImmediate(() => {
      this.#isBegun = false;
    });
  }

  /** Calls `touch` when a stream whose readers want more may go on: in the next turn, or when a commit has had its time. */
  goOn(touch: () => void): void {
    if (!this.#commits.isAwaited || !this.#isUnderway) {
      touch();
      return;
    }
    this.#waiting.add(touch);
    this.#timer ??= setTimeout(() => this.#wake(), commitTurnMs);
  }

  #wake(): void {
    this.#timer = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const touch of waiting) touch();
  }
}
