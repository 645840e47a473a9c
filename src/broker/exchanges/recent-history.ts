import type { ExchangeType } from './exchange-type.ts';
import { FanoutMatcher } from './fanout.ts';
import { checkHistoryArguments } from './history-log.ts';

/** Every binding gets every message, and a new one the last of those that came before it: see {@link RecentHistory}. */
export const recentHistory: ExchangeType = {
  name: 'x-recent-history',
  description: 'Recent History Exchange.',
  createMatcher: () => new FanoutMatcher(),
  checkArguments: checkHistoryArguments,
};
