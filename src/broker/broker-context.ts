import type { EventHub } from './events/event-hub.ts';
import type { MessageLog } from './log/message-log.ts';
import type { MessageSpans } from './log/spans.ts';
import type { MessageSizes } from './message-sizes.ts';
import type { Churn } from './message-stats.ts';
import type { QueueType } from './queue-type.ts';
import type { QueueBroker } from './queues/queue-host.ts';
import type { ReplyAddresses } from './routing/reply-addresses.ts';
import type { JsonValue } from './store.ts';

/** What a virtual host needs from the broker around it. */
export interface BrokerContext extends QueueBroker {
  readonly store: { readonly durable: boolean };
  readonly replies: ReplyAddresses;
  readonly events: EventHub;
  readonly churn: Churn;
  readonly messageSizes: MessageSizes;
  /** Who follows messages, if anybody does. */
  readonly spans?: MessageSpans | undefined;
  /** Notes a durable definition to be written with the next commit; `null` removes it. */
  define(key: readonly string[], value: JsonValue): void;
  /** For a log or a line of delayed messages: it was never used before. */
  newId(): number;
  /** A log with an id that was never used before. */
  createLog(type: QueueType, durable: boolean): MessageLog;
  recoverLog(type: QueueType, logId: number): MessageLog;
  dropLog(log: MessageLog): void;
}
