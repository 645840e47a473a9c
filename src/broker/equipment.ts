import type { FieldTable } from '../protocol/field-table.ts';
import { textArgument } from './arguments.ts';
import type { Clock } from './clock.ts';
import { Deduplicator } from './deduplication/deduplicator.ts';
import { PresentIds } from './deduplication/present-ids.ts';
import {
  asksForDeduplication,
  asksForWindow,
  deduplicationArgument,
  deduplicationSettings,
} from './deduplication/settings.ts';
import { historyLength, RecentHistory } from './exchanges/history-log.ts';
import { recentHistory } from './exchanges/recent-history.ts';
import type { SideLogs } from './log/side-logs.ts';
import type { Queue } from './queues/queue.ts';
import type { Exchange } from './routing/exchange.ts';

/** What the equipment of exchanges and queues needs of the broker. */
export interface EquipmentContext {
  readonly clock: Clock;
  /** False: nothing survives the process. */
  readonly store: { readonly durable: boolean };
}

/** Gives a new exchange what its type and its arguments, which have been checked, ask for besides bindings. */
export function equipExchange(exchange: Exchange, context: EquipmentContext, logs: SideLogs): void {
  const { arguments: all, durable, type } = exchange;
  const types = [type.name, textArgument(all, 'x-delayed-type')];
  if (types.includes(deduplicationArgument) || asksForDeduplication(all)) {
    exchange.deduplicator = deduplicatorFor(all, durable, context, logs);
    exchange.interceptors = [...exchange.interceptors, exchange.deduplicator];
  }
  if (types.includes(recentHistory.name)) {
    exchange.history = new RecentHistory(historyLength(all), logs.open('history'));
    exchange.interceptors = [...exchange.interceptors, exchange.history];
  }
}

/** Remembers ids on disk if its owner is there after a restart and does not mind. */
function deduplicatorFor(
  all: FieldTable,
  isDurable: boolean,
  { clock, store }: EquipmentContext,
  logs: SideLogs,
): Deduplicator {
  const settings = deduplicationSettings(all);
  const isKept = settings.isKept && isDurable && store.durable;
  return new Deduplicator(settings, clock, isKept ? logs.open('deduplication') : undefined);
}

/** Gives a new queue what its arguments, which have been checked, and its policies ask for besides messages. */
export function equipQueue(queue: Queue, context: EquipmentContext): void {
  const { arguments: all, durable, sideLogs } = queue;
  if (asksForDeduplication(all)) {
    queue.deduplicator = asksForWindow(all)
      ? deduplicatorFor(all, durable, context, sideLogs)
      : presentIdsOf(queue, context);
  }
  followPolicies(queue, context);
  if (queue.deduplicator instanceof PresentIds) queue.deduplicator.readQueue();
}

/**
 * Gives a queue what policies ask for that have come into force. Messages that are there by then are not looked
 * through: there may be very many.
 */
export function followPolicies(queue: Queue, context: EquipmentContext): void {
  const { arguments: all, deduplicator, policies, type } = queue;
  if (deduplicator instanceof Deduplicator) {
    deduplicator.applyPolicy(policies.definition);
  } else if (!all.has(deduplicationArgument)) {
    const isAsked = policies.definition[deduplicationArgument] === true && type !== 'stream';
    if (isAsked) {
      queue.deduplicator ??= presentIdsOf(queue, context);
    } else {
      deduplicator?.stop();
      queue.deduplicator = undefined;
    }
  }
}

function presentIdsOf({ arguments: all, backlog, durable }: Queue, { store }: EquipmentContext): PresentIds {
  return new PresentIds(deduplicationSettings(all).header, backlog.logs, durable && store.durable);
}
