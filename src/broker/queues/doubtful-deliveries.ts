import type { Definition, JsonValue, Recovered, RecoveredLog } from '../store.ts';

const kind = 'delivered';

/**
 * Which messages may have been delivered although no state says so: after a crash, all that are found,
 * since the states of the last moments are missing. They are marked redelivered, as RabbitMQ's classic queues
 * do: a message without the mark was certainly never given to anybody.
 *
 * The next start, clean as it may be, knows no more. So a definition for each log with such messages keeps the
 * sequence below which they lie.
 */
export class DoubtfulDeliveries {
  readonly #isAfterCrash: boolean;
  readonly #logs: ReadonlyMap<number, RecoveredLog>;
  readonly #kept = new Map<number, number>();

  constructor({ cleanShutdown, logs, definitions }: Recovered) {
    this.#isAfterCrash = !cleanShutdown;
    this.#logs = logs;
    for (const { key, value } of definitions) {
      if (key[0] === kind && typeof value === 'number') this.#kept.set(Number(key[1]), value);
    }
  }

  /** Messages of the log with lower sequences may have been delivered before. */
  below({ logId, nextSequence }: RecoveredLog): number {
    return this.#isAfterCrash ? nextSequence : (this.#kept.get(logId) ?? 0);
  }

  /** Definitions that have to change. `inUse`: logs that belong to queues. */
  *changes(inUse: ReadonlySet<number>): Iterable<Definition> {
    for (const [logId, below] of this.#kept) {
      const log = this.#logs.get(logId);
      const isNeeded = log !== undefined && log.unreadCount > 0 && log.state.readPosition < below;
      if (!isNeeded || !inUse.has(logId)) yield definition(logId, null);
    }
    if (!this.#isAfterCrash) return;
    for (const { logId, unreadCount, nextSequence } of this.#logs.values()) {
      if (unreadCount > 0 && inUse.has(logId)) yield definition(logId, nextSequence);
    }
  }
}

function definition(logId: number, value: JsonValue): Definition {
  return { key: [kind, String(logId)], value };
}
