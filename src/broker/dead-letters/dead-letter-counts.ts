import type { QueueType } from '../queue-type.ts';
import type { DeathReason } from './dead-letter.ts';

/** What becomes of messages that die: without a dead-letter exchange they are gone. */
export type DeadLetterStrategy = 'disabled' | 'at_most_once' | 'at_least_once';

/** Messages that have died in queues of one type and strategy. */
export interface Deaths {
  readonly queueType: QueueType;
  readonly strategy: DeadLetterStrategy;
  /** The reasons there can be. */
  readonly byReason: Map<DeathReason, number>;
}

/** Messages that have died since the broker started, in all queues. */
export class DeadLetterCounts {
  readonly all: readonly Deaths[] = [
    deaths('classic', 'disabled', ['expired', 'maxlen', 'rejected']),
    deaths('classic', 'at_most_once', ['expired', 'maxlen', 'rejected']),
    deaths('quorum', 'disabled', ['expired', 'maxlen', 'rejected', 'delivery_limit']),
    deaths('quorum', 'at_most_once', ['expired', 'maxlen', 'rejected', 'delivery_limit']),
    deaths('quorum', 'at_least_once', ['expired', 'rejected', 'delivery_limit']),
  ];
  /** At least once, and in the queues they were meant for. */
  confirmed = 0;

  count(queueType: QueueType, strategy: DeadLetterStrategy, reason: DeathReason): void {
    for (const { queueType: type, strategy: known, byReason } of this.all) {
      if (type !== queueType || known !== strategy) continue;
      byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
      return;
    }
  }
}

function deaths(queueType: QueueType, strategy: DeadLetterStrategy, reasons: readonly DeathReason[]): Deaths {
  return { queueType, strategy, byReason: new Map(reasons.map((reason) => [reason, 0])) };
}
