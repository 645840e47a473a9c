import type { MessageLog } from './message-log.ts';

/** The ids of side logs by purpose, as the store keeps them with the definition of their owner. */
export type SideLogIds = Readonly<Record<string, number>>;

/** Makes logs and finds those of an earlier run. */
export interface LogOpener {
  createLog(type: 'classic', durable: boolean): MessageLog;
  recoverLog(type: 'classic', logId: number): MessageLog;
}

/**
 * The logs that an exchange or a queue has besides the messages for consumers: ids it has seen, messages it
 * remembers. They come and go with their owner.
 */
export class SideLogs {
  readonly #opener: LogOpener;
  readonly #isDurable: boolean;
  readonly #found: SideLogIds;
  readonly #byPurpose = new Map<string, MessageLog>();

  /**
   * @param isDurable false: what is in them goes with the process, like their owner.
   * @param found those of an earlier run.
   */
  constructor(opener: LogOpener, isDurable: boolean, found: SideLogIds = {}) {
    this.#opener = opener;
    this.#isDurable = isDurable;
    this.#found = found;
  }

  /** The log for this purpose. */
  open(purpose: string): MessageLog {
    const logId = this.#found[purpose];
    const log =
      logId === undefined
        ? this.#opener.createLog('classic', this.#isDurable)
        : this.#opener.recoverLog('classic', logId);
    this.#byPurpose.set(purpose, log);
    return log;
  }

  get logs(): Iterable<MessageLog> {
    return this.#byPurpose.values();
  }

  /** Undefined: there are none. */
  get ids(): Record<string, number> | undefined {
    if (this.#byPurpose.size === 0) return undefined;
    return Object.fromEntries([...this.#byPurpose].map(([purpose, { id }]) => [purpose, id]));
  }
}
