import type { Committer, CommitWaiter } from '../../broker/committer.ts';

/** Answers that may be owed to one connection; then nothing more is read until some are out. */
const owedMax = 4096;

/** The connection around the answers. */
export interface AnswersHost {
  pauseInput(): void;
  resumeInput(): void;
  /** Answers were sent: they are to be written soon. */
  answered(): void;
}

interface Owed {
  /** Number of the commit that it waits for. */
  readonly commit: number;
  readonly send: () => void;
}

/**
 * Answers to declarations, bindings and deletions, which leave when what they say is on disk, in the order in
 * which they were asked for. Meanwhile further ones are carried out, so that a client that sends many of them
 * without waiting has them share a commit; anything else comes {@link afterwards}.
 */
export class Answers implements CommitWaiter {
  readonly #host: AnswersHost;
  readonly #committer: Committer;
  #owed: Owed[] = [];
  #isFull = false;
  #afterwards: (() => void) | undefined;

  constructor(host: AnswersHost, committer: Committer) {
    this.#host = host;
    this.#committer = committer;
  }

  get areOwed(): boolean {
    return this.#owed.length > 0;
  }

  /** Calls `send` when all definitions noted so far are on disk: at once, if they are. */
  add(send: () => void): void {
    const committer = this.#committer;
    if (!committer.hasUnwrittenDefinitions && !this.areOwed) {
      send();
      return;
    }
    if (!this.areOwed) committer.request(this);
    this.#owed.push({ commit: committer.definitionsAt, send });
    if (this.#owed.length < owedMax || this.#isFull) return;
    this.#isFull = true;
    this.#host.pauseInput();
  }

  /** Has `run` wait until nothing is owed any more, and the client's next frame until then. One at a time. */
  afterwards(run: () => void): void {
    this.#afterwards = run;
    this.#host.pauseInput();
  }

  committed(): void {
    const { done } = this.#committer;
    const late = this.#owed.findIndex(({ commit }) => commit > done);
    const sent = this.#owed.splice(0, late < 0 ? this.#owed.length : late);
    if (sent.length === 0) return;
    for (const { send } of sent) send();
    this.#host.answered();
    if (this.#isFull) {
      this.#isFull = false;
      this.#host.resumeInput();
    }
    if (!this.areOwed) this.#allSent();
  }

  #allSent(): void {
    this.#committer.forget(this);
    const run = this.#afterwards;
    if (run === undefined) return;
    this.#afterwards = undefined;
    run();
    this.#host.resumeInput();
  }

  /** The connection ends: nobody waits for answers any more. */
  stop(): void {
    this.#committer.forget(this);
    this.#owed = [];
    this.#afterwards = undefined;
  }
}
